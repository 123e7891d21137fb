/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AuthorizationConfiguration (apiserver.config.k8s.io): whom an API server asks Holdpoint's
 * /authorize about. Written for a set of policies, so that it asks about all whom their rules with
 * verbs concern; or read, to find out whom it does not ask about.
 * Shape: k8s.io/apiserver/pkg/apis/apiserver/v1 and v1beta1, which differ in nothing used here.
 */
#pragma once

#include "policy/policy.h"

/* ---- writing ---- */

#define AUTHORIZER_MINOR_CONFIG	  30u /* Kubernetes 1.30 reads the file; v1beta1 until 1.31 */
#define AUTHORIZER_MINOR_V1	  32u
#define AUTHORIZER_MINOR_UNCACHED 34u /* cacheAuthorizedRequests; unknown fields are refused */
#define AUTHORIZER_TIMEOUT_S	  3u  /* as the file has it */

struct authorizer_options {
	unsigned minor;	 /* of the API server, 1.N: at least AUTHORIZER_MINOR_CONFIG */
	const char *dir; /* where it finds authorization-webhook.kubeconfig */
};

/* Appends the file. *ret_everyone: a policy with verbs has no subjects, so nearly all are asked
 * about. */
void authorizer_put_config(struct buf *out, const struct policy_set *s,
	const struct authorizer_options *options, bool *ret_everyone);

/* ---- reading ---- */

struct authorizer_config;

/*
 * Reads the matchConditions of the authorizer that leads to Holdpoint: the one whose name has
 * "holdpoint" in it, else the only one of type Webhook.
 * Ownership: *ret is the caller's, authorizer_config_free().
 * Errors: -1 with every error in errors (zeroed before; free with buf_free(&errors->text)).
 */
int authorizer_config_read(
	const char *path, struct authorizer_config **ret, struct yaml_errors *errors) _must_check_;
void authorizer_config_free(struct authorizer_config *c);
DEFINE_CLEANUP(struct authorizer_config *, authorizer_config_free)

/*
 * Does an API server with this configuration ask about a request? sar_spec: of a
 * SubjectAccessReview, JSON with all its strings. A condition that fails asks: the API server
 * denies then.
 */
bool authorizer_config_asks(const struct authorizer_config *c, struct span sar_spec);

/* SPDX-License-Identifier: Apache-2.0 */
/* Flags that say what is known of a cluster's API servers, and what they mean. */
#pragma once

#include "cli/command.h"
#include "policy/coverage.h"

struct cluster_flags {
	const char *authorizer, *version, *authorization_config;
	bool managed, static_manifests;
};

#define CLUSTER_FLAG_VERSION(f)                                                                    \
	CLI_FLAG_TEXT("kubernetes-version", (f).version, "1.N", "of the API servers: 1.36")
#define CLUSTER_FLAGS(f)                                                                           \
	{.name = "authorizer",                                                                     \
		.type = FLAG_STRING,                                                               \
		.value = &(f).authorizer,                                                          \
		.arg = "WHICH",                                                                    \
		.no_env = true,                                                                    \
		.one_of = cluster_authorizers,                                                     \
		.help = "whether the API servers ask /authorize: present, absent, or unknown"},    \
		CLI_FLAG_TEXT("authorization-config", (f).authorization_config, "FILE",            \
			"their AuthorizationConfiguration: whom they ask about"),                  \
		CLI_FLAG_SWITCH("managed", (f).managed,                                            \
			"a cloud's control plane (EKS, GKE, AKS): no authorization webhook"),      \
		CLI_FLAG_SWITCH("static-manifests", (f).static_manifests,                          \
			"the webhooks are registered by static manifests"),                        \
		CLUSTER_FLAG_VERSION(f)

extern const char *const cluster_authorizers[];

/* "1.36", "v1.36.2" → 36. 0, or the exit code with the error said. NULL: 0, not known. */
int cluster_minor(const struct command *c, const char *version, unsigned *ret);

/*
 * What the flags say. 0, or the exit code with the error said. *ret_config, NULL without a file, is
 * the caller's; facts points to it.
 */
int cluster_facts(const struct command *c, const struct cluster_flags *flags,
	struct coverage_facts *ret, struct authorizer_config **ret_config);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which API server to talk to, and as whom: the current kubeconfig, as kubectl itself resolves it
 * (KUBECONFIG, merging, contexts), with exec credential plugins run.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/err.h"

struct kube_options {
	const char *kubeconfig; /* --kubeconfig, or NULL */
	const char *context;	/* --context, or NULL */
};

/* Absent spans where there is nothing. PEM texts, not paths; all in the arena. */
struct kube_config {
	struct span server;
	struct span ca;
	struct span client_cert;
	struct span client_key;
	struct span token;
	struct span username, password;
	struct span tls_server_name;
	struct span proxy_url;
	bool insecure;
	unsigned timeout_ms; /* of one request; 0: two minutes */
};

/*
 * Runs `kubectl config view`, and the user's exec plugin (client.authentication.k8s.io/v1, v1beta1)
 * where one is configured. Blocks. Errors: one line that says what is missing.
 */
int kube_config_load(const struct kube_options *options, struct arena *arena,
	struct kube_config *ret, struct err *e) _must_check_;

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking a Kubernetes API server, as a service account or with a client certificate.
 *
 * The files are read for each request: tokens of service accounts live for an hour, authorities and
 * certificates are exchanged. Threads: a client, one at a time.
 */
#pragma once

#include "common/base/err.h"
#include "common/http/client/http_client.h"

/* Must outlive its clients. */
struct kube_api_config {
	const char *server;  /* https://HOST:PORT */
	const char *ca_file; /* NULL: the system's authorities */
	const char *token_file;
	const char *cert_file, *key_file;
};

/*
 * "in-cluster" is where the environment of a pod says (KUBERNETES_SERVICE_HOST and _PORT), with the
 * files of its service account where config names none. The text is appended to url. -1: neither an
 * https URL, nor in a cluster.
 */
int kube_api_locate(const char *where, struct kube_api_config *config, struct buf *url,
	struct err *e) _must_check_;

struct kube_api;

struct kube_api *kube_api_new(const struct kube_api_config *config); /* NULL: out of memory */
void kube_api_free(struct kube_api *api);			     /* NULL is fine */
DEFINE_CLEANUP(struct kube_api *, kube_api_free)

struct kube_call {
	const char *path; /* behind the server, "/api/v1/…" */
	unsigned total_ms;
	/* See http_client.h: the body as it arrives, and whether to go on. */
	int (*take)(long status, struct span bytes, void *userdata);
	bool (*is_over)(void *userdata);
	void *userdata;
};

/* GET. Blocks until the answer is over. Errors: without the path. */
enum http_client_status kube_api_get(struct kube_api *api, const struct kube_call *call,
	struct http_client_answer *ret, struct err *e) _must_check_;

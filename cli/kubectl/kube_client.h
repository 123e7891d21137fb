/* SPDX-License-Identifier: Apache-2.0 */
/* One request to a Kubernetes API server. */
#pragma once

#include "cli/kubectl/kube_config.h"
#include "common/base/buf.h"

struct kube_answer {
	long status; /* HTTP */
	struct buf body;
	struct buf warnings; /* of the API server, one a line */
	char date[40];	     /* the Date header; "" without one */
};

#define KUBE_TOO_LARGE (-2)

/*
 * Sends body (NULL: GET) to SERVER/path. Errors: -1 when there was no answer, KUBE_TOO_LARGE for
 * one of more than 16 MiB, ret untouched; an answer of any status is none. Ownership:
 * kube_answer_free(). Blocks, at most two minutes.
 */
int kube_request(const struct kube_config *config, const char *path, const char *body,
	struct kube_answer *ret, struct err *e) _must_check_;
void kube_answer_free(struct kube_answer *answer); /* fit for _cleanup_, and for all zeroes */

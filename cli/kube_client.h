/* One request to a Kubernetes API server, on libcurl. */
#pragma once

#include "cli/kube_config.h"
#include "common/base/buf.h"

struct kube_answer {
	long status;	     /* HTTP */
	struct buf body;     /* free with buf_free() */
	struct buf warnings; /* of the API server, one a line */
};

/*
 * Sends body (NULL: GET) to SERVER/path. Errors: -1 when there was no answer; an answer of any
 * status is none. Blocks, at most two minutes.
 */
int kube_request(const struct kube_config *config, const char *path, const char *body,
	struct kube_answer *ret, struct err *e) _must_check_;

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands of kubectl holdpoint share: whom they talk to, how an answer is read, and the
 * members of a HoldReview's spec.
 */
#include <stdio.h>
#include <time.h>

#include "cli/holds.h"
#include "cli/kubectl/kubectl_review.h"

const struct json_limits kubectl_limits = {
	.max_bytes = 16 << 20, .max_depth = 64, .max_nodes = 1 << 20};

/* ---- asking ---- */

int kubectl_config(const struct command *self, const struct kube_options *kube, struct arena *arena,
	struct kube_config *ret)
{
	struct err e;

	if (!arena)
		return cli_error(self, CLI_FAILED, "out of memory");
	if (kube_config_load(kube, arena, ret, &e) < 0)
		return cli_error(self, CLI_FAILED, "%s", e.msg);
	return CLI_OK;
}

int kubectl_request(const struct command *self, const struct kube_config *config, const char *path,
	const char *body, struct kube_answer *ret)
{
	struct err e;

	if (kube_request(config, path, body, ret, &e) < 0)
		return cli_error(self, CLI_FAILED, "%s", e.msg);
	return CLI_OK;
}

/* ---- answers ---- */

int kubectl_explain(
	const struct command *self, const struct kube_answer *answer, struct arena *arena)
{
	struct span text = buf_span(&answer->body);
	const char *message = "";
	struct json_doc doc;

	if (answer->status == 404)
		return cli_error(self, CLI_FAILED,
			"this cluster knows no HoldReviews: kubectl apply -f "
			"manifests/base/holdreview.yaml");
	if (json_read(text.ptr, text.len, &kubectl_limits, arena, &doc, NULL) == 0)
		message = kubectl_field(&doc, JSON_ROOT, "/message", arena);
	return cli_error(self,
		answer->status == 403 || answer->status == 409 || answer->status == 422
			? CLI_NO
			: CLI_FAILED,
		"%s (HTTP %ld)", *message ? message : "no reason given", answer->status);
}

const char *kubectl_field(
	const struct json_doc *d, json_ref object, const char *pointer, struct arena *arena)
{
	json_ref r = json_pointer(d, object, span_of(pointer));
	struct span s = json_type(d, r) == JSON_STRING ? json_string(d, r, arena)
			: r != JSON_NONE	       ? json_text(d, r)
						       : (struct span){0};
	char *copy = s.ptr ? arena_strndup(arena, s.ptr, s.len) : NULL;

	/* A NUL must not hide what comes behind it: as any other control it is shown as "?". */
	for (size_t i = 0; copy && i < s.len; i++)
		if (copy[i] == 0)
			copy[i] = 1;
	return copy ? copy : "";
}

/* ---- members of a spec ---- */

void kubectl_put_member(struct buf *b, const char *key, const char *value)
{
	if (!value)
		return;
	json_put_key(b, key);
	json_put_string(b, span_of(value));
}

void kubectl_put_number(struct buf *b, const char *key, int64_t value)
{
	if (value <= 0)
		return;
	json_put_key(b, key);
	json_put_int(b, value);
}

void kubectl_put_filter(struct buf *b, const struct cli_hold_filter *f)
{
	kubectl_put_member(b, "requester", f->user);
	kubectl_put_member(b, "namespace", f->ns);
	kubectl_put_member(b, "resource", f->resource);
	kubectl_put_member(b, "policy", f->policy);
	kubectl_put_member(b, "rule", f->rule);
}

void kubectl_put_time(struct buf *b, const char *key, int64_t ms)
{
	time_t at = time(NULL) + (time_t)(ms / 1000);
	char text[32];
	struct tm tm;

	if (ms == 0)
		return;
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &tm));
	kubectl_put_member(b, key, text);
}

void kubectl_put_since(struct buf *b, int64_t ms)
{
	kubectl_put_time(b, "since", -ms);
}

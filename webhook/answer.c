/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reviews out. The size is bounded before anything is written, so the text is one
 * allocation in the arena and never grows.
 */
#include "webhook/answer.h"

#include "common/base/crypto.h"
#include "common/base/utf8.h"

#include <stdio.h>

/* A byte of text is at most \u00xx; a byte that is no UTF-8 three bytes. */
#define ESCAPED_MAX 6
#define FRAME	    512 /* braces, member names, numbers */

/* The API server cuts all warnings after 4,096 runes. */
#define WARNINGS_MAX 4096

void answer_add_cause(struct answer *a, const char *reason, const char *field, struct span message)
{
	if (a->cause_count < ANSWER_CAUSES_MAX)
		a->causes[a->cause_count++] = (struct answer_cause){reason, field, message};
}

void answer_annotate(struct answer *a, const char *key, struct span value)
{
	if (a->annotation_count < ANSWER_ANNOTATIONS_MAX)
		a->annotations[a->annotation_count++] = (struct answer_annotation){key, value};
}

static size_t bound_of(const struct answer *a)
{
	size_t n = a->uid.len + FRAME;

	n += ESCAPED_MAX * (utf8_cut(a->message, ANSWER_MESSAGE_MAX).len + a->group.len +
				   a->resource.len + a->name.len);
	for (size_t i = 0; i < a->cause_count; i++)
		n += ESCAPED_MAX * a->causes[i].message.len + FRAME;
	for (size_t i = 0; i < a->annotation_count; i++)
		n += ESCAPED_MAX * a->annotations[i].value.len + 80;
	for (size_t i = 0; i < a->warning_count; i++)
		n += ESCAPED_MAX * utf8_cut(a->warnings[i], WARNINGS_MAX).len + 4;
	return n + a->patch.len * 4 / 3 + 8;
}

static void put_text(struct buf *b, const char *key, struct span s)
{
	if (!s.ptr)
		return;
	json_put_key(b, key);
	json_put_string(b, s);
}

static void put_causes(struct buf *b, const struct answer *a)
{
	json_put_key(b, "causes");
	buf_add_char(b, '[');
	for (size_t i = 0; i < a->cause_count; i++) {
		buf_add_str(b, i > 0 ? ",{" : "{");
		put_text(b, "reason", span_of(a->causes[i].reason));
		put_text(b, "message", a->causes[i].message);
		put_text(b, "field", span_of(a->causes[i].field));
		buf_add_char(b, '}');
	}
	buf_add_char(b, ']');
}

static void put_details(struct buf *b, const struct answer *a)
{
	json_put_key(b, "details");
	buf_add_char(b, '{');
	put_text(b, "name", a->name);
	put_text(b, "group", a->group);
	put_text(b, "kind", a->resource); /* Kubernetes puts the resource there too */
	if (a->cause_count > 0)
		put_causes(b, a);
	if (a->retry_after_s > 0) {
		json_put_key(b, "retryAfterSeconds");
		json_put_int(b, a->retry_after_s);
	}
	buf_add_char(b, '}');
}

static void put_status(struct buf *b, const struct answer *a)
{
	json_put_key(b, "status");
	buf_add_str(b, "{\"status\":\"Failure\"");
	put_text(b, "message", utf8_cut(a->message, ANSWER_MESSAGE_MAX));
	put_text(b, "reason", span_of(a->reason));
	put_details(b, a);
	json_put_key(b, "code");
	json_put_int(b, a->code);
	buf_add_char(b, '}');
}

static void put_patch(struct buf *b, const struct answer *a)
{
	json_put_key(b, "patchType");
	buf_add_str(b, "\"JSONPatch\"");
	json_put_key(b, "patch");
	buf_add_char(b, '"');
	base64_put(b, a->patch.ptr, a->patch.len);
	buf_add_char(b, '"');
}

static void put_warnings(struct buf *b, const struct answer *a)
{
	json_put_key(b, "warnings");
	buf_add_char(b, '[');
	for (size_t i = 0; i < a->warning_count; i++) {
		if (i > 0)
			buf_add_char(b, ',');
		json_put_string(b, utf8_cut(a->warnings[i], WARNINGS_MAX));
	}
	buf_add_char(b, ']');
}

static void put_annotations(struct buf *b, const struct answer *a)
{
	json_put_key(b, "auditAnnotations");
	buf_add_char(b, '{');
	for (size_t i = 0; i < a->annotation_count; i++)
		put_text(b, a->annotations[i].key, a->annotations[i].value);
	buf_add_char(b, '}');
}

static void put_head(struct buf *b, struct span uid)
{
	buf_add_str(b, "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\","
		       "\"response\":{\"uid\":\"");
	buf_add_span(b, uid);
	buf_add_char(b, '"');
}

struct span answer_put(const struct answer *a, struct arena *arena)
{
	size_t bound = bound_of(a);
	/* With room for all that may come, the buffer stays where it is. */
	struct buf b = {.ptr = arena_alloc(arena, bound + 1), .cap = bound + 1, .max = bound};

	if (!b.ptr)
		return (struct span){0};
	put_head(&b, a->uid);
	buf_add_str(&b, a->allowed ? ",\"allowed\":true" : ",\"allowed\":false");
	if (!a->allowed)
		put_status(&b, a);
	else if (a->patch.ptr)
		put_patch(&b, a);
	if (a->warning_count > 0)
		put_warnings(&b, a);
	if (a->annotation_count > 0)
		put_annotations(&b, a);
	buf_add_str(&b, "}}");
	return b.failed ? (struct span){0} : buf_span(&b);
}

struct span answer_put_access(const struct answer *a, const char *api_version, struct arena *arena)
{
	size_t bound = 256 + ESCAPED_MAX * a->message.len;
	struct buf b = {.ptr = arena_alloc(arena, bound + 1), .cap = bound + 1, .max = bound};

	if (!b.ptr)
		return (struct span){0};
	buf_add_str(&b, "{\"kind\":\"SubjectAccessReview\",\"apiVersion\":\"");
	buf_add_str(&b, api_version);
	buf_add_str(&b, "\",\"status\":{\"allowed\":false");
	if (!a->allowed) {
		buf_add_str(&b, ",\"denied\":true,\"reason\":");
		json_put_string(&b, a->message);
	}
	buf_add_str(&b, "}}");
	return b.failed ? (struct span){0} : buf_span(&b);
}

struct span answer_put_last_resort(struct span uid, char *out, size_t cap)
{
	int n = snprintf(out, cap,
		"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\","
		"\"response\":{\"uid\":\"%.*s\",\"allowed\":false,\"status\":{\"status\":"
		"\"Failure\",\"code\":500,\"reason\":\"InternalError\",\"message\":"
		"\"Holdpoint cannot decide: the request needs more memory than one request may "
		"use\"}}}",
		SPAN_FMT(uid));

	return n > 0 && (size_t)n < cap ? (struct span){out, (size_t)n} : (struct span){0};
}

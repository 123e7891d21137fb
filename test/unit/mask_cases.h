/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases of masking: in each, the secret is "hunter2secret" (or base64 of it). GONE: it is not left
 * in any form; SAME: nothing is masked.
 */
#pragma once

#include "common/base/crypto.h"
#include "support/mask_support.h"
#include "support/secret_search.h"

#define S   "hunter2secret"
#define B64 "aHVudGVyMnNlY3JldA=="
#define JWT "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJlLWJ5dGVz"

enum verdict { GONE, SAME };

struct mask_case {
	enum verdict verdict;
	const char *resource; /* "secrets", "pods/exec" or "" */
	const char *json;
};

static struct masker *masker;
static struct arena *arena;

static inline void setup(void)
{
	masker = new_masker(MASK_TEST_KEY, NULL);
	arena = arena_new(1 << 16, 256 << 20);
}

static inline void teardown(void)
{
	arena_free(arena);
	masker_free(masker);
}

static inline struct mask_target target_of(const char *resource)
{
	const char *slash = strchr(resource, '/');
	size_t len = slash ? (size_t)(slash - resource) : strlen(resource);

	return (struct mask_target){{"", 0}, {resource, len}, span_of(slash ? slash + 1 : "")};
}

static inline void expect_gone(struct span out, const char *secret, const char *input)
{
	const char *form = secret_found(out, span_of(secret));
	struct json_doc d;

	ck_assert_msg(!form, "%s is still there (%s): %s\nof %s", secret, form, out.ptr, input);
	read_doc(out, arena, &d); /* what comes out is JSON again */
}

static inline void check_case(const struct mask_case *c)
{
	static const char *const secrets[] = {S, JWT, "ghp_0123456789abcdefghijklmnopqrstuvwxyz"};
	_cleanup_(buf_free) struct buf out = BUF_INIT(16 << 20);
	struct span in = span_of(c->json);
	struct mask_result r;
	struct json_doc d;

	arena_reset(arena);
	read_doc(in, arena, &d);
	mask_object(masker, &d, JSON_ROOT, target_of(c->resource), arena, &out, &r);
	ck_assert_ptr_nonnull(buf_str(&out));
	if (c->verdict == SAME) {
		ck_assert_msg(span_eq(buf_span(&out), in), "masked for nothing: %s\nof %s", out.ptr,
			c->json);
		ck_assert_uint_eq(r.masked, 0);
		return;
	}
	ck_assert_msg(r.masked > 0, "nothing masked in %s", c->json);
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
		expect_gone(buf_span(&out), secrets[i], c->json);
}

static inline void check_cases(const struct mask_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_case(&cases[i]);
}
#define CHECK_CASES(cases) check_cases((cases), ARRAY_LEN(cases))

#define SECRET	 "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"data\":{\"k\":\"" B64 "\"}}"
#define ESC_KIND "{\\\"kind\\\":\\\"Secret\\\",\\\"stringData\\\":{\\\"k\\\":\\\"" S "\\\"}}"

static inline void mask_json(struct masker *m, const char *json, struct buf *out)
{
	struct mask_result r;
	struct json_doc d;

	arena_reset(arena);
	buf_reset(out);
	read_doc(span_of(json), arena, &d);
	mask_object(m, &d, JSON_ROOT, (struct mask_target){0}, arena, out, &r);
	ck_assert_ptr_nonnull(buf_str(out));
}

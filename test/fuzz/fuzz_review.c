/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an AdmissionReview or a SubjectAccessReview: refused, or read, decided,
 * fingerprinted and answered; and the answer is JSON that carries the review's own uid.
 */
#include <stdio.h>

#include "policy/policy.h"
#include "policy/review/fingerprint.h"
#include "policy/review/review.h"
#include "webhook/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct policy_set *policies(void)
{
	static const char *const paths[] = {HOLDPOINT_SOURCE_DIR "/test/e2e/policy.yaml"};
	static struct policy_set *set;
	struct yaml_errors errors = {.text = BUF_INIT(65536)};

	if (!set && policy_set_load(paths, 1, &set, &errors) != 0) {
		fprintf(stderr, "%s\n", buf_str(&errors.text));
		abort();
	}
	return set;
}

static void check(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "violated: %s\n", what);
		abort();
	}
}

static void check_answer(
	const struct review *r, bool allowed, struct span message, struct arena *arena)
{
	static const struct json_limits limits = {1 << 22, 16, 10000, false, false};
	struct answer a = {.uid = r->uid,
		.allowed = allowed,
		.code = 403,
		.reason = "Forbidden",
		.message = message,
		.resource = r->request.resource,
		.name = r->request.name};
	struct json_doc d;
	struct span text = answer_put(&a, arena);
	json_ref uid;

	if (!text.ptr)
		return;
	check(json_read(text.ptr, text.len, &limits, arena, &d, NULL) == 0, "the answer is JSON");
	uid = json_pointer_str(&d, JSON_ROOT, "/response/uid");
	check(span_eq(json_raw_string(&d, uid), r->uid), "the answer has the uid of the review");
}

/* The same request always has the same fingerprint. */
static void check_fingerprint(const struct review *r, struct arena *arena)
{
	uint8_t one[SHA256_LEN], two[SHA256_LEN];
	struct err e;

	if (fingerprint_of(&r->request, SPAN("c"), arena, one, &e) != 0)
		return;
	if (fingerprint_of(&r->request, SPAN("c"), arena, two, &e) == 0)
		check(memcmp(one, two, sizeof(one)) == 0, "a fingerprint is stable");
}

static void decide(const struct review *r, struct arena *arena)
{
	struct policy_decision d;
	struct span message = SPAN("");

	if (policy_decide(policies(), &r->request, arena, &d) != 0)
		return;
	if (d.decisive)
		message = d.decisive->message;
	check_fingerprint(r, arena);
	if (!request_is_access(&r->request))
		check_answer(r, d.action < POLICY_HOLD, message, arena);
}

/* Read by its kind, it is the same as read as that kind; what is beyond the limits is nothing. */
static void check_either(struct span body, struct arena *arena)
{
	struct review r, same;
	struct err e = {0};
	enum review_status got, expected;

	arena_reset(arena);
	got = review_read(body, 100000, arena, &r, &e);
	if (got != REVIEW_OK)
		check(e.msg[0] != '\0', "a reason");
	if (!r.api_version)
		return;
	expected = request_is_access(&r.request)
			   ? review_read_access(body, 100000, arena, &same, &e)
			   : review_read_admission(body, 100000, arena, &same, &e);
	check(got == expected, "one outcome, whoever reads");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct arena *arena = arena_new(65536, 64 << 20);
	struct span body = {(const char *)data, len};
	struct review r;
	struct err e = {0};

	if (!arena)
		return 0;
	switch (review_read_admission(body, 100000, arena, &r, &e)) {
	case REVIEW_OK:
		decide(&r, arena);
		break;
	case REVIEW_UNDECIDABLE:
		check(r.uid.len > 0 && r.uid.len <= REVIEW_UID_MAX, "a uid to answer to");
		check_answer(&r, false, span_of(e.msg), arena);
		break;
	case REVIEW_MALFORMED:
		check(e.msg[0] != '\0', "a reason");
		break;
	}
	arena_reset(arena);
	if (review_read_access(body, 100000, arena, &r, &e) == REVIEW_OK)
		decide(&r, arena);
	check_either(body, arena);
	arena_free(arena);
	return 0;
}

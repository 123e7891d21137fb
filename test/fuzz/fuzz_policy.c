/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a policy: refused with a place or a reason, or accepted; then its canonical text is
 * a policy with the same digest, and every kind of request gets a decision from it.
 */
#include <stdio.h>

#include "policy/policy.h"
#include "policy/review/review.h"
#include "policy/set_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char review[] = "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/"
			     "v1\",\"request\":{\"uid\":\"u\","
			     "\"resource\":{\"group\":\"\",\"version\":\"v1\",\"resource\":"
			     "\"pods\"},\"namespace\":\"prod-a\","
			     "\"name\":\"n\",\"operation\":\"CREATE\",\"userInfo\":{\"username\":"
			     "\"u\",\"groups\":[\"ai-agents\"]},"
			     "\"object\":{\"metadata\":{\"name\":\"n\"},\"spec\":{\"containers\":[{"
			     "\"image\":\"x\"}]}}}}";
static const char access_review[] =
	"{\"kind\":\"SubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/v1\",\"spec\":{"
	"\"user\":\"u\",\"groups\":[\"ai-agents\"],\"resourceAttributes\":{\"verb\":\"list\","
	"\"resource\":\"secrets\"}}}";

static void check(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "violated: %s\n", what);
		abort();
	}
}

static bool plain_ascii(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] >= 0x7f)
			return false;
	return true;
}

static void check_canonical(const struct policy_set *set)
{
	struct policy_set *again = NULL;
	struct yaml_errors errors;
	struct span text = policy_set_text(set);

	if (!plain_ascii(text))
		return;
	if (policy_set_load_text("again", text, &again, &errors) < 0) {
		fprintf(stderr, "%s\n%.*s\n", buf_str(&errors.text), SPAN_FMT(text));
		check(false, "the canonical text is a policy");
	}
	check(!strcmp(policy_set_digest(set), policy_set_digest(again)), "with the same digest");
	buf_free(&errors.text);
	policy_set_unref(again);
}

static void check_decision(const struct policy_set *set, const char *text)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, 64 << 20);
	struct review r;
	struct policy_decision d;

	check(review_read(span_of(text), 10000, arena, &r, NULL) == REVIEW_OK, "it is a review");
	r.request.now_us = 0;
	check(policy_decide(set, &r.request, arena, &d) == 0, "a decision");
	for (size_t i = 0; i < d.match_count; i++)
		check(d.matches[i].message.len > 0, "every match has a message");
	check((d.action == POLICY_NONE) == (d.decisive == NULL), "a match decides");
	(void)policy_decision_reasons(&d, d.action, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct policy_set *set = NULL;
	struct yaml_errors errors;

	if (len > 100000)
		return 0;
	if (policy_set_load_text("fuzz", (struct span){(const char *)data, len}, &set, &errors) <
		0) {
		check(errors.count > 0 && errors.text.len > 0, "a refusal says why");
	} else {
		check(errors.count == 0, "nothing is wrong with what is accepted");
		check_canonical(set);
		check_decision(set, review);
		check_decision(set, access_review);
	}
	buf_free(&errors.text);
	policy_set_unref(set);
	return 0;
}

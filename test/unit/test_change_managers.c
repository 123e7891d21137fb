/* SPDX-License-Identifier: Apache-2.0 */
/* Who owns which field: what an update explains of it, and what somebody wrote. */
#include "policy/review/change.h"
#include "support/run_tests.h"
#include "unit/review_support.h"

/* An update of a Deployment: before and after, each a list of owners and a spec. */
#define SIDE(owners, spec)                                                                         \
	"{\"metadata\":{\"uid\":\"1\",\"managedFields\":[" owners "]},\"spec\":" spec "}"
#define UPDATE(options, old, new)                                                                  \
	REVIEW_UPDATE "\"options\":{" options "},\"oldObject\":" old ",\"object\":" new "}}"
#define OWNER(name, does, fields)                                                                  \
	"{\"manager\":\"" name "\",\"operation\":\"" does "\",\"apiVersion\":\"apps/v1\","         \
	"\"fieldsV1\":{\"f:spec\":{" fields "}}}"
#define APPLY	 "\"fieldManager\":\"argo\""
#define ONE_TWO	 "{\"a\":1,\"b\":1}"
#define TWO_ONE	 "{\"a\":2,\"b\":1}"
#define A	 "\"f:a\":{}"
#define B	 "\"f:b\":{}"
#define ARGO(f)	 OWNER("argo", "Apply", f)
#define AGENT(f) OWNER("agent", "Update", f)
/* A list of containers; what is owned of the one of that name. */
#define LIST(image, extra)                                                                         \
	"{\"c\":[{\"name\":\"x\",\"image\":\"1\"},{\"name\":\"y\",\"image\":\"" image "\"}" extra  \
	"],\"s\":[\"u\",\"v\"]}"
#define OF(name, fields) "\"f:c\":{\"k:{\\\"name\\\":\\\"" name "\\\"}\":{" fields "}}"
#define IMAGE		 "\"f:image\":{}"

static const struct {
	bool explained;
	const char *review;
} updates[] = {
	/* what the API server does itself: it is the agent's now, and argo's no longer */
	{true, UPDATE("", SIDE(ARGO(A "," B), ONE_TWO), SIDE(ARGO(B) "," AGENT(A), TWO_ONE))},
	{true, UPDATE("", SIDE(AGENT(A), ONE_TWO), SIDE(AGENT(A), TWO_ONE))},
	{true, UPDATE("", SIDE("", ONE_TWO), SIDE(AGENT(A), TWO_ONE))},
	{true, UPDATE("", SIDE(ARGO(A), "{\"a\":1}"), SIDE("", "{}"))},
	{true, UPDATE("", SIDE(ARGO("\"f:gone\":{}"), ONE_TWO), SIDE("", TWO_ONE))},
	{true, UPDATE("", SIDE(ARGO(OF("y", IMAGE)), LIST("1", "")),
		       SIDE(AGENT(OF("y", IMAGE)), LIST("2", "")))},
	{true, UPDATE("", SIDE(ARGO(OF("y", IMAGE)), LIST("1", "")),
		       SIDE(ARGO(OF("y", IMAGE)) "," AGENT(OF("z", "\".\":{}," IMAGE)),
			       LIST("1", ",{\"name\":\"z\",\"image\":\"1\"}")))},
	/* an apply owns what it names, and what it names no more it does not */
	{true, UPDATE(APPLY, SIDE(AGENT(A "," B), ONE_TWO),
		       SIDE(AGENT(B) "," ARGO(A "," B), TWO_ONE))},
	{true, UPDATE(APPLY, SIDE(ARGO(A "," B) "," AGENT(B), ONE_TWO),
		       SIDE(ARGO(A) "," AGENT(B), TWO_ONE))},
	/* the eleventh of those that update */
	{true, UPDATE("", SIDE(OWNER("old", "Update", B), ONE_TWO),
		       SIDE(OWNER("ancient-changes", "Update", B) "," AGENT(A), TWO_ONE))},

	/* beside it, somebody loses or gets what nobody changed */
	{false, UPDATE("", SIDE(ARGO(A "," B), ONE_TWO), SIDE(AGENT(A), TWO_ONE))},
	{false, UPDATE("", SIDE(ARGO(B), ONE_TWO), SIDE(AGENT(A), TWO_ONE))},
	{false, UPDATE("", SIDE(ARGO(B), ONE_TWO), SIDE("", TWO_ONE))},
	{false, UPDATE("", SIDE(ARGO(A), ONE_TWO), SIDE(ARGO(B) "," AGENT(A), TWO_ONE))},
	{false, UPDATE("", SIDE(ARGO(B), ONE_TWO),
			SIDE(OWNER("ancient-changes", "Update", B) "," AGENT(A), TWO_ONE))},
	{false, UPDATE("", SIDE(AGENT(B), ONE_TWO), SIDE(AGENT(A) "," ARGO(B), TWO_ONE))},
	{false, UPDATE("\"fieldManager\":\"other\"", SIDE(ARGO(A "," B) "," AGENT(A), ONE_TWO),
			SIDE(ARGO(A) "," AGENT(A), TWO_ONE))},
	{false, UPDATE(APPLY, SIDE(AGENT(A "," B), ONE_TWO), SIDE(ARGO(A "," B), TWO_ONE))},
	{false, UPDATE("", SIDE(ARGO(OF("x", IMAGE)), LIST("1", "")),
			SIDE(AGENT(OF("y", IMAGE)), LIST("2", "")))},
	{false, UPDATE("", SIDE(ARGO("\"f:s\":{\"v:\\\"u\\\"\":{}}"), LIST("1", "")),
			SIDE(AGENT(OF("y", IMAGE)), LIST("2", "")))},
	/* what cannot be read is not explained */
	{false, UPDATE("", SIDE(ARGO("\"x\":{}"), ONE_TWO), SIDE(AGENT(A), TWO_ONE))},
	{false, UPDATE("", SIDE(ARGO("\"f:b\":{\"k:{\":{}}"), ONE_TWO), SIDE(AGENT(A), TWO_ONE))},
	{false, UPDATE("", SIDE(ARGO("\"f:b\":{\"i:0\":{}}"), ONE_TWO), SIDE(AGENT(A), TWO_ONE))},
};

static bool explains(const char *text, struct arena *arena)
{
	struct review review;
	struct err e;

	ck_assert_msg(
		review_read(span_of(text), 100000, arena, &review, &e) == REVIEW_OK, "%s", e.msg);
	return change_explains_managers(&review.request, arena);
}

START_TEST(change_managers__what_an_update_explains)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(4096, 1u << 20);

	ck_assert_msg(explains(updates[_i].review, arena) == updates[_i].explained, "%s",
		updates[_i].review);
}
END_TEST

/* Without memory nothing is explained. */
START_TEST(change_managers__no_room)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(4096, 1u << 20);
	struct review review;
	struct err e;

	ck_assert(review_read(span_of(updates[0].review), 1000, arena, &review, &e) == REVIEW_OK);
	while (arena_alloc(arena, 16))
		;
	ck_assert(!change_explains_managers(&review.request, arena));
}
END_TEST

/* A thousand keys change at once. */
START_TEST(change_managers__of_many_fields)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(4096, 16u << 20);
	_cleanup_(buf_free) struct buf text = BUF_INIT(4 << 20);

	for (int side = 0; side < 2; side++) {
		buf_printf(&text,
			"%s{\"metadata\":{\"managedFields\":[{\"manager\":\"%s\",\"fieldsV1\":{\"f:"
			"data\":{",
			side == 0 ? REVIEW_UPDATE "\"oldObject\":" : ",\"object\":",
			side == 0 ? "a" : "b");
		for (int i = 0; i < 5000; i++)
			buf_printf(&text, "%s\"f:k%d\":{}", i ? "," : "", i);
		buf_add_str(&text, "}}}]},\"data\":{");
		for (int i = 0; i < 5000; i++)
			buf_printf(&text, "%s\"k%d\":\"%d\"", i ? "," : "", i, side);
		buf_add_str(&text, "}}");
	}
	buf_add_str(&text, "}}");
	ck_assert(!text.failed);
	ck_assert(explains(buf_str(&text), arena));
}
END_TEST

static int stop_at_first(const struct change *c, void *userdata)
{
	(void)c;
	(void)userdata;
	return 1;
}

/* What kubectl does, the recordings of two API servers say, but for an update of owners alone. */
static void check_fixture(const char *name, const char *text, size_t len, void *userdata)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(4096, 16u << 20);
	unsigned *updates_seen = userdata;
	struct review review;
	struct err e;

	(void)len;
	ck_assert_msg(
		review_read(span_of(text), 100000, arena, &review, &e) == REVIEW_OK, "%s", e.msg);
	if (review.request.operation != OPERATION_UPDATE ||
		change_walk((struct change_side){&review.doc, review.request.old_object},
			(struct change_side){&review.doc, review.request.object}, true, arena,
			stop_at_first, NULL) != 1)
		return;
	*updates_seen += !change_keeps_managers(&review.request);
	ck_assert_msg(change_explains_managers(&review.request, arena), "%s", name);
}

START_TEST(change_managers__recorded_updates_are_explained)
{
	unsigned updates_seen = 0;

	each_fixture(check_fixture, &updates_seen);
	ck_assert_uint_gt(updates_seen, 5);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("change_managers");

	tcase_add_loop_test(t, change_managers__what_an_update_explains, 0, ARRAY_LEN(updates));
	tcase_add_test(t, change_managers__no_room);
	tcase_add_test(t, change_managers__of_many_fields);
	tcase_add_test(t, change_managers__recorded_updates_are_explained);
	return run_tests(t);
}

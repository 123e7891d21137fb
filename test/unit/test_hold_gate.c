/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hold gate without its database: the parameters of its query, how the answer is read, and
 * what there is to say when there is none.
 */
#include "webhook/hold/hold_gate.h"

#include <libpq-fe.h>
#include <unistd.h>

#include "policy/review/review.h"
#include "support/run_tests.h"
#include "unit/hold_support.h"
#include "unit/review_support.h"

static struct arena *arena;
static struct masker *masker;
static struct review review;
static struct policy_match matches[ARRAY_LEN(hold_rules)];
static struct policy_decision decision;
static struct hold_query query;
static char *text;

static void setup(void)
{
	struct err e;

	arena = arena_new(65536, 8 << 20);
	ck_assert_ptr_nonnull(arena);
	ck_assert_msg(masker_new(NULL, NULL, &masker, &e) == 0, "%s", e.msg);
	text = read_fixture("v1.36/065");
	ck_assert_int_eq(
		review_read_admission(span_of(text), 100000, arena, &review, &e), REVIEW_OK);
}

static void teardown(void)
{
	masker_free(masker);
	arena_free(arena);
	free(text);
}

static void make_query(unsigned rules)
{
	struct err e;

	decision = hold_decision(rules, matches);
	hold_query_init(&query, &review.request, &decision, review.uid, "sha256:abcd");
	ck_assert_msg(hold_query_prepare(&query, "c1", masker, arena, &e) == 0, "%s", e.msg);
}

/* ---- the query ---- */

static const struct {
	const char *argument, *expected; /* NULL: SQL NULL */
	unsigned rules;
} params[] = {
	{"p_cluster", "c1", RULE_DELETES},
	{"p_operation", "DELETE", RULE_DELETES},
	{"p_resource", "pods", RULE_DELETES},
	{"p_policy", "agents", RULE_DELETES},
	{"p_rule", "deletes", RULE_DELETES},
	{"p_policy_digest", "\\xabcd", RULE_DELETES},
	{"p_message", "deletions need a person", RULE_DELETES},
	{"p_change_unseen", NULL, RULE_DELETES},
	{"p_approvers", "{\"sre\"}", RULE_DELETES},
	{"p_approvers", "{\"security\",\"on \\\"call\\\"\"}", RULE_FREEZE},
	{"p_approvers", "{}", RULE_WINDOWS},
	{"p_min_approvals", "1", RULE_DELETES},
	{"p_min_approvals", "2", RULE_FREEZE},
	{"p_min_approvals", "1", RULE_WINDOWS},
	{"p_require_reason", "f", RULE_DELETES},
	{"p_require_reason", "t", RULE_WINDOWS},
	{"p_expires", "3600000 milliseconds", RULE_DELETES},
	{"p_expires", "1800000 milliseconds", RULE_DELETES | RULE_FREEZE},
	{"p_grant", "Once", RULE_DELETES},
	{"p_grant", "Window", RULE_WINDOWS},
	{"p_window", NULL, RULE_DELETES},
	{"p_window", "30000 milliseconds", RULE_WINDOWS},
	{"p_max_uses", NULL, RULE_DELETES},
	{"p_max_uses", "3", RULE_WINDOWS},
	{"p_dry_run", "f", RULE_DELETES},
	{"p_max_repeats", NULL, RULE_DELETES},
	{"p_scope", "Object", RULE_DELETES},
	{"p_scope", "Namespace", RULE_WINDOWS},
	{"p_scope", "Object", RULE_WINDOWS | RULE_FREEZE},
	{"p_allow_window", NULL, RULE_WINDOWS},
	{"p_allow_window", NULL, RULE_DELETES},
	{"p_allow_window", "120000 milliseconds", RULE_FREEZE},
	{"p_allow_window", "30000 milliseconds", RULE_FREEZE | RULE_WINDOWS},
	{"p_allow_window", NULL, RULE_FREEZE | RULE_DELETES},
	{"p_allow_uses", NULL, RULE_DELETES},
	{"p_allow_uses", "5", RULE_FREEZE},
	{"p_allow_uses", "3", RULE_FREEZE | RULE_WINDOWS},
	{"p_gives_out", "f", RULE_DELETES},
	{"p_rules", NULL, RULE_DELETES | RULE_NOTED},
	{"p_rules",
		"[{\"policy\":\"agents\",\"rule\":\"deletes\",\"minApprovals\":1,\"approvers\":"
		"[\"sre\"]},{\"policy\":\"prod\",\"rule\":\"freeze\",\"minApprovals\":2,"
		"\"approvers\":[\"security\",\"on \\\"call\\\"\"]}]",
		RULE_DELETES | RULE_FREEZE},
};

/* The place that the statement gives to an argument. */
static size_t number_of(const char *argument)
{
	char wanted[64];
	const char *at;

	snprintf(wanted, sizeof(wanted), "%s => $", argument);
	at = strstr(hold_query_stmt.sql, wanted);
	ck_assert_msg(at != NULL, "no argument %s", argument);
	return strtoul(at + strlen(wanted), NULL, 10) - 1;
}

START_TEST(hold_query__parameter)
{
	struct span all[HOLD_QUERY_PARAMS], got;

	make_query(params[_i].rules);
	ck_assert_int_eq(hold_query_params(&query, "c1", arena, all), 0);
	got = all[number_of(params[_i].argument)];
	if (params[_i].expected)
		ck_assert_str_eq(arena_strndup(arena, got.ptr, got.len), params[_i].expected);
	else
		ck_assert_ptr_null(got.ptr);
}
END_TEST

START_TEST(hold_query__each_argument_has_a_place_of_its_own)
{
	bool taken[HOLD_QUERY_PARAMS] = {false};
	const char *at = hold_query_stmt.sql;
	size_t count = 0;

	while ((at = strstr(at, " => $"))) {
		size_t place = strtoul(at + 5, NULL, 10) - 1;

		ck_assert_uint_lt(place, HOLD_QUERY_PARAMS);
		ck_assert(!taken[place]);
		taken[place] = true;
		count++;
		at++;
	}
	ck_assert_uint_eq(count, HOLD_QUERY_PARAMS);
	ck_assert_int_eq(hold_query_stmt.param_count, HOLD_QUERY_PARAMS);
}
END_TEST

/* Asked with NULL for its approvers, the database would let anybody approve. */
START_TEST(hold_query__without_memory_for_a_parameter_is_not_asked)
{
	struct span all[HOLD_QUERY_PARAMS];

	bool was_full = false, was_asked = false;

	make_query(RULE_WINDOWS);
	for (size_t room = 16; room < 16384; room += 16) {
		_cleanup_(arena_freep) struct arena *small = arena_new(room, room);

		if (hold_query_params(&query, "c1", small, all) != 0) {
			was_full = true;
			continue;
		}
		was_asked = true;
		ck_assert_ptr_nonnull(all[number_of("p_approvers")].ptr);
		ck_assert_ptr_nonnull(all[number_of("p_window")].ptr);
		ck_assert_ptr_nonnull(all[number_of("p_max_uses")].ptr);
	}
	ck_assert(was_full && was_asked);
}
END_TEST

START_TEST(hold_query__compressed_it_asks_the_same)
{
	struct span before[HOLD_QUERY_PARAMS], after[HOLD_QUERY_PARAMS];
	size_t bytes;

	make_query(RULE_DELETES);
	ck_assert_int_eq(hold_query_params(&query, "c1", arena, before), 0);
	bytes = query.change.len;
	for (int i = 0; i < 2; i++) {
		hold_query_compress(&query, arena);
		ck_assert_uint_eq(query.change_bytes, bytes);
		ck_assert_uint_lt(query.change.len, bytes);
	}
	ck_assert_int_eq(hold_query_params(&query, "c1", arena, after), 0);
	for (size_t i = 0; i < HOLD_QUERY_PARAMS; i++)
		ck_assert(span_eq(before[i], after[i]));
}
END_TEST

START_TEST(hold_query__more_rules_than_can_be_kept)
{
	static struct policy_match many[4000];
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = (struct policy_match){
			.rule = &hold_rules[1], .effective = POLICY_HOLD, .message = SPAN("m")};
	decision = (struct policy_decision){.action = POLICY_HOLD,
		.matches = many,
		.decisive = many,
		.match_count = ARRAY_LEN(many)};
	hold_query_init(&query, &review.request, &decision, review.uid, "sha256:abcd");
	ck_assert_int_eq(hold_query_prepare(&query, "c1", masker, arena, &e), -1);
	ck_assert_str_eq(e.msg, "4000 rules hold it, which are too many to keep");
}
END_TEST

/* ---- the answer ---- */

static struct pg_result *row_of(const char *const (*columns)[2])
{
	PGresult *r = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc attributes[16] = {0};
	int count = 0;

	while (columns[count][0]) {
		attributes[count].name = (char *)columns[count][0];
		count++;
	}
	ck_assert_int_eq(PQsetResultAttrs(r, count, attributes), 1);
	for (int i = 0; i < count; i++)
		PQsetvalue(r, 0, i, (char *)columns[i][1],
			columns[i][1] ? (int)strlen(columns[i][1]) : -1);
	return (struct pg_result *)r;
}

static const struct {
	enum hold_verdict_kind kind;
	const char *verdict;
} verdicts[] = {{HOLD_ALLOW, "allow"}, {HOLD_HELD, "held"}, {HOLD_DENIED, "denied"},
	{HOLD_LIMIT, "limit"}, {HOLD_FAILED, "allowed"}, {HOLD_FAILED, "ALLOW"}, {HOLD_FAILED, ""},
	{HOLD_FAILED, NULL}};

START_TEST(hold_verdict__kind)
{
	const char *const columns[][2] = {{"verdict", verdicts[_i].verdict}, {NULL, NULL}};
	_cleanup_(pg_result_freep) struct pg_result *r = row_of(columns);
	struct hold_verdict v;

	hold_verdict_read(r, arena, &v);
	ck_assert_int_eq(v.kind, verdicts[_i].kind);
	ck_assert_int_eq(v.error.ptr != NULL, v.kind == HOLD_FAILED);
}
END_TEST

START_TEST(hold_verdict__columns_in_any_order)
{
	const char *const columns[][2] = {{"decided_reason", "no"}, {"min_approvals", "2"},
		{"approver_names", "sre"}, {"opens", "this one change"}, {"state", "pending"},
		{"hold_id", "42"}, {"approvals", "1"}, {"is_new", "t"}, {"decided_by", "alice"},
		{"expires", "2026-01-02T03:04:05Z"}, {"verdict", "held"}, {NULL, NULL}};
	_cleanup_(pg_result_freep) struct pg_result *r = row_of(columns);
	struct hold_verdict v;

	hold_verdict_read(r, arena, &v);
	ck_assert_int_eq(v.kind, HOLD_HELD);
	ck_assert_int_eq(v.id, 42);
	ck_assert(v.is_new);
	ck_assert_int_eq(v.approvals, 1);
	ck_assert_int_eq(v.min_approvals, 2);
	ck_assert_str_eq(v.expires, "2026-01-02T03:04:05Z");
	ck_assert(span_eq_str(v.state, "pending"));
	ck_assert(span_eq_str(v.approvers, "sre"));
	ck_assert(span_eq_str(v.decided_by, "alice"));
	ck_assert(span_eq_str(v.reason, "no"));
}
END_TEST

START_TEST(hold_verdict__no_row_is_no_answer)
{
	_cleanup_(pg_result_freep) struct pg_result *r =
		(struct pg_result *)PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	struct hold_verdict v;

	hold_verdict_read(r, arena, &v);
	ck_assert_int_eq(v.kind, HOLD_FAILED);
	ck_assert(span_eq_str(v.error, "the database gave no answer"));
}
END_TEST

/* ---- the gate ---- */

START_TEST(hold_gate__so_many_a_second)
{
	const struct hold_gate_config config = {.max_per_second = 3};
	_cleanup_(hold_gate_freep) struct hold_gate *g = hold_gate_new(&config);
	unsigned passed = 0;

	for (int i = 0; i < 1000; i++)
		passed += !hold_gate_is_over_rate(g);
	ck_assert_uint_ge(passed, 3);
	ck_assert_uint_le(passed, 6); /* a new second may have begun */
	for (int i = 0; i < 500 && hold_gate_is_over_rate(g); i++)
		usleep(10000);
	ck_assert(!hold_gate_is_over_rate(g));
}
END_TEST

START_TEST(hold_gate__any_number_from_verified_callers)
{
	const struct hold_gate_config config = {.max_per_second = 0};
	_cleanup_(hold_gate_freep) struct hold_gate *g = hold_gate_new(&config);

	for (int i = 0; i < 1000; i++)
		ck_assert(!hold_gate_is_over_rate(g));
}
END_TEST

START_TEST(hold_gate__without_a_connection_nothing_passes)
{
	const struct hold_gate_config config = {.cluster = "c1", .masker = masker};
	_cleanup_(hold_gate_freep) struct hold_gate *g = hold_gate_new(&config);
	struct hold_verdict v = {.kind = HOLD_ALLOW};
	struct err e;

	decision = hold_decision(RULE_DELETES, matches);
	hold_query_init(&query, &review.request, &decision, review.uid, "sha256:abcd");
	ck_assert_int_eq(hold_gate_prepare(g, &query, arena, &e), 0);
	hold_gate_ask(g, NULL, &query, arena, &v);
	ck_assert_int_eq(v.kind, HOLD_UNAVAILABLE);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("hold_gate");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, hold_query__parameter, 0, ARRAY_LEN(params));
	tcase_add_test(t, hold_query__each_argument_has_a_place_of_its_own);
	tcase_add_test(t, hold_query__without_memory_for_a_parameter_is_not_asked);
	tcase_add_test(t, hold_query__compressed_it_asks_the_same);
	tcase_add_test(t, hold_query__more_rules_than_can_be_kept);
	tcase_add_loop_test(t, hold_verdict__kind, 0, ARRAY_LEN(verdicts));
	tcase_add_test(t, hold_verdict__columns_in_any_order);
	tcase_add_test(t, hold_verdict__no_row_is_no_answer);
	tcase_add_test(t, hold_gate__so_many_a_second);
	tcase_add_test(t, hold_gate__any_number_from_verified_callers);
	tcase_add_test(t, hold_gate__without_a_connection_nothing_passes);
	return run_tests(t);
}

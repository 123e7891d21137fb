/* SPDX-License-Identifier: Apache-2.0 */
/* Which questions of /authorize direct approvals by HoldReview depend on. */
#include "webhook/hold/authorize_note.h"

#include <check.h>

#include "support/run_tests.h"

static struct arena *arena;
static struct authorize_notes *notes;

static void setup(void)
{
	arena = arena_new(65536, 8 << 20);
	notes = authorize_notes_new("c1");
	ck_assert(arena && notes);
	authorize_notes_set_direct(notes, true);
}

static void teardown(void)
{
	authorize_notes_free(notes);
	arena_free(arena);
}

static const struct {
	const char *kind; /* NULL: not noted */
	const char *username;
	const char *verb, *group, *resource, *subresource, *namespace_, *name;
} cases[] = {
	{"review", "asker", "create", "holdpoint.dev", "holdreviews", "", "", ""},
	{NULL, NULL, "get", "holdpoint.dev", "holdreviews", "", "", "x"},
	{NULL, NULL, "create", "holdpoint.dev", "holdreviews", "status", "", ""},
	{NULL, NULL, "create", "", "holdreviews", "", "", ""},
	{"impersonate", "alice", "impersonate", "", "users", "", "", "alice"},
	{"impersonate", "alice", "impersonate:user-info", "authentication.k8s.io", "users", "", "",
		"alice"},
	{"impersonate", "system:serviceaccount:prod:bot", "impersonate", "", "serviceaccounts", "",
		"prod", "bot"},
	{"impersonate", "system:serviceaccount:prod:bot", "impersonate:serviceaccount",
		"authentication.k8s.io", "serviceaccounts", "", "prod", "bot"},
	{"impersonate", "system:node:n1", "impersonate:arbitrary-node", "authentication.k8s.io",
		"nodes", "", "", "n1"},
	{NULL, NULL, "impersonate", "", "groups", "", "", "sre"},
	{NULL, NULL, "impersonate", "", "users", "", "", ""}, /* can-i, of anybody */
	{NULL, NULL, "impersonate-on:user-info:create", "holdpoint.dev", "holdreviews", "", "", ""},
	{NULL, NULL, "impersonate-on:user-info:get", "", "users", "", "", "alice"},
	{NULL, NULL, "get", "", "users", "", "", "alice"},
};

static struct policy_request question(int i)
{
	return (struct policy_request){.endpoint = ENDPOINT_AUTHORIZE,
		.username = SPAN("asker"),
		.verb = span_of(cases[i].verb),
		.api_group = span_of(cases[i].group),
		.resource = span_of(cases[i].resource),
		.subresource = span_of(cases[i].subresource),
		.namespace_ = span_of(cases[i].namespace_),
		.name = span_of(cases[i].name)};
}

START_TEST(authorize_note__what_is_noted)
{
	struct policy_request q = question(_i);
	struct authorize_note note;

	ck_assert_int_eq(authorize_notes_wants(notes, &q, arena, &note), cases[_i].kind != NULL);
	if (!cases[_i].kind)
		return;
	ck_assert_str_eq(note.kind, cases[_i].kind);
	ck_assert(span_eq_str(note.username, cases[_i].username));
	ck_assert_int_eq(authorize_note_may_be_lost(&note), *cases[_i].kind == 'r');
	/* What could not be noted is wanted again. */
	ck_assert_int_eq(authorize_notes_put(notes, NULL, &note), -1);
	ck_assert(authorize_notes_wants(notes, &q, arena, &note));
}
END_TEST

START_TEST(authorize_note__nothing_is_noted_where_it_does_not_matter)
{
	struct policy_request q = question(_i);
	struct authorize_note note;

	authorize_notes_set_direct(notes, false);
	ck_assert(!authorize_notes_wants(notes, &q, arena, &note));
	authorize_notes_set_direct(notes, true);
	q.endpoint = ENDPOINT_VALIDATE;
	ck_assert(!authorize_notes_wants(notes, &q, arena, &note));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("authorize_note");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, authorize_note__what_is_noted, 0, ARRAY_LEN(cases));
	tcase_add_loop_test(
		t, authorize_note__nothing_is_noted_where_it_does_not_matter, 0, ARRAY_LEN(cases));
	return run_tests(t);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/own_approvers.h"

#include "policy/pattern_internal.h"
#include "policy/set_internal.h"

struct search {
	struct arena *arena;
	struct own_approvers *found;
	size_t count, room;
	bool failed;
};

/* system:serviceaccounts and system:serviceaccounts:NAMESPACE too: agents make service accounts. */
static bool is_of_everybody(struct span group)
{
	static const char *const whole[] = {"system:authenticated", "system:unauthenticated"};
	const struct span accounts = SPAN("system:serviceaccounts");

	for (size_t i = 0; i < ARRAY_LEN(whole); i++)
		if (span_eq_str(group, whole[i]))
			return true;
	return group.len >= accounts.len && memcmp(group.ptr, accounts.ptr, accounts.len) == 0;
}

static bool names_group(struct subjects list, struct span group)
{
	for (size_t i = 0; i < list.count; i++)
		if (list.items[i].kind == SUBJECT_GROUP &&
			pattern_matches(list.items[i].name, group))
			return true;
	return false;
}

static void add(struct search *s, const struct rule *r, struct span group, bool everybody)
{
	struct own_approvers *o = s->count < s->room ? &s->found[s->count++] : NULL;

	if (!o)
		return;
	*o = (struct own_approvers){.rule = &r->info,
		.file = r->place.file ? r->place.file : "",
		.line = r->place.line,
		.column = r->place.column,
		.group = group,
		.everybody = everybody,
		.what = everybody ? arena_printf(s->arena,
					    "everybody is in the approver group \"%.*s\", those "
					    "who ask too: name a group of people",
					    SPAN_FMT(group))
				  : arena_printf(s->arena,
					    "the approver group \"%.*s\" is one that the policy "
					    "guards: its members approve for each other",
					    SPAN_FMT(group))};
	s->failed |= !o->what.ptr;
}

static void look_at(struct search *s, const struct rule *r)
{
	const struct policy *p = r->policy;

	for (size_t i = 0; r->info.hold && i < r->info.hold->approver_count; i++) {
		struct span group = r->info.hold->approvers[i];

		if (is_of_everybody(group))
			add(s, r, group, true);
		else if (names_group(p->subjects, group) &&
			 !names_group(p->exclude_subjects, group))
			add(s, r, group, false);
	}
}

static size_t approvers_of_all(const struct policy_set *set)
{
	size_t n = 0;

	for (size_t i = 0; i < set->rule_count; i++)
		n += set->rules[i]->info.hold ? set->rules[i]->info.hold->approver_count : 0;
	return n;
}

int own_approvers_find(const struct policy_set *set, struct arena *arena,
	const struct own_approvers **ret, size_t *ret_count)
{
	struct search s = {.arena = arena, .room = approvers_of_all(set)};

	s.found = arena_calloc(arena, s.room + 1, sizeof(*s.found));
	if (!s.found)
		return -1;
	for (size_t i = 0; i < set->rule_count; i++)
		look_at(&s, set->rules[i]);
	*ret = s.found;
	*ret_count = s.count;
	return s.failed ? -1 : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Keeping account of what requests reach; see reach.h. */
#include "policy/reach.h"

#include <limits.h>
#include <stdlib.h>

#include "common/base/utf8.h"
#include "policy/expression_internal.h"
#include "policy/set_internal.h"

#define SHOWN_BYTES 160 /* of a condition */

static int begin_rule(const struct rule *rule, struct arena *arena, struct rule_reach *ret)
{
	if (rule->record_only)
		return 0;
	*ret = (struct rule_reach){.policy = rule->info.policy,
		.rule = rule->info.rule,
		.file = rule->place.file,
		.line = rule->place.line,
		.column = rule->place.column,
		.conditions = arena_calloc(arena, rule->when_count + 1, sizeof(*ret->conditions)),
		.condition_count = rule->when_count};
	if (!ret->conditions)
		return -1;
	for (size_t i = 0; i < rule->when_count; i++)
		ret->conditions[i].source = expression_source(rule->when[i]);
	return 0;
}

int policy_reach_begin(const struct policy_set *s, struct arena *arena, struct policy_reach *ret)
{
	*ret = (struct policy_reach){
		.rules = arena_calloc(arena, s->rule_count + 1, sizeof(*ret->rules)),
		.rule_count = s->rule_count};
	if (!ret->rules)
		return -1;
	for (size_t i = 0; i < s->rule_count; i++)
		if (begin_rule(s->rules[i], arena, &ret->rules[i]) < 0)
			return -1;
	return 0;
}

/* ---- the ledger ---- */

/* One spelling of a file, however tests get to it: "tests/../pods.yaml" is "pods.yaml". */
static const char *place_of(const struct rule_reach *r, char buffer[static PATH_MAX])
{
	return r->file ? realpath(r->file, buffer) : NULL;
}

static struct rule_reach *find(
	struct reach_ledger *l, const char *file, const struct rule_reach *wanted)
{
	for (size_t i = 0; file && i < l->all.rule_count; i++) {
		struct rule_reach *r = &l->all.rules[i];

		if (r->line == wanted->line && r->column == wanted->column && r->file &&
			strcmp(r->file, file) == 0)
			return r;
	}
	return NULL;
}

static struct rule_reach *append(struct reach_ledger *l)
{
	if (l->all.rule_count == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct rule_reach *more = arena_calloc(l->arena, room, sizeof(*more));

		if (!more)
			return NULL;
		if (l->all.rule_count)
			memcpy(more, l->all.rules, l->all.rule_count * sizeof(*more));
		l->all.rules = more;
		l->room = room;
	}
	return &l->all.rules[l->all.rule_count++];
}

static const char *kept(struct reach_ledger *l, const char *text)
{
	return arena_strndup(l->arena, text, strlen(text));
}

/* The set goes, the ledger stays: a copy of all. */
static int add_new(struct reach_ledger *l, const char *file, const struct rule_reach *r)
{
	struct rule_reach *ret = append(l);

	if (!ret)
		return -1;
	*ret = *r;
	ret->file = kept(l, file ? file : r->file ? r->file : "");
	ret->policy = kept(l, r->policy);
	ret->rule = kept(l, r->rule);
	ret->conditions = arena_calloc(l->arena, r->condition_count + 1, sizeof(*r->conditions));
	if (!ret->file || !ret->policy || !ret->rule || !ret->conditions) {
		l->all.rule_count--;
		return -1;
	}
	for (size_t i = 0; i < r->condition_count; i++) {
		struct condition_reach *c = &ret->conditions[i];

		*c = r->conditions[i];
		c->source.ptr = arena_strndup(l->arena, c->source.ptr, c->source.len);
		if (!c->source.ptr) {
			l->all.rule_count--;
			return -1;
		}
	}
	return 0;
}

static void join(struct rule_reach *to, const struct rule_reach *from)
{
	to->asked |= from->asked;
	to->applied |= from->applied;
	for (size_t i = 0; i < from->condition_count && i < to->condition_count; i++)
		reach_note(to, i, from->conditions[i].was_true, from->conditions[i].was_false);
}

int reach_ledger_add(struct reach_ledger *l, const struct policy_reach *r)
{
	char buffer[PATH_MAX];

	for (size_t i = 0; i < r->rule_count; i++) {
		const struct rule_reach *one = &r->rules[i];

		if (!one->rule)
			continue;
		const char *file = place_of(one, buffer);
		struct rule_reach *same = find(l, file, one);

		if (same)
			join(same, one);
		else if (add_new(l, file, one) < 0)
			return -1;
	}
	return 0;
}

struct reach_total reach_ledger_total(const struct reach_ledger *l)
{
	struct reach_total t = {.rules = l->all.rule_count};

	for (size_t i = 0; i < l->all.rule_count; i++) {
		const struct rule_reach *r = &l->all.rules[i];

		t.rules_applied += r->applied;
		t.branches += 2 * r->condition_count;
		for (size_t k = 0; k < r->condition_count; k++)
			t.branches_reached += (size_t)r->conditions[k].was_true +
					      (size_t)r->conditions[k].was_false;
	}
	return t;
}

/* ---- in words ---- */

/* The first line of an expression, not all of a long one. */
static void put_source(struct buf *out, struct span source)
{
	const char *end = memchr(source.ptr, '\n', source.len);
	struct span line = {source.ptr, end ? (size_t)(end - source.ptr) : source.len};
	struct span shown = utf8_cut(line, SHOWN_BYTES);

	utf8_put_printable(out, shown);
	if (shown.len < source.len && (shown.len < line.len || end + 1 < source.ptr + source.len))
		buf_add_str(out, " …");
}

static const char *missing_of(const struct condition_reach *c)
{
	if (!c->was_true && !c->was_false)
		return "is never evaluated";
	return !c->was_true ? "is never true" : !c->was_false ? "is never false" : NULL;
}

static bool was_true_each(const struct rule_reach *r)
{
	for (size_t i = 0; i < r->condition_count; i++)
		if (!r->conditions[i].was_true)
			return false;
	return true;
}

bool reach_next_gap(const struct rule_reach *r, size_t *at, struct buf *ret)
{
	size_t i = (*at)++;

	buf_reset(ret);
	if (i == 0 && !r->asked) {
		buf_add_str(ret, "no case is about it");
		*at = r->condition_count + 1;
		return true;
	}
	for (; i < r->condition_count; i = (*at)++) {
		const char *what = missing_of(&r->conditions[i]);

		if (!what)
			continue;
		buf_printf(ret, "condition %zu %s: ", i + 1, what);
		put_source(ret, r->conditions[i].source);
		return true;
	}
	if (i > r->condition_count || r->applied)
		return false;
	*at = r->condition_count + 1;
	if (r->condition_count > 1 && was_true_each(r))
		buf_add_str(ret, "its conditions are never true together");
	else if (r->condition_count && !was_true_each(r))
		return false; /* was said of the condition */
	else
		buf_add_str(ret, "it never applies");
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What can be asked of a decision: its terms for holds, its reasons, its name. */
#include "policy/policy.h"

const char *policy_action_name(enum policy_action a)
{
	static const char *const names[] = {
		[POLICY_NONE] = "None",
		[POLICY_ALLOW] = "Allow",
		[POLICY_AUDIT] = "Audit",
		[POLICY_WARN] = "Warn",
		[POLICY_HOLD] = "Hold",
		[POLICY_DENY] = "Deny",
		[POLICY_MUTATE] = "Mutate",
	};
	return (size_t)a < ARRAY_LEN(names) ? names[a] : "?";
}

/* ---- what several Hold rules ask for together ---- */

/* 0 is no limit. */
static int64_t lesser_limit(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

const char *policy_scope_name(enum policy_scope s)
{
	static const char *const names[] = {[POLICY_SCOPE_OBJECT] = "Object",
		[POLICY_SCOPE_NAMESPACE] = "Namespace",
		[POLICY_SCOPE_CLUSTER] = "Cluster"};
	return (size_t)s < ARRAY_LEN(names) ? names[s] : "?";
}

/* The Window that the rule lets an approver have; like_ms 0: none. */
static struct policy_hold with_like(struct policy_hold h)
{
	if (h.grant == POLICY_GRANT_WINDOW) {
		h.like_ms = h.window_ms > 0 ? h.window_ms : h.expires_ms;
		h.like_uses = h.max_uses;
	}
	return h;
}

/* `all` is with_like(). */
static void tighten(struct policy_hold *all, const struct policy_hold *rule)
{
	const struct policy_hold one = with_like(*rule), *h = &one;

	if (h->min_approvals > all->min_approvals)
		all->min_approvals = h->min_approvals;
	if (h->expires_ms < all->expires_ms)
		all->expires_ms = h->expires_ms;
	if (h->wait_ms > all->wait_ms)
		all->wait_ms = h->wait_ms;
	all->window_ms = lesser_limit(all->window_ms, h->window_ms);
	all->max_uses = (unsigned)lesser_limit(all->max_uses, h->max_uses);
	if (h->grant == POLICY_GRANT_ONCE)
		all->grant = POLICY_GRANT_ONCE;
	if (h->scope < all->scope)
		all->scope = h->scope;
	if (h->like_ms < all->like_ms)
		all->like_ms = h->like_ms;
	all->like_uses = (unsigned)lesser_limit(all->like_uses, h->like_uses);
	all->retry |= h->retry;
	all->require_reason |= h->require_reason;
	if (h->dry_run > all->dry_run)
		all->dry_run = h->dry_run;
}

struct policy_hold policy_decision_hold(const struct policy_decision *d, size_t *ret_count)
{
	struct policy_hold all = with_like(*d->decisive->rule->hold);
	size_t n = 0;

	for (size_t i = 0; i < d->match_count; i++) {
		if (d->matches[i].effective != POLICY_HOLD)
			continue;
		tighten(&all, d->matches[i].rule->hold);
		n++;
	}
	if (all.grant == POLICY_GRANT_WINDOW) { /* is one anyway */
		all.like_ms = 0;
		all.like_uses = 0;
	} else {
		all.window_ms = 0;
		all.max_uses = 0;
	}
	*ret_count = n;
	return all;
}

/* ---- reasons ---- */

static bool said_before(const struct policy_decision *d, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (d->matches[j].effective == d->matches[i].effective &&
			span_eq(d->matches[j].message, d->matches[i].message))
			return true;
	return false;
}

static int by_length(const void *a, const void *b)
{
	const struct policy_match *x = *(const struct policy_match *const *)a;
	const struct policy_match *y = *(const struct policy_match *const *)b;
	if (x->message.len != y->message.len)
		return x->message.len < y->message.len ? -1 : 1;
	return x < y ? -1 : x > y;
}

struct span policy_decision_reasons(
	const struct policy_decision *d, enum policy_action action, struct arena *arena)
{
	const struct policy_match **list = arena_alloc(arena, (d->match_count + 1) * sizeof *list);
	size_t count = 0, len = 0;
	if (!list)
		return (struct span){0};
	for (size_t i = 0; i < d->match_count; i++)
		if (d->matches[i].effective == action && !said_before(d, i)) {
			list[count++] = &d->matches[i];
			len += d->matches[i].message.len + 1;
		}
	qsort(list, count, sizeof *list, by_length);
	char *text = arena_alloc(arena, len + 1), *end = text;
	if (!text)
		return (struct span){0};
	for (size_t i = 0; i < count; i++) {
		if (i)
			*end++ = '\n';
		end = mempcpy(end, list[i]->message.ptr, list[i]->message.len);
	}
	*end = 0;
	return (struct span){text, (size_t)(end - text)};
}

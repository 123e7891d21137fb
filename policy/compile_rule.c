/* SPDX-License-Identifier: Apache-2.0 */
/* One rule: what it matches, what it does, under which conditions, with which message. */
#include "policy/compile_internal.h"

#include "common/yaml/errors.h"

/* Which endpoints the rule's matches are for: those of one kind of review, or all if they are
 * mixed. */
static unsigned rule_endpoints(const struct rule *r)
{
	unsigned where = 0;
	for (size_t i = 0; i < r->match_count; i++)
		where |= r->matches[i].endpoints;
	return where;
}

static void compile_matches(
	struct compiler *c, const struct policy *p, const struct source_rule *s, struct rule *r)
{
	if (!s->match.at && !p->matches) {
		errors_add_at(c->errors, r->at,
			"a rule needs the field \"match\", or the spec one for all rules");
		return;
	}
	r->matches = s->match.at ? compile_match_list(c, &s->match) : p->matches;
	r->match_count = !r->matches ? 0 : s->match.at ? s->match.count : p->match_count;
	if (rule_endpoints(r) == ENDPOINTS_ANY)
		errors_add_at(c->errors, s->match.at ? s->match.at : r->at,
			"a rule has matches with operations or with verbs, not both: write two "
			"rules");
}

static void check_window(struct compiler *c, const struct source_hold *h)
{
	if (h->grant.v != POLICY_GRANT_WINDOW && (h->window.at || h->max_uses.at))
		errors_add_at(c->errors, h->window.at ? h->window.at : h->max_uses.at,
			"%s needs grant: Window", h->window.at ? "window" : "maxUses");
	if (h->window.at && h->window.v > h->expires.v)
		errors_add_at(c->errors, h->window.at,
			"window is longer than expires, after which the hold is gone");
	if (h->grant.v != POLICY_GRANT_WINDOW && h->scope.at && !h->allow_window.value)
		errors_add_at(c->errors, h->scope.at, "scope needs grant: Window, or allowWindow");
}

static void check_like(struct compiler *c, const struct source_hold *h)
{
	const struct source_allow_window *like = h->allow_window.value;

	if (like && h->grant.v == POLICY_GRANT_WINDOW)
		errors_add_at(c->errors, h->allow_window.at,
			"allowWindow is for grant: Once; say \"window\" and \"maxUses\"");
	if (like && like->up_to.v > h->expires.v)
		errors_add_at(c->errors, like->up_to.at,
			"upTo is longer than expires, after which the hold is gone");
}

static void compile_hold(struct compiler *c, const struct source_rule *s, struct rule *r)
{
	struct source_hold defaults;
	language_default_hold(&defaults);
	const struct source_hold *h = s->hold.value ? s->hold.value : &defaults;
	const struct yaml_str *approvers = h->approvers.items;
	const struct source_allow_window *like = h->allow_window.value;

	struct patterns names = compile_patterns(c, &h->approvers, "approvers");
	struct span *groups = compiler_alloc(
		c, s->name.at ? s->name.at : r->at, h->approvers.count, sizeof *groups);
	if (!groups)
		return;
	for (size_t i = 0; i < names.count; i++) {
		groups[i] = names.items[i].text;
		if (names.items[i].glob)
			errors_add_at(c->errors, approvers[i].at,
				"approvers are groups by name, without wildcards");
	}
	check_window(c, h);
	check_like(c, h);
	r->hold = (struct policy_hold){
		.approvers = groups,
		.approver_count = names.count,
		.min_approvals = (unsigned)h->min_approvals.v,
		.expires_ms = h->expires.v,
		.window_ms = h->window.v,
		.max_uses = (unsigned)h->max_uses.v,
		.grant = (enum policy_grant)h->grant.v,
		.scope = (enum policy_scope)h->scope.v,
		.like_ms = like ? like->up_to.v : 0,
		.like_uses = like ? (unsigned)like->max_uses.v : 0,
		.wait_ms = h->wait.v,
		.retry = h->retry.v,
		.require_reason = h->require_reason.v,
		.dry_run = (enum policy_dry_run)h->dry_run.v,
	};
	r->info.hold = &r->hold;
}

static void compile_conditions(
	struct compiler *c, const struct policy *p, const struct source_rule *s, struct rule *r)
{
	const struct yaml_str *items = s->when.items;
	if (!s->when.count)
		return;
	const struct expression **out = compiler_alloc(c, s->when.at, s->when.count, sizeof *out);
	if (!out)
		return;
	unsigned endpoints = rule_endpoints(r);
	for (size_t i = 0; i < s->when.count; i++)
		if (items[i].at)
			out[i] = expressions_compile(
				p->expressions, &items[i], "bool", endpoints, c->errors);
	r->when = out;
	r->when_count = s->when.count;
}

static void compile_message(
	struct compiler *c, const struct policy *p, const struct source_rule *s, struct rule *r)
{
	unsigned endpoints = rule_endpoints(r);
	if (s->message.s.len > SET_MAX_MESSAGE)
		errors_add_at(c->errors, s->message.at, "message is longer than %u bytes",
			SET_MAX_MESSAGE);
	if (s->message.at && !s->message.s.len)
		errors_add_at(c->errors, s->message.at, "message is empty; leave it out");
	if (s->message.at)
		r->message = expressions_compile_template(
			p->expressions, &s->message, endpoints, c->errors);
	if (s->message_expression.at)
		r->message_expression = expressions_compile(
			p->expressions, &s->message_expression, "string", endpoints, c->errors);
	r->default_message =
		arena_printf(c->arena, "rule %s of policy %s %s", r->info.rule, p->name,
			r->info.action == POLICY_DENY	? "forbids this"
			: r->info.action == POLICY_HOLD ? "asks for a human's approval"
							: "applies");
}

static void compile_action(
	struct compiler *c, const struct policy *p, const struct source_rule *s, struct rule *r)
{
	r->info.action = (enum policy_action)s->action.v;
	if (s->hold.at && s->action.at && s->action.v != POLICY_HOLD)
		errors_add_at(c->errors, s->hold.at, "\"hold\" needs action: Hold");
	if (s->mutate.at && s->action.at && s->action.v != POLICY_MUTATE)
		errors_add_at(c->errors, s->mutate.at, "\"mutate\" needs action: Mutate");
	if (s->action.v == POLICY_HOLD)
		compile_hold(c, s, r);
	if (s->action.v != POLICY_MUTATE || !s->action.at)
		return;
	if (rule_endpoints(r) & ENDPOINTS_AUTHORIZE)
		errors_add_at(c->errors, s->action.at,
			"Mutate needs operations: nothing is written at authorization");
	for (size_t i = 0; i < r->match_count; i++)
		if (r->matches[i].operations & (OPERATION_DELETE | OPERATION_CONNECT)) {
			errors_add_at(
				c->errors, s->action.at, "Mutate works on CREATE and UPDATE only");
			break;
		}
	if (!s->mutate.value)
		errors_add_at(c->errors, s->action.at, "a Mutate rule needs \"mutate\"");
	else
		r->mutation = compile_mutation(c, p->expressions, s->mutate.value, s->mutate.at);
}

static void compile_limit(struct compiler *c, const struct source_rule *s, struct rule *r)
{
	const struct source_limit *l = s->limit.value;

	if (!l)
		return;
	if (s->action.v != POLICY_DENY && s->action.v != POLICY_HOLD && s->action.v != POLICY_WARN)
		errors_add_at(c->errors, s->limit.at, "\"limit\" needs action: Deny, Hold or Warn");
	if (rule_endpoints(r) & ENDPOINTS_AUTHORIZE)
		errors_add_at(c->errors, s->limit.at,
			"\"limit\" needs operations: anybody may ask at authorization, in "
			"anybody's name");
	r->limit = (struct policy_rule_limit){
		.count = (unsigned)l->count.v, .window_ms = l->window.v, .per_rule = l->per.v == 1};
	r->info.count = &r->limit;
}

void compile_rule(struct compiler *c, const struct policy *p, const struct source_rule *s,
	const struct node *at, struct rule *r)
{
	r->at = at;
	r->place = (struct place){at->file->path, at->line, at->column};
	r->policy = p;
	r->info.policy = p->name;
	r->info.rule = s->name.at ? s->name.s.ptr : "?";
	r->info.enforcement = p->enforcement;
	if (s->name.at && !compiler_is_name(s->name.s, false, 63))
		errors_add_at(c->errors, s->name.at,
			"a rule's name is made of lower-case letters, digits and \"-\", at most "
			"63");
	compile_matches(c, p, s, r);
	compile_action(c, p, s, r);
	compile_limit(c, s, r);
	compile_conditions(c, p, s, r);
	compile_message(c, p, s, r);
}

/*
 * From a document as read to a policy that decides: every cross-check that a table of fields cannot
 * express stands here, and all problems are reported, not just the first.
 */
#include "common/yaml/errors.h"
#include "policy/compile_internal.h"

#include <stdio.h>

void *compiler_alloc(struct compiler *c, const struct node *n, size_t count, size_t size)
{
	void *p = arena_calloc(c->arena, count ? count : 1, size);
	if (!p)
		errors_add_at(c->errors, n, "the policies need too much memory; load fewer");
	return p;
}

/* Lower-case letters, digits, '-' and, with dots, '.'; at most max characters. */
static bool is_name(struct span s, bool dots, size_t max)
{
	if (!s.len || s.len > max)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		bool inside = (c == '-' || (dots && c == '.')) && i && i + 1 < s.len;
		if (!letter && !inside)
			return false;
	}
	return true;
}

/* ---- rules ---- */

/* Which endpoints the rule's matches are for: those of one kind of review, or all if they are
 * mixed. */
static unsigned rule_endpoints(const struct rule *r)
{
	unsigned where = 0;
	for (size_t i = 0; i < r->match_count; i++)
		where |= r->matches[i].endpoints;
	return where;
}

/* A list of matches, of a rule or of all rules of a policy. */
static const struct match *compile_match_list(struct compiler *c, const struct yaml_list *list)
{
	const struct source_match *items = list->items;
	if (!list->count) {
		errors_add_at(c->errors, list->at, "match is empty, so the rule would never apply");
		return NULL;
	}
	struct match *out = compiler_alloc(c, list->at, list->count, sizeof *out);
	const struct node *at = list->at->first;
	for (size_t i = 0; out && i < list->count; i++, at = at->next) {
		if (at->type == NODE_MAP && !at->count)
			errors_add_at(c->errors, at,
				"match needs apiGroups, resources and operations or verbs");
		compile_match(c, &items[i], &out[i]);
	}
	return out;
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

static void compile_hold(struct compiler *c, const struct source_rule *s, struct rule *r)
{
	struct source_hold defaults;
	language_default_hold(&defaults);
	const struct source_hold *h = s->hold.value ? s->hold.value : &defaults;
	const struct yaml_str *approvers = h->approvers.items;

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
	if (h->grant.v != POLICY_GRANT_WINDOW && (h->window.at || h->max_uses.at))
		errors_add_at(c->errors, h->window.at ? h->window.at : h->max_uses.at,
			"%s needs grant: Window", h->window.at ? "window" : "maxUses");
	if (h->window.at && h->window.v > h->expires.v)
		errors_add_at(c->errors, h->window.at,
			"window is longer than expires, after which the hold is gone");
	r->hold = (struct policy_hold){
		.approvers = groups,
		.approver_count = names.count,
		.min_approvals = (unsigned)h->min_approvals.v,
		.expires_ms = h->expires.v,
		.window_ms = h->window.v,
		.max_uses = (unsigned)h->max_uses.v,
		.grant = (enum policy_grant)h->grant.v,
		.wait_ms = h->wait.v,
		.retry = h->retry.v,
		.require_reason = h->require_reason.v,
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

static void compile_rule(struct compiler *c, const struct policy *p, const struct source_rule *s,
	const struct node *at, struct rule *r)
{
	r->at = at;
	r->policy = p;
	r->info.policy = p->name;
	r->info.rule = s->name.at ? s->name.s.ptr : "?";
	r->info.enforcement = p->enforcement;
	if (s->name.at && !is_name(s->name.s, false, 63))
		errors_add_at(c->errors, s->name.at,
			"a rule's name is made of lower-case letters, digits and \"-\", at most "
			"63");
	compile_matches(c, p, s, r);
	compile_action(c, p, s, r);
	compile_conditions(c, p, s, r);
	compile_message(c, p, s, r);
}

/* ---- conflicts between rules ---- */

static bool always_hides(const struct rule *allow, const struct rule *below)
{
	if (allow->info.action != POLICY_ALLOW || allow->when_count || !below->match_count)
		return false;
	for (size_t i = 0; i < below->match_count; i++) {
		bool covered = false;
		for (size_t j = 0; j < allow->match_count && !covered; j++)
			covered = match_covers(&allow->matches[j], &below->matches[i]);
		if (!covered)
			return false;
	}
	return true;
}

/* The text of a rule without its name, to find the same one written twice. */
static struct span rule_body(struct compiler *c, const struct rule *r)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(1u << 20);
	node_foreach_member(key, r->at)
	{
		if (span_eq_str(key->text, "name"))
			continue;
		buf_add_span(&b, key->text);
		node_put_json(&b, key->next);
	}
	if (b.failed)
		return (struct span){0};
	return (struct span){arena_strndup(c->arena, b.ptr ? b.ptr : "", b.len), b.len};
}

struct named {
	struct span key;
	const struct rule *rule;
};

static int by_key_then_place(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	size_t shorter = x->key.len < y->key.len ? x->key.len : y->key.len;
	int c = shorter ? memcmp(x->key.ptr, y->key.ptr, shorter) : 0;
	if (c || x->key.len != y->key.len)
		return c ? c : x->key.len < y->key.len ? -1 : 1;
	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

static void report_same(struct compiler *c, struct named *list, size_t count, const char *what)
{
	qsort(list, count, sizeof *list, by_key_then_place);
	for (size_t i = 1; i < count; i++)
		if (list[i].key.len && span_eq(list[i - 1].key, list[i].key))
			errors_add_at(c->errors, list[i].rule->at,
				"rule \"%s\" %s the rule at line %u", list[i].rule->info.rule, what,
				list[i - 1].rule->at->line);
}

static void check_names(struct compiler *c, const struct policy *p, const struct source_spec *s)
{
	const struct source_rule *items = s->rules.items;
	struct named *names = compiler_alloc(c, p->root, p->rule_count, sizeof *names);
	if (!names)
		return;
	for (size_t i = 0; i < p->rule_count; i++)
		names[i] = (struct named){
			items[i].name.at ? items[i].name.s : (struct span){0}, &p->rules[i]};
	report_same(c, names, p->rule_count, "has the name of");
}

static void check_conflicts(struct compiler *c, const struct policy *p)
{
	struct named *bodies = compiler_alloc(c, p->root, p->rule_count, sizeof *bodies);
	if (!bodies)
		return;
	for (size_t i = 0; i < p->rule_count; i++)
		bodies[i] = (struct named){rule_body(c, &p->rules[i]), &p->rules[i]};
	report_same(c, bodies, p->rule_count, "is the same as");

	for (size_t a = 0; a < p->rule_count; a++) {
		if (p->rules[a].info.action != POLICY_ALLOW || p->rules[a].when_count)
			continue;
		for (size_t b = a + 1; b < p->rule_count; b++)
			if (always_hides(&p->rules[a], &p->rules[b]))
				errors_add_at(c->errors, p->rules[b].at,
					"rule \"%s\" can never apply: rule \"%s\" above allows "
					"everything that it matches",
					p->rules[b].info.rule, p->rules[a].info.rule);
	}
}

static void check_subjects(struct compiler *c, const struct policy *p, const struct source_spec *s)
{
	const struct source_subject *excluded = s->exclude_subjects.items;
	for (size_t i = 0; i < p->exclude_subjects.count; i++) {
		const struct subject *e = &p->exclude_subjects.items[i];
		for (size_t j = 0; j < p->subjects.count; j++) {
			const struct subject *in = &p->subjects.items[j];
			bool whole = e->kind == in->kind && e->name.text.len &&
				     excluded[i].name.at && pattern_covers(e->name, in->name) &&
				     (e->kind != SUBJECT_SERVICE_ACCOUNT ||
					     pattern_covers(e->namespace_, in->namespace_));
			if (whole)
				errors_add_at(c->errors, excluded[i].name.at,
					"this excludes the subject \"%.*s\" altogether",
					SPAN_FMT(in->name.text));
		}
	}
}

/* ---- policies ---- */

static bool name_is_taken(const struct policy_set *set, struct span name)
{
	for (size_t i = 0; i < set->policy_count; i++)
		if (span_eq_str(name, set->policies[i]->name))
			return true;
	return false;
}

static void compile_name(struct compiler *c, const struct source_metadata *m, struct policy *p)
{
	p->name = "?";
	if (!m || !m->name.at)
		return;
	p->name = m->name.s.ptr;
	if (!is_name(m->name.s, true, 253))
		errors_add_at(c->errors, m->name.at,
			"a policy's name is made of lower-case letters, digits, \"-\" and \".\"");
	if (name_is_taken(c->set, m->name.s))
		errors_add_at(c->errors, m->name.at, "a policy named \"%.*s\" is loaded already",
			SPAN_FMT(m->name.s));
}

static void compile_rules(struct compiler *c, struct policy *p, const struct source_spec *s)
{
	const struct source_rule *items = s->rules.items;
	if (!s->rules.at)
		return;
	if (!s->rules.count && !p->record_all)
		errors_add_at(c->errors, s->rules.at, "a policy without rules does nothing");
	p->rules = compiler_alloc(c, s->rules.at, s->rules.count, sizeof *p->rules);
	if (!p->rules)
		return;
	p->rule_count = s->rules.count;
	const struct node *at = s->rules.at->first;
	for (size_t i = 0; i < p->rule_count; i++, at = at->next)
		compile_rule(c, p, &items[i], at, &p->rules[i]);
	check_names(c, p, s);
}

static void compile_spec(struct compiler *c, struct policy *p, const struct source_spec *s)
{
	const struct source_variable *variables = s->variables.items;
	p->enforcement = (enum policy_enforcement)s->enforcement.v;
	p->ignore_failures = s->failure_policy.v;
	p->record_all = s->record.v == RECORD_ALL;
	compile_subjects(c, &s->subjects, &p->subjects);
	compile_subjects(c, &s->exclude_subjects, &p->exclude_subjects);
	check_subjects(c, p, s);
	if (s->match.at) {
		p->matches = compile_match_list(c, &s->match);
		p->match_count = p->matches ? s->match.count : 0;
	}
	for (size_t i = 0; i < s->variables.count; i++)
		expressions_add_variable(p->expressions, &variables[i], c->errors);
	compile_rules(c, p, s);
}

static struct policy *append_policy(struct policy_set *set)
{
	struct policy **more = reallocarray(set->policies, set->policy_count + 1, sizeof(*more));
	if (!more)
		return NULL;
	set->policies = more;
	struct policy *p = arena_calloc(set->arena, 1, sizeof *p);
	if (p)
		p->expressions = expressions_new(set->library, set->arena);
	if (!p || !p->expressions)
		return NULL;
	return p;
}

void compile_policy(struct policy_set *set, const struct node *root, struct yaml_errors *errors)
{
	struct compiler c = {set, set->arena, errors};
	if (language_check_head(root, "GuardrailPolicy", errors) < 0)
		return;
	struct source_policy *s = compiler_alloc(&c, root, 1, sizeof *s);
	struct policy *p = s ? append_policy(set) : NULL;
	if (!p) {
		errors_add_at(errors, root, "the policies need too much memory; load fewer");
		return;
	}
	p->root = root;
	unsigned before = errors->count;
	bool read = schema_read(&language_policy, root, s, set->arena, errors) == 0;
	compile_name(&c, s->metadata.value, p);
	set->policies[set->policy_count++] = p;
	/* Half-read structs still have enough in them to find further mistakes. */
	if (s->spec.value && s->spec.at->type == NODE_MAP)
		compile_spec(&c, p, s->spec.value);
	if (read && errors->count == before)
		check_conflicts(&c, p);
}

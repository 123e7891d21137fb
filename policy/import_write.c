/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One policy with one binding as a document, which is then loaded as any policy is: what the loader
 * says of it is said of the place in the policy that was imported.
 */
#include <stdlib.h>

#include "common/json/json.h"
#include "policy/import_internal.h"
#include "policy/policy.h"

#define LINES_MAX 4096u

struct writing {
	struct import *i;
	const struct node *policy, *binding; /* whole objects */
	const struct node *spec, *of_binding;
	struct buf out;
	struct buf conditions; /* items of `when`, each a line behind six spaces */
	struct buf all;	       /* matchConditions, joined by && */
	size_t before_those;   /* of conditions: what stands before them */
	const struct node *lines[LINES_MAX];
	uint32_t line; /* of out, from 1 */
};

/* A whole line, or lines; at is what they were made of. */
static void put(struct writing *w, const struct node *at, struct span text)
{
	for (size_t k = 0; k < text.len; k++) {
		if (text.ptr[k] != '\n')
			continue;
		if (w->line < LINES_MAX)
			w->lines[w->line] = at;
		w->line++;
	}
	buf_add_span(&w->out, text);
}

static void put_str(struct writing *w, const struct node *at, const char *text)
{
	put(w, at, span_of(text));
}

static void put_value(
	struct writing *w, const struct node *at, const char *before, struct span text)
{
	_cleanup_(buf_free) struct buf line = BUF_INIT(IMPORT_MAX_BYTES);

	buf_add_str(&line, before);
	json_put_string(&line, text);
	buf_add_char(&line, '\n');
	put(w, at, import_span(w->i, &line));
}

static void add_condition(struct span cel, const struct node *at, void *arg)
{
	struct writing *w = arg;

	(void)at;
	buf_add_str(&w->conditions, "    - ");
	json_put_string(&w->conditions, cel);
	buf_add_char(&w->conditions, '\n');
}

static void add_match_conditions(struct writing *w)
{
	static const char *const keys[] = {"name", "expression", NULL};
	const struct node *list = import_list(w->i, w->spec, "matchConditions");

	w->before_those = w->conditions.len;
	if (!list)
		return;
	node_foreach(n, list)
	{
		struct span text = import_text(n, "expression");

		import_check_keys(w->i, n, keys);
		add_condition(text, n, w);
		buf_add_str(&w->all, w->all.len ? " && (" : "(");
		buf_add_span(&w->all, text);
		buf_add_str(&w->all, "\n)");
	}
}

static void put_variables(struct writing *w)
{
	static const char *const keys[] = {"name", "expression", NULL};
	const struct node *list = import_list(w->i, w->spec, "variables");

	if (!list || !list->count)
		return;
	put_str(w, list, "  variables:\n");
	node_foreach(n, list)
	{
		import_check_keys(w->i, n, keys);
		put_value(w, n, "  - name: ", import_text(n, "name"));
		put_value(w, n, "    expression: ", import_text(n, "expression"));
	}
}

static void put_params(struct writing *w)
{
	static const char *const keys[] = {"apiVersion", "kind", NULL};
	const struct node *kind = node_get(w->spec, "paramKind"),
			  *ref = node_get(w->of_binding, "paramRef");
	_cleanup_(buf_free) struct buf text = BUF_INIT(IMPORT_MAX_BYTES);

	if (!kind)
		return;
	import_check_keys(w->i, kind, keys);
	if (!ref) {
		errors_add_at(&w->i->ret->problems, w->binding,
			"the policy has a paramKind, and this binding no paramRef");
		return;
	}
	buf_add_str(&text, "  paramKind: ");
	node_put_json(&text, kind);
	buf_add_str(&text, "\n  paramRef: ");
	node_put_json(&text, ref);
	buf_add_char(&text, '\n');
	put(w, ref, import_span(w->i, &text));
}

/* The strongest: an audit annotation is made of every decision as it is. */
static const char *action_of(struct writing *w)
{
	const struct node *list = import_list(w->i, w->of_binding, "validationActions");
	const char *action = NULL;

	if (list)
		node_foreach(n, list)
		{
			if (span_eq_str(n->text, "Deny"))
				action = "Deny";
			else if (span_eq_str(n->text, "Warn") && (!action || *action == 'A'))
				action = "Warn";
			else if (span_eq_str(n->text, "Audit") && !action)
				action = "Audit";
		}
	if (!action)
		errors_add_at(&w->i->ret->problems, list ? list : w->binding,
			"validationActions needs Deny, Warn or Audit");
	return action ? action : "Deny";
}

static void put_when(struct writing *w, const struct node *at)
{
	put_str(w, at, "    when:\n");
	put(w, at, import_span(w->i, &w->conditions));
}

/*
 * A matchCondition that fails denies there, whatever validations say; here a condition that is
 * false would settle it. A rule of its own, which can be false or fail, and nothing else.
 */
static void put_failing(struct writing *w, const char *action)
{
	_cleanup_(buf_free) struct buf cel = BUF_INIT(IMPORT_MAX_BYTES);

	if (!w->all.len)
		return;
	buf_printf(&cel, "(%.*s) && !(%.*s)", SPAN_FMT(import_span(w->i, &w->all)),
		SPAN_FMT(import_span(w->i, &w->all)));
	put_str(w, w->spec, "  - name: match-conditions-fail\n");
	put_str(w, w->spec, "    when:\n");
	put(w, w->spec, (struct span){import_span(w->i, &w->conditions).ptr, w->before_those});
	put_value(w, w->spec, "    - ", import_span(w->i, &cel));
	put_value(w, w->spec, "    action: ", span_of(action));
	put_str(w, w->spec, "    message: a match condition cannot be evaluated\n");
}

/* `{{` is a template here; nothing there. */
static void put_message(struct writing *w, const struct node *n)
{
	const struct span message = import_text(n, "message"),
			  computed = import_text(n, "messageExpression"),
			  expression = import_text(n, "expression");
	_cleanup_(buf_free) struct buf text = BUF_INIT(IMPORT_MAX_BYTES),
				       cel = BUF_INIT(IMPORT_MAX_BYTES);

	if (message.len)
		buf_add_span(&text, message);
	else
		buf_printf(&text, "failed expression: %.*s", SPAN_FMT(expression));
	const struct span whole = import_span(w->i, &text);
	const bool has_template = memmem(whole.ptr, whole.len, "{{", 2) != NULL;

	if (has_template)
		json_put_string(&cel, whole);
	if (computed.len || has_template)
		put_value(w, n, "    messageExpression: ",
			computed.len ? computed : import_span(w->i, &cel));
	if (!has_template)
		put_value(w, n, "    message: ", whole);
}

static void put_validations(struct writing *w)
{
	static const char *const keys[] = {
		"expression", "message", "messageExpression", "reason", NULL};
	const struct node *list = import_list(w->i, w->spec, "validations");
	const char *action = action_of(w);
	unsigned number = 0;

	put_failing(w, action);
	if (!list || !list->count) {
		errors_add_at(&w->i->ret->problems, w->spec,
			"it has no validations, and a policy here needs rules: every decision is "
			"recorded without auditAnnotations");
		return;
	}
	node_foreach(n, list)
	{
		_cleanup_(buf_free) struct buf cel = BUF_INIT(IMPORT_MAX_BYTES),
					       name = BUF_INIT(64);
		struct span expression = import_text(n, "expression");
		const bool comments = memmem(expression.ptr ? expression.ptr : "", expression.len,
					      "//", 2) != NULL;

		import_check_keys(w->i, n, keys);
		if (node_get(n, "reason"))
			errors_add_at(&w->i->ret->notes, node_get(n, "reason"),
				"note: the answer's reason and code are those of any denial");
		buf_printf(&name, "  - name: validation-%u\n", ++number);
		put(w, n, import_span(w->i, &name));
		put_when(w, n);
		buf_printf(&cel, "!(%.*s%s)", SPAN_FMT(expression), comments ? "\n" : "");
		put_value(w, n, "    - ", import_span(w->i, &cel));
		put_value(w, n, "    action: ", span_of(action));
		put_message(w, n);
	}
}

static void put_mutations(struct writing *w)
{
	static const char *const keys[] = {"patchType", "jsonPatch", "applyConfiguration", NULL};
	static const char *const patch_keys[] = {"expression", NULL};
	const struct node *list = import_list(w->i, w->spec, "mutations");
	unsigned number = 0;

	if (!list || !list->count) {
		errors_add_at(&w->i->ret->problems, w->spec, "it has no mutations");
		return;
	}
	node_foreach(n, list)
	{
		_cleanup_(buf_free) struct buf name = BUF_INIT(64);
		const struct node *patch = node_get(n, "jsonPatch");

		import_check_keys(w->i, n, keys);
		if (!patch) {
			errors_add_at(&w->i->ret->problems, n,
				"an applyConfiguration cannot be carried over: write its Object{} "
				"as a mergePatch, or as a jsonPatch");
			continue;
		}
		import_check_keys(w->i, patch, patch_keys);
		buf_printf(&name, "  - name: mutation-%u\n", ++number);
		put(w, n, import_span(w->i, &name));
		if (w->conditions.len)
			put_when(w, n);
		put_str(w, n, "    action: Mutate\n    mutate:\n      jsonPatch:\n");
		put_value(w, n, "        expression: ", import_text(patch, "expression"));
	}
}

static const char *const policy_keys[] = {"failurePolicy", "paramKind", "matchConstraints",
	"matchConditions", "variables", "validations", "auditAnnotations", "mutations",
	"reinvocationPolicy", NULL};
static const char *const binding_keys[] = {
	"policyName", "paramRef", "matchResources", "validationActions", NULL};

static void note_rest(struct writing *w)
{
	const struct node *annotations = node_get(w->spec, "auditAnnotations"),
			  *again = node_get(w->spec, "reinvocationPolicy");

	if (annotations)
		errors_add_at(&w->i->ret->notes, annotations,
			"note: left out: each decision is recorded, and annotates the audit event");
	if (again && span_eq_str(again->text, "IfNeeded"))
		errors_add_at(&w->i->ret->notes, again,
			"note: the webhook's registration says whether it is asked again, for all "
			"policies");
}

/* Is there a ValidatingAdmissionPolicy of this name, too? Names are of one kind here. */
static bool is_taken(const struct import *i, struct span name)
{
	for (const struct import_object *o = i->first; o; o = o->next)
		if (!o->binding && !o->mutates &&
			span_eq(import_text(node_get(o->root, "metadata"), "name"), name))
			return true;
	return false;
}

static void put_name(struct writing *w, bool mutates, bool several)
{
	_cleanup_(buf_free) struct buf name = BUF_INIT(1024);

	buf_add_span(&name, import_text(node_get(w->policy, "metadata"), "name"));
	if (mutates && is_taken(w->i, import_span(w->i, &name)))
		buf_add_str(&name, ".mutating");
	if (several) {
		buf_add_char(&name, '.');
		buf_add_span(&name, import_text(node_get(w->binding, "metadata"), "name"));
	}
	put_str(w, w->policy,
		"apiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata:\n");
	put_value(w, w->policy, "  name: ", import_span(w->i, &name));
}

static void write_document(struct writing *w, bool mutates, bool several)
{
	const struct node *constraints = node_get(w->spec, "matchConstraints"),
			  *resources = node_get(w->of_binding, "matchResources");
	_cleanup_(buf_free) struct buf match = BUF_INIT(IMPORT_MAX_BYTES);
	const char *failure = import_is(w->spec, "failurePolicy", "Ignore") ? "Ignore" : "Fail";

	import_check_keys(w->i, w->spec, policy_keys);
	import_check_keys(w->i, w->of_binding, binding_keys);
	put_name(w, mutates, several);
	put_str(w, w->spec, "spec:\n");
	put_value(w, w->spec, "  failurePolicy: ", span_of(failure));
	put_params(w);
	if (!constraints) {
		errors_add_at(&w->i->ret->problems, w->spec, "it has no matchConstraints");
		return;
	}
	import_put_match(w->i, &match, constraints, resources);
	put_str(w, constraints, "  match:\n");
	put(w, constraints, import_span(w->i, &match));
	put_variables(w);
	import_conditions(w->i, constraints, false, add_condition, w);
	import_conditions(w->i, resources, true, add_condition, w);
	add_match_conditions(w);
	put_str(w, w->spec, "  rules:\n");
	if (mutates)
		put_mutations(w);
	else
		put_validations(w);
	note_rest(w);
}

/* ---- what the loader says ---- */

/* "recorded:12:5: message" is of what line 12 was made of. */
static void take_complaint(struct writing *w, struct span line)
{
	const char *colon = memchr(line.ptr, ':', line.len);
	const unsigned long number = colon ? strtoul(colon + 1, NULL, 10) : 0;
	const struct node *at =
		number < LINES_MAX && w->lines[number] ? w->lines[number] : w->policy;
	const char *message = line.ptr;

	for (int k = 0; k < 3 && message; k++) {
		message = memchr(message, ':', line.len - (size_t)(message - line.ptr));
		message = message ? message + 1 : NULL;
	}
	if (!message)
		message = line.ptr - 1;
	errors_add_at(&w->i->ret->problems, at, "%.*s",
		(int)(line.len - (size_t)(message + 1 - line.ptr)), message + 1);
}

static void check_loads(struct writing *w)
{
	struct policy_set *set = NULL;
	struct yaml_errors errors = {0};
	struct span text;

	if (policy_set_load_recorded(import_span(w->i, &w->out), &set, &errors) == 0) {
		policy_set_unref(set);
		buf_free(&errors.text);
		return;
	}
	text = buf_span(&errors.text);
	while (text.len) {
		const char *end = memchr(text.ptr, '\n', text.len);
		const size_t len = end ? (size_t)(end - text.ptr) : text.len;

		if (len)
			take_complaint(w, (struct span){text.ptr, len});
		text = (struct span){
			text.ptr + len + (end ? 1 : 0), text.len - len - (end ? 1 : 0)};
	}
	if (!errors.count)
		errors_add_at(&w->i->ret->problems, w->policy, "there is not enough memory");
	buf_free(&errors.text);
}

void import_write(struct import *i, const struct import_object *policy,
	const struct import_object *binding, bool several)
{
	struct writing *w = arena_calloc(i->arena, 1, sizeof(*w));
	const unsigned before = i->ret->problems.count;

	if (!w) {
		errors_add_at(&i->ret->problems, policy->root, "there is not enough memory");
		i->ret->left_out++;
		return;
	}
	*w = (struct writing){.i = i,
		.policy = policy->root,
		.binding = binding->root,
		.spec = node_get(policy->root, "spec"),
		.of_binding = node_get(binding->root, "spec"),
		.out = BUF_INIT(IMPORT_MAX_BYTES),
		.conditions = BUF_INIT(IMPORT_MAX_BYTES),
		.all = BUF_INIT(IMPORT_MAX_BYTES),
		.line = 1};
	if (!w->spec)
		errors_add_at(&i->ret->problems, policy->root, "it has no spec");
	else
		write_document(w, policy->mutates, several);
	if (i->ret->problems.count == before)
		check_loads(w);
	if (i->failed || w->out.failed || w->conditions.failed || w->all.failed)
		errors_add_at(&i->ret->problems, policy->root, "it is too large");
	if (i->ret->problems.count == before) {
		if (i->ret->text.len)
			buf_add_str(&i->ret->text, "---\n");
		buf_add_span(&i->ret->text, buf_span(&w->out));
		i->ret->written++;
	} else {
		i->ret->left_out++;
	}
	buf_free(&w->out);
	buf_free(&w->conditions);
	buf_free(&w->all);
}

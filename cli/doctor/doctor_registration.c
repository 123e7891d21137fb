/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The webhook configurations, as the API server has them, against those of manifests/base: wide
 * enough, fail closed, and with no exemption that somebody could make use of.
 */
#include <stdio.h>

#include "cli/doctor/doctor_internal.h"
#include "policy/registration.h"

#define APPLY "kubectl apply -k DIR/registration (made by manifests/apiserver/render)"

enum kind { VALIDATE, NAMESPACES, MUTATE };

static const struct {
	const char *name;
	enum kind kind;
} known[] = {{"validate.holdpoint.dev", VALIDATE}, {"namespaces.holdpoint.dev", NAMESPACES},
	{"mutate.holdpoint.dev", MUTATE}};

/* ---- finding them ---- */

struct webhook {
	const struct json_doc *doc;
	json_ref ref;
	const char *name;
	enum kind kind;
};

static bool next_of(struct doctor *d, const struct json_doc *doc, size_t *skip, struct webhook *ret)
{
	size_t n = 0;

	json_foreach (config, doc, json_get_str(doc, JSON_ROOT, "items")) {
		json_foreach (hook, doc, json_get_str(doc, config, "webhooks")) {
			const char *name = doctor_field(d, doc, hook, "/name");

			for (size_t i = 0; i < ARRAY_LEN(known); i++) {
				if (strcmp(name, known[i].name) != 0 || n++ < *skip)
					continue;
				*skip = n;
				*ret = (struct webhook){doc, hook, name, known[i].kind};
				return true;
			}
		}
	}
	return false;
}

static void each(struct doctor *d, void (*look)(struct doctor *d, const struct webhook *w))
{
	const struct json_doc *const docs[] = {&d->validating, &d->mutating};
	struct webhook w;

	for (size_t i = 0; i < ARRAY_LEN(docs); i++)
		for (size_t skip = 0; next_of(d, docs[i], &skip, &w);)
			look(d, &w);
}

static bool has(struct doctor *d, enum kind kind)
{
	const struct json_doc *doc = kind == MUTATE ? &d->mutating : &d->validating;
	struct webhook w;

	for (size_t skip = 0; next_of(d, doc, &skip, &w);)
		if (w.kind == kind)
			return true;
	return false;
}

void doctor_check_registration(struct doctor *d)
{
	static const char *const without[] = {[VALIDATE] = "nothing is guarded at admission",
		[NAMESPACES] = ("the Namespaces " REGISTRATION_EXEMPT_TEXT
				" themselves are deleted and relabelled unasked"),
		[MUTATE] = "Mutate rules do nothing, and kubectl holdpoint list shows nothing"};
	size_t missing = 0;

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (has(d, known[i].kind))
			continue;
		missing++;
		doctor_fail(d, APPLY, "%s is not registered: %s", known[i].name,
			without[known[i].kind]);
	}
	if (missing == 0)
		doctor_ok(d, "all three webhooks are registered");
}

/* ---- wide enough ---- */

static bool list_has(const struct json_doc *doc, json_ref list, const char *text)
{
	json_foreach (item, doc, list)
		if (json_string_is(doc, item, span_of(text)))
			return true;
	return false;
}

static bool has_operations(const struct json_doc *doc, json_ref rule, enum kind kind)
{
	static const char *const all[] = {"CREATE", "UPDATE", "DELETE", "CONNECT"};
	json_ref list = json_get_str(doc, rule, "operations");
	size_t needed = kind == MUTATE ? 2 : ARRAY_LEN(all), found = 0;

	if (list_has(doc, list, "*"))
		return true;
	for (size_t i = 0; i < needed; i++)
		found += list_has(doc, list, all[i]);
	return found == needed;
}

static bool is_wide(const struct json_doc *doc, json_ref rule, enum kind kind)
{
	json_ref scope = json_get_str(doc, rule, "scope");
	const char *group = kind == NAMESPACES ? "" : "*";
	const char *resource = kind == NAMESPACES ? "namespaces" : "*/*";

	return has_operations(doc, rule, kind) &&
	       (list_has(doc, json_get_str(doc, rule, "apiGroups"), group) ||
		       list_has(doc, json_get_str(doc, rule, "apiGroups"), "*")) &&
	       list_has(doc, json_get_str(doc, rule, "apiVersions"), "*") &&
	       list_has(doc, json_get_str(doc, rule, "resources"), resource) &&
	       (kind != NAMESPACES ||
		       list_has(doc, json_get_str(doc, rule, "resources"), "namespaces/*")) &&
	       (scope == JSON_NONE || json_string_is(doc, scope, SPAN("*")) || kind == NAMESPACES);
}

static void look_at_rules(struct doctor *d, const struct webhook *w)
{
	json_foreach (rule, w->doc, json_get_str(w->doc, w->ref, "rules")) {
		if (is_wide(w->doc, rule, w->kind)) {
			doctor_ok(d, "%s is asked about everything that it should be", w->name);
			return;
		}
	}
	doctor_fail(d, APPLY,
		"%s: no rule covers every operation, group, version and resource (\"*/*\"): what "
		"it leaves out passes unasked",
		w->name);
}

void doctor_check_rules(struct doctor *d)
{
	each(d, look_at_rules);
}

/* ---- single fields ---- */

static void look_at_failure_policy(struct doctor *d, const struct webhook *w)
{
	const char *policy = doctor_field(d, w->doc, w->ref, "/failurePolicy");

	if (strcmp(policy, "Fail") == 0)
		doctor_ok(d, "%s: Fail", w->name);
	else
		doctor_fail(d, APPLY,
			"%s has failurePolicy %s: whatever Holdpoint does not answer in time "
			"passes unguarded",
			w->name, policy);
}

void doctor_check_failure_policy(struct doctor *d)
{
	each(d, look_at_failure_policy);
}

static void look_at_match_policy(struct doctor *d, const struct webhook *w)
{
	const char *policy = doctor_field(d, w->doc, w->ref, "/matchPolicy");

	if (strcmp(policy, "Equivalent") == 0)
		doctor_ok(d, "%s: Equivalent", w->name);
	else
		doctor_fail(d, APPLY, "%s has matchPolicy %s: other versions of an API pass by",
			w->name, policy);
}

void doctor_check_match_policy(struct doctor *d)
{
	each(d, look_at_match_policy);
}

static void look_at_timeout(struct doctor *d, const struct webhook *w)
{
	const char *effects = doctor_field(d, w->doc, w->ref, "/sideEffects");
	int seconds = atoi(doctor_field(d, w->doc, w->ref, "/timeoutSeconds"));

	if (strcmp(effects, "NoneOnDryRun") != 0 && strcmp(effects, "None") != 0)
		doctor_fail(
			d, APPLY, "%s has sideEffects %s: dry runs are refused", w->name, effects);
	else if (w->kind == VALIDATE && seconds < 10)
		doctor_warn(d, APPLY,
			"%s has a timeout of %d s: a hold with `wait` waits two seconds less than "
			"that",
			w->name, seconds);
	else
		doctor_ok(d, "%s: %d s, sideEffects %s", w->name, seconds, effects);
}

void doctor_check_timeouts(struct doctor *d)
{
	each(d, look_at_timeout);
}

/* ---- whom they name ---- */

/* "https://host:443/validate?x" or a Service's path: from the first slash behind the host on. */
static const char *path_of(struct doctor *d, const struct webhook *w)
{
	const char *url = doctor_field(d, w->doc, w->ref, "/clientConfig/url");
	const char *host = strstr(url, "://"), *path;

	if (!host)
		return doctor_field(d, w->doc, w->ref, "/clientConfig/service/path");
	path = strchr(host + 3, '/');
	return path ? doctor_text(d, "%.*s", (int)strcspn(path, "?#"), path) : "";
}

static const char *address_of(struct doctor *d, const struct webhook *w)
{
	const char *url = doctor_field(d, w->doc, w->ref, "/clientConfig/url");
	const char *host = strstr(url, "://");

	if (host)
		return doctor_text(d, "%.*s", (int)strcspn(host + 3, "/?#"), host + 3);
	return doctor_text(d, "%s.%s.svc:%s",
		doctor_field(d, w->doc, w->ref, "/clientConfig/service/name"),
		doctor_field(d, w->doc, w->ref, "/clientConfig/service/namespace"),
		doctor_field(d, w->doc, w->ref, "/clientConfig/service/port"));
}

static void look_at_path(struct doctor *d, const struct webhook *w)
{
	const char *path = path_of(d, w), *right = w->kind == MUTATE ? "/mutate" : "/validate";

	if (strcmp(path, right) == 0)
		doctor_ok(d, "%s asks %s", w->name, path);
	else
		doctor_fail(d, APPLY, "%s asks %s and not %s: %s", w->name, *path ? path : "/",
			right,
			w->kind != MUTATE && strcmp(path, "/mutate") == 0
				? "nothing is held or denied there, and everything passes"
				: "nobody answers there as it should");
}

/* One daemon is behind all of them; another address may be another program's. */
static void look_at_address(struct doctor *d, const struct webhook *w)
{
	const char *address = address_of(d, w);

	d->webhook_address = d->webhook_address ? d->webhook_address : address;
	if (strcmp(address, d->webhook_address) != 0)
		doctor_fail(d, APPLY,
			"%s asks %s, others of Holdpoint's webhooks %s: who answers there?",
			w->name, address, d->webhook_address);
}

void doctor_check_addresses(struct doctor *d)
{
	d->webhook_address = NULL;
	each(d, look_at_path);
	each(d, look_at_address);
}

/* ---- exemptions ---- */

static bool is_exempt(const struct json_doc *doc, json_ref value)
{
	for (size_t i = 0; i < REGISTRATION_EXEMPT_COUNT; i++)
		if (json_string_is(doc, value, span_of(registration_exempt[i])))
			return true;
	return false;
}

/* What the one webhook leaves out, the other must be asked about. */
static void look_at_covered(
	struct doctor *d, const struct webhook *w, const char *operator, json_ref values)
{
	for (size_t i = 0; i < REGISTRATION_EXEMPT_COUNT; i++) {
		bool named = list_has(w->doc, values, registration_exempt[i]);

		if (strcmp(operator, "Exists") == 0 || named == (strcmp(operator, "In") == 0))
			continue;
		doctor_fail(d, APPLY,
			"%s is not asked about the Namespace %s: whoever may delete or relabel it "
			"does so unasked",
			w->name, registration_exempt[i]);
	}
}

/* NotIn of the label that the API server sets itself; of NAMESPACES In. */
static void look_at_expression(struct doctor *d, const struct webhook *w, json_ref expression)
{
	const char *key = doctor_field(d, w->doc, expression, "/key");
	const char *operator= doctor_field(d, w->doc, expression, "/operator");

	if (strcmp(key, "kubernetes.io/metadata.name") != 0) {
		doctor_fail(d, APPLY,
			"%s looks at the namespace label %s, which whoever may write Namespaces "
			"can set",
			w->name, key);
		return;
	}
	if (w->kind == NAMESPACES) {
		look_at_covered(d, w, operator, json_get_str(w->doc, expression, "values"));
		return;
	}
	if (strcmp(operator, "NotIn") != 0) {
		doctor_fail(d, APPLY, "%s is asked about named namespaces only (%s)",
			w->name, operator);
		return;
	}
	json_foreach (value, w->doc, json_get_str(w->doc, expression, "values"))
		if (!is_exempt(w->doc, value))
			doctor_warn(d, APPLY,
				"%s leaves the namespace %s out: nothing in it is guarded", w->name,
				doctor_field(d, w->doc, value, ""));
}

static bool is_empty(const struct json_doc *doc, json_ref selector)
{
	json_ref labels = json_get_str(doc, selector, "matchLabels");
	json_ref expressions = json_get_str(doc, selector, "matchExpressions");

	return (labels == JSON_NONE || json_node(doc, labels)->count == 0) &&
	       (expressions == JSON_NONE || json_node(doc, expressions)->count == 0);
}

static void look_at_selectors(struct doctor *d, const struct webhook *w)
{
	json_ref namespaces = json_get_str(w->doc, w->ref, "namespaceSelector");
	size_t before = d->count;

	if (!is_empty(w->doc, json_get_str(w->doc, w->ref, "objectSelector")))
		doctor_fail(d, APPLY,
			"%s has an objectSelector: who writes an object chooses its labels, and is "
			"guarded or not by them",
			w->name);
	json_foreach_member (label, w->doc, json_get_str(w->doc, namespaces, "matchLabels")) {
		doctor_fail(d, APPLY, "%s is asked about namespaces with a label only (%s)",
			w->name, doctor_field(d, w->doc, label, ""));
		break;
	}
	json_foreach (expression, w->doc, json_get_str(w->doc, namespaces, "matchExpressions"))
		look_at_expression(d, w, expression);
	if (d->count == before)
		doctor_ok(d, "%s leaves out no more than " REGISTRATION_EXEMPT_TEXT, w->name);
}

void doctor_check_selectors(struct doctor *d)
{
	each(d, look_at_selectors);
}

static bool is_known_condition(const char *expression)
{
	static const char *const shipped[] = {"!('system:nodes' in request.userInfo.groups)",
		"request.resource.group != 'coordination.k8s.io'",
		("!(request.resource.resource == 'events' && request.resource.group in ['', "
		 "'events.k8s.io'])")};

	for (size_t i = 0; i < ARRAY_LEN(shipped); i++)
		if (strcmp(expression, shipped[i]) == 0)
			return true;
	return false;
}

static void look_at_conditions(struct doctor *d, const struct webhook *w)
{
	size_t before = d->count;

	json_foreach (condition, w->doc, json_get_str(w->doc, w->ref, "matchConditions")) {
		const char *expression = doctor_field(d, w->doc, condition, "/expression");

		if (!is_known_condition(expression))
			doctor_warn(d, APPLY, "%s is not asked unless %s", w->name, expression);
	}
	if (d->count == before)
		doctor_ok(d, "%s has no conditions but those of the manifests", w->name);
}

void doctor_check_conditions(struct doctor *d)
{
	each(d, look_at_conditions);
}

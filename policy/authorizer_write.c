/* SPDX-License-Identifier: Apache-2.0 */
/* Writes an AuthorizationConfiguration for a set of policies; see authorizer.h. */
#include "policy/authorizer.h"
#include "policy/set_internal.h"

#define EXPRESSION_MAX (1u << 20)

/*
 * Whom an API server without answer must not lose: itself, its nodes and controllers, the guard,
 * and those who mend a cluster. Only left out where a policy concerns everybody.
 */
#define EXEMPT                                                                                     \
	"!('system:masters' in request.groups || 'system:nodes' in request.groups || "             \
	"'system:serviceaccounts:kube-system' in request.groups || "                               \
	"'system:serviceaccounts:holdpoint-system' in request.groups || "                          \
	"request.user in ['system:apiserver', 'system:kube-controller-manager', "                  \
	"'system:kube-scheduler', 'system:kube-proxy', 'system:anonymous'])"

/* A CEL string. */
static void put_string(struct buf *out, struct span s)
{
	buf_add_char(out, '\'');
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\'' || s.ptr[i] == '\\')
			buf_add_char(out, '\\');
		buf_add_char(out, s.ptr[i]);
	}
	buf_add_char(out, '\'');
}

/* The regular expression of a glob, without its anchors; then as a CEL string. */
static void put_regex(struct buf *regex, struct span glob)
{
	for (size_t i = 0; i < glob.len; i++) {
		char c = glob.ptr[i];

		if (c == '*')
			buf_add_str(regex, ".*");
		else if (c == '?')
			buf_add_char(regex, '.');
		else if (strchr("\\.+^$|()[]{}", c))
			buf_printf(regex, "\\%c", c);
		else
			buf_add_char(regex, c);
	}
}

/* `VALUE matches one of these patterns`, joined to one. */
static void put_glob(struct buf *out, const char *value, struct span a, struct span b)
{
	_cleanup_(buf_free) struct buf regex = BUF_INIT(1u << 16);

	buf_add_char(&regex, '^');
	put_regex(&regex, a);
	put_regex(&regex, b);
	buf_add_char(&regex, '$');
	out->failed |= regex.failed;
	buf_printf(out, "%s.matches(", value);
	put_string(out, buf_span(&regex));
	buf_add_char(out, ')');
}

static void put_group(struct buf *out, const struct subject *s)
{
	if (!s->name.glob) {
		put_string(out, s->name.text);
		buf_add_str(out, " in request.groups");
		return;
	}
	buf_add_str(out, "request.groups.exists(g, ");
	put_glob(out, "g", s->name.text, SPAN(""));
	buf_add_char(out, ')');
}

static void put_user(struct buf *out, struct pattern name, struct span exact)
{
	if (name.glob) {
		put_glob(out, "request.user", name.text, SPAN(""));
		return;
	}
	buf_add_str(out, "request.user == ");
	put_string(out, exact);
}

/* By name, as the policies do: a review may come without the groups that an account has. */
static void put_account(struct buf *out, const struct subject *s)
{
	_cleanup_(buf_free) struct buf prefix = BUF_INIT(1u << 12);

	if (s->username.ptr) {
		put_user(out, s->name, s->username);
		return;
	}
	buf_printf(&prefix, "system:serviceaccount:%.*s:", SPAN_FMT(s->namespace_.text));
	out->failed |= prefix.failed;
	if (!s->namespace_.glob && span_eq_str(s->name.text, "*")) {
		buf_add_str(out, "request.user.startsWith(");
		put_string(out, buf_span(&prefix));
		buf_add_char(out, ')');
		return;
	}
	put_glob(out, "request.user", buf_span(&prefix), s->name.text);
}

static void put_subjects(struct buf *out, struct subjects list)
{
	for (size_t i = 0; i < list.count; i++) {
		buf_add_str(out, i ? " || " : "");
		switch (list.items[i].kind) {
		case SUBJECT_GROUP:
			put_group(out, &list.items[i]);
			break;
		case SUBJECT_USER:
			put_user(out, list.items[i].name, list.items[i].name.text);
			break;
		case SUBJECT_SERVICE_ACCOUNT:
			put_account(out, &list.items[i]);
			break;
		case SUBJECT_SET:
			break; /* replaced by its subjects when it was compiled */
		}
	}
}

static bool same_subjects(struct subjects a, struct subjects b)
{
	if (a.count != b.count)
		return false;
	for (size_t i = 0; i < a.count; i++)
		if (a.items[i].kind != b.items[i].kind ||
			!span_eq(a.items[i].name.text, b.items[i].name.text) ||
			!span_eq(a.items[i].namespace_.text, b.items[i].namespace_.text))
			return false;
	return true;
}

static bool asks_at_authorization(const struct policy *p)
{
	for (size_t i = 0; i < p->rule_count; i++)
		for (size_t k = 0; k < p->rules[i].match_count; k++)
			if (match_is_access(&p->rules[i].matches[k]))
				return true;
	return false;
}

static bool stands_above(const struct policy_set *s, size_t index)
{
	const struct policy *p = s->policies[index];

	for (size_t i = 0; i < index; i++)
		if (asks_at_authorization(s->policies[i]) &&
			same_subjects(s->policies[i]->subjects, p->subjects) &&
			same_subjects(s->policies[i]->exclude_subjects, p->exclude_subjects))
			return true;
	return false;
}

static void put_policy(struct buf *out, const struct policy *p)
{
	bool both = p->exclude_subjects.count > 0;

	buf_add_char(out, '(');
	if (p->subjects.count)
		put_subjects(out, p->subjects);
	else
		buf_add_str(out, EXEMPT);
	buf_add_char(out, ')');
	if (!both)
		return;
	buf_add_str(out, " && !(");
	put_subjects(out, p->exclude_subjects);
	buf_add_char(out, ')');
}

static void put_expression(struct buf *out, const struct policy_set *s, bool *ret_everyone)
{
	bool first = true;

	*ret_everyone = false;
	for (size_t i = 0; i < s->policy_count; i++) {
		const struct policy *p = s->policies[i];

		if (!asks_at_authorization(p) || stands_above(s, i))
			continue;
		*ret_everyone |= !p->subjects.count;
		buf_add_str(out, first ? "" : " || ");
		put_policy(out, p);
		first = false;
	}
	if (first)
		buf_add_str(out, "false");
}

void authorizer_put_config(struct buf *out, const struct policy_set *s,
	const struct authorizer_options *options, bool *ret_everyone)
{
	_cleanup_(buf_free) struct buf expression = BUF_INIT(EXPRESSION_MAX);

	put_expression(&expression, s, ret_everyone);
	out->failed |= expression.failed;
	buf_printf(out,
		"# --authorization-config, in place of --authorization-mode: an API server with "
		"both does not start.\n"
		"# Make it anew when subjects of the policies change; made for\n# %s.\n"
		"# Holdpoint says \"denied\" or has no opinion; Node and RBAC, asked after it, "
		"decide what is allowed.\n"
		"# Nothing is cached, so that an approval counts at once.\n"
		"apiVersion: apiserver.config.k8s.io/%s\n"
		"kind: AuthorizationConfiguration\n"
		"authorizers:\n"
		"- type: Webhook\n"
		"  name: holdpoint\n"
		"  webhook:\n"
		"    timeout: %us\n"
		"    subjectAccessReviewVersion: v1\n"
		"    matchConditionSubjectAccessReviewVersion: v1\n"
		"    failurePolicy: Deny\n"
		"%s",
		policy_set_digest(s), options->minor < AUTHORIZER_MINOR_V1 ? "v1beta1" : "v1",
		AUTHORIZER_TIMEOUT_S,
		options->minor < AUTHORIZER_MINOR_UNCACHED
			? "    authorizedTTL: 1ns\n" /* 0 would be the default, minutes */
			  "    unauthorizedTTL: 1ns\n"
			: "    authorizedTTL: 1s\n"
			  "    unauthorizedTTL: 1s\n"
			  "    cacheAuthorizedRequests: false\n"
			  "    cacheUnauthorizedRequests: false\n");
	buf_printf(out,
		"    connectionInfo:\n"
		"      type: KubeConfigFile\n"
		"      kubeConfigFile: %s/authorization-webhook.kubeconfig\n"
		"    matchConditions:\n"
		"    # Who is asked about. With Holdpoint away these are refused, everybody else "
		"goes on.\n"
		"    - expression: ",
		options->dir);
	json_put_string(out, buf_span(&expression));
	buf_add_str(out, "\n"
			 "- type: Node\n"
			 "  name: node\n"
			 "- type: RBAC\n"
			 "  name: rbac\n");
}

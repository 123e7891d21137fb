/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with the text of a policy is said, all of it, with its place. */
#include "support/run_tests.h"
#include "unit/policy_support.h"

#define HEAD                                                                                       \
	"apiVersion: holdpoint.dev/v1alpha1\n"                                                     \
	"kind: GuardrailPolicy\n"                                                                  \
	"metadata:\n"                                                                              \
	"  name: p\n"                                                                              \
	"spec:\n"
#define MATCH "{apiGroups: [''], resources: [pods], operations: [CREATE]}"
#define RULE                                                                                       \
	"  rules:\n"                                                                               \
	"  - name: r\n"                                                                            \
	"    action: Deny\n"                                                                       \
	"    match:\n"                                                                             \
	"    - " MATCH "\n"
#define SET(spec)                                                                                  \
	"---\napiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailSet\n"                            \
	"metadata: {name: s}\nspec: " spec "\n"

struct refusal {
	const char *expected; /* one line of the errors, whole */
	const char *yaml;
};

static const struct refusal refusals[] = {
	/* YAML itself */
	{"t.yaml:2:1: did not find expected node content while parsing a flow node", "a: [\n"},
	{"t.yaml:2:1: found character that cannot start any token while scanning for the next token"
	 "; this line is indented with a tab: YAML wants spaces",
		"metadata:\n\tname: x\n"},
	{"t.yaml:3:11: mapping values are not allowed in this context; is a colon missing on the "
	 "line above, or a text with \": \" not quoted?",
		"spec:\n  metadata\n    labels: x\n"},
	{"t.yaml:3:1: could not find expected ':' while scanning a simple key; is a colon missing, "
	 "or the space behind it?",
		"kind: x\nname:x\nspec: 1\n"},
	{"t.yaml:3:2: did not find expected key while parsing a block mapping; is this line "
	 "indented like those above it?",
		"spec:\n  a: 1\n b: 2\n"},
	{"t.yaml:4:3: metadata must be an object, not a string; is the colon and a space missing "
	 "after \"name\"?",
		"apiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata:\n  name p\n"},
	{"t.yaml:1:4: anchors and aliases are not supported: write the value out", "a: &x 1\n"},
	{"t.yaml:1:4: anchors and aliases are not supported: write the value out", "a: *x\n"},
	{"t.yaml:1:4: tags are not supported: leave it out", "a: !!str 1\n"},
	{"t.yaml:2:1: merge keys are not supported: write the values out", "b: 1\n<<: {}\n"},
	{"t.yaml:2:1: duplicate key \"a\"", "a: 1\na: 2\n"},
	{"t.yaml:1:3: a key must be a string", "? [x]\n: 1\n"},
	{"t.yaml:1:49: nested too deeply",
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["},
	{"no policy found: give a file, or a folder with *.yaml files", "---\n---\n"},

	/* the head */
	{"t.yaml:1:1: a document must be an object of kind GuardrailPolicy, not a list", "- a\n"},
	{"t.yaml:1:1: a document needs apiVersion: holdpoint.dev/v1alpha1 and kind: "
	 "GuardrailPolicy",
		"kind: GuardrailPolicy\n"},
	{"t.yaml:1:13: apiVersion must be holdpoint.dev/v1alpha1, not \"v1\"",
		"apiVersion: v1\nkind: GuardrailPolicy\n"},
	{"t.yaml:2:7: kind must be GuardrailPolicy, not \"Pod\"",
		"apiVersion: holdpoint.dev/v1alpha1\nkind: Pod\n"},
	{"t.yaml:1:1: GuardrailPolicy needs the field \"metadata\"",
		"apiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nspec: {rules: []}\n"},
	{"t.yaml:3:18: a policy's name is made of lower-case letters, digits, \"-\" and \".\"",
		"apiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata: {name: P}\n"},

	/* fields */
	{"t.yaml:6:3: unknown field \"subject\" in spec; did you mean \"subjects\"?",
		HEAD "  subject: []\n" RULE},
	{"t.yaml:6:3: unknown field \"validations\" in spec: write rules with action: Deny",
		HEAD "  validations: []\n" RULE},
	{"t.yaml:6:3: unknown field \"zzz\" in spec", HEAD "  zzz: 1\n" RULE},
	{"t.yaml:6:16: enforcement \"enforce\" is not known; did you mean \"Enforce\"?",
		HEAD "  enforcement: enforce\n" RULE},
	{"t.yaml:6:11: record \"Some\" is not known; it is one of Matches, All",
		HEAD "  record: Some\n" RULE},
	{"t.yaml:6:10: rules must be a list, not a string", HEAD "  rules: x\n"},
	{"t.yaml:6:10: a policy without rules does nothing", HEAD "  rules: []\n"},
	{"t.yaml:11:14: message must be a string; put it in quotes: \"yes\"",
		HEAD RULE "    message: yes\n"},
	{"t.yaml:11:14: message must be a string; put it in quotes: \"12\"",
		HEAD RULE "    message: 12\n"},
	{"t.yaml:11:14: message must be a string, not a list", HEAD RULE "    message: [a]\n"},
	{"t.yaml:11:14: message is empty; leave it out", HEAD RULE "    message: ''\n"},

	/* subjects */
	{"t.yaml:7:12: kind \"SA\" is not known; it is one of User, Group, ServiceAccount, Set",
		HEAD "  subjects:\n  - {kind: SA, name: a}\n" RULE},
	{"t.yaml:7:34: a ServiceAccount needs its namespace",
		HEAD "  subjects:\n  - {kind: ServiceAccount, name: a}\n" RULE},
	{"t.yaml:7:38: only a ServiceAccount has a namespace",
		HEAD "  subjects:\n  - {kind: User, name: a, namespace: b}\n" RULE},
	{"t.yaml:8:24: the same subject stands above already",
		HEAD "  subjects:\n  - {kind: User, name: a}\n  - {kind: User, name: a}\n" RULE},
	{"t.yaml:9:24: this excludes the subject \"ab\" altogether",
		HEAD "  subjects:\n  - {kind: User, name: ab}\n  excludeSubjects:\n"
		     "  - {kind: User, name: a*}\n" RULE},
	{"t.yaml:7:12: kind \"Grup\" is not known; did you mean \"Group\"?",
		HEAD "  subjects:\n  - {kind: Grup, name: a}\n" RULE},

	/* matches */
	{"t.yaml:9:12: match is empty, so the rule would never apply",
		HEAD "  rules:\n  - name: r\n    action: Deny\n    match: []\n"},
	{"t.yaml:9:13: match needs apiGroups, resources and operations or verbs",
		HEAD "  rules:\n  - name: r\n    action: Deny\n    match: [{}]\n"},
	{"t.yaml:9:45: match needs \"apiGroups\" (\"\" is the core group, \"*\" any)",
		HEAD "  rules:\n  - name: r\n    action: Deny\n"
		     "    match: [{resources: [pods], operations: [CREATE]}]\n"},
	{"t.yaml:9:25: match needs \"operations\" (CREATE, UPDATE, DELETE, CONNECT) or \"verbs\"",
		HEAD "  rules:\n  - name: r\n    action: Deny\n"
		     "    match: [{resources: [pods], apiGroups: ['']}]\n"},
	{"t.yaml:9:76: operations (admission) and verbs (authorization) exclude each other: write "
	 "two rules",
		HEAD "  rules:\n  - name: r\n    action: Deny\n    match: "
		     "[{resources: [pods], apiGroups: [''], operations: ['*'], verbs: [get]}]\n"},
	{"t.yaml:9:63: admission has no operation \"get\"; write a rule with \"verbs\", which "
	 "works "
	 "at authorization",
		HEAD "  rules:\n  - name: r\n    action: Deny\n    match: "
		     "[{resources: [pods], apiGroups: [''], operations: [get]}]\n"},
	{"t.yaml:9:63: operation \"create\" is not known; did you mean \"CREATE\"?",
		HEAD "  rules:\n  - name: r\n    action: Deny\n    match: "
		     "[{resources: [pods], apiGroups: [''], operations: [create]}]\n"},
	{"t.yaml:9:71: \"*\" in operations already means all the others",
		HEAD "  rules:\n  - name: r\n    action: Deny\n    match: "
		     "[{resources: [pods], apiGroups: [''], operations: [CREATE, '*']}]\n"},
	{"t.yaml:9:26: write the plural resource name in lower case (\"pods\", not \"Pod\")",
		HEAD "  rules:\n  - name: r\n    action: Deny\n    match: "
		     "[{resources: [Pod], apiGroups: [''], operations: [CREATE]}]\n"},
	{"t.yaml:9:26: \"*\" stands for a whole resource or subresource, not for a part of a name",
		HEAD "  rules:\n  - name: r\n    action: Deny\n    match: "
		     "[{resources: ['po*'], apiGroups: [''], operations: [CREATE]}]\n"},
	{"t.yaml:9:45: write the group without its version (\"apps\", not \"apps/v1\")",
		HEAD "  rules:\n  - name: r\n    action: Deny\n    match: "
		     "[{resources: [pods], apiGroups: [apps/v1], operations: [CREATE]}]\n"},
	{"t.yaml:9:45: the core group is written \"\"",
		HEAD "  rules:\n  - name: r\n    action: Deny\n    match: "
		     "[{resources: [pods], apiGroups: [core], operations: [CREATE]}]\n"},
	{"t.yaml:9:32: resources names \"pods\" twice",
		HEAD "  rules:\n  - name: r\n    action: Deny\n    match: "
		     "[{resources: [pods, pods], apiGroups: [''], operations: [CREATE]}]\n"},
	{"t.yaml:9:28: unknown field \"scope\" in match: a rule without \"namespaces\" matches "
	 "both "
	 "scopes",
		HEAD "  rules:\n  - name: r\n    action: Deny\n    match: "
		     "[{verbs: [get], scope: '*', apiGroups: [''], resources: [pods]}]\n"},
	{"t.yaml:9:46: a non-resource URL is a path that begins with \"/\"",
		HEAD "  rules:\n  - name: r\n    action: Deny\n    match: "
		     "[{verbs: [get], nonResourceURLs: [metrics]}]\n"},

	/* actions */
	{"t.yaml:7:5: rule needs the field \"action\"",
		HEAD "  rules:\n  - name: r\n    match: [" MATCH "]\n"},
	{"t.yaml:11:11: \"hold\" needs action: Hold", HEAD RULE "    hold: {}\n"},
	{"t.yaml:9:21: expires must be 1s to 720h, not 0s",
		HEAD "  rules:\n  - name: r\n    action: Hold\n    hold: {expires: 0s}\n"
		     "    match: [" MATCH "]\n"},
	{"t.yaml:9:22: expires must be a duration such as 30s, 15m or 1h30m",
		HEAD "  rules:\n  - name: r\n    action: Hold\n    hold: {expires:  soon}\n"
		     "    match: [" MATCH "]\n"},
	{"t.yaml:9:22: maxUses needs grant: Window",
		HEAD "  rules:\n  - name: r\n    action: Hold\n    hold: {maxUses:  3}\n"
		     "    match: [" MATCH "]\n"},
	{"t.yaml:9:19: scope needs grant: Window, or allowWindow",
		HEAD "  rules:\n  - name: r\n    action: Hold\n    hold: {scope: Cluster}\n"
		     "    match: [" MATCH "]\n"},
	{"t.yaml:9:34: scope \"All\" is not known; it is one of Object, Namespace, Cluster", HEAD
		"  rules:\n  - name: r\n    action: Hold\n    hold: {grant: Window, scope: All}\n"
		"    match: [" MATCH "]\n"},
	{"t.yaml:9:40: allowWindow is for grant: Once; say \"window\" and \"maxUses\"", HEAD
		"  rules:\n  - name: r\n    action: Hold\n"
		"    hold: {grant: Window, allowWindow: {upTo: 5m}}\n    match: [" MATCH "]\n"},
	{"t.yaml:9:12: limit needs the field \"count\"",
		HEAD "  rules:\n  - name: r\n    action: Deny\n    limit: {window: 1m}\n"
		     "    match: [" MATCH "]\n"},
	{"t.yaml:9:12: \"limit\" needs action: Deny, Hold or Warn",
		HEAD "  rules:\n  - name: r\n    action: Audit\n    limit: {count: 1, window: 1m}\n"
		     "    match: [" MATCH "]\n"},
	{"t.yaml:9:12: \"limit\" needs operations: anybody may ask at authorization, in anybody's "
	 "name",
		HEAD "  rules:\n  - name: r\n    action: Deny\n    limit: {count: 1, window: 1m}\n"
		     "    match: [{apiGroups: [''], resources: [pods], verbs: [get]}]\n"},
	{"t.yaml:9:25: allowWindow needs the field \"upTo\"",
		HEAD "  rules:\n  - name: r\n    action: Hold\n    hold: {allowWindow: {}}\n"
		     "    match: [" MATCH "]\n"},
	{"t.yaml:9:32: upTo is longer than expires, after which the hold is gone", HEAD
		"  rules:\n  - name: r\n    action: Hold\n    hold: {allowWindow: {upTo: 2h}}\n"
		"    match: [" MATCH "]\n"},
	{"t.yaml:9:45: maxUses must be 1 to 1000000, not 0",
		HEAD "  rules:\n  - name: r\n    action: Hold\n"
		     "    hold: {allowWindow: {upTo: 5m, maxUses: 0}}\n    match: [" MATCH "]\n"},
	{"t.yaml:9:27: minApprovals must be 1 to 10, not 0",
		HEAD "  rules:\n  - name: r\n    action: Hold\n    hold: {minApprovals:  0}\n"
		     "    match: [" MATCH "]\n"},
	{"t.yaml:8:13: a Mutate rule needs \"mutate\"",
		HEAD "  rules:\n  - name: r\n    action: Mutate\n    match: [" MATCH "]\n"},

	/* verbs: those of Kubernetes, and one's own that are not almost those */
	{"t.yaml:10:55: verb \"gte\" is not one of Kubernetes'; did you mean \"get\"? (a verb of "
	 "your "
	 "own: \"gte*\")",
		HEAD
		"  rules:\n  - name: r\n    action: Deny\n    match:\n"
		"    - {apiGroups: [''], resources: [secrets], verbs: [gte, publish, 'gets*']}\n"},
	{"t.yaml:10:55: verbs are written in lower case",
		HEAD "  rules:\n  - name: r\n    action: Deny\n    match:\n"
		     "    - {apiGroups: [''], resources: [secrets], verbs: [Get]}\n"},

	/* between rules, also beside other mistakes */
	{"t.yaml:11:5: rule \"r\" has the name of the rule at line 7",
		HEAD RULE "  - name: r\n    action: warn\n    match: [" MATCH "]\n"},
	{"t.yaml:11:5: rule \"r\" has the name of the rule at line 7",
		HEAD RULE "  - name: r\n    action: Warn\n    match: [" MATCH "]\n"},
	{"t.yaml:11:5: rule \"s\" is the same as the rule at line 7",
		HEAD RULE "  - name: s\n    action: Deny\n    match:\n    - " MATCH "\n"},
	{"t.yaml:10:5: rule \"b\" can never apply: rule \"a\" above allows everything that it "
	 "matches",
		HEAD "  rules:\n  - name: a\n    action: Allow\n"
		     "    match: [{apiGroups: ['*'], resources: ['*/*'], operations: ['*']}]\n"
		     "  - name: b\n    action: Deny\n    match: [" MATCH "]\n"},
	{"t.yaml:15:9: a policy named \"p\" is loaded already", HEAD RULE
		"---\napiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata:\n"
		"  name: p\nspec:\n" RULE},

	/* sets */
	{"t.yaml:6:32: no GuardrailSet named \"agents\" is loaded",
		HEAD "  subjects: [{kind: Set, name: agents}]\n" RULE},
	{"t.yaml:6:32: the set \"s\" has no subjects",
		HEAD "  subjects: [{kind: Set, name: s}]\n" RULE SET("{namespaces: [a]}")},
	{"t.yaml:6:46: only a ServiceAccount has a namespace",
		HEAD "  subjects: [{kind: Set, name: s, namespace: x}]\n" RULE SET(
			"{subjects: [{kind: Group, name: g}]}")},
	{"t.yaml:6:58: the same subject stands above already",
		HEAD "  subjects: [{kind: Group, name: 'g'}, {kind: Set, name: \"s\"}]\n" RULE SET(
			"{subjects: [{kind: Group, name: g}]}")},
	{"t.yaml:7:28: this excludes the subject \"g\" altogether",
		HEAD "  subjects: [{kind: Group, name: g}]\n"
		     "  excludeSubjects: [{name: s, kind: Set}]\n" RULE SET(
			     "{subjects: [{kind: Group, name: g}]}")},
	{"t.yaml:9:85: no GuardrailSet named \"t\" is loaded",
		HEAD "  rules:\n  - name: r\n    action: Deny\n    match: [{apiGroups: [''], "
		     "resources: [pods], operations: [CREATE], namespaces: ['!@t']}]\n"},
	{"t.yaml:9:85: the set \"s\" has no namespaces",
		HEAD "  rules:\n  - name: r\n    action: Deny\n    match: [{apiGroups: [''], "
		     "resources: [pods], operations: [CREATE], namespaces: ['@s']}]\n" SET(
			     "{subjects: [{kind: Group, name: g}]}")},
	{"t.yaml:15:7: the set is empty: a rule that uses it would concern nobody, or everybody",
		HEAD RULE SET("{}")},
	{"t.yaml:15:26: a set names no other set: write its subjects out",
		HEAD RULE SET("{subjects: [{kind: Set, name: s}]}")},
	{"t.yaml:15:21: a set has plain names and globs: write \"!\" where it is used",
		HEAD RULE SET("{namespaces: ['!a']}")},
	{"t.yaml:19:18: a set named \"s\" is loaded already",
		HEAD RULE SET("{namespaces: [a]}") SET("{namespaces: [b]}")},
	{"t.yaml:14:18: a set's name is made of lower-case letters, digits, \"-\" and \".\"",
		HEAD RULE "---\napiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailSet\n"
			  "metadata: {name: S}\nspec: {namespaces: [a]}\n"},
};

START_TEST(policy_load__every_mistake_has_its_place_and_its_reason)
{
	const struct refusal *c = &refusals[_i];
	struct policy_set *s = NULL;
	struct yaml_errors errors;
	int rc = policy_set_load_text("t.yaml", span_of(c->yaml), &s, &errors);

	ck_assert_int_eq(rc, -1);
	ck_assert_ptr_null(s);
	ck_assert_uint_gt(errors.count, 0);
	if (!has_line(buf_str(&errors.text), c->expected))
		ck_abort_msg("\nexpected %s\n     got %s", c->expected, buf_str(&errors.text));
	buf_free(&errors.text);
}
END_TEST

START_TEST(policy_load__all_mistakes_are_listed_at_once)
{
	static const char *yaml =
		HEAD "  enforcment: Warn\n"
		     "  rules:\n"
		     "  - name: A_B\n"
		     "    action: Denny\n"
		     "    match: [{apiGroups: [''], resources: [Pods], operations: [READ]}]\n";
	struct policy_set *s = NULL;
	struct yaml_errors errors;
	ck_assert_int_eq(policy_set_load_text("t.yaml", span_of(yaml), &s, &errors), -1);
	ck_assert_uint_eq(errors.count, 5);
	unsigned last = 0, lines = 0;
	for (const char *p = buf_str(&errors.text); *p; p = strchr(p, '\n') + 1, lines++) {
		unsigned line, column;
		ck_assert_int_eq(sscanf(p, "t.yaml:%u:%u: ", &line, &column), 2);
		ck_assert_uint_ge(line * 1000 + column, last);
		last = line * 1000 + column;
	}
	ck_assert_uint_eq(lines, 5);
	buf_free(&errors.text);
}
END_TEST

START_TEST(policy_load__endless_mistakes_are_counted_not_listed)
{
	struct buf yaml = BUF_INIT(1 << 20);
	struct policy_set *s = NULL;
	struct yaml_errors errors;
	buf_add_str(&yaml, HEAD);
	for (int i = 0; i < 500; i++)
		buf_printf(&yaml, "  zz%d: 1\n", i);
	buf_add_str(&yaml, RULE);
	ck_assert_int_eq(policy_set_load_text("t.yaml", buf_span(&yaml), &s, &errors), -1);
	ck_assert_uint_eq(errors.count, 500);
	ck_assert(has_line(buf_str(&errors.text), "and 400 more errors"));
	buf_free(&errors.text);
	buf_free(&yaml);
}
END_TEST

START_TEST(policy_load__digest_is_of_the_meaning_not_of_the_layout)
{
	_cleanup_(policy_set_unrefp) struct policy_set *a = load_or_fail(HEAD RULE);
	_cleanup_(policy_set_unrefp) struct policy_set *b = load_or_fail(
		"# a comment\n{kind: GuardrailPolicy, apiVersion: \"holdpoint.dev/v1alpha1\", "
		"spec: "
		"{rules: [{match: [" MATCH "], action: Deny, name: r}]}, metadata: {name: p}}\n");
	_cleanup_(policy_set_unrefp) struct policy_set *c =
		load_or_fail(HEAD "  enforcement: Warn\n" RULE);

	ck_assert_str_eq(policy_set_digest(a), policy_set_digest(b));
	ck_assert_str_ne(policy_set_digest(a), policy_set_digest(c));
	ck_assert_uint_eq(strlen(policy_set_digest(a)), 7 + 64);
	ck_assert(span_eq_str(policy_set_text(a),
		"{\"apiVersion\":\"holdpoint.dev/v1alpha1\",\"kind\":\"GuardrailPolicy\","
		"\"metadata\":{\"name\":\"p\"},\"spec\":{\"rules\":[{\"action\":\"Deny\",\"match\":"
		"[{\"apiGroups\":[\"\"],\"operations\":[\"CREATE\"],\"resources\":[\"pods\"]}],"
		"\"name\":\"r\"}]}}\n"));
	ck_assert_uint_eq(policy_set_policy_count(a), 1);
	ck_assert_uint_eq(policy_set_rule_count(a), 1);
}
END_TEST

/* As editors of other systems write it. */
START_TEST(policy_load__byte_order_mark_and_crlf_are_no_matter)
{
	static const char *const texts[] = {"\xef\xbb\xbf" HEAD RULE,
		"\xef\xbb\xbf---\r\n" HEAD "  rules:\r\n  - name: r\r\n    action: Deny\r\n"
		"    match:\r\n    - " MATCH "\r\n"};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		policy_set_unref(load_or_fail(texts[i]));

	struct policy_set *s;
	struct yaml_errors errors;
	int rc = policy_set_load_text("t.yaml",
		SPAN("\xef\xbb\xbf"
		     "apiVersion: v2\nkind: GuardrailPolicy\n"),
		&s, &errors);
	ck_assert_int_eq(rc, -1);
	ck_assert(has_line(buf_str(&errors.text),
		"t.yaml:1:13: apiVersion must be holdpoint.dev/v1alpha1, not \"v2\""));
	buf_free(&errors.text);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, policy_load__every_mistake_has_its_place_and_its_reason, 0,
		(int)ARRAY_LEN(refusals));
	tcase_add_test(t, policy_load__all_mistakes_are_listed_at_once);
	tcase_add_test(t, policy_load__endless_mistakes_are_counted_not_listed);
	tcase_add_test(t, policy_load__digest_is_of_the_meaning_not_of_the_layout);
	tcase_add_test(t, policy_load__byte_order_mark_and_crlf_are_no_matter);
	return run_tests(t);
}

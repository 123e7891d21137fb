/* SPDX-License-Identifier: Apache-2.0 */
/* Rules: which one masked what, their documentation, and those of the configuration file. */
#include "support/run_tests.h"
#include "unit/mask_cases.h"

/* ---- explain, rules ---- */

static void collect(void *userdata, const char *rule, struct span pointer)
{
	buf_printf(userdata, "%s %.*s\n", rule, SPAN_FMT(pointer));
}

START_TEST(mask__explain_says_rule_and_place)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20), said = BUF_INIT(1 << 20);

	masker_set_explain(masker, collect, &said);
	mask_json(masker,
		"{\"a\":[{\"password\":\"" S "\"}],\"b\":\"{\\\"c\\\":{\\\"kind\\\":\\\"Secret\\\","
		"\\\"data\\\":{\\\"k\\\":\\\"" B64 "\\\"}}}\",\"d/e\":\"x://u:" S "@h\"}",
		&out);
	masker_set_explain(masker, NULL, NULL);
	ck_assert_str_eq(buf_str(&said), "field-name /a/0/password\n"
					 "secret-data /b#/c/data/k\n"
					 "text-userinfo /d~1e\n");
}
END_TEST

START_TEST(mask__counts_by_rule)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20), text = BUF_INIT(1 << 20);
	struct metric *const *tables;
	int64_t before;
	size_t n;

	tables = mask_metrics(&n);
	ck_assert_uint_eq(n, 1);
	metrics_put(&text, tables, n);
	ck_assert_ptr_nonnull(
		strstr(buf_str(&text), "holdpoint_mask_values_total{rule=\"secret-data\"}"));
	ck_assert_ptr_null(strstr(buf_str(&text), "none"));
	before = tables[0][0].value[0];
	mask_json(masker, SECRET, &out);
	ck_assert_int_eq(tables[0][0].value[0], before + 1);
}
END_TEST

#define DOCS HOLDPOINT_SOURCE_DIR "/docs/masking.md"

/* The table in the documentation is the one in the code. HOLDPOINT_UPDATE_DOCS=1 writes it. */
START_TEST(mask__documentation_is_current)
{
	_cleanup_(buf_free) struct buf want = BUF_INIT(1 << 20), rules = BUF_INIT(1 << 20);
	struct span docs = get_file(DOCS);
	const char *begin = strstr(docs.ptr, "<!-- rules: begin");
	const char *end = strstr(docs.ptr, "<!-- rules: end -->");

	ck_assert(begin && end);
	begin = strchr(begin, '\n') + 1;
	mask_put_rules_markdown(&rules);
	buf_add(&want, docs.ptr, (size_t)(begin - docs.ptr));
	buf_add_span(&want, buf_span(&rules));
	buf_add_str(&want, end);
	if (getenv("HOLDPOINT_UPDATE_DOCS")) {
		FILE *f = fopen(DOCS, "we");

		ck_assert(f && fwrite(want.ptr, 1, want.len, f) == want.len);
		fclose(f);
	} else {
		ck_assert_msg(span_eq(buf_span(&want), docs),
			"run HOLDPOINT_UPDATE_DOCS=1 test_mask_rules");
	}
	free((char *)docs.ptr);
}
END_TEST

/* ---- configuration ---- */

static const char config[] =
	"names: [\"*_licence\", acme-*]\n"
	"keep: [tokenizer, \"*-token-review\"]\n"
	"paths:\n"
	"- {group: example.com, resource: backups, path: /spec/target/material}\n"
	"- {kind: Backup, path: \"/spec/targets/*/where\"}\n"
	"- {resource: widgets, path: \"/**/inner\"}\n"
	"tokens:\n"
	"- {prefix: acme_, min_length: 20}\n"
	"- {form: 'zz-[0-9]{3}\\.hunter2secret'}\n"
	"exec_words: program-only\n";

START_TEST(mask__own_rules)
{
	static const struct mask_case cases[] = {
		{GONE, "", "{\"site_licence\":\"" S "\"}"},
		{GONE, "", "{\"ACME-thing\":\"" S "\"}"},
		{GONE, "",
			"{\"kind\":\"Backup\",\"apiVersion\":\"example.com/"
			"v1\",\"spec\":{\"target\":"
			"{\"material\":\"" S "\"}}}"},
		{GONE, "", "{\"kind\":\"Backup\",\"spec\":{\"targets\":[{\"where\":\"" S "\"}]}}"},
		{GONE, "",
			"{\"kind\":\"List\",\"items\":[{\"kind\":\"Backup\",\"spec\":{\"targets\":"
			"[{\"where\":{\"a\":\"" S "\"}}]}}]}"},
		{GONE, "",
			"{\"x\":\"{\\\"kind\\\":\\\"Backup\\\",\\\"spec\\\":{\\\"targets\\\":[{"
			"\\\"where"
			"\\\":\\\"" S "\\\"}]}}\"}"},
		{GONE, "widgets", "{\"spec\":{\"a\":[{\"inner\":\"" S "\"}]}}"},
		{GONE, "widgets", "{\"items\":[{\"spec\":{\"inner\":\"" S "\"}}]}"},
		{GONE, "", "{\"x\":\"see acme_" S "0123\"}"},
		{GONE, "", "{\"x\":\"see zz-123." S "\"}"},
		{GONE, "pods/exec", "{\"command\":[\"ls\",\"" S "\"]}"},
		{SAME, "", "{\"tokenizer\":\"standard\",\"a-token-review\":\"x\"}"},
		{SAME, "", "{\"kind\":\"Other\",\"spec\":{\"targets\":[{\"where\":\"x\"}]}}"},
		{SAME, "", "{\"x\":\"acme_short\"}"},
	};
	struct masker *usual = masker;

	masker = new_masker(MASK_TEST_KEY, config);
	CHECK_CASES(cases);
	masker_free(masker);
	masker = usual;
}
END_TEST

#define P10 "/a/b/c/d/e/f/g/h/i/j"

START_TEST(mask__bad_configuration)
{
	static const struct {
		const char *text, *says; /* behind the file's name */
	} cases[] = {
		{"names: x\n", ":1:8: names must be a list, not a string"},
		{"names:\n", ":1:7: names must be a list, not nothing (null)"},
		{"keep: [a]\nfoo: []\n", ":2:1: unknown field \"foo\" in a masking configuration"},
		{"nmaes: [a]\n", ":1:1: unknown field \"nmaes\" in a masking configuration; did "
				 "you mean \"names\"?"},
		{"names: [\"*\"]\n",
			":1:9: a name pattern of only * matches everything; name a part"},
		{"names:\n- ok\n- 12\n",
			":3:3: each of names must be a string; put it in quotes: \"12\""},
		{"names:\n- a: b\n", ":2:3: each of names must be a string, not an object"},
		{"names: [\"\"]\n", ":1:9: expected a text that is not empty"},
		{"names: [\"a\\0b\"]\n", ":1:9: a value with a control character"},
		{"paths: [{path: /x}]\n", ":1:9: say resource or kind"},
		{"paths: [{kind: X}]\n", ":1:9: a path needs the field \"path\""},
		{"paths:\n- kind: X\n  path: x\n", ":3:9: a path begins with '/' (JSON Pointer)"},
		{"paths: [{kind: X, path: /x, y: z}]\n", ":1:29: unknown field \"y\" in a path"},
		{"paths: [{kind: X, path: " P10 P10 P10 "/a/b/c}]\n",
			":1:25: a path has at most 32 segments; use **"},
		{"tokens: [{prefix: a}]\n", ":1:19: a token needs a prefix of two or more bytes"},
		{"tokens: [{min_length: 9}]\n", ":1:10: say prefix or form"},
		{"tokens: [{prefix: abc, form: abc}]\n", ":1:10: say prefix or form"},
		{"tokens: [{form: abc, min_length: 9}]\n",
			":1:17: a form says itself how long the token is"},
		{"tokens: [{form: '[0-9]{9}'}]\n",
			":1:17: two bytes in a row, or a sign, must stand for themselves"},
		{"tokens: [{prefix: abc, min_length: -1}]\n",
			":1:36: min_length must be 1 to 4096, not -1"},
		{"exec_words: maybe\n",
			":1:13: exec_words \"maybe\" is not known; it is one of keep-plain, "
			"program-only"},
		{"names: [a]\nnames: [b]\n", ":2:1: "},
		{"names: [\n", ":2:1: "},
		{"- a\n", ":1:1: a masking configuration must be an object, not a list"},
		{"names: [a]\n---\nkeep: [b]\n", ":3:1: a masking configuration is one document"},
		{"names: &x [a]\nkeep: *x\n", ":1:8: "},
		{"foo: []\nbar: []\n", ":1:1: unknown field \"foo\" in a masking configuration "
				       "(and 1 more)"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char path[] = "/tmp/holdpoint-mask-config.XXXXXX", expected[512];
		struct masker *m = NULL;
		struct err e;

		put_file(path, cases[i].text);
		ck_assert_int_eq(masker_new(NULL, path, &m, &e), -1);
		snprintf(expected, sizeof(expected), "masking configuration: %s%s", path,
			cases[i].says);
		ck_assert_msg(strncmp(e.msg, expected, strlen(expected)) == 0, "got  %s\nnot  %s",
			e.msg, expected);
		unlink(path);
	}
}
END_TEST

START_TEST(mask__configuration_that_cannot_be_read)
{
	char path[] = "/tmp/holdpoint-mask-config.XXXXXX";
	struct masker *m = NULL;
	struct buf large = BUF_INIT(4u << 20);
	struct err e;

	ck_assert_int_eq(masker_new(NULL, "/nonexistent/mask.yaml", &m, &e), -1);
	ck_assert_msg(strstr(e.msg, "masking configuration: /nonexistent/mask.yaml: No such"), "%s",
		e.msg);
	while (large.len <= 1u << 20)
		buf_add_str(&large, "# a comment, and another one, until it is too large\n");
	put_file(path, buf_str(&large));
	ck_assert_int_eq(masker_new(NULL, path, &m, &e), -1);
	ck_assert_msg(strstr(e.msg, ": larger than 1 MiB"), "%s", e.msg);
	unlink(path);
	buf_free(&large);
}
END_TEST

START_TEST(mask__empty_configuration)
{
	static const char *const texts[] = {"", "# nothing\n", "names: []\n", "{}\n"};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct masker *m = new_masker(MASK_TEST_KEY, texts[i]);

		ck_assert_ptr_nonnull(m);
		masker_free(m);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("mask_rules");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, mask__explain_says_rule_and_place);
	tcase_add_test(tc, mask__counts_by_rule);
	tcase_add_test(tc, mask__documentation_is_current);
	tcase_add_test(tc, mask__own_rules);
	tcase_add_test(tc, mask__bad_configuration);
	tcase_add_test(tc, mask__configuration_that_cannot_be_read);
	tcase_add_test(tc, mask__empty_configuration);
	return run_tests(tc);
}

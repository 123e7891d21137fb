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

START_TEST(mask__bad_configuration)
{
	static const struct {
		const char *text, *says;
	} cases[] = {{"names: x\n", "line 1: expected a list"}, {"foo: []\n", "unknown field"},
		{"names: [\"*\"]\n", "matches everything"},
		{"paths: [{path: /x}]\n", "say resource or kind"},
		{"paths: [{kind: X}]\n", "path is missing"},
		{"paths: [{kind: X, path: x}]\n", "begins with '/'"},
		{"paths: [{kind: X, path: /x, y: z}]\n", "unknown field"},
		{"tokens: [{prefix: a}]\n", "two or more"},
		{"tokens: [{prefix: abc, min_length: -1}]\n", "min_length"},
		{"exec_words: maybe\n", "keep-plain or program-only"},
		{"names: [a]\nnames: [b]\n", "twice"}, {"names: [\n", "line"},
		{"- a\n", "expected fields"}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char path[] = "/tmp/holdpoint-mask-config.XXXXXX";
		struct masker *m = NULL;
		struct err e;

		put_file(path, cases[i].text);
		ck_assert_int_eq(masker_new(NULL, path, &m, &e), -1);
		ck_assert_msg(strstr(e.msg, cases[i].says) && strstr(e.msg, path), "%s", e.msg);
		unlink(path);
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
	return run_tests(tc);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Forms of tokens: how they are written, and that each of the table is masked wherever it stands.
 */
#include "common/mask/mask_formats_internal.h"
#include "common/mask/mask_pattern_internal.h"
#include "support/run_tests.h"
#include "unit/mask_cases.h"

/* ---- how forms are written ---- */

START_TEST(mask_pattern__matches)
{
	static const struct {
		size_t len, before;
		const char *form, *text;
		size_t at; /* of the anchor */
	} cases[] = {
		{8, 0, "ab_[0-9]{5}", "ab_12345", 0},
		{8, 0, "ab_[0-9]{5}", "ab_123456", 0},
		{0, 0, "ab_[0-9]{5}", "ab_1234", 0},
		{0, 0, "ab_[0-9]{5}\\b", "ab_123456", 0},
		{8, 0, "ab_[0-9]{5}\\b", "ab_12345-", 0},
		{0, 0, "\\bab_[0-9]{5}", "xab_12345", 1},
		{8, 0, "\\bab_[0-9]{5}", "-ab_12345", 1},
		{9, 0, "ab_[0-9]{2,4}[a-f]{2}", "ab_1234ff", 0},
		{0, 0, "ab_[0-9a-f]{2,4}[a-f]{2}", "ab_12ff", 0}, /* never goes back */
		{8, 2, "[xy]{2}ab_[0-9]{3}", "xyab_123", 2},
		{0, 0, "[xy]{2}ab_[0-9]{3}", "zyab_123", 2},
		{7, 3, "[0-9]{3}\\|[a-z]{3}", "123|abc", 3},
		{9, 0, "a\\.b\\.[a-z]{5}", "a.b.cdefg", 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mask_step steps[MASK_STEPS_MAX] = {0};
		const char *text = cases[i].text, *wrong = "";
		struct mask_pattern p;
		size_t before = 0;

		ck_assert_msg(mask_pattern_read(cases[i].form, &p, steps, &wrong) == 0, "%s: %s",
			cases[i].form, wrong);
		ck_assert_msg(mask_pattern_match(&p, text, text + cases[i].at, text + strlen(text),
				      &before) == cases[i].len,
			"%s in %s", cases[i].form, text);
		ck_assert_uint_eq(cases[i].len ? before : 0, cases[i].before);
	}
}
END_TEST

START_TEST(mask_pattern__says_what_is_wrong)
{
	static const struct {
		const char *wrong, *form;
	} cases[] = {
		{"two bytes in a row, or a sign, must stand for themselves", "a[0-9]{8}"},
		{"two bytes in a row, or a sign, must stand for themselves", "[0-9]{8}"},
		{"of regular expressions only sets, repeats and \\b are known", "ab(c|d)"},
		{"of regular expressions only sets, repeats and \\b are known", "ab.*"},
		{"\\b stands at the beginning or the end", "ab\\b[0-9]{8}"},
		{"a set ends with ]", "ab_[0-9"},
		{"a set is not empty", "ab_[]{8}"},
		{"a range goes from the lower byte to the higher", "ab_[9-0]{8}"},
		{"a repeat is {n}, {n,} or {n,m}", "ab_[0-9]{,8}"},
		{"a repeat goes up", "ab_[0-9]{8,3}"},
		{"a repeat ends with }", "ab_[0-9]{8"},
		{"a repeat is 4096 at most", "ab_[0-9]{99999}"},
		{"only printable ASCII stands in a form, and no blank", "ab c[0-9]{8}"},
		{"at most 96 bytes stand before those that stand for themselves", "[0-9]{97}ab_"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mask_step steps[MASK_STEPS_MAX] = {0};
		const char *wrong = "nothing";
		struct mask_pattern p;

		ck_assert_int_eq(mask_pattern_read(cases[i].form, &p, steps, &wrong), -1);
		ck_assert_str_eq(wrong, cases[i].wrong);
	}
}
END_TEST

/* ---- the table ---- */

static char pick(const struct mask_step *s, unsigned *state)
{
	char c;

	do {
		*state = *state * 1103515245u + 12345u;
		c = (char)(' ' + 1 + (*state >> 16) % 94);
	} while (!mask_step_has(s, c) || c == '"' || c == '\\' || c == '&' || c == '<');
	return c;
}

/* A token of that form, made up. */
static void make_token(const char *form, unsigned state, struct buf *out)
{
	struct mask_step steps[MASK_STEPS_MAX] = {0};
	const char *wrong = "";
	struct mask_pattern p;

	ck_assert_msg(mask_pattern_read(form, &p, steps, &wrong) == 0, "%s: %s", form, wrong);
	for (size_t i = 0; i <= p.count; i++) {
		if (i == p.before)
			buf_add(out, p.anchor, p.anchor_len);
		for (size_t n = 0; i < p.count && n < p.steps[i].min; n++)
			buf_add_char(out, pick(&p.steps[i], &state));
	}
}

/* Where a token may stand in an event: env, value and text of a ConfigMap, argument, custom
 * resource, user agent, exec. %s: the token, in the URI escaped. */
static const char *const places[] = {
	"{\"requestObject\":{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"env\":[{\"name\":"
	"\"SETTING\","
	"\"value\":\"%s\"}]}]}}}",
	"{\"requestObject\":{\"kind\":\"ConfigMap\",\"data\":{\"setting\":\"%s\"}}}",
	"{\"requestObject\":{\"kind\":\"ConfigMap\",\"data\":{\"app.conf\":\"# a\\nsetting = "
	"%s\\nb: "
	"1\\n\"}}}",
	"{\"requestObject\":{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"args\":[\"--setting=%"
	"s\"]}]}"
	"}}",
	"{\"requestObject\":{\"kind\":\"Widget\",\"spec\":{\"setting\":\"%s\"}}}",
	"{\"userAgent\":\"tool/1.0 %s\"}",
	"{\"requestURI\":\"/api/v1/namespaces/n/pods/p/"
	"exec?command=tool&command=%s&container=c\",\"objectRef\":"
	"{\"resource\":\"pods\",\"subresource\":\"exec\"}}",
};
#define EXEC_PLACE (ARRAY_LEN(places) - 1)

static void escape(struct span s, struct buf *out)
{
	for (size_t i = 0; i < s.len; i++)
		buf_printf(out, "%%%02X", (uint8_t)s.ptr[i]);
}

static void check_place(size_t place, const char *token)
{
	_cleanup_(buf_free) struct buf in = BUF_INIT(1 << 16), out = BUF_INIT(1 << 20),
				       escaped = BUF_INIT(1 << 16);
	const char *at = strstr(places[place], "%s");
	struct mask_result r;
	struct json_doc d;

	escape(span_of(token), &escaped);
	buf_add(&in, places[place], (size_t)(at - places[place]));
	buf_add_str(&in, place == EXEC_PLACE ? buf_str(&escaped) : token);
	buf_add_str(&in, at + 2);
	arena_reset(arena);
	read_doc(buf_span(&in), arena, &d);
	mask_audit_event(masker, &d, JSON_ROOT, arena, &out, &r);
	ck_assert_ptr_nonnull(buf_str(&out));
	expect_gone(buf_span(&out), token, buf_str(&in));
	ck_assert_msg(!strstr(buf_str(&out), buf_str(&escaped)), "escaped: %s", buf_str(&out));
}

START_TEST(mask_formats__each_is_masked_in_each_place)
{
	for (size_t i = 0; mask_format(i); i++) {
		_cleanup_(buf_free) struct buf token = BUF_INIT(1 << 16);

		make_token(mask_format(i)->form, (unsigned)i + 1, &token);
		for (size_t place = 0; place < ARRAY_LEN(places); place++)
			check_place(place, buf_str(&token));
	}
}
END_TEST

/* Written by hand, so that not only the table agrees with itself. */
START_TEST(mask_formats__known_ones)
{
	static const char *const tokens[] = {
		"ghp_NotARealTokenOnlyMadeUp000000000000",
		"glagent-MadeUpMadeUpMadeUpMadeUpMadeUpMadeUpMadeUpMadeUp01",
		"GR1348941MadeUpMadeUpMadeUp01",
		"dp.pt.madeupmadeupmadeupmadeupmadeupmadeupmadeup01",
		"A3-MADEUP-MADEUP-MADE1-MADE2-MADE3",
		"mad7Q~upMadeUpMadeUpMadeUpMadeUpMadeUp0",
		"123456789012345|madeUpMadeUpMadeUpMadeUpMadeUp",
		"123456789012345%0amadeupmadeupmadeupmadeupmadeup",
		"sha256~MadeUpMadeUpMadeUpMadeUpMadeUpMadeUpMadeUp0",
		"s.m4deupxq7rtz0wk9yhb2nfu8",
		"pscale_pw_MadeUp.MadeUp-MadeUp_MadeUp=MadeUp0",
		"sk-proj-MadeUpMadeUpMadeUp0123456789",
		"-----BEGINPRIVATE KEY-----madeupmadeupmadeupKEY-----",
	};

	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		for (size_t place = 0; place < ARRAY_LEN(places); place++)
			check_place(place, tokens[i]);
	}
}
END_TEST

/* What begins like one, and is none. */
START_TEST(mask_formats__ordinary_texts_stay)
{
	static const char *const texts[] = {
		"r.io/a@sha256:4b1dca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee",
		"patches/pat.strategic.merge.yaml",
		"s.configuration.of.a.controller",
		"services.kubernetes.default.svc.cluster.local",
		"v1.0-beta.2-rc.1-amd64",
		"dapi-server",
		"API-GATEWAY-CONTROLLER-MANAGER-PRODUCTION",
		"4b1d2c3e4f5a6b7c8d9e0f1a2b3c4d5e6f708192",
		"sc_controller.metrics.acc_total",
		"2026-01-01T00:00:00Z|INFO|started",
		"100%0a",
		"us-east-1a.pk.example",
		"hooks.slack.example.com/services",
		"key-value-store",
		"SKIP_TLS_VERIFICATION",
		"sk-learn-model-server",
		"the-us12-cluster",
		"secret_name_of_the_database",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		_cleanup_(buf_free) struct buf in = BUF_INIT(1 << 16);
		struct mask_case c = {SAME, "", NULL};

		buf_printf(&in, "{\"spec\":{\"setting\":\"%s\",\"list\":[\"a %s b\"]}}", texts[i],
			texts[i]);
		c.json = buf_str(&in);
		check_case(&c);
	}
}
END_TEST

START_TEST(mask_formats__names_are_told_apart)
{
	for (size_t i = 0; mask_format(i); i++) {
		ck_assert_msg(mask_format(i)->source[0] && mask_format(i)->issuer[0], "%s",
			mask_format(i)->name);
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(mask_format(i)->name, mask_format(j)->name);
	}
}
END_TEST

#define PAGE HOLDPOINT_SOURCE_DIR "/docs/token-formats.md"

/* The page is the table. HOLDPOINT_UPDATE_DOCS=1 writes it. */
START_TEST(mask_formats__documentation_is_current)
{
	_cleanup_(buf_free) struct buf want = BUF_INIT(1 << 20);
	struct span page;

	buf_add_str(&want,
		"# Forms of tokens\n\n<!-- made by test_mask_formats from "
		"common/mask/mask_formats.c; "
		"HOLDPOINT_UPDATE_DOCS=1 build/dev/test/test_mask_formats writes it -->\n\n"
		"What the rule `text-token` of [masking](masking.md) knows. A token of one of "
		"these "
		"forms is masked in any text, whatever name stands beside it. How forms are "
		"written, "
		"and how to add own ones, stands in [Own rules](masking.md#own-rules). *random*: "
		"what "
		"follows must look random too. *gitleaks: x* is the rule x of the default "
		"configuration of gitleaks.\n\n");
	mask_put_formats_markdown(&want);
	if (getenv("HOLDPOINT_UPDATE_DOCS")) {
		FILE *f = fopen(PAGE, "we");

		ck_assert(f && fwrite(want.ptr, 1, want.len, f) == want.len);
		fclose(f);
	}
	page = get_file(PAGE);
	ck_assert_msg(
		span_eq(buf_span(&want), page), "run HOLDPOINT_UPDATE_DOCS=1 test_mask_formats");
	free((char *)page.ptr);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("mask_formats");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, mask_pattern__matches);
	tcase_add_test(t, mask_pattern__says_what_is_wrong);
	tcase_add_test(t, mask_formats__each_is_masked_in_each_place);
	tcase_add_test(t, mask_formats__known_ones);
	tcase_add_test(t, mask_formats__ordinary_texts_stay);
	tcase_add_test(t, mask_formats__names_are_told_apart);
	tcase_add_test(t, mask_formats__documentation_is_current);
	return run_tests(t);
}

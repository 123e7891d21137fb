/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recorded API traffic, masked: no planted secret is left in any form, each event is what the
 * expected file says, and everything that is not a pseudonym stands there as the API server sent
 * it.
 *
 * HOLDPOINT_UPDATE_MASKED=1 writes the expected files instead of comparing.
 */
#include <dirent.h>

#include "support/mask_support.h"
#include "support/run_tests.h"
#include "support/secret_search.h"

static const char *const planted[] = {"hunter2-plain", "sk_live_51FixtureNotARealKey000",
	"S3cr3t-P4ssw0rd-fixture", "ghp_FixtureTokenNotReal0123456789abcdef", "applied-plain-pass",
	"new-password-fixture", "merge-patched-plain", "cm-plain-password", "exec-arg-secret",
	"proxy-query-secret", "AKIAFIXTURE000000000", "cr-secret-key-plain", "agent-token",
	"AAECAwQF", "eyJ"};

static const char *const versions[] = {"v1.20", "v1.36"};

static void expect_no_planted(struct span out, const char *file)
{
	for (size_t i = 0; i < ARRAY_LEN(planted); i++) {
		const char *form = secret_found(out, span_of(planted[i]));

		ck_assert_msg(!form, "%s: %s is still there, %s", file, planted[i], form);
	}
}

/* ---- what is not masked stays byte for byte ---- */

struct walk {
	const struct json_doc *in, *out;
	struct arena *arena;
	const char *file;
	unsigned pseudonyms;
};

/* The masked text is the input's with pseudonyms in the place of parts of it. */
static bool only_pseudonyms_differ(struct span in, struct span out, unsigned *pseudonyms)
{
	static const char begin[] = "[masked hmac-sha256:";

	while (out.len > 0) {
		const char *pseudonym = memmem(out.ptr, out.len, begin, sizeof(begin) - 1);
		size_t before = pseudonym ? (size_t)(pseudonym - out.ptr) : out.len;
		const char *close, *next, *from;
		size_t until;

		if (in.len < before || memcmp(in.ptr, out.ptr, before) != 0)
			return false;
		in.ptr += before;
		in.len -= before;
		out.ptr += before;
		out.len -= before;
		if (!pseudonym)
			return in.len == 0;
		(*pseudonyms)++;
		close = memchr(pseudonym, ']', out.len);
		if (!close)
			return false;
		out.len -= (size_t)(close + 1 - out.ptr);
		out.ptr = close + 1;
		next = memmem(out.ptr, out.len, begin, sizeof(begin) - 1);
		until = next ? (size_t)(next - out.ptr) : out.len;
		/* What stands between this pseudonym and the next one must come next in the input.
		 */
		from = memmem(in.ptr, in.len, out.ptr, until);
		if (!next && until <= in.len)
			from = in.ptr + in.len - until;
		if (!from || memcmp(from, out.ptr, until) != 0)
			return false;
		in.len -= (size_t)(from - in.ptr);
		in.ptr = from;
	}
	return true;
}

static void compare(struct walk *w, json_ref a, json_ref b)
{
	struct span in = json_text(w->in, a), out = json_text(w->out, b);
	bool container = json_type(w->in, a) == JSON_OBJECT || json_type(w->in, a) == JSON_ARRAY;

	if (!container || json_type(w->in, a) != json_type(w->out, b)) {
		/* A pseudonym in the place of an object or a number brings its own quotes. */
		if (json_type(w->in, a) != json_type(w->out, b))
			in = SPAN("\"\"");
		ck_assert_msg(only_pseudonyms_differ(in, out, &w->pseudonyms),
			"%s: %.*s became %.*s", w->file, SPAN_FMT(in), SPAN_FMT(out));
		return;
	}
	ck_assert_uint_eq(json_node(w->in, a)->count, json_node(w->out, b)->count);
	if (json_type(w->in, a) == JSON_ARRAY) {
		json_ref y = b + 1;

		json_foreach (x, w->in, a) {
			compare(w, x, y);
			y = json_next(w->out, y);
		}
		return;
	}
	json_ref y = b + 1;
	json_foreach_member (x, w->in, a) {
		compare(w, x, y);
		compare(w, x + 1, y + 1);
		y = json_next(w->out, y + 1);
	}
}

static void expect_same_but_pseudonyms(const struct json_doc *in, json_ref r, struct span out,
	unsigned masked, struct arena *arena, const char *file)
{
	struct json_doc doc;
	struct walk w = {.in = in, .out = &doc, .arena = arena, .file = file};

	read_doc(out, arena, &doc);
	compare(&w, r, JSON_ROOT);
	ck_assert_msg(w.pseudonyms == masked, "%s: %u pseudonyms, %u counted", file, w.pseudonyms,
		masked);
}

/* ---- expected files ---- */

static void expect_file(const char *version, const char *name, struct span got)
{
	char path[512];
	struct span want;

	snprintf(path, sizeof(path), HOLDPOINT_FIXTURES "/masked/%s/%s", version, name);
	if (getenv("HOLDPOINT_UPDATE_MASKED")) {
		FILE *f = fopen(path, "we");

		ck_assert_msg(f && fwrite(got.ptr, 1, got.len, f) == got.len, "%s", path);
		fclose(f);
		return;
	}
	want = get_file(path);
	ck_assert_msg(span_eq(want, got), "%s: masked differently than expected", path);
	free((char *)want.ptr);
}

static void mask_list(struct masker *m, const char *version, const char *name)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 20, 256 << 20);
	_cleanup_(buf_free) struct buf all = BUF_INIT(64 << 20);
	struct json_doc d;
	struct span text;
	char path[512];

	snprintf(path, sizeof(path), HOLDPOINT_FIXTURES "/audit/%s/%s", version, name);
	text = get_file(path);
	read_doc(text, arena, &d);
	json_foreach (event, &d, json_get_str(&d, JSON_ROOT, "items")) {
		_cleanup_(buf_free) struct buf out = BUF_INIT(64 << 20);
		struct mask_result r;

		mask_audit_event(m, &d, event, arena, &out, &r);
		ck_assert(!r.whole && !out.failed);
		expect_no_planted(buf_span(&out), path);
		expect_same_but_pseudonyms(&d, event, buf_span(&out), r.masked, arena, path);
		buf_add_span(&all, buf_span(&out));
		buf_add_char(&all, '\n');
	}
	ck_assert_uint_gt(all.len, 0);
	expect_file(version, name, buf_span(&all));
	free((char *)text.ptr);
}

static unsigned each_json(const char *folder, const char *version,
	void (*fn)(struct masker *, const char *, const char *))
{
	struct masker *m = new_masker(MASK_TEST_KEY, NULL);
	char path[512];
	struct dirent *entry;
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), HOLDPOINT_FIXTURES "/%s/%s", folder, version);
	dir = opendir(path);
	ck_assert_msg(dir != NULL, "%s", path);
	while ((entry = readdir(dir))) {
		if (!strstr(entry->d_name, ".json"))
			continue;
		fn(m, version, entry->d_name);
		n++;
	}
	closedir(dir);
	masker_free(m);
	return n;
}

START_TEST(mask_fixtures__audit_events)
{
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_LEN(versions); i++)
		n += each_json("audit", versions[i], mask_list);
	ck_assert_uint_eq(n, 21);
}
END_TEST

static struct span string_at(
	const struct json_doc *d, json_ref from, const char *pointer, struct arena *arena)
{
	return json_string(d, json_pointer(d, from, span_of(pointer)), arena);
}

/* As the webhook does it: the objects one by one, and the request as a whole. */
static void mask_review(struct masker *m, const char *version, const char *name)
{
	static const char *const parts[] = {
		"", "/request", "/request/object", "/request/oldObject", "/request/options"};
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 20, 256 << 20);
	struct json_doc d;
	struct span text;
	char path[512];

	snprintf(path, sizeof(path), HOLDPOINT_FIXTURES "/admission/%s/%s", version, name);
	text = get_file(path);
	read_doc(text, arena, &d);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		_cleanup_(buf_free) struct buf out = BUF_INIT(64 << 20);
		json_ref part = json_pointer(&d, JSON_ROOT, span_of(parts[i]));
		struct mask_target target = {0};
		struct mask_result r;

		if (i >= 2)
			target = (struct mask_target){
				string_at(&d, JSON_ROOT, "/request/resource/group", arena),
				string_at(&d, JSON_ROOT, "/request/resource/resource", arena),
				string_at(&d, JSON_ROOT, "/request/subResource", arena)};
		mask_object(m, &d, part, target, arena, &out, &r);
		ck_assert(!r.whole && !out.failed);
		expect_no_planted(buf_span(&out), path);
		expect_same_but_pseudonyms(&d, part, buf_span(&out), r.masked, arena, path);
	}
	free((char *)text.ptr);
}

START_TEST(mask_fixtures__admission_reviews)
{
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_LEN(versions); i++)
		n += each_json("admission", versions[i], mask_review);
	ck_assert_uint_eq(n, 147);
}
END_TEST

/* The search itself finds each form, or the tests above would pass for nothing. */
START_TEST(mask_fixtures__search_finds_each_form)
{
	static const struct {
		const char *form, *text;
	} cases[] = {{"plain", "x hunter2-plain y"}, {"base64", "aHVudGVyMi1wbGFpbg=="},
		{"base64", "eGh1bnRlcjItcGxhaW4="}, {"base64", "eHhodW50ZXIyLXBsYWlueHg="},
		{"hex", "68756e746572322d706c61696e"}, {"hex", "68756E746572322D706C61696E"}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		ck_assert_str_eq(
			secret_found(span_of(cases[i].text), SPAN("hunter2-plain")), cases[i].form);
	ck_assert_str_eq(secret_found(SPAN("a%26b%3Dc!"), SPAN("&b=")), "percent-escaped");
	ck_assert_str_eq(secret_found(SPAN("x\\\"yz"), SPAN("\"yz")), "JSON-escaped");
	ck_assert_ptr_null(secret_found(SPAN("hunter3-plain"), SPAN("hunter2-plain")));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("all");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, mask_fixtures__audit_events);
	tcase_add_test(tc, mask_fixtures__admission_reviews);
	tcase_add_test(tc, mask_fixtures__search_finds_each_form);
	return run_tests(tc);
}

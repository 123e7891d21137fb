/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fingerprints of every recorded review in random spellings, with one random leaf changed, and with
 * an unrelated edit underneath.
 */
#include "support/run_tests.h"
#include "unit/review_support.h"

static uint64_t seed;

static unsigned dice(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static void respell_number(struct buf *out, struct span text)
{
	if (memchr(text.ptr, '.', text.len) || memchr(text.ptr, 'e', text.len) ||
		memchr(text.ptr, 'E', text.len)) {
		buf_add_span(out, text);
		return;
	}
	switch (dice(4)) {
	case 0:
		buf_printf(out, "%.*s.000", SPAN_FMT(text));
		break;
	case 1:
		buf_printf(out, text.ptr[text.len - 1] == '0' ? "%.*s.0E0" : "%.*s0E-1",
			SPAN_FMT(text));
		break;
	case 2:
		buf_printf(out, "%.*se+00", SPAN_FMT(text));
		break;
	default:
		buf_add_span(out, text);
		break;
	}
}

static void respell_string(struct buf *out, struct span raw)
{
	buf_add_char(out, '"');
	for (size_t i = 0; i < raw.len; i++) {
		bool plain = raw.ptr[i] > ' ' && raw.ptr[i] < 127 && raw.ptr[i] != '\\';
		bool escape = i > 0 && raw.ptr[i - 1] == '\\';

		if (plain && !escape && !memchr(raw.ptr, '\\', raw.len) && dice(8) == 0)
			buf_printf(out, "\\u%04x", (unsigned char)raw.ptr[i]);
		else
			buf_add_char(out, raw.ptr[i]);
	}
	buf_add_char(out, '"');
}

/* Where to write another value than the one that stands there. */
struct respelling {
	const struct json_doc *d;
	json_ref changed;
};

static void respell(struct buf *out, const struct respelling *r, json_ref v);

static void respell_object(struct buf *out, const struct respelling *r, json_ref o)
{
	json_ref keys[4096];
	unsigned n = 0;

	json_foreach_member (k, r->d, o) {
		ck_assert_uint_lt(n, ARRAY_LEN(keys));
		keys[n++] = k;
	}
	buf_add_char(out, '{');
	while (n > 0) {
		unsigned i = dice(n);
		json_ref k = keys[i];

		keys[i] = keys[--n];
		respell_string(out, json_raw_string(r->d, k));
		buf_add_str(out, dice(2) ? ": " : ":");
		respell(out, r, k + 1);
		buf_add_str(out, n > 0 ? "," : "");
	}
	buf_add_str(out, dice(2) ? "}" : "\n}");
}

static void respell(struct buf *out, const struct respelling *r, json_ref v)
{
	bool first = true;

	if (v == r->changed) {
		buf_add_str(out, "\"something else entirely\"");
		return;
	}
	switch (json_type(r->d, v)) {
	case JSON_OBJECT:
		respell_object(out, r, v);
		break;
	case JSON_ARRAY:
		buf_add_char(out, '[');
		json_foreach (e, r->d, v) {
			buf_add_str(out, first ? "" : " ,");
			first = false;
			respell(out, r, e);
		}
		buf_add_char(out, ']');
		break;
	case JSON_NUMBER:
		respell_number(out, json_text(r->d, v));
		break;
	case JSON_STRING:
		respell_string(out, json_raw_string(r->d, v));
		break;
	default:
		buf_add_span(out, json_text(r->d, v));
		break;
	}
}

static char *respelled(const char *text, json_ref changed)
{
	const struct json_limits limits = {1 << 20, 100, 100000, false, false};
	struct arena *arena = arena_new(65536, 64 << 20);
	struct buf out = BUF_INIT(8 << 20);
	struct json_doc d;
	const struct respelling r = {&d, changed};

	ck_assert_int_eq(json_read(text, strlen(text), &limits, arena, &d, NULL), 0);
	respell(&out, &r, JSON_ROOT);
	ck_assert_ptr_nonnull(buf_str(&out));
	arena_free(arena);
	return out.ptr;
}

static void check_respelling(const char *name, const char *text, size_t len, void *userdata)
{
	char *a = canonical_of(text);

	(void)len;
	(void)userdata;
	for (int i = 0; i < 5; i++) {
		char *other = respelled(text, JSON_NONE), *b = canonical_of(other);

		ck_assert_msg(strcmp(a, b) == 0, "%s, seed %llu", name, (unsigned long long)seed);
		free(b);
		free(other);
	}
	free(a);
}

START_TEST(fingerprint__spelling_does_not_matter)
{
	seed = 1;
	ck_assert_uint_eq(each_fixture(check_respelling, NULL), 147);
}
END_TEST

/* A leaf of the object's own content (not its metadata or status), chosen at random. */
static json_ref random_leaf(const struct json_doc *d, json_ref object)
{
	json_ref spec = json_get_str(d, object, "spec"), chosen = JSON_NONE;
	unsigned seen = 0;

	if (json_type(d, spec) != JSON_OBJECT)
		return JSON_NONE;
	for (json_ref v = spec; v < json_next(d, spec); v++) {
		int type = json_type(d, v);

		/* A key is no value: values of strings are found through their parents only. */
		if ((type == JSON_NUMBER || type == JSON_TRUE || type == JSON_FALSE) &&
			dice(++seen) == 0)
			chosen = v;
	}
	return chosen;
}

static void check_changed_leaf(const char *name, const char *text, size_t len, void *userdata)
{
	unsigned *checked = userdata;
	struct arena *arena = arena_new(65536, 64 << 20);
	struct review r;
	char *a = canonical_of(text);

	review_ok(text, len, arena, &r);
	for (int i = 0; i < 5; i++) {
		json_ref leaf = r.request.operation == OPERATION_DELETE
					? JSON_NONE
					: random_leaf(r.request.doc, r.request.object);
		char *other, *b;

		if (leaf == JSON_NONE)
			break;
		other = respelled(text, leaf);
		b = canonical_of(other);
		ck_assert_msg(strcmp(a, b) != 0, "%s: value %u changed unnoticed", name, leaf);
		(*checked)++;
		free(b);
		free(other);
	}
	free(a);
	arena_free(arena);
}

START_TEST(fingerprint__every_change_of_a_leaf_matters)
{
	unsigned checked = 0;

	seed = 2;
	each_fixture(check_changed_leaf, &checked);
	ck_assert_uint_gt(checked, 300);
}
END_TEST

/* Somebody else puts a label on the object between the two attempts: on both sides of the second.
 */
static void check_unrelated_edit(const char *name, const char *text, size_t len, void *userdata)
{
	unsigned *checked = userdata;
	char *a, *b, *other;

	(void)len;
	if (!strstr(name, "-update-") || !strstr(text, "\"oldObject\":{") ||
		!strstr(text, "\"metadata\":{\"name\""))
		return;
	a = canonical_of(text);
	other = replaced(text, "\"metadata\":{\"name\"",
		"\"metadata\":{\"finalizers\":[\"example.com/other\"],\"name\"");
	b = canonical_of(other);
	ck_assert_msg(strcmp(a, b) == 0, "%s", name);
	(*checked)++;
	free(other);
	free(a);
	free(b);
}

START_TEST(fingerprint__concurrent_unrelated_edit)
{
	unsigned checked = 0;

	each_fixture(check_unrelated_edit, &checked);
	ck_assert_uint_gt(checked, 30);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("fingerprint_property");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, fingerprint__spelling_does_not_matter);
	tcase_add_test(t, fingerprint__every_change_of_a_leaf_matters);
	tcase_add_test(t, fingerprint__concurrent_unrelated_edit);
	return run_tests(t);
}

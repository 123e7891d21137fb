/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cel_conformance DIR: runs every *.jsonl in DIR, one case a line:
 *	{"section","name","expr","bindings"?,"container"?,"disable_macros"?,"disable_check"?,
 *	 "value" | "error"}
 * where a value is {"type","value"}: numbers as decimal text, bytes as hex, lists as values, maps
 * as [key, value] pairs, timestamps and durations as their JSON text. Prints each case that fails,
 * and "N passed, N failed, N skipped". Exit: 0 when nothing failed and something ran, else 1.
 */
#include <dirent.h>
#include <math.h>
#include <stdio.h>

#include "common/base/crypto.h"
#include "policy/cel/cel.h"
#include "policy/cel/compiler_internal.h"
#include "policy/cel/functions/library.h"
#include "policy/cel/value_internal.h"

struct totals {
	unsigned passed, failed, skipped;
};

struct test {
	const char *file;
	struct json_doc doc;
	struct arena *arena;
	struct cel_library *library;
	struct span section, name, expr;
	char why[2048];
};

static struct span text_of(const struct test *t, json_ref r)
{
	return json_string(&t->doc, r, t->arena);
}

static char *c_string(const struct test *t, json_ref r)
{
	struct span s = text_of(t, r);

	return arena_strndup(t->arena, s.ptr ? s.ptr : "", s.len);
}

/* ---- values out of the file ---- */

static bool read_value(const struct test *t, json_ref r, struct cel_value *ret);

static struct span unhex(const struct test *t, struct span s)
{
	char *out = arena_alloc(t->arena, s.len / 2 + 1);

	if (!out || hex_decode(s, out, s.len / 2) < 0)
		abort(); /* the file is broken */
	return (struct span){out, s.len / 2};
}

/* timestamp("…") and the like, worked out by the engine itself. */
static bool by_expression(
	const struct test *t, const char *function, json_ref r, struct cel_value *ret)
{
	struct cel_env *env = cel_env_new(t->library, 0);
	struct cel_program *p = NULL;
	struct cel_issues issues = {0};
	struct span source = arena_printf(t->arena, "%s('%s')", function, c_string(t, r));
	struct cel_run run = cel_run(t->arena, CEL_DEFAULT_BUDGET);

	if (cel_compile(env, source, NULL, &p, &issues) == 0)
		*ret = cel_eval(p, NULL, &run);
	bool ok = p && ret->kind != CEL_ERROR;
	cel_issues_free(&issues);
	cel_program_free(p);
	cel_env_free(env);
	return ok;
}

static bool read_list(const struct test *t, json_ref v, struct cel_value *ret)
{
	uint32_t i = 0;
	struct cel_value *items =
		arena_calloc(t->arena, json_node(&t->doc, v)->count + 1u, sizeof *items);

	json_foreach (e, &t->doc, v)
		if (!read_value(t, e, &items[i++]))
			return false;
	*ret = cel_list_of(items, i, t->arena);
	return true;
}

static bool read_map(const struct test *t, json_ref v, struct cel_value *ret)
{
	uint32_t i = 0;
	struct cel_value *kv =
		arena_calloc(t->arena, 2 * json_node(&t->doc, v)->count + 1u, sizeof *kv);

	json_foreach (e, &t->doc, v) {
		if (!read_value(t, json_at(&t->doc, e, 0), &kv[2 * i]) ||
			!read_value(t, json_at(&t->doc, e, 1), &kv[2 * i + 1]))
			return false;
		i++;
	}
	*ret = cel_map_of(kv, i, t->arena);
	return true;
}

static double read_double(const char *s)
{
	return strtod(s, NULL); /* knows inf, Infinity and nan */
}

static bool read_value(const struct test *t, json_ref r, struct cel_value *ret)
{
	struct span type = text_of(t, json_get_str(&t->doc, r, "type"));
	json_ref v = json_get_str(&t->doc, r, "value");

	if (!type.ptr || v == JSON_NONE)
		return false;
	if (span_eq_str(type, "null"))
		*ret = cel_null();
	else if (span_eq_str(type, "bool"))
		*ret = cel_bool(json_type(&t->doc, v) == JSON_TRUE);
	else if (span_eq_str(type, "int"))
		*ret = cel_int(strtoll(c_string(t, v), NULL, 10));
	else if (span_eq_str(type, "uint"))
		*ret = cel_uint(strtoull(c_string(t, v), NULL, 10));
	else if (span_eq_str(type, "double"))
		*ret = cel_double(read_double(c_string(t, v)));
	else if (span_eq_str(type, "string"))
		*ret = cel_string(text_of(t, v));
	else if (span_eq_str(type, "bytes"))
		*ret = cel_bytes(unhex(t, text_of(t, v)));
	else if (span_eq_str(type, "list"))
		return read_list(t, v, ret);
	else if (span_eq_str(type, "map"))
		return read_map(t, v, ret);
	else if (span_eq_str(type, "timestamp") || span_eq_str(type, "duration"))
		return by_expression(t, c_string(t, json_get_str(&t->doc, r, "type")), v, ret);
	else if (span_eq_str(type, "type"))
		*ret = (struct cel_value){
			.kind = CEL_TYPE, .n = (uint32_t)text_of(t, v).len, .s = c_string(t, v)};
	else
		return false;
	return true;
}

/* Equal, and of the same type: 1 is not 1.0 here, and NaN is NaN. */
static bool same(struct cel_value a, struct cel_value b, struct arena *arena)
{
	struct cel_value x, y, k, l;

	if (a.kind != b.kind || cel_size(a) != cel_size(b))
		return false;
	if (a.kind == CEL_DOUBLE)
		return (isnan(a.d) && isnan(b.d)) || a.d == b.d;
	if (a.kind != CEL_LIST && a.kind != CEL_MAP)
		return cel_equal(a, b, arena);
	struct cel_iter i = cel_iter(a, arena), j = cel_iter(b, arena);
	if (a.kind == CEL_LIST) {
		while (cel_iter_next(&i, NULL, &x) && cel_iter_next(&j, NULL, &y))
			if (!same(x, y, arena))
				return false;
		return true;
	}
	while (cel_iter_next(&i, &k, &x)) {
		bool found = false;
		j = cel_iter(b, arena);
		while (!found && cel_iter_next(&j, &l, &y))
			found = same(k, l, arena) && same(x, y, arena);
		if (!found)
			return false;
	}
	return true;
}

/*
 * The suite is text-format protobuf, and its conversion to JSON lines left the escapes \? \uXXXX
 * \UXXXXXXXX of expected strings as they are. This is the value with them resolved. Not for tests
 * of raw strings, where a backslash in the result is the point.
 */
static size_t put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = len - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)((0xf00 >> len) | c);
	return len;
}

static bool resolve_escapes(const struct test *t, struct cel_value v, struct cel_value *ret)
{
	char *out = arena_alloc(t->arena, v.n + 1u), digits[9];
	size_t len = 0;

	if ((v.kind != CEL_STRING && v.kind != CEL_BYTES) ||
		memmem(t->name.ptr, t->name.len, "raw", 3))
		return false;
	for (uint32_t i = 0; i < v.n; i++) {
		char c = i + 1 < v.n ? v.s[i + 1] : '\0';
		unsigned hex = c == 'u' ? 4 : c == 'U' ? 8 : 0;
		if (v.s[i] != '\\' || (c != '?' && (!hex || v.n - i < hex + 2))) {
			out[len++] = v.s[i];
			continue;
		}
		if (hex) {
			memcpy(digits, v.s + i + 2, hex);
			digits[hex] = '\0';
			len += put_utf8(out + len, (uint32_t)strtoul(digits, NULL, 16));
		} else {
			out[len++] = c;
		}
		i += 1 + hex;
	}
	*ret = v;
	ret->s = out;
	ret->n = (uint32_t)len;
	return true;
}

/* ---- one case ---- */

static bool is_true(const struct test *t, const char *flag)
{
	return json_type(&t->doc, json_get(&t->doc, JSON_ROOT, span_of(flag))) == JSON_TRUE;
}

/* Nothing can be declared under the names of literals: these always win. */
static bool is_literal(struct span name)
{
	return span_eq_str(name, "true") || span_eq_str(name, "false") || span_eq_str(name, "null");
}

static struct cel_env *make_env(struct test *t, struct cel_value *slots)
{
	unsigned options = (is_true(t, "disable_check") ? CEL_NO_CHECK : 0u) |
			   (is_true(t, "disable_macros") ? CEL_NO_MACROS : 0u);
	struct cel_env *env = cel_env_new(t->library, options);
	json_ref bindings = json_get_str(&t->doc, JSON_ROOT, "bindings");
	json_ref container = json_get_str(&t->doc, JSON_ROOT, "container");
	uint32_t slot;
	struct err e = {""};

	if (container != JSON_NONE && cel_env_set_container(env, text_of(t, container), &e) < 0)
		goto bad;
	json_foreach_member (k, &t->doc, bindings) {
		struct span name = text_of(t, k);
		if (is_literal(name))
			continue;
		if (cel_env_declare(env, name, "dyn", &slot, &e) < 0 ||
			!read_value(t, k + 1, &slots[slot]))
			goto bad;
	}
	return env;
bad:
	snprintf(t->why, sizeof t->why, "cannot set up the environment %s", e.msg);
	cel_env_free(env);
	return NULL;
}

static void say(struct test *t, const char *what, struct cel_value v)
{
	struct buf b = BUF_INIT(400);

	cel_put_display(&b, v, 200);
	snprintf(t->why, sizeof t->why, "%s %.*s", what, (int)b.len, b.ptr ? b.ptr : "");
	buf_free(&b);
}

static bool judge(struct test *t, struct cel_value got)
{
	json_ref value = json_get_str(&t->doc, JSON_ROOT, "value");
	struct cel_value wanted = cel_bool(true);

	if (json_get_str(&t->doc, JSON_ROOT, "error") != JSON_NONE) {
		say(t, "an error was expected, got", got);
		return got.kind == CEL_ERROR;
	}
	if (value != JSON_NONE && !read_value(t, value, &wanted)) {
		snprintf(t->why, sizeof t->why, "cannot read the expected value");
		return false;
	}
	say(t, "got", got);
	if (got.kind == CEL_ERROR)
		return false;
	return same(wanted, got, t->arena) ||
	       (resolve_escapes(t, wanted, &wanted) && same(wanted, got, t->arena));
}

static bool run_case(struct test *t)
{
	struct cel_value slots[16] = {0};
	struct cel_activation act = {slots, ARRAY_LEN(slots), NULL, NULL};
	struct cel_issues issues = {0};
	struct cel_program *p = NULL;
	struct cel_run run = cel_run(t->arena, CEL_DEFAULT_BUDGET);
	struct cel_env *env = make_env(t, slots);
	bool ok;

	if (!env)
		return false;
	if (cel_compile(env, t->expr, NULL, &p, &issues) == 0) {
		ok = judge(t, cel_eval(p, &act, &run));
	} else {
		snprintf(t->why, sizeof t->why, "%s",
			issues.count ? issues.items[0].message : "no issue");
		ok = issues.count && json_get_str(&t->doc, JSON_ROOT, "error") != JSON_NONE;
	}
	cel_issues_free(&issues);
	cel_program_free(p);
	cel_env_free(env);
	return ok;
}

static void run_line(const char *file, const char *line, size_t len, struct totals *totals)
{
	const struct json_limits limits = {1 << 20, 200, 100000, false, false};
	struct json_error je;
	struct test t = {
		.file = file, .arena = arena_new(65536, 256u << 20), .library = cel_library_new()};

	if (json_read(line, len, &limits, t.arena, &t.doc, &je) < 0) {
		printf("FAIL %s: a line that is not JSON: %s\n", file, je.what);
		totals->failed++;
		arena_free(t.arena);
		cel_library_free(t.library);
		return;
	}
	t.section = text_of(&t, json_get_str(&t.doc, JSON_ROOT, "section"));
	t.name = text_of(&t, json_get_str(&t.doc, JSON_ROOT, "name"));
	t.expr = text_of(&t, json_get_str(&t.doc, JSON_ROOT, "expr"));
	if (t.expr.ptr && run_case(&t)) {
		totals->passed++;
	} else {
		totals->failed++;
		printf("FAIL %s %.*s/%.*s: %.*s: %s\n", file, SPAN_FMT(t.section), SPAN_FMT(t.name),
			SPAN_FMT(t.expr), t.why);
	}
	arena_free(t.arena);
	cel_library_free(t.library);
}

static int run_file(const char *dir, const char *file, struct totals *totals)
{
	char path[4096], *line = NULL;
	size_t cap = 0;
	ssize_t len;

	snprintf(path, sizeof path, "%s/%s", dir, file);
	FILE *f = fopen(path, "r");
	if (!f) {
		printf("FAIL %s: cannot be opened\n", path);
		return -1;
	}
	while ((len = getline(&line, &cap, f)) > 0)
		if (len > 1)
			run_line(file, line, (size_t)len, totals);
	free(line);
	fclose(f);
	return 0;
}

static int is_jsonl(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return len > 6 && strcmp(d->d_name + len - 6, ".jsonl") == 0;
}

int main(int argc, char **argv)
{
	struct totals totals = {0};
	struct dirent **files;

	if (argc != 2) {
		fprintf(stderr, "usage: test_cel_conformance DIR\n");
		return 2;
	}
	int count = scandir(argv[1], &files, is_jsonl, alphasort);
	if (count < 0) {
		fprintf(stderr, "test_cel_conformance: cannot read the folder %s\n", argv[1]);
		return 2;
	}
	for (int i = 0; i < count; i++) {
		if (run_file(argv[1], files[i]->d_name, &totals) < 0)
			totals.failed++;
		free(files[i]);
	}
	free(files);
	printf("%u passed, %u failed, %u skipped\n", totals.passed, totals.failed, totals.skipped);
	return totals.failed == 0 && totals.passed > 0 ? 0 : 1;
}

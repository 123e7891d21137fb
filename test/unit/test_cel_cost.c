/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever works on much costs much: the charge of each function grows with what it looks at. */
#include <ctype.h>

#include "support/run_tests.h"
#include "unit/cel_support.h"

#define PLENTY	 1000000000
#define BYTES	 4000
#define ELEMENTS 400
#define TIMES	 4 /* larger is the second object */

/*
 * The object has, of a size that the test chooses, text (of letters), upper, spaced, dashed (short
 * words with dashes between them), marks (quotes and backslashes), accents (two bytes each), digits
 * and base64, and ints, strings, maps (lists of them), and map (names to numbers). object.other is
 * an equal copy of all.
 */
static void put_text(struct buf *out, const char *name, const char *unit, size_t bytes)
{
	buf_printf(out, "\"%s\":\"", name);
	for (size_t n = 0; n < bytes; n += strlen(unit))
		buf_add_str(out, unit);
	buf_add_str(out, "\",");
}

/* Of numbers, each between before and after. */
static void put_list(
	struct buf *out, const char *name, const char *before, const char *after, unsigned count)
{
	buf_printf(out, "\"%s\":[", name);
	for (unsigned i = 0; i < count; i++)
		buf_printf(out, "%s%s%u%s", i ? "," : "", before, i, after);
	buf_add_str(out, "],");
}

static void put_object(struct buf *out, size_t bytes, unsigned count)
{
	put_text(out, "text", "abcdefgh", bytes);
	put_text(out, "upper", "ABCDefgh", bytes);
	put_text(out, "spaced", "  ", bytes);
	put_text(out, "dashed", "ab-", bytes);
	put_text(out, "marks", "\\\\\\\"", bytes);
	put_text(out, "accents", "\303\244", bytes);
	put_text(out, "digits", "1234567890", bytes);
	put_text(out, "base64", "YWJj", bytes);
	put_text(out, "path", "/ab", bytes);
	put_text(out, "colons", "1:", bytes);
	put_list(out, "ints", "", "", count);
	put_list(out, "strings", "\"s", "\"", count);
	put_list(out, "maps", "{\"a\":", "}", count);
	put_list(out, "lists", "[", "]", count);
	buf_add_str(out, "\"map\":{");
	for (unsigned i = 0; i < count; i++)
		buf_printf(out, "%s\"k%u\":%u", i ? "," : "", i, i);
	buf_add_str(out, "}");
}

static char *document(size_t bytes, unsigned count)
{
	struct buf out = BUF_INIT(64u << 20);

	buf_add_str(&out, "{\"object\":{");
	put_object(&out, bytes, count);
	buf_add_str(&out, ",\"other\":{");
	put_object(&out, bytes, count);
	buf_add_str(&out, "}}}");
	ck_assert(!out.failed);
	ck_assert_ptr_nonnull(buf_str(&out));
	return out.ptr;
}

/* Each looks at all of something. */
static const char *const grows[] = {
	"object.text.size() > 0",
	"object.accents.size() > 0",
	"object.text.contains('zz')",
	"object.text.contains('abcdefgg')",
	"object.text.contains(object.other.text)",
	"object.dashed.contains('ab-ab-ab-ab-ab-ab-ab-ab-ac')",
	"object.text.startsWith(object.other.text)",
	"object.text.endsWith(object.other.text)",
	"object.text == object.other.text",
	"object.text < object.other.text",
	"object.text + object.other.text != ''",
	"object.text.matches('^[a-z]+$')",
	"object.text.matches('(a|b|c|d|e|f|g|h)*$')",
	"object.text.matches('^(a+)+$')",
	"object.accents.matches('^.*x$')",
	"object.text.matches('(x+x+)+y')",
	"object.text.matches('.*.*.*.*x')",
	"object.text.find('z')",
	"object.text.findAll('[a-z]').size()",
	"object.text.findAll('abc').size()",
	"regex.replace(object.text,'a','b')",
	"regex.replace(object.text,'[a-h]','bbbb')",
	"regex.extract(object.text, 'z(x)')",
	"regex.extractAll(object.text, '(a)bc').size()",
	"object.text.charAt(90000)",
	"object.accents.charAt(40000)",
	"object.text.indexOf('z')",
	"object.text.lastIndexOf('z')",
	"object.text.lastIndexOf('bb')",
	"object.accents.indexOf('z', 3)",
	"object.dashed.indexOf('ab-ab-ab-ab-ab-ab-ab-ab-ac')",
	"object.dashed.lastIndexOf('cab-ab-ab-ab-ab-ab-ab-ab-ab')",
	"object.upper.lowerAscii()",
	"object.text.upperAscii()",
	"object.text.replace('a','bb')",
	"object.text.replace('','-')",
	"object.text.replace('abcdefgh','x')",
	"object.text.replace('z','x')",
	"object.dashed.split('-').size()",
	"object.text.split('').size()",
	"object.text.split('z').size()",
	"object.dashed.split('-').join('+')",
	"object.strings.join('')",
	"object.strings.join(object.text.substring(0,50))",
	"object.text.substring(5)",
	"object.accents.substring(5)",
	"object.accents.substring(100,40000)",
	"object.spaced.trim()",
	"object.text.trim()",
	"object.text.reverse()",
	"object.accents.reverse()",
	"strings.quote(object.marks)",
	"strings.quote(object.text)",
	"'%s'.format([object.text])",
	"'%s'.format([object.maps])",
	"'%s'.format([object.map])",
	"'%x'.format([object.text])",
	"object.text.format([])",
	"string(bytes(object.text)).size()",
	"base64.encode(bytes(object.text))",
	"base64.decode(object.base64).size()",
	"bytes(object.text) == bytes(object.other.text)",
	"bytes(object.text) + bytes(object.text) == b''",
	"bytes(object.text) < bytes(object.other.text)",
	"object.ints == object.other.ints",
	"object.strings == object.other.strings",
	"object.maps == object.other.maps",
	"object.map == object.other.map",
	"object.lists == object.other.lists",
	"dyn(object.ints) != object.other.ints",
	"5 in object.ints",
	"-1 in object.ints",
	"'x' in object.strings",
	"'x' in object.map",
	"{'a': 9999} in object.maps",
	"[3] in object.lists",
	"object.map['k9999']",
	"object.ints[9999]",
	"has(object.map.k9999)",
	"object.strings[9000]",
	"object.ints + object.other.ints == []",
	"object.ints.all(x, x >= 0)",
	"object.ints.exists_one(x, x == 5)",
	"object.ints.filter(x, x > 5).size()",
	"object.ints.map(x, x + 1).size()",
	"object.map.all(k, k != '')",
	"object.map.all(k, v, v >= 0)",
	"object.map.transformList(k, v, v).size()",
	"object.map.transformMap(k, v, v).size()",
	"object.strings.transformMapEntry(i, s, {s: i}).size()",
	"object.map.map(k, k).size()",
	"object.ints.isSorted()",
	"object.strings.includes('x')",
	"object.strings.isSorted()",
	"object.ints.sum()",
	"object.ints.min()",
	"object.ints.max()",
	"object.ints.indexOf(9999)",
	"object.ints.lastIndexOf(0)",
	"object.strings.indexOf('s9999')",
	"object.maps.indexOf({'a':9999})",
	"object.ints.sort() == []",
	"object.strings.sort() == []",
	"object.ints.sortBy(x, -x) == []",
	"object.ints.reverse() == []",
	"object.strings.distinct().size()",
	"object.ints.distinct().size()",
	"object.lists.flatten().size()",
	"object.lists.distinct().size() > 0",
	"object.ints.slice(1, object.ints.size()) == []",
	"object.ints.last()",
	"lists.range(object.ints.size()).size()",
	"isURL('http://x' + object.path)",
	"sets.contains(object.ints, object.other.ints)",
	"sets.intersects(object.ints, [-1])",
	"sets.equivalent(object.ints, object.other.ints)",
	"sets.contains(object.strings, object.other.strings)",
	"sets.intersects(object.maps.slice(0,1000), object.other.lists.slice(0,1000))",
	"sets.contains(object.lists.slice(0,1000), object.other.lists.slice(0,1000))",
	"math.greatest(object.ints)",
	"math.least(object.ints)",
	"url('http://x' + object.path).getEscapedPath()",
	"url('http://x/?' + object.text).getQuery()",
	"url('http://x/?' + object.dashed.replace('-','&')).getQuery()",
	"isSemver('1.2.3-' + object.text)",
	"isSemver('1.2.3-' + object.dashed.replace('-','.')+'a')",
	"[semver('1.2.3-' + object.dashed.replace('-', '.') + 'a')].all(v, v.compareTo(v) == 0)",
	"format.dns1123Label().validate(object.text)",
	"format.dns1123Subdomain().validate(object.text)",
	"format.qualifiedName().validate(object.text)",
	"format.uri().validate('http://x' + object.path)",
	"format.byte().validate(object.base64)",
	"format.labelValue().validate(object.text)",
	"format.uuid().validate(object.text)",
	"format.datetime().validate(object.text)",
	"jsonpatch.escapeKey(object.path)",
	"string(object.text).size()",
	"{'a': object.map} == {'a': object.other.map}",
	"[object.map, object.map] == [object.other.map, object.map]",
	"object.?map.?k9999.orValue(0)",
	"object.ints.map(x, object.map['k' + string(x)]).size()",
	"object.ints.map(x, string(x)).join('').size()",
	"object.ints.map(x, timestamp(x)).size()",
	"object.ints.map(x, timestamp(x).getHours('Europe/Berlin')).size()",
	"object.ints.map(x, timestamp(x).getHours()).size()",
	"object.ints.map(x, url('http://h/p' + string(x))).size()",
	"object.ints.map(x, quantity(string(x))).size()",
	"object.ints.map(x, ip('10.0.0.1')).size()",
	"object.ints.map(x, cidr('10.0.0.0/8').containsIP('10.0.0.1')).size()",
	"object.ints.map(x, semver('1.2.3').isLessThan(semver('1.2.4'))).size()",
	"object.ints.map(x, duration('1h')).size()",
	"object.ints.map(x, 'a%d'.format([x])).size()",
	"object.strings.map(x, x.matches('^s[0-9]+$')).size()",
	"object.ints.map(x, [x,x]).size()",
	"object.ints.map(x, {'a': x}).size()",
	"object.ints.map(x, has(object.map.k9999)).size()",
	"object.ints.map(x, format.dns1123Label().validate('abc')).size()",
	"object.strings.map(x, x == 'a').size()",
	"object.strings.map(x, x.find('[0-9]')).size()",
	"object.ints.map(x, optional.of(x)).size()",
	"object.ints.map(x, string(x)).size()",
	"object.ints.map(x, double(x)).size()",
	"object.ints.map(x, double('1.5e300')).size()",
	"object.ints.map(x, string(1.1)).size()",
	"object.ints.map(x, base64.encode(b'a')).size()",
	"object.ints.map(x, object.text.size()).size() > 0",
	"object.ints.map(x, object.text).size()",
	"object.strings.map(x, object.text.startsWith(x)).size()",
	"object.ints.map(x, object.map).size()",
};

/* What does the same work whatever it is given, or refuses more than a little. */
static const char *const constant[] = {"first", "type", "dyn", "hasValue", "value", "or", "orValue",
	"optional.of", "optional.none", "optional.ofNonZeroValue", "optional.unwrap", "unwrapOpt",
	"bool", "int", "uint", "double", "timestamp", "duration", "isIP", "ip", "ip.isCanonical",
	"isCIDR", "cidr", "isQuantity", "isInteger", "asInteger", "asApproximateFloat", "sign",
	"add", "sub", "isGreaterThan", "containsIP", "containsCIDR", "masked", "prefixLength",
	"family", "isUnspecified", "isLoopback", "isLinkLocalMulticast", "isLinkLocalUnicast",
	"isGlobalUnicast", "major", "minor", "patch", "getDate", "getDayOfMonth", "getDayOfWeek",
	"getDayOfYear", "getFullYear", "getMilliseconds", "getMinutes", "getMonth", "getSeconds",
	"getHost", "getHostname", "getPort", "getScheme", "math.abs", "math.bitAnd", "math.bitNot",
	"math.bitOr", "math.bitShiftLeft", "math.bitShiftRight", "math.bitXor", "math.ceil",
	"math.floor", "math.isFinite", "math.isInf", "math.isNaN", "math.round", "math.sign",
	"math.sqrt", "math.trunc"};

static void object_of_size(struct cel_test *t, unsigned times)
{
	const struct json_limits limits = {64 << 20, 100, 1000000, true, false};
	struct json_error je = {.what = ""};
	char *json = document((size_t)times * BYTES, times * ELEMENTS);

	cel_test_setup(t, "{}");
	arena_free(t->arena);
	t->arena = arena_new(4096, 1u << 30);
	/* kept as long as the document, which points into it */
	char *copy = arena_strndup(t->arena, json, strlen(json));

	free(json);
	ck_assert_ptr_nonnull(copy);
	ck_assert_msg(
		json_read(copy, strlen(copy), &limits, t->arena, &t->doc, &je) == 0, "%s", je.what);
}

/* The type of the result is of no interest, an error is: it may have come too soon. */
static uint64_t cost_of(const char *source, unsigned times)
{
	struct cel_test t;
	struct cel_program *p;
	struct cel_run run;
	struct cel_value v;
	struct buf said = BUF_INIT(1000);

	object_of_size(&t, times);
	p = cel_test_compile(&t, source, NULL);
	for (int i = 0; i < 2; i++) { /* what is done the first time only does not count */
		run = cel_run(t.arena, PLENTY);
		memset(t.slots, 0, sizeof t.slots);
		v = cel_eval(p, &t.act, &run);
	}
	cel_put_display(&said, v, 100);
	ck_assert_msg(!cel_error_is_limit(v), "%s: %s", source, buf_str(&said));
	buf_free(&said);
	cel_program_free(p);
	cel_test_end(&t);
	return PLENTY - cel_run_left(&run);
}

START_TEST(cel_cost__grows_with_what_is_looked_at)
{
	const uint64_t small = cost_of(grows[_i], 1), large = cost_of(grows[_i], TIMES);

	ck_assert_msg(large > small * (TIMES - 1), "%s costs %llu, of %u times as much %llu",
		grows[_i], (unsigned long long)small, TIMES, (unsigned long long)large);
}
END_TEST

/* As a whole word before its parenthesis. */
static bool is_called(const char *source, const char *name)
{
	const size_t len = strlen(name);

	for (const char *at = source; (at = strstr(at, name)); at += len)
		if (at[len] == '(' && (at == source || !isalnum((unsigned char)at[-1])))
			return true;
	return false;
}

static bool is_looked_at(const char *name)
{
	if (strncmp(name, "format.", 7) == 0) /* validate() does its work */
		return true;
	for (size_t i = 0; i < ARRAY_LEN(constant); i++)
		if (strcmp(constant[i], name) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_LEN(grows); i++)
		if (is_called(grows[i], name))
			return true;
	return false;
}

/* Who adds a function says here what it costs. */
START_TEST(cel_cost__of_every_function)
{
	struct cel_library *library = cel_library_new();
	struct cel_function_info f;
	size_t count = 0;

	ck_assert_ptr_nonnull(library);
	for (; cel_function_at(library, count, &f); count++)
		if (isalpha((unsigned char)f.name[0]) && strcmp(f.group, "Macros") != 0)
			ck_assert_msg(is_looked_at(f.name), "%s", f.name);
	ck_assert_uint_gt(count, 100);
	cel_library_free(library);
}
END_TEST

/* A pattern that makes RE2 work with sets of states is charged what it took, or refused. */
START_TEST(cel_cost__of_patterns)
{
	static const char *const dear = "object.text.matches('(.{1,30}){1,30}x')";
	struct cel_test t;
	struct cel_program *p = NULL;
	struct cel_run run;
	struct buf said = BUF_INIT(1000);

	ck_assert_uint_gt(
		cost_of(dear, 1), 10 * cost_of("object.text.matches('abcdefg(x|y|z)')", 1));
	object_of_size(&t, 100);
	run = cel_run(t.arena, CEL_DEFAULT_BUDGET);
	p = cel_test_compile(&t, dear, NULL);
	cel_put_display(&said, cel_eval(p, &t.act, &run), 200);
	ck_assert_msg(
		strstr(buf_str(&said), "too long for a pattern") != NULL, "%s", buf_str(&said));
	/* Not begun at all where others wait for the thread. */
	run = cel_run(t.arena, CEL_DEFAULT_BUDGET);
	run.patience = 10000;
	cel_program_free(p);
	memset(t.slots, 0, sizeof t.slots);
	p = cel_test_compile(&t, "object.text.matches('a+b+c+')", NULL);
	ck_assert(cel_error_is_limit(cel_eval(p, &t.act, &run)));
	ck_assert(run.impatient);
	cel_program_free(p);
	buf_free(&said);
	cel_test_end(&t);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("cel_cost");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, cel_cost__grows_with_what_is_looked_at, 0, ARRAY_LEN(grows));
	tcase_add_test(t, cel_cost__of_every_function);
	tcase_add_test(t, cel_cost__of_patterns);
	return run_tests(t);
}

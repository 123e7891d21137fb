/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "auditsink/event_list.h"
#include "common/base/arena_internal.h"
#include "support/run_tests.h"

static struct arena *arena;
static struct buf seen = BUF_INIT(1 << 20);
static int stop_at = -2;

static void setup(void)
{
	arena = arena_new(4096, 256 << 20);
	stop_at = -2;
}

static void teardown(void)
{
	arena_free(arena);
	buf_free(&seen);
}

/* Writes down what comes: "E0:id " for an event, "B1:bytes:reason " for what is none. */
static int note_event(void *userdata, int position, const struct json_doc *d)
{
	struct span id = json_raw_string(d, json_get_str(d, JSON_ROOT, "auditID"));

	ck_assert_ptr_eq(userdata, &seen);
	buf_printf(&seen, "E%d:%.*s ", position, SPAN_FMT(id));
	return position == stop_at;
}

static int note_broken(void *userdata, int position, struct span bytes, const char *reason)
{
	ck_assert_ptr_eq(userdata, &seen);
	buf_printf(&seen, "B%d:%zu:%s ", position, bytes.len, reason);
	return position == stop_at;
}

static enum event_list_verdict read_list(struct span text, struct err *e)
{
	const struct event_list_handler handler = {note_event, note_broken, &seen};
	char *copy = malloc(text.len ? text.len : 1);
	enum event_list_verdict v;

	memcpy(copy, text.ptr, text.len);
	buf_reset(&seen);
	v = event_list_read((struct span){copy, text.len}, arena, &handler, e);
	free(copy);
	return v;
}

#define HEAD                                                                                       \
	"{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"metadata\":{},\"items\":["
#define TAIL  "]}\n"
#define EV(i) "{\"level\":\"Metadata\",\"auditID\":\"" i "\",\"stage\":\"Panic\"}"

/* ---- lists that are taken ---- */

static const struct {
	const char *expected;
	struct span text;
} taken[] = {
#define ROW(e, t)                                                                                  \
	{                                                                                          \
		e,                                                                                 \
		{                                                                                  \
			t, sizeof(t) - 1                                                           \
		}                                                                                  \
	}
	ROW("", HEAD TAIL),
	ROW("E0:a ", HEAD EV("a") TAIL),
	ROW("E0:a E1:b E2:c ", HEAD EV("a") "," EV("b") " ,\n " EV("c") " " TAIL),
	ROW("E0: ", HEAD "{}" TAIL),
	ROW("", "{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"items\":null}"),
	ROW("", "{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\"}"),
	ROW("E0:a ", "{\"items\":[" EV("a") "],\"apiVersion\":\"audit.k8s.io/v1\","
					    "\"kind\":\"EventList\"}"),
	ROW("E0:a ", "{\"future\":[1,{\"a\":2}],\"kind\":\"EventList\",\"apiVersion\":"
		     "\"audit.k8s.io/v1\",\"items\":[" EV("a") "]}"),
	/* lone surrogates and NUL escapes are stored */
	ROW("E0:a E1:b ", HEAD "{\"auditID\":\"a\",\"x\":\"\\ud800\\u0000\"}," EV("b") TAIL),
	/* what cannot be read costs itself only */
	ROW("E0:a B1:13:duplicate key E2:b ", HEAD EV("a") ",{\"a\":1,\"a\":2}," EV("b") TAIL),
	ROW("E0:a B1:9:not UTF-8 E2:b ", HEAD EV("a") ",{\"a\":\"\xff\"}," EV("b") TAIL),
	ROW("E0:a B1:9:control character in string E2:b ",
		HEAD EV("a") ",{\"a\":\"\x01\"}," EV("b") TAIL),
	ROW("E0:a B1:5:expected a key in quotes E2:b ", HEAD EV("a") ",{bad}," EV("b") TAIL),
	ROW("E0:a B1:9:a number with a leading zero E2:b ",
		HEAD EV("a") ",{\"a\":012}," EV("b") TAIL),
	ROW("B0:5:expected a key in quotes E1:b ", HEAD "{bad}," EV("b") TAIL),
	ROW("E0:a B1:5:expected a key in quotes ", HEAD EV("a") ",{bad}" TAIL),
	ROW("B0:10:unknown escape in string E1:b ", HEAD "{\"a\":\"\\x\"}," EV("b") TAIL),
	ROW("E0:a B1:4:not an object E2:b ", HEAD EV("a") ",null," EV("b") TAIL),
	ROW("B0:3:not an object B1:2:not an object E2:b ", HEAD "\"a\",[]," EV("b") TAIL),
	ROW("E0:a B1:0:expected a value E2:b ", HEAD EV("a") ",," EV("b") TAIL),
	ROW("E0:a B1:0:expected a value ", HEAD EV("a") "," TAIL),
	ROW("E0:a B1:4:expected a value E2:b ", HEAD EV("a") ",oops," EV("b") TAIL),
	/* brackets that do not fit: the next whole event after "}," is where the list goes on */
	ROW("E0:a B1:16:expected a key in quotes E2:b E3:c ",
		HEAD EV("a") ",{\"r\":{bad,\"x\":1}," EV("b") "," EV("c") TAIL),
	ROW("E0:a B1:9:expected ',' or ']' E2:b ", HEAD EV("a") ",{\"r\":[1}}," EV("b") TAIL),
	ROW("B0:10:expected ',' or '}' E1:b ", HEAD "{\"r\":\"x},}," EV("b") TAIL),
	ROW("E0:a B1:3:text between events E2:b ", HEAD EV("a") "}x}," EV("b") TAIL),
	ROW("E0:a B1:1:text between events E2:b ", HEAD EV("a") "}," EV("b") TAIL),
	ROW("E0:a B1:4:expected a key in quotes E2:b ", HEAD EV("a") ",{bad," EV("b") TAIL),
	/* an object that is no event does not pass for one behind broken text */
	ROW("B0:26:expected a key in quotes E1:b ",
		HEAD "{\"r\":{bad},{\"level\":\"x\"},}," EV("b") TAIL),
	/* nothing to go on with: the rest is quarantined as one */
	ROW("E0:a B1:9:expected a key in quotes ", HEAD EV("a") ",{\"r\":{bad"),
	ROW("E0:a B1:13:unfinished string ", HEAD EV("a") ",{\"auditID\":\"b"),
	ROW("E0:a B-1:3:text after the events ", HEAD EV("a") TAIL "{}]"),
	ROW("E0:a B-1:1:text after the events ", HEAD EV("a") "]\n;"),
#undef ROW
};

START_TEST(event_list__taken_table)
{
	struct err e = {""};
	size_t used = arena_used(arena);

	ck_assert_msg(read_list(taken[_i].text, &e) == EVENT_LIST_OK, "row %d: %s", _i, e.msg);
	ck_assert_str_eq(buf_str(&seen), taken[_i].expected);
	ck_assert_uint_eq(arena_used(arena), used);
}
END_TEST

/* ---- bodies that are refused as a whole ---- */

static const struct {
	const char *expected; /* in the message */
	struct span text;
} refused[] = {
#define ROW(e, t)                                                                                  \
	{                                                                                          \
		e,                                                                                 \
		{                                                                                  \
			t, sizeof(t) - 1                                                           \
		}                                                                                  \
	}
	ROW("expected an object", ""),
	ROW("expected an object", "[]"),
	ROW("expected an object", "null"),
	ROW("expected an object", "\xff"),
	ROW("expected a key", "{"),
	ROW("expected a key", "{}"),
	ROW("no kind", "{\"metadata\":{}}"),
	ROW("no apiVersion", "{\"kind\":\"EventList\"}"),
	ROW("wrong kind", "{\"kind\":\"PodList\",\"items\":[]}"),
	ROW("wrong kind", "{\"kind\":7}"),
	ROW("wrong kind", "{\"kind\":\"EventList\",\"kind\":\"EventList\"}"),
	ROW("wrong apiVersion", "{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1beta1\"}"),
	ROW("no kind", "{\"items\":[" EV("a") "]}"),
	ROW("wrong kind", "{\"items\":[" EV("a") "],\"kind\":\"x\"}"),
	ROW("items is not an array", "{\"kind\":\"EventList\",\"items\":{}}"),
	ROW("items twice", "{\"items\":[],\"items\":[]}"),
	ROW("unfinished string", "{\"kind"),
	ROW("expected ':'", "{\"kind\"}"),
	ROW("expected ','", "{\"kind\":\"EventList\" \"apiVersion\":1}"),
	ROW("expected a key", "{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",}"),
	ROW("not UTF-8", "{\"\xff\":1}"),
#undef ROW
};

START_TEST(event_list__refused_table)
{
	struct err e = {""};

	ck_assert_int_eq(read_list(refused[_i].text, &e), EVENT_LIST_REFUSED);
	ck_assert_msg(strstr(e.msg, refused[_i].expected) != NULL, "row %d: %s", _i, e.msg);
	ck_assert_msg(strstr(e.msg, "EventList") != NULL, "%s", e.msg);
}
END_TEST

START_TEST(event_list__a_handler_stops_it)
{
	struct err e;

	stop_at = 1;
	ck_assert_int_eq(
		read_list(SPAN(HEAD EV("a") "," EV("b") "," EV("c") TAIL), &e), EVENT_LIST_STOPPED);
	ck_assert_str_eq(buf_str(&seen), "E0:a E1:b ");
	ck_assert_int_eq(read_list(SPAN(HEAD EV("a") ",7," EV("c") TAIL), &e), EVENT_LIST_STOPPED);
	stop_at = -1;
	ck_assert_int_eq(read_list(SPAN(HEAD EV("a") TAIL "garbage"), &e), EVENT_LIST_STOPPED);
}
END_TEST

START_TEST(event_list__ten_thousand_levels_cost_one_event)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(1 << 20);
	struct err e;

	buf_add_str(&text, HEAD EV("a") ",{\"x\":");
	for (int i = 0; i < 10000; i++)
		buf_add_char(&text, '[');
	for (int i = 0; i < 10000; i++)
		buf_add_char(&text, ']');
	buf_add_str(&text, "}," EV("b") TAIL);
	ck_assert_int_eq(read_list(buf_span(&text), &e), EVENT_LIST_OK);
	ck_assert_str_eq(buf_str(&seen), "E0:a B1:20006:nested too deep E2:b ");
}
END_TEST

/* All of it or nothing: what was left out would be lost with a 200. */
START_TEST(event_list__more_events_than_a_list_may_have)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(1 << 20);
	struct err e;

	seen.max = 4 << 20;
	buf_add_str(&text, HEAD "{}");
	for (int i = 1; i < EVENT_LIST_EVENTS_MAX; i++)
		buf_add_str(&text, ",{}");
	buf_add_str(&text, TAIL);
	ck_assert_int_eq(read_list(buf_span(&text), &e), EVENT_LIST_OK);
	text.len -= strlen(TAIL);
	buf_add_str(&text, ",{}" TAIL);
	ck_assert_int_eq(read_list(buf_span(&text), &e), EVENT_LIST_TOO_LONG);
	ck_assert_str_eq(e.msg, "more than 100000 events in one list: send shorter ones");
}
END_TEST

/* Trying for an event behind every "},{" of a long broken text must not take its length squared. */
START_TEST(event_list__searching_is_bounded)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(16 << 20);
	struct err e;

	buf_add_str(&text, HEAD "{bad");
	for (int i = 0; i < 200000; i++)
		buf_add_str(&text, "},{\"a\":{\"b\":[\"");
	ck_assert_int_eq(read_list(buf_span(&text), &e), EVENT_LIST_OK);
	ck_assert_int_eq(strncmp(buf_str(&seen), "B0:", 3), 0);
}
END_TEST

/* ---- salvage ---- */

static void note_member(void *userdata, const struct json_doc *key, const struct json_doc *value)
{
	struct span k = json_text(key, JSON_ROOT), v = json_text(value, JSON_ROOT);

	ck_assert_ptr_eq(userdata, &seen);
	buf_printf(&seen, "%.*s=%.*s ", SPAN_FMT(k), SPAN_FMT(v));
}

START_TEST(event_list__salvage)
{
	static const struct {
		const char *expected;
		const char *text;
	} rows[] = {
		{"\"a\"=1 \"b\"=\"x\" ", "{\"a\":1,\"b\":\"x\"}"},
		{"\"a\"=1 \"c\"=[2] ", "{\"a\":1,\"b\":{\"x\":1,\"x\":2},\"c\":[2]}"},
		{"\"a\"=1 \"a\"=2 ", "{\"a\":1,\"a\":2}"},
		{"\"a\"=1 \"c\"=2 ", "{\"a\":1,\"b\":\"\xff\",\"c\":2}"},
		{"\"a\"=1 ", "{\"a\":1,\"b\":{bad,\"c\":2}"},
		{"\"a\"=1 \"c\"=2 ", "{\"a\":1,\"b\":{bad},\"c\":2"},
		{"", "{}"},
		{"", ""},
		{"", "[1]"},
		{"", "{"},
		{"", "{\"a\""},
		{"", "{\"a\":"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		buf_reset(&seen);
		event_list_salvage(span_of(rows[i].text), arena, note_member, &seen);
		ck_assert_str_eq(buf_str(&seen), rows[i].expected);
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("event_list");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, event_list__taken_table, 0, ARRAY_LEN(taken));
	tcase_add_loop_test(t, event_list__refused_table, 0, ARRAY_LEN(refused));
	tcase_add_test(t, event_list__a_handler_stops_it);
	tcase_add_test(t, event_list__ten_thousand_levels_cost_one_event);
	tcase_add_test(t, event_list__more_events_than_a_list_may_have);
	tcase_add_test(t, event_list__searching_is_bounded);
	tcase_add_test(t, event_list__salvage);
	tcase_set_timeout(t, 60);
	return run_tests(t);
}

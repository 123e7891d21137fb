/* SPDX-License-Identifier: Apache-2.0 */
#include "auditsink/event_list.h"

#define NESTED_MAX	   65536 /* brackets that the search for an event's end follows */
#define RESUME_ATTEMPTS	   1000	 /* places in one list at which an event is tried for */
#define EVENT_BYTES_MAX	   ((size_t)1 << 30)
#define ENVELOPE_VALUE_MAX 65536

struct list {
	const char *p, *end;
	struct arena *arena;
	const struct event_list_handler *handler;
	int position;
	unsigned attempts;
	bool is_kind, is_version, has_items;
	bool cut; /* the list could not be followed to its end */
	bool too_long;
	struct err *e;
};

static const struct json_limits event_limits = {
	EVENT_BYTES_MAX, EVENT_DEPTH_MAX, EVENT_NODES_MAX, true, false};
static const struct json_limits envelope_limits = {ENVELOPE_VALUE_MAX, 16, 1000, false, false};

/* ---- finding the end of what cannot be read ---- */

static const char *skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

/* p: after the opening quote. NULL: it never closes. */
static const char *skip_quoted(const char *p, const char *end)
{
	for (; p < end; p++) {
		if (*p == '\\')
			p++;
		else if (*p == '"')
			return p + 1;
	}
	return NULL;
}

/* The end of the bracket that opens at p, or NULL when it does not close or is crossed. */
static const char *skip_bracket(const char *p, const char *end)
{
	uint8_t is_object[NESTED_MAX / 8] = {0};
	unsigned depth = 0;

	while (p && p < end) {
		char c = *p++;

		if (c == '"') {
			p = skip_quoted(p, end);
		} else if (c == '{' || c == '[') {
			if (depth == NESTED_MAX)
				return NULL;
			is_object[depth / 8] &= (uint8_t) ~(1u << depth % 8);
			is_object[depth / 8] |= (uint8_t)((c == '{') << depth % 8);
			depth++;
		} else if (c == '}' || c == ']') {
			depth--;
			if ((is_object[depth / 8] >> depth % 8 & 1) != (c == '}'))
				return NULL;
			if (depth == 0)
				return p;
		}
	}
	return NULL;
}

/* The end of a value by its brackets and quotes alone; NULL when they do not fit. */
static const char *skip_loosely(const char *p, const char *end)
{
	if (p == end)
		return NULL;
	if (*p == '{' || *p == '[')
		return skip_bracket(p, end);
	if (*p == '"')
		return skip_quoted(p + 1, end);
	while (p < end && !memchr(",]} \t\r\n", *p, 7))
		p++;
	return p;
}

/* Does what follows an element at p look like the list going on or ending? */
static bool goes_on(const char *p, const char *end)
{
	p = skip_space(p, end);
	if (p == end)
		return false;
	if (*p == ']')
		return true;
	if (*p != ',')
		return false;
	p = skip_space(p + 1, end);
	return p < end && *p == '{';
}

static bool is_event(const struct json_doc *d)
{
	return json_type(d, json_get_str(d, JSON_ROOT, "auditID")) == JSON_STRING &&
	       json_type(d, json_get_str(d, JSON_ROOT, "stage")) == JSON_STRING &&
	       json_type(d, json_get_str(d, JSON_ROOT, "level")) == JSON_STRING;
}

static bool stands_event(struct list *l, const char *p)
{
	struct arena_mark mark = arena_mark(l->arena);
	struct json_doc d;
	bool yes;

	l->attempts++;
	yes = json_read_value(p, (size_t)(l->end - p), &event_limits, l->arena, &d, NULL) == 0 &&
	      is_event(&d) && goes_on(p + d.len, l->end);
	arena_rewind(l->arena, mark);
	return yes;
}

/* The first place behind p where, after a comma, a whole event stands. NULL: none, or too many
 * looked like one. */
static const char *find_event(struct list *l, const char *p)
{
	const char *from = p;

	while (++p < l->end && (p = memchr(p, '{', (size_t)(l->end - p)))) {
		const char *q = p - 1;

		while (q > from && memchr(" \t\r\n", *q, 4))
			q--;
		if (*q != ',')
			continue;
		if (l->attempts == RESUME_ATTEMPTS)
			return NULL;
		if (stands_event(l, p))
			return p;
	}
	return NULL;
}

/* ---- the list ---- */

static int hand_out_broken(struct list *l, const char *from, const char *to, const char *reason)
{
	while (to > from && memchr(", \t\r\n", to[-1], 5))
		to--;
	return l->handler->broken(l->handler->userdata, l->position++,
		(struct span){from, (size_t)(to - from)}, reason);
}

/* What cannot be read from l->p on is handed out and passed over. */
static int pass_broken(struct list *l, const char *reason)
{
	const char *from = l->p, *to = skip_loosely(from, l->end);

	if (to && goes_on(to, l->end)) {
		l->p = to;
		return hand_out_broken(l, from, to, reason);
	}
	to = find_event(l, from);
	if (to) {
		l->p = to - 1; /* at the comma, or at white space after it */
		while (*l->p != ',')
			l->p--;
	} else {
		l->p = l->end;
		l->cut = true;
	}
	return hand_out_broken(l, from, l->p, reason);
}

/* The reader's words, without the key that it quotes. */
static const char *reason_of(const struct json_error *je)
{
	static const char duplicate[] = "duplicate key";

	return strncmp(je->what, duplicate, sizeof(duplicate) - 1) == 0 ? duplicate : je->what;
}

static int read_element(struct list *l)
{
	struct arena_mark mark = arena_mark(l->arena);
	struct json_error je;
	struct json_doc d;
	int rc;

	if (l->position == EVENT_LIST_EVENTS_MAX) {
		err_set(l->e, "more than %d events in one list: send shorter ones",
			EVENT_LIST_EVENTS_MAX);
		l->too_long = true;
		return 1;
	}
	if (json_read_value(l->p, (size_t)(l->end - l->p), &event_limits, l->arena, &d, &je) < 0)
		return pass_broken(l, reason_of(&je));
	l->p += d.len;
	if (json_type(&d, JSON_ROOT) == JSON_OBJECT)
		rc = l->handler->event(l->handler->userdata, l->position++, &d);
	else
		rc = hand_out_broken(l, d.text, l->p, "not an object");
	arena_rewind(l->arena, mark);
	return rc;
}

/* l->p: after the opening bracket. Ends after the closing one, or at the end of the text. */
static int read_elements(struct list *l)
{
	int rc;

	l->p = skip_space(l->p, l->end);
	if (l->p < l->end && *l->p == ']') {
		l->p++;
		return 0;
	}
	for (;;) {
		rc = read_element(l);
		l->p = skip_space(l->p, l->end);
		if (rc == 0 && !l->cut && (l->p == l->end || (*l->p != ',' && *l->p != ']'))) {
			rc = pass_broken(l, "text between events");
			l->p = skip_space(l->p, l->end);
		}
		if (rc != 0 || l->cut)
			return rc;
		if (*l->p++ == ']')
			return 0;
		l->p = skip_space(l->p, l->end);
	}
}

/* ---- the envelope ---- */

static int refuse(struct list *l, const char *what)
{
	err_set(l->e, "not an EventList of audit.k8s.io/v1: %s", what);
	return -1;
}

/* Reads a small value at l->p and moves on behind it. */
static int read_small(struct list *l, struct json_doc *d)
{
	struct json_error je;

	if (json_read_value(l->p, (size_t)(l->end - l->p), &envelope_limits, l->arena, d, &je) < 0)
		return refuse(l, reason_of(&je));
	l->p = skip_space(l->p + d->len, l->end);
	return 0;
}

static int expect_string(struct list *l, struct span expected, bool *seen, const char *what)
{
	struct json_doc d;

	if (*seen)
		return refuse(l, what);
	if (read_small(l, &d) < 0)
		return -1;
	if (!json_string_is(&d, JSON_ROOT, expected))
		return refuse(l, what);
	*seen = true;
	return 0;
}

static int read_items(struct list *l)
{
	struct json_doc d;
	int rc = 0;

	if (l->has_items)
		return refuse(l, "items twice");
	l->has_items = true;
	if (l->p < l->end && *l->p == '[') {
		l->p++;
		rc = read_elements(l);
		l->p = skip_space(l->p, l->end);
		return rc;
	}
	if (read_small(l, &d) < 0)
		return -1;
	return json_type(&d, JSON_ROOT) == JSON_NULL ? 0 : refuse(l, "items is not an array");
}

/* One member of the envelope. -1: refused; other than 0: a handler stopped it. */
static int read_member(struct list *l)
{
	struct json_doc key, value;

	if (l->p == l->end || *l->p != '"')
		return refuse(l, "expected a key");
	if (read_small(l, &key) < 0)
		return -1;
	if (l->p == l->end || *l->p != ':')
		return refuse(l, "expected ':'");
	l->p = skip_space(l->p + 1, l->end);
	if (json_string_is(&key, JSON_ROOT, SPAN("kind")))
		return expect_string(l, SPAN("EventList"), &l->is_kind, "wrong kind");
	if (json_string_is(&key, JSON_ROOT, SPAN("apiVersion")))
		return expect_string(
			l, SPAN("audit.k8s.io/v1"), &l->is_version, "wrong apiVersion");
	if (json_string_is(&key, JSON_ROOT, SPAN("items")))
		return read_items(l);
	return read_small(l, &value);
}

/* The members of the envelope up to its closing bracket. */
static int read_members(struct list *l)
{
	int rc;

	l->p = skip_space(l->p, l->end);
	if (l->p == l->end || *l->p != '{')
		return refuse(l, "expected an object");
	l->p = skip_space(l->p + 1, l->end);
	for (;;) {
		rc = read_member(l);
		if (rc != 0 || l->cut)
			return rc;
		if (l->p == l->end || (*l->p != ',' && *l->p != '}'))
			return refuse(l, "expected ',' or '}'");
		if (*l->p++ == '}')
			return 0;
		l->p = skip_space(l->p, l->end);
	}
}

enum event_list_verdict event_list_read(struct span body, struct arena *arena,
	const struct event_list_handler *handler, struct err *e)
{
	struct list l = {.p = body.ptr,
		.end = body.ptr + body.len,
		.arena = arena,
		.handler = handler,
		.e = e};
	struct arena_mark mark = arena_mark(arena);
	int rc = read_members(&l);
	const char *rest;

	arena_rewind(arena, mark);
	if (l.too_long)
		return EVENT_LIST_TOO_LONG;
	if (rc > 0)
		return EVENT_LIST_STOPPED;
	if (rc == 0 && (!l.is_kind || !l.is_version))
		rc = refuse(&l, l.is_kind ? "no apiVersion" : "no kind");
	if (rc < 0 && !(l.has_items && l.is_kind && l.is_version && l.position > 0))
		return EVENT_LIST_REFUSED;
	/* The events stand, whatever comes behind them. */
	rest = skip_space(l.p, l.end);
	l.position = -1;
	if (rest < l.end && hand_out_broken(&l, rest, l.end, "text after the events") != 0)
		return EVENT_LIST_STOPPED;
	return EVENT_LIST_OK;
}

/* ---- what can be read of what cannot ---- */

void event_list_salvage(struct span bytes, struct arena *arena,
	void (*member)(void *userdata, const struct json_doc *key, const struct json_doc *value),
	void *userdata)
{
	const char *p = bytes.ptr, *end = bytes.ptr + bytes.len;
	struct arena_mark mark = arena_mark(arena);

	if (p == end || *p != '{')
		return;
	do {
		struct json_doc key, value;
		const char *next;

		arena_rewind(arena, mark);
		p = skip_space(p + 1, end);
		if (p == end || *p != '"' ||
			json_read_value(p, (size_t)(end - p), &envelope_limits, arena, &key, NULL) <
				0)
			break;
		p = skip_space(p + key.len, end);
		if (p == end || *p != ':')
			break;
		p = skip_space(p + 1, end);
		if (json_read_value(p, (size_t)(end - p), &envelope_limits, arena, &value, NULL) ==
			0) {
			member(userdata, &key, &value);
			next = p + value.len;
		} else {
			next = skip_loosely(p, end);
		}
		p = next ? skip_space(next, end) : end;
	} while (p < end && *p == ',');
	arena_rewind(arena, mark);
}

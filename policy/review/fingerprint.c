/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical form of a change and its SHA-256; the form is described in fingerprint.h, the
 * differences of an UPDATE come from change.c.
 */
#include "policy/review/fingerprint.h"

#include "policy/review/fingerprint_internal.h"
#include "policy/review/impersonation.h"

#define CANONICAL_MAX ((size_t)64 << 20)
#define RESTARTED_AT  "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt"

static void put_value(struct canon *c, json_ref v);

static void put_string(struct canon *c, struct span s)
{
	buf_printf(c->out, "s%zu:", s.len);
	buf_add_span(c->out, s);
}

static void put_field(struct canon *c, const char *name, struct span value)
{
	buf_printf(c->out, "%s=", name);
	put_string(c, value);
	buf_add_char(c->out, ';');
}

/* ---- values ---- */

static void push(struct canon *c, struct span key)
{
	if (c->depth < CHANGE_DEPTH_MAX)
		c->path[c->depth] = key;
	c->depth++;
}

static void put_text(struct canon *c, json_ref v)
{
	struct span s = json_string(c->r->doc, v, c->arena);
	const char *anew;

	if (!s.ptr) {
		c->failed = true;
		return;
	}
	anew = c->depth <= CHANGE_DEPTH_MAX ? fingerprint_made_anew(c, s) : NULL;
	if (anew)
		buf_add_str(c->out, anew);
	else
		put_string(c, s);
}

static bool left_out(const struct canon *c, struct span key)
{
	if (c->in_managers)
		return c->depth == 1 && span_eq(key, SPAN("time"));
	/* The options of a CONNECT have no metadata and no status of the API server's. */
	if (c->r->operation == OPERATION_CONNECT || c->depth > 1)
		return false;
	if (c->depth == 0)
		return change_is_server_managed(key, false, c->with_status);
	if (!c->path[0].ptr || !span_eq(c->path[0], SPAN("metadata")))
		return false;
	return (c->generated_name && span_eq(key, SPAN("name"))) ||
	       change_is_server_managed(key, true, c->with_status);
}

static void put_object(struct canon *c, json_ref o)
{
	struct change_member *m;
	uint32_t n;

	if (change_sorted_members(c->r->doc, o, c->arena, &m, &n) != 0) {
		c->failed = true;
		return;
	}
	buf_add_char(c->out, '{');
	for (uint32_t i = 0; i < n && !c->failed; i++) {
		if (left_out(c, m[i].key))
			continue;
		put_string(c, m[i].key);
		push(c, m[i].key);
		put_value(c, m[i].value);
		c->depth--;
	}
	buf_add_char(c->out, '}');
}

static void put_array(struct canon *c, json_ref a)
{
	buf_add_char(c->out, '[');
	push(c, (struct span){0});
	json_foreach (v, c->r->doc, a) {
		put_value(c, v);
	}
	c->depth--;
	buf_add_char(c->out, ']');
}

static void put_value(struct canon *c, json_ref v)
{
	struct arena_mark mark = arena_mark(c->arena);

	switch (json_type(c->r->doc, v)) {
	case JSON_NUMBER:
		buf_add_char(c->out, 'd');
		change_put_number(c->out, json_text(c->r->doc, v));
		break;
	case JSON_STRING:
		put_text(c, v);
		break;
	case JSON_ARRAY:
		put_array(c, v);
		break;
	case JSON_OBJECT:
		put_object(c, v);
		break;
	case JSON_TRUE:
		buf_add_char(c->out, 't');
		break;
	case JSON_FALSE:
		buf_add_char(c->out, 'f');
		break;
	default: /* null, and what is not there */
		buf_add_char(c->out, 'n');
		break;
	}
	arena_rewind(c->arena, mark);
}

/* ---- the change ---- */

static bool is_debugger_identity(const struct canon *c, const struct change_step *s, size_t i)
{
	return c->debugger.ptr && i == 2 && s->element && s->identity.len == c->debugger.len + 2 &&
	       memcmp(s->identity.ptr + 1, c->debugger.ptr, c->debugger.len) == 0;
}

static void put_path(struct canon *c, const struct change *ch)
{
	buf_add_char(c->out, '<');
	c->depth = 0;
	for (size_t i = 0; i < ch->depth; i++) {
		const struct change_step *s = &ch->path[i];

		buf_add_char(c->out, s->element ? '#' : '.');
		put_string(c, s->member);
		push(c, s->element ? (struct span){0} : s->member);
		if (!s->element)
			continue;
		if (is_debugger_identity(c, s, i))
			buf_add_str(c->out, "*debugger");
		else
			put_string(c, s->identity);
	}
	buf_add_char(c->out, '>');
}

static int put_difference(const struct change *ch, void *userdata)
{
	static const char *const names[] = {
		[CHANGE_SET] = "set=", [CHANGE_REMOVED] = "removed=", [CHANGE_ORDER] = "order="};
	struct canon *c = userdata;

	buf_add_str(c->out, names[ch->kind]);
	put_path(c, ch);
	/* What it is changed from is part of what was looked at: 3 to 4 is not 50 to 4. */
	if (ch->before == JSON_NONE)
		buf_add_char(c->out, '-');
	else
		put_value(c, ch->before);
	/* Of another order the whole new list is the plainest way to say it, and as exact. */
	if (ch->kind != CHANGE_REMOVED)
		put_value(c, ch->after);
	if (ch->place.ptr) {
		buf_add_char(c->out, '@');
		put_string(c, ch->place);
	}
	buf_add_char(c->out, ';');
	c->depth = 0;
	c->differs = true;
	return c->failed ? -1 : 0;
}

static void put_object_field(struct canon *c, const char *name, json_ref v)
{
	buf_printf(c->out, "%s=", name);
	put_value(c, v);
	buf_add_char(c->out, ';');
}

/* The object that is to go or to change: one recreated under the same name is another. */
static void put_uid(struct canon *c)
{
	const struct policy_request *r = c->r;

	put_object_field(c, "uid", json_pointer_str(r->doc, r->old_object, "/metadata/uid"));
}

static bool is_node(const struct policy_request *r)
{
	return r->api_group.len == 0 && span_eq(r->resource, SPAN("nodes"));
}

/* Who owns which field is approved, too, where nothing else explains it. Times are made anew. */
static void put_managers(struct canon *c)
{
	const struct json_doc *d = c->r->doc;
	json_ref list = json_pointer_str(d, c->r->object, "/metadata/managedFields");

	c->in_managers = true;
	put_object_field(c, "managers", list);
	c->in_managers = false;
}

static int put_update(struct canon *c)
{
	const struct policy_request *r = c->r;

	if (r->old_object == JSON_NONE || r->object == JSON_NONE) {
		put_object_field(c, "object", r->object);
		return 0;
	}
	put_uid(c);
	fingerprint_find_in_update(c);
	if (change_walk((struct change_side){r->doc, r->old_object},
		    (struct change_side){r->doc, r->object}, c->with_status, c->arena,
		    put_difference, c) != 0)
		return -1;
	if (!c->differs && is_node(r)) {
		c->with_status = r->subresource.len > 0; /* the kubelet writes it all the time */
		put_object_field(c, "object", r->object);
	}
	if (c->differs ? !change_explains_managers(r, c->arena) : !change_keeps_managers(r))
		put_managers(c);
	return 0;
}

/* What a list or watch is limited to: of two lists the wider one is another request. */
static void put_selectors(struct canon *c)
{
	static const char *const names[] = {"fieldSelector", "labelSelector"};
	json_ref asked = json_get_str(c->r->doc, c->r->request, "resourceAttributes");

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct span name = span_of(names[i]);
		json_ref selector = json_get(c->r->doc, asked, name);

		if (json_type(c->r->doc, selector) == JSON_OBJECT)
			put_object_field(c, names[i], selector);
	}
}

static int put_change(struct canon *c)
{
	const struct policy_request *r = c->r;

	if (request_is_access(r)) {
		put_field(c, "path", r->path);
		put_selectors(c);
		return 0;
	}
	switch (r->operation) {
	case OPERATION_UPDATE:
		if (change_loss(r) != CHANGE_LOSES_NOTHING)
			put_field(c, "version", r->version);
		return put_update(c);
	case OPERATION_DELETE:
		put_uid(c);
		return 0;
	default:
		put_object_field(c, "object", r->object);
		return 0;
	}
}

static void put_name(struct canon *c)
{
	if (c->generated_name)
		buf_add_str(c->out, "name=*generated-name;");
	else
		put_field(c, "name", c->r->name);
}

int fingerprint_put_canonical(const struct policy_request *asked, struct span cluster,
	struct arena *arena, struct buf *out, struct err *e)
{
	char room[IMPERSONATION_NAME_MAX];
	const struct policy_request plain = impersonation_plain(asked, room), *r = &plain;
	struct canon *c = arena_calloc(arena, 1, sizeof(*c));
	const struct {
		const char *name;
		struct span value;
	} fields[] = {{"holdpoint-fingerprint", SPAN("2")},
		{"kind", request_is_access(r) ? SPAN("authorize") : SPAN("admission")},
		{"cluster", cluster}, {"username", r->username},
		{"operation", request_operation_name(r)}, {"group", r->api_group},
		{"resource", r->resource}, {"subresource", r->subresource},
		{"namespace", r->namespace_}};

	if (!c)
		return err_set(e, "the request needs more memory than one request may use");
	c->r = r;
	c->arena = arena;
	c->out = out;
	c->with_status = change_counts_status(r);
	if (!request_is_access(r) && r->operation == OPERATION_CREATE)
		fingerprint_find_in_create(c);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		put_field(c, fields[i].name, fields[i].value);
	put_name(c);
	if (put_change(c) != 0 || c->failed)
		return err_set(e, "the request needs more memory than one request may use");
	if (out->failed)
		return err_set(e, "the change is larger than %zu MiB", CANONICAL_MAX >> 20);
	return 0;
}

/* Is the moment of the restart what differs? */
static bool restarts(const struct policy_request *r)
{
	json_ref before = json_pointer_str(r->doc, r->old_object, RESTARTED_AT);
	json_ref after = json_pointer_str(r->doc, r->object, RESTARTED_AT);

	return after != JSON_NONE && (before == JSON_NONE || !span_eq(json_text(r->doc, before),
								     json_text(r->doc, after)));
}

enum fingerprint_breadth fingerprint_breadth(const struct policy_request *r, struct arena *arena)
{
	struct canon c = {.r = r, .arena = arena};

	if (request_is_access(r))
		return FINGERPRINT_EXACT;
	if (r->operation == OPERATION_CREATE)
		fingerprint_find_in_create(&c);
	else if (r->operation == OPERATION_UPDATE)
		fingerprint_find_in_update(&c);
	if (c.generated_name)
		return FINGERPRINT_ANY_NAME;
	return c.debugger.ptr || (r->operation == OPERATION_UPDATE && restarts(r))
		       ? FINGERPRINT_ANY_TRY
		       : FINGERPRINT_EXACT;
}

int fingerprint_of(const struct policy_request *r, struct span cluster, struct arena *arena,
	uint8_t ret[SHA256_LEN], struct err *e)
{
	_cleanup_(buf_free) struct buf canonical = BUF_INIT(CANONICAL_MAX);

	if (fingerprint_put_canonical(r, cluster, arena, &canonical, e) != 0)
		return -1;
	sha256_of(canonical.ptr, canonical.len, ret);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/notify/notify_targets.h"

#include <stdio.h>

#include "common/base/crypto.h"
#include "common/base/file.h"
#include "common/yaml/errors.h"

#define FILE_MAX      ((size_t)1 << 20)
#define URL_MAX	      2048
#define SECRET_MAX    1024
#define SECRET_MIN    24 /* bytes, as the specification asks */
#define ARENA_MAX     ((size_t)8 << 20)
#define SECRET_PREFIX "whsec_"

struct reading {
	struct notify_targets *targets;
	struct yaml_errors *errors;
};

static const char *const known_events[] = {"hold.pending", "hold.approved", "hold.denied",
	"hold.used", "hold.expired", "hold.withdrawn", "hold.impersonated", "identity.stopped",
	"identity.resumed"};
static const char *const default_events[] = {
	"hold.pending", "hold.impersonated", "identity.stopped", "identity.resumed"};
static const char *const known_keys[] = {
	"name", "type", "url", "urlFile", "secretFile", "caFile", "events", "allowPrivate"};

static bool is_one_of(struct span s, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (span_eq_str(s, list[i]))
			return true;
	return false;
}

/* A copy of a text member; NULL if it is not there (or no text: then an error is added). */
static char *text_of(struct reading *r, const struct node *map, const char *key)
{
	const struct node *n = node_get(map, key);

	if (!n)
		return NULL;
	if (n->type != NODE_SCALAR || n->text.len == 0) {
		errors_add_at(r->errors, n, "%s must be a text", key);
		return NULL;
	}
	return strndup(n->text.ptr, n->text.len);
}

static void read_secret_file(struct reading *r, const struct node *map, const char *key, size_t max,
	char **ret, size_t *ret_len)
{
	_cleanup_(freep) char *path = text_of(r, map, key);
	struct err e;

	if (path && secret_read_file(path, max, ret, ret_len, &e) != 0)
		errors_add_at(r->errors, node_get(map, key), "%s", e.msg);
}

/* whsec_<base64> is decoded; anything else is the key as it is. */
static void decode_secret(struct reading *r, const struct node *at, struct notify_target *t)
{
	size_t prefix = strlen(SECRET_PREFIX);
	struct arena *arena;
	struct span key;

	if (!t->secret)
		return;
	if (strncmp(t->secret, SECRET_PREFIX, prefix) == 0) {
		arena = arena_new(2 * SECRET_MAX, 4 * SECRET_MAX);
		if (!arena ||
			base64_decode((struct span){t->secret + prefix, t->secret_len - prefix},
				BASE64, arena, &key) != 0) {
			errors_add_at(r->errors, at, "what follows whsec_ must be base64");
		} else {
			crypto_wipe(t->secret, t->secret_len);
			memcpy(t->secret, key.ptr, key.len);
			t->secret_len = key.len;
			crypto_wipe((char *)key.ptr, key.len);
		}
		arena_free(arena);
	}
	if (t->secret_len < SECRET_MIN)
		errors_add_at(r->errors, at, "the secret must have at least %d bytes", SECRET_MIN);
}

static void read_url(struct reading *r, const struct node *map, struct notify_target *t)
{
	size_t len = 0;

	if (!node_get(map, "url") == !node_get(map, "urlFile")) {
		errors_add_at(r->errors, map, "a target needs either url or urlFile");
		return;
	}
	t->url = text_of(r, map, "url");
	if (!t->url)
		read_secret_file(r, map, "urlFile", URL_MAX, &t->url, &len);
	if (t->url && strncmp(t->url, "https://", 8) != 0)
		errors_add_at(r->errors, map, "the URL must begin with https://");
}

static void read_events(struct reading *r, const struct node *map, struct notify_target *t)
{
	const struct node *list = node_get(map, "events");

	if (!list) {
		for (size_t i = 0; i < ARRAY_LEN(default_events); i++)
			t->events[t->event_count++] = strdup(default_events[i]);
		return;
	}
	if (list->type != NODE_SEQ || list->count == 0 || list->count > NOTIFY_EVENTS_MAX) {
		errors_add_at(r->errors, list, "events must be a list of 1 to %d events",
			NOTIFY_EVENTS_MAX);
		return;
	}
	node_foreach(n, list)
	{
		if (n->type != NODE_SCALAR ||
			!is_one_of(n->text, known_events, ARRAY_LEN(known_events))) {
			errors_add_at(r->errors, n,
				"there are hold.pending, hold.approved, hold.denied, hold.used, "
				"hold.expired, hold.withdrawn, hold.impersonated, "
				"identity.stopped and identity.resumed");
			return;
		}
		t->events[t->event_count++] = strndup(n->text.ptr, n->text.len);
	}
}

static void read_type(struct reading *r, const struct node *map, struct notify_target *t)
{
	const struct node *n = node_get(map, "type");

	if (n && n->type == NODE_SCALAR && span_eq(n->text, SPAN("slack")))
		t->type = NOTIFY_SLACK;
	else if (n && n->type == NODE_SCALAR && span_eq(n->text, SPAN("webhook")))
		t->type = NOTIFY_WEBHOOK;
	else
		errors_add_at(r->errors, n ? n : map, "type must be slack or webhook");
	if (t->type == NOTIFY_WEBHOOK && !node_get(map, "secretFile"))
		errors_add_at(r->errors, map, "a webhook needs a secretFile to sign with");
}

static void check_keys(struct reading *r, const struct node *map)
{
	node_foreach_member(k, map)
	{
		if (!is_one_of(k->text, known_keys, ARRAY_LEN(known_keys)))
			errors_add_at(r->errors, k, "unknown key %.*s", SPAN_FMT(k->text));
	}
}

static void check_name(struct reading *r, const struct node *map, const struct notify_target *t)
{
	if (!t->name) {
		errors_add_at(r->errors, map, "a target needs a name");
		return;
	}
	for (size_t i = 0; i + 1 < r->targets->count; i++)
		if (r->targets->items[i].name && strcmp(r->targets->items[i].name, t->name) == 0)
			errors_add_at(r->errors, map, "two targets are called %s", t->name);
}

static void read_target(struct reading *r, const struct node *map)
{
	struct notify_target *t;
	const struct node *private;

	if (map->type != NODE_MAP) {
		errors_add_at(r->errors, map, "a target must be a mapping");
		return;
	}
	if (r->targets->count == NOTIFY_TARGETS_MAX) {
		errors_add_at(r->errors, map, "more than %d targets", NOTIFY_TARGETS_MAX);
		return;
	}
	t = &r->targets->items[r->targets->count++];
	check_keys(r, map);
	t->name = text_of(r, map, "name");
	check_name(r, map, t);
	read_type(r, map, t);
	read_url(r, map, t);
	read_secret_file(r, map, "secretFile", SECRET_MAX, &t->secret, &t->secret_len);
	decode_secret(r, map, t);
	t->ca_file = text_of(r, map, "caFile");
	read_events(r, map, t);
	private = node_get(map, "allowPrivate");
	if (private && private->kind != SCALAR_BOOL)
		errors_add_at(r->errors, private, "allowPrivate must be true or false");
	t->allow_private = private && span_eq(private->text, SPAN("true"));
}

static void read_document(const struct node *root, void *arg)
{
	struct reading *r = arg;
	const struct node *list = node_get(root, "targets");

	if (!list || list->type != NODE_SEQ) {
		errors_add_at(r->errors, root, "expected a list called targets");
		return;
	}
	node_foreach(n, list)
	{
		read_target(r, n);
	}
}

int notify_targets_read(const char *path, struct notify_targets *ret, struct err *e)
{
	struct yaml_errors errors = {.text = BUF_INIT(65536)};
	_cleanup_(buf_free) struct buf text = BUF_INIT(FILE_MAX);
	struct reading r = {.targets = ret, .errors = &errors};
	struct arena *arena = arena_new(65536, ARENA_MAX);
	struct tree_file file = {.path = path};
	int rc = -1;

	*ret = (struct notify_targets){0};
	if (!arena) {
		err_set(e, "out of memory");
	} else if (file_read(path, &text, e) < 0) {
		err_prefix(e, "--notify-targets");
	} else {
		file.text = buf_span(&text);
		tree_read(&file, arena, &errors, read_document, &r);
		rc = errors.count > 0 ? -1 : 0;
		if (rc != 0)
			err_set(e, "%.*s", (int)strcspn(buf_str(&errors.text), "\n"),
				buf_str(&errors.text));
	}
	arena_free(arena);
	buf_free(&errors.text);
	if (rc != 0)
		notify_targets_free(ret);
	return rc;
}

void notify_targets_free(struct notify_targets *t)
{
	for (size_t i = 0; i < t->count; i++) {
		struct notify_target *n = &t->items[i];

		if (n->url)
			crypto_wipe(n->url, strlen(n->url));
		if (n->secret)
			crypto_wipe(n->secret, n->secret_len);
		free(n->url);
		free(n->secret);
		free(n->name);
		free(n->ca_file);
		for (size_t k = 0; k < n->event_count; k++)
			free(n->events[k]);
	}
	*t = (struct notify_targets){0};
}

bool notify_target_wants(const struct notify_target *t, const char *event)
{
	/* holds.pending tells of several at once what hold.pending tells of each. */
	bool several = strncmp(event, "holds.", 6) == 0;

	for (size_t i = 0; i < t->event_count; i++)
		if (strcmp(t->events[i] + 4, event + 4 + several) == 0)
			return true;
	return false;
}

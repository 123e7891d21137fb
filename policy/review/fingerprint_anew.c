/* SPDX-License-Identifier: Apache-2.0 */
/* What the API server or kubectl makes anew at every attempt of the same request: see
 * fingerprint.h. */
#include "policy/review/fingerprint_internal.h"

#define GENERATED_LEN 5

/* prefix + five characters of the API server's (and kubectl's) random alphabet. */
static bool is_generated(struct span s, struct span prefix)
{
	if (!s.ptr || s.len != prefix.len + GENERATED_LEN ||
		memcmp(s.ptr, prefix.ptr, prefix.len) != 0)
		return false;
	for (size_t i = prefix.len; i < s.len; i++)
		if (!s.ptr[i] || !strchr("bcdfghjklmnpqrstvwxz2456789", s.ptr[i]))
			return false;
	return true;
}

static bool is_rfc3339(struct span s)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd";

	if (s.len < sizeof(form) || s.len > 35)
		return false;
	for (size_t i = 0; i < sizeof(form) - 1; i++)
		if (form[i] == 'd' ? s.ptr[i] < '0' || s.ptr[i] > '9' : s.ptr[i] != form[i])
			return false;
	for (size_t i = sizeof(form) - 1; i < s.len; i++)
		if (!s.ptr[i] || !strchr("0123456789.:+-Z", s.ptr[i]))
			return false;
	return true;
}

static bool is_pod(const struct policy_request *r)
{
	return r->api_group.len == 0 && span_eq(r->resource, SPAN("pods"));
}

/* The only element of the array whose name was generated with the prefix; absent if none or more.
 */
static struct span only_generated(struct canon *c, json_ref array, struct span prefix)
{
	struct span found = {0};

	json_foreach (v, c->r->doc, array) {
		struct span name =
			json_string(c->r->doc, json_get_str(c->r->doc, v, "name"), c->arena);

		if (!name.ptr || !is_generated(name, prefix))
			continue;
		if (found.ptr)
			return (struct span){0};
		found = name;
	}
	return found;
}

static bool has_element(struct canon *c, json_ref array, struct span name)
{
	json_foreach (v, c->r->doc, array) {
		if (json_string_is(c->r->doc, json_get_str(c->r->doc, v, "name"), name))
			return true;
	}
	return false;
}

/* kubectl debug node/NAME makes the name up itself: node-debugger-NAME-xxxxx. */
static bool is_node_debugger(struct canon *c, struct span name)
{
	const struct json_doc *d = c->r->doc;
	struct span node =
		json_string(d, json_pointer_str(d, c->r->object, "/spec/nodeName"), c->arena);
	struct span prefix;

	if (!node.ptr || node.len == 0)
		return false;
	prefix = arena_printf(c->arena, "node-debugger-%.*s-", SPAN_FMT(node));
	return prefix.ptr && is_generated(name, prefix);
}

/* And the container's, where it copies a Pod. */
static void find_generated_in_pod(struct canon *c, struct span name)
{
	const struct json_doc *d = c->r->doc;

	c->volume = only_generated(
		c, json_pointer_str(d, c->r->object, "/spec/volumes"), SPAN("kube-api-access-"));
	c->debugger = only_generated(
		c, json_pointer_str(d, c->r->object, "/spec/containers"), SPAN("debugger-"));
	c->generated_name = c->generated_name || is_node_debugger(c, name);
}

/*
 * Only of an object that is to be stored: what is posted to a subresource (Eviction, Binding,
 * TokenRequest) comes as the client wrote it, generateName and uid too, and its name is an object's
 * that exists already.
 */
void fingerprint_find_in_create(struct canon *c)
{
	const struct json_doc *d = c->r->doc;
	json_ref object = c->r->object, metadata = json_get_str(d, object, "metadata");
	struct span prefix = json_string(d, json_get_str(d, metadata, "generateName"), c->arena);
	struct span name = json_string(d, json_get_str(d, metadata, "name"), c->arena);
	struct span uid = json_string(d, json_get_str(d, metadata, "uid"), c->arena);

	if (c->r->subresource.len > 0)
		return;
	if (!name.ptr && c->r->name.len > 0)
		name = c->r->name;
	c->generated_name = prefix.len > 0 && (name.len == 0 || is_generated(name, prefix));
	if (uid.len == 36)
		c->own_uid = uid;
	if (is_pod(c->r))
		find_generated_in_pod(c, name);
}

void fingerprint_find_in_update(struct canon *c)
{
	const struct json_doc *d = c->r->doc;
	json_ref before = json_pointer_str(d, c->r->old_object, "/spec/ephemeralContainers");
	json_ref after = json_pointer_str(d, c->r->object, "/spec/ephemeralContainers");
	struct span found = {0};

	if (!is_pod(c->r) || !span_eq(c->r->subresource, SPAN("ephemeralcontainers")))
		return;
	json_foreach (v, d, after) {
		struct span name = json_string(d, json_get_str(d, v, "name"), c->arena);

		if (!name.ptr || !is_generated(name, SPAN("debugger-")) ||
			has_element(c, before, name))
			continue;
		if (found.ptr)
			return;
		found = name;
	}
	c->debugger = found;
}

static bool path_is(const struct canon *c, const char *const *keys, size_t n)
{
	if (c->depth != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (keys[i] ? !c->path[i].ptr || !span_eq_str(c->path[i], keys[i])
			    : c->path[i].ptr != NULL)
			return false;
	return true;
}

static bool at_volume_name(const struct canon *c)
{
	static const char *const volume[] = {"spec", "volumes", NULL, "name"};
	static const char *const lists[] = {"containers", "initContainers", "ephemeralContainers"};

	if (path_is(c, volume, ARRAY_LEN(volume)))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		const char *const mount[] = {"spec", lists[i], NULL, "volumeMounts", NULL, "name"};

		if (path_is(c, mount, ARRAY_LEN(mount)))
			return true;
	}
	return false;
}

static bool at_debugger_name(const struct canon *c)
{
	static const char *const ephemeral[] = {"spec", "ephemeralContainers", NULL, "name"};
	static const char *const copied[] = {"spec", "containers", NULL, "name"};

	return c->r->operation == OPERATION_CREATE ? path_is(c, copied, ARRAY_LEN(copied))
						   : path_is(c, ephemeral, ARRAY_LEN(ephemeral));
}

static bool at_restarted_at(const struct canon *c)
{
	static const char *const annotation[] = {
		"spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt"};

	return path_is(c, annotation, ARRAY_LEN(annotation));
}

/* The API server itself says of a local APIService that it has been available since now. */
static bool at_availability(const struct canon *c)
{
	static const char *const moment[] = {"status", "conditions", NULL, "lastTransitionTime"};

	return c->r->operation == OPERATION_CREATE && c->r->subresource.len == 0 &&
	       span_eq(c->r->api_group, SPAN("apiregistration.k8s.io")) &&
	       path_is(c, moment, ARRAY_LEN(moment));
}

const char *fingerprint_made_anew(const struct canon *c, struct span s)
{
	if (c->own_uid.ptr && span_eq(s, c->own_uid))
		return "*own-uid";
	if (c->volume.ptr && span_eq(s, c->volume) && at_volume_name(c))
		return "*api-access-volume";
	if (c->debugger.ptr && span_eq(s, c->debugger) && at_debugger_name(c))
		return "*debugger";
	if ((at_restarted_at(c) || at_availability(c)) && is_rfc3339(s))
		return "*moment";
	return NULL;
}

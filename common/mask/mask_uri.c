/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request URIs. The API server's own query parameters are known; the value of any other one is
 * masked, for it was meant for whatever the request was passed on to. `command=` is a command line.
 * Behind /proxy/ the path too belongs to somebody else: only plain segments stay.
 */
#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_command_internal.h"
#include "common/mask/mask_text_internal.h"

struct uri {
	struct mask_frame *f;
	bool proxy;
	struct mask_command command;
};

static bool is_known_parameter(struct span name)
{
	static const struct span known[] = {SPAN("allowWatchBookmarks"), SPAN("container"),
		SPAN("continue"), SPAN("dryRun"), SPAN("exact"), SPAN("export"),
		SPAN("fieldManager"), SPAN("fieldSelector"), SPAN("fieldValidation"),
		SPAN("follow"), SPAN("force"), SPAN("gracePeriodSeconds"), SPAN("includeObject"),
		SPAN("insecureSkipTLSVerifyBackend"), SPAN("labelSelector"), SPAN("limit"),
		SPAN("limitBytes"), SPAN("orphanDependents"), SPAN("ports"), SPAN("pretty"),
		SPAN("previous"), SPAN("propagationPolicy"), SPAN("resourceVersion"),
		SPAN("resourceVersionMatch"), SPAN("sendInitialEvents"), SPAN("sinceSeconds"),
		SPAN("sinceTime"), SPAN("stderr"), SPAN("stdin"), SPAN("stdout"), SPAN("stream"),
		SPAN("tailLines"), SPAN("timeout"), SPAN("timeoutSeconds"), SPAN("timestamps"),
		SPAN("tty"), SPAN("verbose"), SPAN("watch")};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (span_eq(name, known[i]))
			return true;
	}
	return false;
}

static int mask_escaped(struct uri *u, size_t off, size_t len, bool command)
{
	struct mask_frame child;
	int ret;

	if (!command &&
		(len == 0 || mask_is_plain(u->f->ctx->m, (struct span){u->f->text.ptr + off, len})))
		return 0;
	if (mask_frame_open(&child, u->f, off, len, ESCAPE_FORM) < 0)
		return -1;
	if (command)
		ret = mask_command_element(&child, &u->command, true);
	else
		ret = mask_text_frame(&child, (struct mask_where){0});
	return ret < 0 ? -1 : mask_frame_close(&child);
}

/* The pseudonym is made of the decoded value, so that it equals that of the same value elsewhere.
 */
static int mask_value(struct uri *u, size_t off, size_t len, enum mask_rule rule)
{
	struct mask_frame child;
	struct span raw = {u->f->text.ptr + off, len};

	if (span_eq_str(raw, "true") || span_eq_str(raw, "false"))
		return 0;
	if (mask_frame_open(&child, u->f, off, len, ESCAPE_FORM) < 0)
		return -1;
	return mask_edit_add(u->f, off, len, child.text, rule, 0);
}

static int mask_parameter(struct uri *u, size_t off, size_t len)
{
	const char *p = u->f->text.ptr + off, *equals = memchr(p, '=', len);
	size_t name_len = equals ? (size_t)(equals - p) : len;
	size_t value = off + name_len + 1, value_len = equals ? len - name_len - 1 : 0;
	struct mask_frame name;

	if (len == 0)
		return 0;
	if (mask_frame_open(&name, u->f, off, name_len, ESCAPE_FORM) < 0)
		return -1;
	if (!u->proxy && span_eq_str(name.text, "command"))
		return equals ? mask_escaped(u, value, value_len, true) : 0;
	/* The API server's are base64 of JSON, and say where a list goes on. */
	if (!u->proxy && span_eq_str(name.text, "continue") && equals &&
		!begins(p + name_len + 1, p + len, SPAN("eyJ2Ijoi")))
		return mask_value(u, value, value_len, RULE_URI_QUERY);
	if (!u->proxy && is_known_parameter(name.text))
		return equals ? mask_escaped(u, value, value_len, false) : 0;
	/* "?hunter2" is a name only to us. */
	if (!equals || mask_looks_random(name.text))
		return mask_value(u, off, len, RULE_URI_QUERY);
	return mask_value(u, value, value_len, RULE_URI_QUERY);
}

static bool ends_parameter(char c)
{
	return c == '&' || c == ';' || c == '?' || c == '#';
}

static int mask_query(struct uri *u, size_t off, size_t end)
{
	while (off < end) {
		size_t n = 0;

		while (off + n < end && !ends_parameter(u->f->text.ptr[off + n]))
			n++;
		if (mask_parameter(u, off, n) < 0)
			return -1;
		off += n + 1;
	}
	return 0;
}

/* v1, v2beta1 */
static bool is_version(struct span s)
{
	if (s.len < 2 || s.len > 8 || s.ptr[0] != 'v' || !is_digit(s.ptr[1]))
		return false;
	for (size_t i = 1; i < s.len; i++) {
		if (!is_digit(s.ptr[i]) && !is_in(s.ptr[i], "alphbet"))
			return false;
	}
	return true;
}

static int mask_proxy_path(struct uri *u, size_t off, size_t end)
{
	while (off < end) {
		const char *p = u->f->text.ptr + off, *slash = memchr(p, '/', end - off);
		size_t len = slash ? (size_t)(slash - p) : end - off;

		if (len > 0 && !mask_harmless_word((struct span){p, len}) &&
			!is_version((struct span){p, len}) &&
			mask_value(u, off, len, RULE_URI_PROXY_PATH) < 0)
			return -1;
		off += len + 1;
	}
	return 0;
}

/* Where the path of somebody else begins, or path.len: …/services/x/proxy/HERE. */
static size_t behind_proxy(struct span path)
{
	const char *at;

	if (path.len < 5 || memcmp(path.ptr, "/api", 4) != 0)
		return path.len;
	at = memmem(path.ptr, path.len, "/proxy/", 7);
	return at ? (size_t)(at + 7 - path.ptr) : path.len;
}

static bool ends_in_proxy(struct span path)
{
	return path.len >= 6 && memcmp(path.ptr + path.len - 6, "/proxy", 6) == 0;
}

/* The path as the API server reads it; absent when the arena is full. */
static struct span unescaped(struct mask_frame *f, struct span path)
{
	struct mask_frame text = {.ctx = f->ctx, .text = path}, child;

	return mask_frame_open(&child, &text, 0, path.len, ESCAPE_PERCENT) < 0 ? (struct span){0}
									       : child.text;
}

/*
 * Where in the path everything belongs to somebody else: behind /proxy/, or from the beginning on
 * when escapes ("/%70roxy/") make that place hard to find.
 */
static int find_proxy(struct mask_frame *f, struct span path, size_t *ret_at, bool *ret_proxy)
{
	struct span plain = unescaped(f, path);

	if (!plain.ptr)
		return -1;
	*ret_at = behind_proxy(path);
	*ret_proxy = behind_proxy(plain) < plain.len || ends_in_proxy(plain);
	if (*ret_proxy && *ret_at == path.len && !ends_in_proxy(path))
		*ret_at = 0;
	return 0;
}

int mask_uri(struct mask_frame *f, bool proxy_path)
{
	struct uri u = {.f = f, .proxy = proxy_path};
	size_t end = f->text.len, path_end = 0, proxy = 0;

	while (path_end < end && f->text.ptr[path_end] != '?' && f->text.ptr[path_end] != '#')
		path_end++;
	if (!proxy_path &&
		find_proxy(f, (struct span){f->text.ptr, path_end}, &proxy, &u.proxy) < 0)
		return -1;
	if (mask_escaped(&u, 0, proxy, false) < 0 || mask_proxy_path(&u, proxy, path_end) < 0)
		return -1;
	return path_end < end ? mask_query(&u, path_end + 1, end) : 0;
}

bool mask_uri_names_secrets(struct mask_frame *f, json_ref uri)
{
	struct span s =
		json_type(f->doc, uri) == JSON_STRING ? mask_string(f, uri) : (struct span){0};
	const char *at;
	size_t end;

	if (s.ptr && memchr(s.ptr, '%', s.len))
		s = unescaped(f, s);
	if (!s.ptr || s.len <= 8 || memcmp(s.ptr, "/api/v1/", 8) != 0)
		return false;
	at = memmem(s.ptr, s.len, "/secrets", 8);
	end = at ? (size_t)(at - s.ptr) + 8 : 0;
	return at && (end == s.len || is_in(s.ptr[end], "/?#"));
}

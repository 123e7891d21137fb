/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/notify/notify_message.h"

#include "common/base/crypto.h"
#include "common/base/local_time.h"
#include "common/base/utf8.h"

#define NUMBERS_SHOWN 20

static const struct json_limits limits = {
	.max_bytes = 1 << 20, .max_depth = 16, .max_nodes = 10000};

/*
 * One line, whatever it holds. Slack gives a meaning to three characters, and a backquote would end
 * the quotation that others' words stand in: outside of it there are links, mentions, commands.
 */
static void put_escaped(struct buf *out, struct span s)
{
	_cleanup_(buf_free) struct buf line = BUF_INIT(s.len + 1);

	utf8_put_printable(&line, s);
	for (size_t i = 0; i < line.len; i++) {
		switch (line.ptr[i]) {
		case '&':
			buf_add_str(out, "&amp;");
			break;
		case '<':
			buf_add_str(out, "&lt;");
			break;
		case '>':
			buf_add_str(out, "&gt;");
			break;
		case '`':
			buf_add_char(out, '\'');
			break;
		default:
			buf_add_char(out, line.ptr[i]);
			break;
		}
	}
	out->failed |= line.failed;
}

/* What its number is of: a hold, or a stop. */
static bool is_of_identity(const struct notify_event *ev)
{
	return strncmp(ev->event, "identity.", 9) == 0;
}

struct payload {
	const struct json_doc *d;
	struct arena *arena;
	struct buf *text;
};

static struct span member(const struct payload *p, const char *key)
{
	return json_string(p->d, json_get(p->d, JSON_ROOT, span_of(key)), p->arena);
}

static bool has_member(const struct payload *p, const char *key)
{
	return member(p, key).len > 0;
}

/* before + the member's text + after, if it is there and not empty */
static void put_member(
	const struct payload *p, const char *before, const char *key, const char *after)
{
	struct span s = member(p, key);

	if (!s.ptr && json_type(p->d, json_get(p->d, JSON_ROOT, span_of(key))) == JSON_STRING)
		p->text->failed = true;
	if (s.len == 0)
		return;
	buf_add_str(p->text, before);
	put_escaped(p->text, s);
	buf_add_str(p->text, after);
}

/* `DELETE pods prod/web` by `agent`: names are the requester's words, too. */
static void put_what(const struct payload *p)
{
	buf_add_str(p->text, ": `");
	put_member(p, "", "operation", "");
	put_member(p, " ", "resource", "");
	put_member(p, " ", "namespace", "");
	put_member(p, has_member(p, "namespace") ? "/" : " ", "name", "");
	buf_add_char(p->text, '`');
	put_member(p, " by `", "requester", "`");
}

static void put_how_to_decide(const struct payload *p, const struct notify_event *ev)
{
	const char *flag = has_member(p, "changeUnseen") ? " --unseen" : "";

	put_member(p, "\nMay be decided by: ", "approverNames", "");
	if (has_member(p, "expiresAt")) {
		char at[LOCAL_TIME_MAX];

		buf_printf(p->text, "\nExpires: %s", utc_time(member(p, "expiresAt"), at));
	}
	buf_printf(p->text, "\n`holdpoint approve %lld%s`  `kubectl holdpoint approve %lld%s`",
		(long long)ev->hold_id, flag, (long long)ev->hold_id, flag);
}

/* Lines that are ours, of which each is one of the change; what they say is the requester's. */
static void put_change(const struct payload *p, const struct notify_event *ev)
{
	struct span brief = member(p, "changeBrief");

	if (brief.len == 0)
		return;
	buf_add_str(p->text, "\nThe change:\n```");
	while (brief.len > 0) {
		const char *end = memchr(brief.ptr, '\n', brief.len);
		size_t len = end ? (size_t)(end - brief.ptr) : brief.len;

		put_escaped(p->text, (struct span){brief.ptr, len});
		buf_add_char(p->text, '\n');
		len += end != NULL;
		brief = (struct span){brief.ptr + len, brief.len - len};
	}
	buf_printf(p->text, "```\nAll of it: `holdpoint holds show %lld`", (long long)ev->hold_id);
}

/* What we know comes first; behind it, in quotation marks that they cannot close, others' words. */
static void put_slack_text(const struct payload *p, const struct notify_event *ev)
{
	bool pending = strcmp(ev->event, "hold.pending") == 0;
	const char *state = strchr(ev->event, '.');

	buf_printf(p->text, "*Hold %lld* %s", (long long)ev->hold_id,
		pending ? "waits for approval"
		: state ? state + 1
			: ev->event);
	put_what(p);
	put_member(p, pending ? "\nAn approval opens: `" : "\nOpens: `", "opens", "`");
	put_member(p, "\nNot shown to Holdpoint: `", "notShown", "`");
	put_member(p, "\nRule: ", "rules", "");
	put_member(p, "\nCluster: ", "cluster", "");
	if (pending)
		put_how_to_decide(p, ev);
	put_member(p, "\nDecided by: `", "decidedBy", "`");
	put_member(p, "\nReason: `", "reason", "`");
	put_member(p, "\nThe rule says: `", "message", "`");
	if (!pending)
		return;
	put_member(p, "\nNOT ALL OF IT IS SHOWN: `", "changeUnseen", "`");
	put_change(p, ev);
}

/* "*37 more holds* wait for approval by agent" */
static void put_slack_summary(const struct payload *p, const struct notify_event *ev)
{
	bool pending = strcmp(ev->event, "holds.pending") == 0;
	const char *state = strchr(ev->event, '.'), *before = "\nNumbers: ";
	unsigned shown = 0;

	buf_printf(p->text, "*%.*s more holds* ",
		SPAN_FMT(json_text(p->d, json_get_str(p->d, JSON_ROOT, "count"))));
	if (strcmp(ev->event, "holds.impersonated") == 0)
		buf_add_str(p->text, "were decided on in a name that is somebody else's");
	else
		buf_add_str(p->text, pending ? "wait for approval" : state ? state + 1 : ev->event);
	put_member(p, " by `", "requester", "`");
	put_member(p, "\nCluster: ", "cluster", "");
	json_foreach (id, p->d, json_get_str(p->d, JSON_ROOT, "holds")) {
		if (shown++ == NUMBERS_SHOWN) {
			buf_add_str(p->text, " …");
			break;
		}
		buf_printf(p->text, "%s%.*s", before, SPAN_FMT(json_text(p->d, id)));
		before = ", ";
	}
	if (pending) {
		put_member(p, "\nMay be decided by: ", "approverNames", "");
		buf_add_str(p->text, "\n`holdpoint holds --user …`  `holdpoint deny --user …`");
	}
	json_foreach (what, p->d, json_get_str(p->d, JSON_ROOT, "what")) {
		struct span s = json_string(p->d, what, p->arena);

		p->text->failed |= !s.ptr; /* the arena is full */
		buf_add_str(p->text, "\n• `");
		put_escaped(p->text, s);
		buf_add_char(p->text, '`');
	}
}

/* Somebody was stopped, or may go on: "*Stopped* user `agent`". */
static void put_slack_stop(const struct payload *p, const struct notify_event *ev)
{
	bool stopped = strcmp(ev->event, "identity.stopped") == 0;

	buf_add_str(p->text, stopped ? "*Stopped*: " : "*Resumed*: ");
	put_member(p, "", "kind", "");
	put_member(p, " `", "identity", "`");
	if (stopped)
		buf_add_str(p->text, ". Everything it asks for is denied");
	if (has_member(p, "until")) {
		char at[LOCAL_TIME_MAX];

		buf_printf(p->text, " until %s", utc_time(member(p, "until"), at));
	}
	put_member(p, "\nCluster: ", "cluster", "");
	put_member(p, "\nBy: `", "decidedBy", "`");
	put_member(p, "\nReason: `", "reason", "`");
}

static void put_slack(const struct payload *p, const struct notify_event *ev, struct buf *out)
{
	if (strncmp(ev->event, "holds.", 6) == 0)
		put_slack_summary(p, ev);
	else if (is_of_identity(ev))
		put_slack_stop(p, ev);
	else
		put_slack_text(p, ev);
	buf_add_char(out, '{');
	json_put_key(out, "text");
	json_put_string(out, buf_span(p->text));
	buf_add_str(out, ",\"unfurl_links\":false,\"unfurl_media\":false");
	buf_add_char(out, '}');
	out->failed |= p->text->failed;
}

static void put_text(struct buf *out, const char *key, struct span value)
{
	out->failed |= !value.ptr; /* the arena is full */
	json_put_key(out, key);
	json_put_string(out, value);
}

static void put_cloud_event(const struct notify_event *ev, struct arena *arena, struct buf *out)
{
	_cleanup_(buf_free) struct buf id = BUF_INIT(1024);

	notify_put_id(ev, &id);
	buf_add_char(out, '{');
	put_text(out, "specversion", SPAN("1.0"));
	put_text(out, "id", buf_span(&id));
	put_text(out, "source", arena_printf(arena, "/holdpoint/%s", ev->cluster));
	put_text(out, "type", arena_printf(arena, "dev.holdpoint.%s", ev->event));
	put_text(out, "subject",
		arena_printf(arena, "%s/%lld", is_of_identity(ev) ? "stop" : "hold",
			(long long)ev->hold_id));
	put_text(out, "time", span_of(ev->created_at));
	put_text(out, "datacontenttype", SPAN("application/json"));
	json_put_key(out, "data");
	json_put_shown_line(out, ev->payload);
	buf_add_char(out, '}');
}

enum notify_body notify_put_body(const struct notify_target *t, const struct notify_event *ev,
	struct arena *arena, struct buf *out)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(65536);
	struct json_error je;
	struct json_doc d;
	const struct payload p = {&d, arena, &text};

	if (json_read(ev->payload.ptr, ev->payload.len, &limits, arena, &d, &je) != 0)
		return je.limit ? NOTIFY_BODY_NO_ROOM : NOTIFY_BODY_UNREADABLE;
	if (t->type == NOTIFY_SLACK)
		put_slack(&p, ev, out);
	else
		put_cloud_event(ev, arena, out);
	return out->failed ? NOTIFY_BODY_NO_ROOM : NOTIFY_BODY_PUT;
}

void notify_put_id(const struct notify_event *ev, struct buf *out)
{
	buf_printf(out, "%s-%lld", ev->cluster, (long long)ev->id);
}

void notify_put_signature(const struct notify_target *t, struct span id, int64_t at,
	struct span body, struct buf *out)
{
	_cleanup_(buf_free) struct buf content = BUF_INIT(id.len + body.len + 32);
	uint8_t mac[SHA256_LEN];

	buf_add_span(&content, id);
	buf_printf(&content, ".%lld.", (long long)at);
	buf_add_span(&content, body);
	hmac_sha256(t->secret, t->secret_len, content.ptr, content.len, mac);
	buf_add_str(out, "v1,");
	base64_put(out, mac, sizeof(mac));
	out->failed |= content.failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes audit events with a secret in them: a place where secrets are kept, wrapped in other
 * objects and texts, put somewhere in an event, with harmless neighbours. Every choice is taken
 * from a source of bytes: a seeded generator (property test) or the fuzzer's input.
 *
 * Used for one property: after masking, the secret is nowhere to be found in any form, and the
 * neighbours are still there.
 */
#pragma once

#include <stdio.h>
#include <zlib.h>

#include "common/base/crypto.h"
#include "common/json/json.h"

struct plant_source {
	const uint8_t *data; /* NULL: the generator alone */
	size_t len, at;
	uint64_t state;
};

#define PLANT_GONE_MAX 24

struct plant {
	struct plant_source *src;
	char secret[80];
	char gone[PLANT_GONE_MAX][40]; /* parts of encoded texts: must not be left either */
	size_t gone_count;
	unsigned layers;
	char story[512]; /* how it was made, for messages */
};

static inline uint32_t plant_next(struct plant_source *s)
{
	uint64_t z;

	if (s->at < s->len)
		return s->data[s->at++];
	z = (s->state += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)(z >> 32 & 0x7fffffff);
}

static inline unsigned plant_pick(struct plant *p, size_t n)
{
	return (unsigned)(plant_next(p->src) % n);
}

#define PLANT_ONE_OF(p, list) (list)[plant_pick((p), ARRAY_LEN(list))]

static inline void plant_tell(struct plant *p, const char *what)
{
	size_t n = strlen(p->story);

	snprintf(p->story + n, sizeof(p->story) - n, "%s ", what);
}

/* Letters and digits mostly, as generated passwords are; never a word of its own. */
static inline void plant_make_secret(struct plant *p, const char *marks)
{
	static const char letters[] = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
	size_t len = 10 + plant_pick(p, 40), n = 0;

	p->secret[n++] = 'Z';
	p->secret[n++] = 'q';
	p->secret[n++] = (char)('0' + plant_pick(p, 10));
	while (n < len) {
		if (*marks && plant_pick(p, 8) == 0)
			p->secret[n++] = marks[plant_pick(p, strlen(marks))];
		else
			p->secret[n++] = letters[plant_pick(p, sizeof(letters) - 1)];
	}
	p->secret[n - 1] = 'x';
	p->secret[n] = '\0';
}

/* ---- writing JSON ---- */

/* A string, with escapes where none are needed now and then. */
static inline void plant_string(struct plant *p, struct buf *out, struct span s)
{
	static const char hex[] = "0123456789abcdef";
	bool odd = plant_pick(p, 6) == 0;

	buf_add_char(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c < 0x20 || (odd && c < 0x80 && plant_pick(p, 4) == 0) || strchr("<>&", c)) {
			buf_add_str(out, "\\u00");
			buf_add_char(out, hex[c >> 4]);
			buf_add_char(out, hex[c & 15]);
		} else if (c == '"' || c == '\\') {
			buf_add_char(out, '\\');
			buf_add_char(out, (char)c);
		} else {
			buf_add_char(out, (char)c);
		}
	}
	buf_add_char(out, '"');
}

static inline void plant_str(struct plant *p, struct buf *out, const char *s)
{
	plant_string(p, out, span_of(s));
}

static inline void plant_member(
	struct plant *p, struct buf *out, const char *key, const char *value)
{
	plant_str(p, out, key);
	buf_add_char(out, ':');
	plant_str(p, out, value);
}

/* The form with its first ^ replaced by a, the others by b. */
static inline void plant_fill(struct buf *out, const char *form, const char *a, const char *b)
{
	const char *at;

	for (; (at = strchr(form, '^')); form = at + 1, a = b) {
		buf_add(out, form, (size_t)(at - form));
		buf_add_str(out, a);
	}
	buf_add_str(out, form);
}

/* Any text of up to 40 bytes: what else may stand beside a secret. */
static inline void plant_noise(struct plant *p, struct buf *out)
{
	size_t n = plant_pick(p, 40);

	for (size_t i = 0; i < n; i++)
		buf_add_char(out, (char)(plant_pick(p, 127) + 1));
}

/* Harmless members, and the comma behind them. */
static inline void plant_neighbours(struct plant *p, struct buf *out)
{
	_cleanup_(buf_free) struct buf noise = BUF_INIT(4096);

	if (plant_pick(p, 4) == 0) {
		plant_noise(p, &noise);
		buf_add_str(out, "\"noise\":");
		plant_string(p, out, buf_span(&noise));
		buf_add_char(out, ',');
		return;
	}
	static const char *const neighbours[] = {"", "\"replicas\":3,", "\"image\":\"nginx:1.27\",",
		"\"labels\":{\"app\":\"web\"},", "\"paused\":false,\"x\":null,",
		"\"list\":[1,2.5e3,\"\"],", "\"note\":\"caf\\u00e9 \xc3\xa9\",",
		"\"deep\":{\"a\":{\"b\":[{}]}},", "\"url\":\"https://example.com/x?watch=true\",",
		"\"when\":\"2026-11-23T00:17:32Z\","};

	buf_add_str(out, PLANT_ONE_OF(p, neighbours));
}

/* ---- places ---- */

static inline void plant_base64(struct buf *out, struct span s)
{
	base64_put(out, s.ptr, s.len);
}

static inline void plant_base64_str(struct plant *p, struct buf *out, struct span s)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(8 << 20);

	plant_base64(&b, s);
	plant_string(p, out, buf_span(&b));
}

static const char *const plant_names[] = {"password", "DB_PASSWORD", "apiKey", "api-key",
	"client_secret", "authToken", "secretKey", "accessKey", "rootPassword2", "privateKey",
	"example.com/token", "credentials", "PGPASSWORD", "sessionToken", "dbPass", "SIGNING_KEY"};
static const char *const plant_plain_names[] = {
	"x", "config", "value1", "payload", "blob", "notes"};

static inline void plant_secret_object(struct plant *p, struct buf *out)
{
	static const char *const kinds[] = {
		"\"kind\":\"Secret\",", "\"Kind\":\"secret\",", "\"\\u006bind\":\"Secret\","};
	const char *kind = PLANT_ONE_OF(p, kinds);
	bool kind_first = plant_pick(p, 2);

	buf_add_char(out, '{');
	plant_neighbours(p, out);
	if (kind_first)
		buf_add_str(out, kind);
	switch (plant_pick(p, 5)) {
	case 0:
		buf_add_str(out, "\"stringData\":{");
		plant_member(p, out, PLANT_ONE_OF(p, plant_plain_names), p->secret);
		buf_add_str(out, "},");
		break;
	case 1:
		buf_add_str(out, "\"metadata\":{\"name\":\"db\",\"annotations\":{");
		plant_member(p, out, PLANT_ONE_OF(p, plant_plain_names), p->secret);
		buf_add_str(out, "}},");
		break;
	case 2:
		plant_member(p, out, "unknown", p->secret);
		buf_add_str(out, ",");
		break;
	default:
		buf_add_str(out, "\"data\":{");
		plant_str(p, out, PLANT_ONE_OF(p, plant_plain_names));
		buf_add_char(out, ':');
		plant_base64_str(p, out, span_of(p->secret));
		buf_add_str(out, "},");
		break;
	}
	if (!kind_first)
		buf_add_str(out, kind);
	buf_add_str(out, "\"apiVersion\":\"v1\"}");
}

static inline void plant_named(struct plant *p, struct buf *out)
{
	buf_add_str(out, "{");
	plant_neighbours(p, out);
	buf_add_str(out, "\"spec\":{");
	switch (plant_pick(p, 4)) {
	case 0:
		plant_member(p, out, PLANT_ONE_OF(p, plant_names), p->secret);
		break;
	case 1:
		buf_add_str(out, "\"credentials\":{\"a\":[");
		plant_str(p, out, p->secret);
		buf_add_str(out, "]}");
		break;
	case 2:
		buf_add_str(out, "\"env\":[{\"name\":");
		plant_str(p, out, PLANT_ONE_OF(p, plant_names));
		buf_add_str(out, ",\"value\":");
		plant_str(p, out, p->secret);
		buf_add_str(out, "}]");
		break;
	default:
		buf_add_str(out, "\"headers\":[{\"value\":");
		plant_str(p, out, p->secret);
		buf_add_str(out, ",\"name\":\"Authorization\"}]");
		break;
	}
	buf_add_str(out, "}}");
}

/* A text with the secret beside its name. */
static inline void plant_text(struct plant *p, struct buf *out)
{
	static const char *const forms[] = {"user=x\n^=^\nhost=y\n", "a: b\n^: ^\nc: d\n",
		"{{ tpl }}\n^: \"^\"\n", "export ^='^'; run", "https://h/p?x=1&^=^&y=2",
		"{\"a\": {{ x }}, \"^\": \"^\"}", "host=db;^=^;ssl=true", "[main]\n^ = ^\n",
		"- name: ^\n  value: ^\n", "tool --^ ^ --verbose", "tool --^=^ --verbose",
		"<^>^</>", "failed: ^: ^", "^ = \"\"\"\n^\"\"\"\n", "define('^', '^');",
		"put(\"^\", \"^\")", "X \"n\": spec.^: Duplicate value: \"^\"", "<^ x=\"y\">^</a>",
		"<p:^>^</p>", "<^><![CDATA[^]]></a>", "<entry key=\"^\">^</entry>",
		"<key>^</key>\n<string>^</string>", "Env: {{Name: \"^\", Value: \"^\"}}",
		"{\"k\": {{ x }}, \"^\":\n\"^\"}", "^=x\\\n    ^\nz=1\n"};
	static const char *const names[] = {
		"password", "DB_PASSWORD", "api-key", "auth_token", "clientSecret"};

	plant_fill(out, PLANT_ONE_OF(p, forms), PLANT_ONE_OF(p, names), p->secret);
}

/* A text in which the secret is known by its form. */
static inline void plant_token(struct plant *p, struct buf *out)
{
	static const char *const forms[] = {"see postgres://app:^@db:5432/x for it",
		"root:^@tcp(db:3306)/x", "curl -u admin:^ https://example.com",
		"mysql -h db -p^ -e 'select 1'", "ALTER USER x PASSWORD '^'",
		"kind: Secret\nstringData:\n  x: ^\n", "-----BEGIN PRIVATE KEY-----\n^\n",
		"Authorization: Bearer ^", "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlIn0.^",
		"pushed with ghp_0123456789abcdefghij^ now", "xoxb-0123456789^",
		"eyJhbGciOiJSUzI1NiJ9 eyJpc3MiOiJrdWJlIn0 ^", "jdbc:oracle:thin:app/^@//h:1521/x",
		"{{ x }} \"https:\\/\\/app:^@h/\"", "curl --user admin:^ https://example.com",
		"PuTTY-User-Key-File-3: x\nPrivate-Lines: 1\n^\n",
		"echo ^ | docker login --password-stdin",
		"kubectl create secret generic x --from-literal=k=^"};

	plant_fill(out, PLANT_ONE_OF(p, forms), p->secret, p->secret);
}

static inline void plant_text_field(struct plant *p, struct buf *out)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(1 << 20);

	if (plant_pick(p, 4) == 0) {
		plant_noise(p, &text);
		buf_add_char(&text, '\n');
	}
	if (plant_pick(p, 2))
		plant_text(p, &text);
	else
		plant_token(p, &text);
	if (plant_pick(p, 4) == 0) {
		buf_add_char(&text, '\n');
		plant_noise(p, &text);
	}
	buf_add_str(out, "{");
	plant_neighbours(p, out);
	buf_add_str(out, "\"kind\":\"ConfigMap\",\"data\":{");
	plant_str(p, out, PLANT_ONE_OF(p, plant_plain_names));
	buf_add_char(out, ':');
	plant_string(p, out, buf_span(&text));
	buf_add_str(out, "}}");
}

static inline void plant_command(struct plant *p, struct buf *out)
{
	static const char *const forms[] = {"[\"tool\",\"--password\",\"^\"]",
		"[\"tool\",\"--api-key=^\"]", "[\"mysql\",\"-p^\"]", "[\"mysql\",\"-p\",\"^\"]",
		"[\"sh\",\"-c\",\"PGPASSWORD=^ psql\"]", "[\"curl\",\"-u\",\"x:^\"]",
		"[\"curl\",\"--user\",\"x:^\"]", "[\"kubectl\",\"--from-literal=k=^\"]",
		"[\"-h\",\"db\",\"-p^\"],\"command\":[\"mysql\"]",
		"[\"-p\",\"^\"],\"image\":\"docker.io/library/mysql:8\""};

	buf_add_str(out, "{\"containers\":[{\"tty\":true,\"args\":");
	plant_fill(out, PLANT_ONE_OF(p, forms), p->secret, p->secret);
	buf_add_str(out, "}]}");
}

static inline void plant_exec(struct plant *p, struct buf *out)
{
	static const char *const forms[] = {"[\"login\",\"^\"]", "[\"sh\",\"-c\",\"echo ^\"]",
		"[\"sh\",\"-c\",\"X=^ y\"]", "[\"a\",\"b\",\"c ^ d\"]"};

	buf_add_str(out, "{\"kind\":\"PodExecOptions\",\"command\":");
	plant_fill(out, PLANT_ONE_OF(p, forms), p->secret, p->secret);
	buf_add_str(out, "}");
}

static inline void plant_patch(struct plant *p, struct buf *out)
{
	static const char *const paths[] = {"/data/DB_PASSWORD", "/spec/credentials/x",
		"/stringData/a", "/spec/template/spec/containers/0/env/2/value",
		"/metadata/annotations/x.io~1api-token"};

	buf_add_str(out, "[{\"op\":\"add\",\"path\":");
	plant_str(p, out, PLANT_ONE_OF(p, paths));
	buf_add_str(out, ",\"value\":");
	plant_str(p, out, p->secret);
	buf_add_str(out, "}]");
}

static inline void plant_managed_fields(struct plant *p, struct buf *out)
{
	_cleanup_(buf_free) struct buf key = BUF_INIT(1 << 16);

	buf_add_str(&key, "v:");
	plant_str(p, &key, p->secret);
	buf_add_str(
		out, "{\"metadata\":{\"managedFields\":[{\"fieldsV1\":{\"f:spec\":{\"f:tokens\":{");
	plant_string(p, out, buf_span(&key));
	buf_add_str(out, ":{}}}}}]}}");
}

/* A resource that makes a Secret of its template. */
static inline void plant_maker(struct plant *p, struct buf *out)
{
	static const char *const kinds[] = {"ExternalSecret", "SealedSecret", "PushSecret"};

	buf_add_str(out, "{");
	plant_member(p, out, "kind", PLANT_ONE_OF(p, kinds));
	buf_add_str(out, ",\"spec\":{\"target\":{\"template\":{\"data\":{");
	plant_member(p, out, PLANT_ONE_OF(p, plant_plain_names), p->secret);
	buf_add_str(out, "}}}}}");
}

static inline void plant_place(struct plant *p, struct buf *out)
{
	static const struct {
		const char *name, *marks;
		void (*write)(struct plant *p, struct buf *out);
	} places[] = {
		{"secret", "\"\\<>&%{} \n/=", plant_secret_object},
		{"secret", "\"\\<>&%{} \n/=", plant_secret_object},
		{"named", "\"\\<>&%{} \n/=", plant_named},
		{"text", "-_.!", plant_text_field},
		{"command", "-_.!", plant_command},
		{"exec", "-_.!", plant_exec},
		{"patch", "\"\\<>&%{} \n/=", plant_patch},
		{"managed", "<>&%{} /=", plant_managed_fields},
		{"maker", "\"\\<>&%{} \n/=", plant_maker},
	};
	size_t i = plant_pick(p, ARRAY_LEN(places));

	plant_make_secret(p, places[i].marks);
	plant_tell(p, places[i].name);
	places[i].write(p, out);
}

/* ---- wrappings ---- */

/* The middle of an encoded text: if that is left, the secret is. */
static inline void plant_note_gone(struct plant *p, struct span s)
{
	if (s.len < 64 || p->gone_count == PLANT_GONE_MAX)
		return;
	snprintf(p->gone[p->gone_count++], 33, "%.*s", 32, s.ptr + s.len / 2);
}

static inline void plant_gzip(struct buf *out, struct span in, bool zlib)
{
	uLong max = compressBound((uLong)in.len) + 64;
	Bytef *to = malloc(max);
	z_stream z = {.next_in = (Bytef *)in.ptr,
		.avail_in = (uInt)in.len,
		.next_out = to,
		.avail_out = (uInt)max};

	if (deflateInit2(&z, 6, Z_DEFLATED, zlib ? 15 : 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
		deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	buf_add(out, to, z.total_out);
	deflateEnd(&z);
	free(to);
}

static inline void plant_percent(struct buf *out, struct span in)
{
	for (size_t i = 0; i < in.len; i++) {
		char c = in.ptr[i];

		if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
			buf_add_char(out, c);
		else
			buf_printf(out, "%%%02X", (unsigned char)c);
	}
}

/* inner (JSON) becomes the text of a string in some encoding. */
static inline void plant_encode(struct plant *p, struct span inner, struct buf *out)
{
	_cleanup_(buf_free) struct buf packed = BUF_INIT(8 << 20), once = BUF_INIT(8 << 20);

	switch (plant_pick(p, 9)) {
	case 0:
		plant_tell(p, "base64");
		plant_base64(out, inner);
		p->layers++;
		plant_note_gone(p, buf_span(out));
		break;
	case 1:
		plant_tell(p, "gzip");
		plant_gzip(&packed, inner, plant_pick(p, 2));
		plant_base64(out, buf_span(&packed));
		p->layers += 2;
		plant_note_gone(p, buf_span(out));
		break;
	case 2:
		plant_tell(p, "helm");
		plant_gzip(&packed, inner, false);
		plant_base64(&once, buf_span(&packed));
		plant_base64(out, buf_span(&once));
		p->layers += 3;
		plant_note_gone(p, buf_span(out));
		break;
	case 3:
		plant_tell(p, "hex");
		hex_put(out, inner.ptr, inner.len);
		p->layers++;
		plant_note_gone(p, buf_span(out));
		break;
	case 5:
		plant_tell(p, "assigned");
		buf_add_str(out, "A=b\nCONFIG=");
		plant_base64(out, inner);
		buf_add_str(out, "\n");
		p->layers++;
		plant_note_gone(p, buf_span(out));
		break;
	case 4:
		plant_tell(p, "percent");
		plant_percent(out, inner);
		p->layers++;
		break;
	default:
		plant_tell(p, "json");
		buf_add_span(out, inner);
		break;
	}
	p->layers++;
}

static inline void plant_wrap(struct plant *p, struct span inner, struct buf *out)
{
	static const char *const around[][2] = {{"{\"kind\":\"List\",\"items\":[{},", "]}"},
		{"[{\"op\":\"add\",\"path\":\"/spec/x\",\"value\":", "}]"},
		{"{\"kind\":\"Table\",\"columnDefinitions\":[{\"name\":\"Name\"}],\"rows\":[{"
		 "\"cells\":"
		 "[\"x\"],\"object\":",
			"}]}"},
		{"{\"spec\":{\"template\":[[", "]]}}"}, {"{\"type\":\"ADDED\",\"object\":", "}"}};
	static const char *const strings[][2] = {{"{\"metadata\":{\"annotations\":{\"kubectl."
						  "kubernetes.io/last-applied-configuration\":",
							 "}}}"},
		{"{\"metadata\":{\"annotations\":{\"kapp.k14s.io/original\":", "}}}"},
		{"{\"metadata\":{\"annotations\":{\"objectset.rio.cattle.io/applied\":", "}}}"},
		{"{\"kind\":\"ConfigMap\",\"data\":{\"release\":", "}}"},
		{"[{\"op\":\"replace\",\"path\":\"/metadata/annotations/x\",\"value\":", "}]"},
		{"{\"patch\":", ",\"patchType\":\"JSONPatch\"}"}};
	_cleanup_(buf_free) struct buf text = BUF_INIT(8 << 20);
	size_t i;

	if (plant_pick(p, 2)) {
		i = plant_pick(p, ARRAY_LEN(around));
		plant_tell(p, "object");
		buf_add_str(out, around[i][0]);
		buf_add_span(out, inner);
		buf_add_str(out, around[i][1]);
		return;
	}
	i = plant_pick(p, ARRAY_LEN(strings));
	plant_encode(p, inner, &text);
	buf_add_str(out, strings[i][0]);
	plant_string(p, out, buf_span(&text));
	buf_add_str(out, strings[i][1]);
}

/* ---- the event ---- */

#define PLANT_CANARY "\"objectRef\":{\"resource\":\"widgets\",\"name\":\"canary-7\"},"

static inline void plant_uri(struct plant *p, struct buf *out)
{
	static const char *const forms[] = {
		"/api/v1/namespaces/x/pods/y/exec?command=login&command=^",
		"/api/v1/namespaces/x/pods/y/exec?command=sh&command=PGPASSWORD%3D^+psql",
		"/api/v1/namespaces/x/pods/y/attach?container=c&foo=^",
		"/api/v1/namespaces/x/services/y/proxy/a/^/b",
		"/api/v1/namespaces/x/services/y/%70roxy/a/^/b", "/api/v1/nodes/n/proxy/x?limit=^",
		"/api/v1/pods?token=^&limit=500", "/apis/x/v1/y?labelSelector=password%3D^"};
	_cleanup_(buf_free) struct buf uri = BUF_INIT(1 << 16), escaped = BUF_INIT(1 << 16);

	plant_tell(p, "uri");
	plant_make_secret(p, "-_.!/+ &");
	plant_percent(&escaped, span_of(p->secret));
	plant_fill(&uri, PLANT_ONE_OF(p, forms), buf_str(&escaped), "");
	buf_add_str(out, "\"requestURI\":");
	plant_string(p, out, buf_span(&uri));
}

/* An event about Secrets: nothing in its objects needs to say so. */
static inline void plant_about_secrets(struct plant *p, struct buf *out)
{
	_cleanup_(buf_free) struct buf value = BUF_INIT(1 << 16);

	plant_tell(p, "about-secrets");
	plant_make_secret(p, "\"\\<>&%{} \n/=");
	plant_string(p, &value, span_of(p->secret));
	buf_add_str(out, "\"objectRef\":{\"resource\":\"secrets\",\"namespace\":\"x\"},");
	switch (plant_pick(p, 5)) {
	case 0:
		buf_printf(out,
			"\"requestObject\":[{\"op\":\"add\",\"path\":\"/data/x\",\"value\":%s}]",
			buf_str(&value));
		break;
	case 1:
		buf_printf(out, "\"responseObject\":{\"items\":[{\"data\":{\"x\":%s}}]}",
			buf_str(&value));
		break;
	case 2:
		buf_printf(out, "\"responseStatus\":{\"message\":%s}", buf_str(&value));
		break;
	case 3:
		buf_printf(out, "\"requestObject\":{\"stringData\":{\"x\":%s}}", buf_str(&value));
		break;
	default:
		buf_printf(out,
			"\"responseObject\":{\"kind\":\"Table\",\"columnDefinitions\":[],\"rows\":"
			"[{\"object\":{\"metadata\":{\"annotations\":{\"x\":%s}}}}]}",
			buf_str(&value));
		break;
	}
}

static inline void plant_user(struct plant *p, struct buf *out)
{
	plant_tell(p, "user");
	plant_make_secret(p, "\"\\<>&%{} \n/=");
	buf_add_str(out, "\"user\":{\"username\":\"u\",\"extra\":{\"scopes\":[");
	plant_str(p, out, p->secret);
	buf_add_str(out, "]}}");
}

static inline void plant_wrapped(struct plant *p, struct buf *out)
{
	static const char *const members[] = {"requestObject", "responseObject"};
	_cleanup_(buf_free) struct buf a = BUF_INIT(8 << 20), b = BUF_INIT(8 << 20);
	struct buf *in = &a, *next = &b;
	unsigned wraps = plant_pick(p, 5);

	plant_place(p, in);
	for (unsigned i = 0; i < wraps && p->layers < 3 && in->len < (1 << 20); i++) {
		struct buf *spare = in;

		buf_reset(next);
		plant_wrap(p, buf_span(in), next);
		in = next;
		next = spare;
	}
	if (plant_pick(p, 5) == 0 && p->layers < 8) {
		buf_add_str(out,
			"\"annotations\":{\"patch.webhook.admission.k8s.io/round_0_index_0\":");
		plant_string(p, out, buf_span(in));
		buf_add_char(out, '}');
		return;
	}
	plant_str(p, out, PLANT_ONE_OF(p, members));
	buf_add_char(out, ':');
	buf_add_span(out, buf_span(in));
}

/* Writes one event; p->secret and p->gone say what must not be left of it. */
static inline void plant_event(struct plant *p, struct plant_source *src, struct buf *out)
{
	*p = (struct plant){.src = src};
	buf_add_char(out, '{');
	plant_neighbours(p, out);
	switch (plant_pick(p, 8)) {
	case 0:
		buf_add_str(out, PLANT_CANARY);
		plant_uri(p, out);
		break;
	case 1:
		plant_about_secrets(p, out);
		break;
	case 2:
		buf_add_str(out, PLANT_CANARY);
		plant_user(p, out);
		break;
	default:
		buf_add_str(out, PLANT_CANARY);
		plant_wrapped(p, out);
		break;
	}
	buf_add_str(out, ",\"stage\":\"ResponseComplete\"}");
}

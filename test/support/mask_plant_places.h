/* SPDX-License-Identifier: Apache-2.0 */
/* Where secrets are kept in an object: one of these places, with a secret and harmless neighbours.
 */
#pragma once

#include "support/mask_plant_source.h"

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

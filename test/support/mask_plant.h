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

#include <zlib.h>

#include "support/mask_plant_places.h"

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

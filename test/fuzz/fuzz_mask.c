/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No planted secret survives masking. The first byte says how the others are used: as choices of
 * the generator that plants a secret (place, layers, encodings, neighbours), as a JSON text, as
 * free text, or as choices of pieces of one. Whatever comes in, JSON stays JSON, and masking with
 * too little memory masks more, not less.
 */
#include <stdio.h>
#include <unistd.h>

#include "common/mask/mask.h"
#include "support/mask_both_ways.h"
#include "support/mask_plant.h"
#include "support/secret_search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct json_limits limits = {.max_bytes = 1 << 20,
	.max_depth = 600,
	.max_nodes = 1 << 18,
	.allow_lone_surrogates = true,
	.allow_duplicate_keys = true};

static struct masker *masker(void)
{
	static struct masker *m;
	struct err e;

	if (!m && masker_new(NULL, NULL, &m, &e) < 0)
		abort();
	return m;
}

static void fail(const char *what, const struct plant *p, struct span in, struct span out)
{
	fprintf(stderr, "%s: %s (%s)\nin  %.*s\nout %.*s\n", what, p->secret, p->story,
		(int)(in.len < 6000 ? in.len : 6000), in.ptr,
		(int)(out.len < 6000 ? out.len : 6000), out.ptr);
	abort();
}

static bool is_json(struct span text)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, 256 << 20);
	struct json_limits wide = limits;
	struct json_doc d;

	wide.max_bytes = 64 << 20;
	return json_read(text.ptr, text.len, &wide, arena, &d, NULL) == 0;
}

static void expect_gone(const struct plant *p, struct span in, struct buf *out)
{
	if (!buf_str(out) || secret_found(buf_span(out), span_of(p->secret)))
		fail("the secret is left", p, in, buf_span(out));
	for (size_t i = 0; i < p->gone_count; i++) {
		if (strstr(out->ptr, p->gone[i]))
			fail("the encoded secret is left", p, in, buf_span(out));
	}
	if (!is_json(buf_span(out)))
		fail("not JSON any more", p, in, buf_span(out));
}

static void planted(struct plant_source *src)
{
	_cleanup_(buf_free) struct buf in = BUF_INIT(16 << 20), out = BUF_INIT(16 << 20);
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 18, 256 << 20);
	_cleanup_(arena_freep) struct arena *tight = NULL;
	size_t room = plant_next(src) % 64 * 64;
	struct mask_result r;
	struct json_doc d;
	struct plant p;

	plant_event(&p, src, &in);
	if (json_read(in.ptr, in.len, &limits, arena, &d, NULL) < 0)
		return;
	mask_audit_event(masker(), &d, JSON_ROOT, arena, &out, &r);
	expect_gone(&p, buf_span(&in), &out);
	if (r.whole)
		fail("the generator stays within the bounds", &p, buf_span(&in), buf_span(&out));
	tight = arena_new(64, 64 + room);
	buf_reset(&out);
	mask_audit_event(masker(), &d, JSON_ROOT, tight, &out, &r);
	expect_gone(&p, buf_span(&in), &out);
}

static void json_text_of(const char *text, size_t len)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 18, 256 << 20);
	_cleanup_(buf_free) struct buf out = BUF_INIT(64 << 20);
	const struct plant none = {0};
	struct mask_result r;
	struct json_doc d;

	if (json_read(text, len, &limits, arena, &d, NULL) < 0)
		return;
	mask_audit_event(masker(), &d, JSON_ROOT, arena, &out, &r);
	if (!is_json(buf_span(&out)))
		fail("an event is JSON", &none, (struct span){text, len}, buf_span(&out));
	buf_reset(&out);
	mask_object(masker(), &d, JSON_ROOT,
		(struct mask_target){{"", 0}, SPAN("secrets"), {"", 0}}, arena, &out, &r);
	if (!is_json(buf_span(&out)))
		fail("an object is JSON", &none, (struct span){text, len}, buf_span(&out));
	buf_reset(&out);
	mask_object(masker(), &d, JSON_ROOT,
		(struct mask_target){{"", 0}, SPAN("pods"), SPAN("exec")}, arena, &out, &r);
	if (!is_json(buf_span(&out)))
		fail("options are JSON", &none, (struct span){text, len}, buf_span(&out));
}

static void free_text(const char *text, size_t len)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 18, 64 << 20);
	_cleanup_(buf_free) struct buf out = BUF_INIT(64 << 20);
	const struct plant none = {0};

	if (!mask_same_both_ways(masker(), (struct span){text, len}, arena, &out))
		fail("masked differently in JSON", &none, (struct span){text, len}, buf_span(&out));
}

static uint32_t next_of(void *source)
{
	return plant_next(source);
}

static void text_of_pieces(struct plant_source *src)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(1 << 16);

	mask_random_text(next_of, src, &text);
	free_text(text.ptr, text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct plant_source src = {.data = data + 1, .len = len > 0 ? len - 1 : 0, .state = len};

	if (len < 2)
		return 0;
	switch (data[0] % 8) {
	case 0:
		free_text((const char *)data + 1, len - 1);
		break;
	case 1:
		json_text_of((const char *)data + 1, len - 1);
		break;
	case 2:
		text_of_pieces(&src);
		break;
	default:
		planted(&src);
		break;
	}
	return 0;
}

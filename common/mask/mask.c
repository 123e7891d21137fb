/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masking as others see it: makes the masker, opens the root frame for an event, an object or a
 * text, and writes the input with the edits found. The files of masking:
 *
 *   mask.c           entry points, writing the result, rules' counters
 *   mask_rules.c     the table of rules and the documentation made from it
 *   mask_frame.c     texts under examination and the edits found in them
 *   mask_names.c     is this the name of a secret?  mask_fold.c  in letters that only look alike
 *   mask_values.c    does the value look like one?
 *   mask_fields.c    field names of Kubernetes: which are structure, which are plain
 *   mask_walk.c      objects, lists, strings of a JSON tape
 *   mask_shape.c     what the members of an object say of each other
 *   mask_secret.c    Secrets, and messages about them
 *   mask_kube.c      patches, Tables, user extras, admission requests
 *   mask_managed.c   managed fields
 *   mask_layers.c    JSON in a string, base64, gzip, hex, percent escapes;  mask_base64.c,
 *                    mask_utf16.c  what they spell;  mask_packed.c  what is masked unopened
 *   mask_plain.c     where in a text a pattern may begin; the quick answer for most strings
 *   mask_text.c      patterns in free text;  mask_tokens.c  tokens of a known form
 *   mask_scan_url.c  URLs in it;  mask_scan_base64.c  base64 in it
 *   mask_formats.c   the table of those forms;  mask_pattern.c  reading and matching one
 *   mask_idiom.c     commands and sentences with a secret behind a blank
 *   mask_table.c     CSV, INSERT INTO: names far from the values
 *   mask_assign.c    name=value in free text;  mask_pair.c  where the value ends
 *   mask_words.c     what was masked in a request, in texts that quote it
 *   mask_exec.c      what a shell is told to do, word by word;  mask_exec_word.c  one word's form
 *   mask_command.c   command lines;  mask_option.c  their options in free text
 *   mask_uri.c       request URIs
 *   mask_keys.c      the key file
 *   mask_config.c    own names, paths and tokens as written;  mask_own.c  asking them
 *
 * Data flow: an entry point opens a root frame over the tape and walks it. Whatever must not pass
 * becomes an edit (offset, length, pseudonym) of the frame it was found in. A string whose content
 * is a text of its own (JSON, escaped text, a URI) is examined in a child frame; closing the child
 * translates its edits to offsets of the parent, so that at the end all edits are offsets into the
 * caller's bytes, and everything between them is copied unchanged.
 *
 * Functions return 0, or -1 when something could not be examined (arena full, a bound reached); the
 * nearest caller that can masks the whole value then.
 */
#include <pthread.h>

#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_command_internal.h"
#include "common/mask/mask_config_internal.h"
#include "common/mask/mask_kube_internal.h"
#include "common/mask/mask_text_internal.h"

/* Tables that are looked things up in are made of constant ones and never change again: a process
 * needs them once, however many maskers it has. */
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void fill_tables(void)
{
	mask_names_init();
	mask_fields_init();
	mask_tokens_init();
	mask_plain_init();
	mask_option_init();
}

int masker_new(const char *key_file, const char *config_file, struct masker **ret, struct err *e)
{
	_cleanup_(masker_freep) struct masker *m = calloc(1, sizeof(*m));

	if (!m)
		return err_set(e, "out of memory");
	pthread_once(&tables_once, fill_tables);
	if (mask_keys_load(m, key_file, e) < 0)
		return -1;
	if (config_file && mask_config_load(config_file, &m->config, e) < 0)
		return -1;
	*ret = TAKE_PTR(m);
	return 0;
}

void masker_free(struct masker *m)
{
	if (!m)
		return;
	mask_keys_free(m);
	mask_config_free(m->config);
	free(m);
}

void masker_set_explain(struct masker *m, mask_explain_fn fn, void *userdata)
{
	m->explain = fn;
	m->explain_userdata = userdata;
}

void mask_put_pseudonyms(const struct masker *m, struct span value, struct buf *out)
{
	char pseudonym[MASK_PSEUDONYM_MAX];

	for (size_t i = 0; i < m->key_count; i++) {
		buf_add(out, pseudonym, mask_pseudonym(&m->keys[i], value, pseudonym));
		buf_add_char(out, '\n');
	}
}

/* ---- writing ---- */

/* The quotes of a pseudonym that replaces no string, as escaped as the text around it. */
static void put_quote(struct buf *out, unsigned level)
{
	if (level == 0)
		return;
	for (unsigned i = 1; i < 1u << (level - 1); i++)
		buf_add_char(out, '\\');
	buf_add_char(out, '"');
}

static void put_masked(
	const struct mask_frame *f, struct span range, struct buf *out, struct mask_result *ret)
{
	const char *at = range.ptr;

	for (size_t i = 0; i < f->edit_count; i++) {
		const struct mask_edit *e = &f->edits[i];
		const char *begin = f->text.ptr + e->off;

		buf_add(out, at, (size_t)(begin - at));
		put_quote(out, e->quote_level);
		buf_add_span(out, e->pseudonym);
		put_quote(out, e->quote_level);
		at = begin + e->len;
		mask_count(e->rule);
	}
	buf_add(out, at, (size_t)(range.ptr + range.len - at));
	ret->masked += (unsigned)f->edit_count;
	ret->whole |= f->ctx->whole;
	if (f->ctx->whole)
		mask_count_whole();
}

/* Not even an edit can be kept any more: the whole input is one masked value. */
static void put_all_masked(const struct masker *m, struct span range, bool quotes, struct buf *out,
	struct mask_result *ret)
{
	char pseudonym[MASK_PSEUDONYM_MAX];
	size_t len = mask_pseudonym(&m->keys[0], range, pseudonym);

	put_quote(out, quotes);
	buf_add(out, pseudonym, len);
	put_quote(out, quotes);
	ret->masked++;
	ret->whole = true;
	mask_count(RULE_UNREADABLE);
	mask_count_whole();
}

/* ---- entry points ---- */

/* One value; what cannot be examined is masked whole. */
static int walk_or_mask(struct mask_frame *f, json_ref r, struct mask_where w)
{
	size_t count = f->edit_count;

	if (mask_walk(f, r, w) == 0)
		return 0;
	mask_rollback(f, count);
	f->ctx->whole = true;
	return mask_node(f, r, RULE_UNREADABLE);
}

/* Readers of other languages ignore case, so a field in another one is taken for it. */
static bool span_eq_case(struct span s, struct span name)
{
	return s.len == name.len && strncasecmp(s.ptr, name.ptr, name.len) == 0;
}

static struct mask_target target_of(struct mask_frame *f, json_ref ref)
{
	struct mask_target ret = {0};

	json_foreach_member (k, f->doc, ref) {
		struct span key = mask_string(f, k), value = {0};

		if (json_type(f->doc, k + 1) == JSON_STRING)
			value = mask_string(f, k + 1);
		/* Given twice, Secrets win. */
		if (span_eq_case(key, SPAN("resource")))
			ret.resource =
				span_eq_case(ret.resource, SPAN("secrets")) ? ret.resource : value;
		else if (span_eq_case(key, SPAN("apiGroup")))
			ret.group = value;
		else if (span_eq_case(key, SPAN("subresource")))
			ret.subresource = value;
	}
	return ret;
}

/* What the event says that its objects are. */
static unsigned event_flags(struct mask_frame *f, json_ref event)
{
	unsigned flags = 0;

	json_foreach_member (k, f->doc, event) {
		struct span key = mask_string(f, k);

		if (span_eq_case(key, SPAN("objectRef"))) {
			struct mask_target *t = &f->ctx->target;

			*t = target_of(f, k + 1);
			flags |= mask_target_flags(t->group, t->resource, t->subresource);
		} else if (span_eq_case(key, SPAN("requestURI")) &&
			   mask_uri_names_secrets(f, k + 1)) {
			flags |= WHERE_SECRET | WHERE_SECRETS;
		}
	}
	return flags | WHERE_TARGET;
}

static int mask_event_member(struct mask_frame *f, json_ref k, unsigned target)
{
	struct mask_name name = mask_key_name(f, k);
	struct mask_where w = {.class = name.class,
		.infected = name.class == NAME_STRONG ? name.rule : RULE_NONE,
		.depth = 1};

	if (name.field == FIELD_TARGET_OBJECT)
		w.flags = (uint8_t)target;
	else if (name.field != FIELD_OBJECT_REF)
		w.flags = target & WHERE_SECRETS;
	if (!name.known && mask_key_text(f, k) < 0)
		return -1;
	if (name.field == FIELD_URI && json_type(f->doc, k + 1) == JSON_STRING)
		return mask_uri_value(f, k + 1, false);
	return walk_or_mask(f, k + 1, w);
}

/* ---- what an event says of its request ---- */

/* Every string below r. */
static int mask_quotes(struct mask_frame *f, json_ref r, const struct mask_words *words)
{
	for (json_ref v = r; v < json_next(f->doc, r); v++) {
		const struct json_node *n = json_node(f->doc, v);
		struct mask_frame child;

		if (n->type != JSON_STRING)
			continue;
		f->at = v;
		if (mask_frame_open(&child, f, n->off, n->len,
			    n->escaped ? ESCAPE_JSON : ESCAPE_NONE) < 0 ||
			mask_words_in(&child, words) < 0 || mask_frame_close(&child) < 0)
			return -1;
	}
	return 0;
}

/* A message or an annotation may quote what is masked in the request's objects and URI. */
static int mask_quoting_members(
	struct mask_frame *f, json_ref event, const struct mask_words *words)
{
	json_foreach_member (k, f->doc, event) {
		struct span key = mask_string(f, k);

		if (!span_eq_case(key, SPAN("responseStatus")) &&
			!span_eq_case(key, SPAN("annotations")))
			continue;
		if (mask_quotes(f, k + 1, words) < 0)
			return -1;
	}
	return 0;
}

static int mask_event(struct mask_frame *f, json_ref event)
{
	_cleanup_(mask_words_freep) struct mask_words *words = NULL;
	unsigned target;
	int rc = 0;

	if (json_type(f->doc, event) != JSON_OBJECT)
		return walk_or_mask(f, event, (struct mask_where){0});
	words = mask_words_new();
	if (!words)
		return -1;
	f->ctx->words = words;
	target = event_flags(f, event);
	json_foreach_member (k, f->doc, event) {
		rc = mask_event_member(f, k, target);
		if (rc < 0)
			break;
	}
	f->ctx->words = NULL;
	return rc < 0 ? rc : mask_quoting_members(f, event, words);
}

void mask_audit_event(const struct masker *m, const struct json_doc *d, json_ref event,
	struct arena *arena, struct buf *out, struct mask_result *ret)
{
	struct mask_ctx ctx = {.m = m, .arena = arena};
	struct mask_frame f = {.ctx = &ctx, .text = {d->text, d->len}, .doc = d, .at = event};

	*ret = (struct mask_result){0};
	if (mask_event(&f, event) < 0 || mask_frame_settle(&f) < 0)
		put_all_masked(m, json_text(d, event), true, out, ret);
	else
		put_masked(&f, json_text(d, event), out, ret);
}

void mask_object_keeping(const struct masker *m, const struct json_doc *d, json_ref object,
	struct mask_target target, struct mask_words *words, struct arena *arena, struct buf *out,
	struct mask_result *ret)
{
	struct mask_ctx ctx = {.m = m, .arena = arena, .target = target, .words = words};
	struct mask_frame f = {.ctx = &ctx, .text = {d->text, d->len}, .doc = d, .at = object};
	struct mask_where w = {.flags = (uint8_t)mask_target_flags(
				       target.group, target.resource, target.subresource)};

	*ret = (struct mask_result){0};
	if (walk_or_mask(&f, object, w) < 0 || mask_frame_settle(&f) < 0)
		put_all_masked(m, json_text(d, object), true, out, ret);
	else
		put_masked(&f, json_text(d, object), out, ret);
}

void mask_object(const struct masker *m, const struct json_doc *d, json_ref object,
	struct mask_target target, struct arena *arena, struct buf *out, struct mask_result *ret)
{
	mask_object_keeping(m, d, object, target, NULL, arena, out, ret);
}

void mask_text_quoting(const struct masker *m, struct span text, const struct mask_words *words,
	struct arena *arena, struct buf *out, struct mask_result *ret)
{
	struct mask_ctx ctx = {.m = m, .arena = arena};
	struct mask_frame f = {.ctx = &ctx, .text = text, .at = JSON_NONE};
	int failed;

	*ret = (struct mask_result){0};
	if (text.len == 0)
		return;
	if (text.ptr[0] == '/')
		failed = mask_uri(&f, false);
	else
		failed = mask_text_frame(&f, (struct mask_where){0});
	if (failed || mask_words_in(&f, words) < 0 || mask_frame_settle(&f) < 0)
		put_all_masked(m, text, false, out, ret);
	else
		put_masked(&f, text, out, ret);
}

void mask_text(const struct masker *m, struct span text, struct arena *arena, struct buf *out,
	struct mask_result *ret)
{
	mask_text_quoting(m, text, NULL, arena, out, ret);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The masker, the state of one call, texts under examination and the edits found in them. */
#pragma once

#include "common/base/crypto.h"
#include "common/mask/mask_rules_internal.h"

#define MASK_KEYS_MAX	16
#define MASK_KEY_ID_MAX 32
#define MASK_LAYERS_MAX 8 /* texts inside texts */

/* ---- the masker ---- */

struct mask_key {
	char id[MASK_KEY_ID_MAX + 1]; /* "" when the file names no keys */
	struct hmac_key *hmac;
};

struct mask_config; /* mask_config_internal.h */
struct mask_frame;
struct mask_shape;

struct masker {
	/* The first one makes pseudonyms, the others only compare. */
	struct mask_key keys[MASK_KEYS_MAX];
	size_t key_count;
	struct mask_config *config; /* NULL: none */
	mask_explain_fn explain;
	void *explain_userdata;
};

int mask_keys_load(struct masker *m, const char *key_file, struct err *e) _must_check_;
void mask_keys_free(struct masker *m);

/* ---- frames and edits ---- */

struct mask_edit {
	uint32_t off, len;
	struct span pseudonym;
	uint8_t rule;
	uint8_t quote_level; /* 0: inside a string; 1: needs quotes; 2: escaped ones; … */
};

enum mask_escape {
	ESCAPE_NONE,
	ESCAPE_JSON,
	ESCAPE_PERCENT, /* %XX */
	ESCAPE_FORM,	/* %XX, and + for a blank */
};

/* State of one call. */
struct mask_ctx {
	const struct masker *m;
	struct arena *arena;
	struct mask_target target;
	size_t layer_bytes; /* decoded so far */
	unsigned layers;    /* open now */
	bool whole;
	struct mask_words *words; /* where to keep what is masked; NULL: nowhere */
};

struct mask_frame {
	struct mask_ctx *ctx;
	struct span text;
	const struct json_doc *doc; /* NULL: not JSON */
	json_ref at;		    /* value under examination, for --explain */

	struct mask_edit *edits;
	size_t edit_count, edit_cap;
	bool unordered; /* an edit stands behind one that begins later */
	size_t changes; /* edits ever added: none since means that the arena may be rewound */

	struct mask_frame *parent; /* NULL: the caller's text */
	enum mask_escape escape;   /* how this text stands in the parent's */
	size_t parent_off;	   /* where: escaped bytes from here … */
	size_t parent_len;	   /* … this many */
	struct span word; /* bytes of the text known to be one unbroken word (mask_pair.c) */
	json_ref *wanted; /* values that own paths name, ascending */
	size_t wanted_count, wanted_cap;
};

/* Replaces text[off..off+len); the pseudonym is made of value. A pseudonym that stands there
 * already and an empty value stay. */
int mask_edit_add(struct mask_frame *f, size_t off, size_t len, struct span value,
	enum mask_rule rule, unsigned quote_level) _must_check_;
/* The same for a range of a text, and for a value on the tape (any type). */
int mask_range(struct mask_frame *f, size_t off, size_t len, enum mask_rule rule) _must_check_;
int mask_node(struct mask_frame *f, json_ref r, enum mask_rule rule) _must_check_;
/* The same, the pseudonym made of value. */
int mask_node_as(
	struct mask_frame *f, json_ref r, struct span value, enum mask_rule rule) _must_check_;
/* Gives up edits beyond the first count. */
void mask_rollback(struct mask_frame *f, size_t count);

/*
 * A child frame over the text that parent->text[off..off+len) spells. -1 when there is no room for
 * it. mask_frame_close() hands its edits to the parent.
 */
int mask_frame_open(struct mask_frame *child, struct mask_frame *parent, size_t off, size_t len,
	enum mask_escape escape) _must_check_;
int mask_frame_close(struct mask_frame *child) _must_check_;
/* Puts the edits in order and joins those that overlap, before they are used. */
int mask_frame_settle(struct mask_frame *f) _must_check_;

/* "[masked …]" exactly? */
bool mask_is_pseudonym(struct span s);
/*
 * Is it one that was put there by masking? Not in what somebody asks for: who writes the pseudonym
 * of the old password in its place changes it, and before and after would look the same.
 */
bool mask_stays_pseudonym(const struct mask_frame *f, struct span s);
/* Length of the pseudonym that begins at s, 0 if none does. */
size_t mask_pseudonym_len(struct span s);
#define MASK_PSEUDONYM_MAX 96
/* Writes the pseudonym of value under key; returns its length. */
size_t mask_pseudonym(const struct mask_key *key, struct span value, char ret[MASK_PSEUDONYM_MAX]);

/* A string's value; absent span when the arena is full. Lone surrogates become U+FFFD. */
struct span mask_string(struct mask_frame *f, json_ref r);

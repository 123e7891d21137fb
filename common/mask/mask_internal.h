/*
 * What the files of masking share; not for others.
 *
 *   mask.c           entry points, writing the result, rules' counters
 *   mask_rules.c     the table of rules and the documentation made from it
 *   mask_frame.c     texts under examination and the edits found in them
 *   mask_names.c     is this the name of a secret?  mask_fold.c  in letters that only look alike
 *   mask_fields.c    field names of Kubernetes: which are structure, which are plain
 *   mask_walk.c      objects, lists, strings of a JSON tape
 *   mask_secret.c    Secrets, and messages about them
 *   mask_kube.c      patches, Tables, user extras, admission requests
 *   mask_managed.c   managed fields
 *   mask_layers.c    JSON in a string, base64, gzip, hex, percent escapes;  mask_utf16.c
 *   mask_plain.c     where in a text a pattern may begin; the quick answer for most strings
 *   mask_text.c      patterns in free text;  mask_tokens.c  tokens with a known beginning
 *   mask_assign.c    name=value in free text;  mask_value.c  where the value ends
 *   mask_command.c   command lines;  mask_option.c  their options in free text
 *   mask_uri.c       request URIs
 *   mask_keys.c      the key file;  mask_config.c  own names, paths, tokens;  mask_own.c  asking
 * them
 *
 * Data flow: an entry point opens a root frame over the tape and walks it. Whatever must not pass
 * becomes an edit (offset, length, mark) of the frame it was found in. A string whose content is a
 * text of its own (JSON, escaped text, a URI) is examined in a child frame; closing the child
 * translates its edits to offsets of the parent, so that at the end all edits are offsets into the
 * caller's bytes, and everything between them is copied unchanged.
 *
 * Functions return 0, or -1 when something could not be examined (arena full, a bound reached); the
 * nearest caller that can masks the whole value then.
 */
#pragma once

#include <stdio.h>

#include "common/base/crypto.h"
#include "common/mask/mask.h"

#define MASK_DEPTH_MAX	     256	 /* nesting of values inside one text */
#define MASK_LAYERS_MAX	     8		 /* texts inside texts */
#define MASK_LAYER_BYTES_MAX (32u << 20) /* decoded bytes in all, each call */
#define MASK_LAYER_NODES_MAX (1u << 20)	 /* tape nodes of one text inside a text */
#define MASK_NAME_MAX	     320	 /* longer names are taken for secret themselves */
#define MASK_KEYS_MAX	     16
/* How far patterns look back for what a place belongs to, and ahead for the end of a URL or a
 * quote: without a bound a text of nothing but beginnings would cost the square of its length. */
#define MASK_LOOK_MAX	 1024
#define MASK_SHAPE_NAMES 24
#define MASK_KEY_ID_MAX	 32

/* ---- rules (mask_rules.c) ---- */

enum mask_rule {
	RULE_NONE,
	RULE_SECRET_DATA,
	RULE_SECRET_ANNOTATION,
	RULE_SECRET_OTHER,
	RULE_SECRET_PATCH,
	RULE_SECRET_MESSAGE,
	RULE_FIELD_NAME,
	RULE_FIELD_RANDOM,
	RULE_NAMED_VALUE,
	RULE_PATCH_PATH,
	RULE_TABLE_CELL,
	RULE_MANAGED_FIELDS,
	RULE_USER_EXTRA,
	RULE_COMMAND_OPTION,
	RULE_COMMAND_WORD,
	RULE_URI_QUERY,
	RULE_URI_PROXY_PATH,
	RULE_TEXT_JWT,
	RULE_TEXT_PEM,
	RULE_TEXT_TOKEN,
	RULE_TEXT_USERINFO,
	RULE_TEXT_ASSIGNMENT,
	RULE_TEXT_AUTH_SCHEME,
	RULE_TEXT_BOOTSTRAP_TOKEN,
	RULE_TEXT_SECRET_MANIFEST,
	RULE_TEXT_QUOTED_BODY,
	RULE_ENCODED,
	RULE_OWN_NAME,
	RULE_OWN_PATH,
	RULE_OWN_TEXT,
	RULE_UNREADABLE,
	RULE_TOO_DEEP,
	RULE_TOO_LARGE,
	RULE_COUNT,
};

struct mask_rule_info {
	const char *id;	   /* metric label, --explain */
	const char *where; /* which place */
	const char *what;  /* what is masked there, what stays */
};
extern const struct mask_rule_info mask_rules[RULE_COUNT];
void mask_count(enum mask_rule rule);
void mask_count_whole(void);

/* ---- names (mask_names.c, mask_fields.c) ---- */

enum name_class {
	NAME_PLAIN,
	NAME_WEAK,   /* its value is masked when it looks random ("key", "auth", "hash") */
	NAME_STRONG, /* its value is masked, and what is below it ("password", "token") */
};

/* Fields that mean something to the walker. */
enum mask_field {
	FIELD_NONE,
	FIELD_KIND,
	FIELD_API_VERSION,
	FIELD_METADATA,
	FIELD_NAME, /* name, key, id of a name/value pair */
	FIELD_VALUE,
	FIELD_DATA,
	FIELD_STRING_DATA,
	FIELD_TYPE,
	FIELD_IMMUTABLE,
	FIELD_OP,
	FIELD_PATH,
	FIELD_FROM,
	FIELD_ITEMS,
	FIELD_ROWS,
	FIELD_CELLS,
	FIELD_COLUMNS,
	FIELD_OBJECT,
	FIELD_OLD_OBJECT,
	FIELD_RESOURCE,
	FIELD_ANNOTATIONS,
	FIELD_LABELS,
	FIELD_MANAGED_FIELDS,
	FIELD_COMMAND,
	FIELD_EXTRA,
	FIELD_SCHEMA,
	FIELD_SCHEMA_VALUE, /* default, example, enum: in a schema the value, not its description */
	FIELD_URI,
	FIELD_MESSAGE,
	FIELD_META_KEPT, /* metadata that stays readable, of Secrets too */
	FIELD_OPTIONS,
	FIELD_TARGET_OBJECT, /* of an event: requestObject, responseObject */
	FIELD_OBJECT_REF,
	FIELD_IMAGE,
	FIELD_KTY,	  /* of a JSON Web Key */
	FIELD_SECRET_KEY, /* in resources that make Secrets: the name of a key */
};

struct mask_name {
	uint8_t class;	    /* enum name_class */
	uint8_t field;	    /* enum mask_field */
	uint8_t rule;	    /* enum mask_rule that a strong name falls under */
	bool reference : 1; /* says where something is: kept even below a strong name */
	bool known : 1;	    /* in the table of field names */
};

/* Own rules may add to it, so the masker is asked. name: escapes resolved. */
struct mask_name mask_name_of(const struct masker *m, struct span name);
/* The built-in judgement alone, for words found in text ("PGPASSWORD"). */
enum name_class mask_name_class(const struct masker *m, struct span name);
/*
 * The name in plain letters: accents gone, and letters of other alphabets that look like ours taken
 * for them ("p\u0430ssword"). buf takes as many bytes as the name has.
 */
struct span mask_fold_name(struct span name, char *buf);

/* Table of known field names; NULL when the name is not in it. */
const struct mask_name *mask_known_field(struct span name);
void mask_fields_init(void); /* before the first look-up; any number of times */
/* By mask_fields_init(), in this order. */
void mask_names_init(void);
void mask_tokens_init(void);
void mask_plain_init(void);

/* ---- the masker ---- */

struct mask_key {
	char id[MASK_KEY_ID_MAX + 1]; /* "" when the file names no keys */
	struct hmac_key *hmac;
};

struct mask_config; /* mask_config_internal.h */
struct mask_frame;
struct mask_shape;

struct masker {
	struct mask_key keys[MASK_KEYS_MAX]; /* the first one marks, the others only compare */
	size_t key_count;
	struct mask_config *config; /* NULL: none */
	mask_explain_fn explain;
	void *explain_userdata;
};

int mask_keys_load(struct masker *m, const char *key_file, struct err *e) _must_check_;
void mask_keys_free(struct masker *m);

/* Sets *ret for a name that the configuration speaks about; false: it does not. */
bool mask_own_name(const struct mask_config *c, struct span name, struct mask_name *ret);
bool mask_own_has_tokens(const struct mask_config *c);
/* Length of an own token pattern that matches at text[off], 0 if none. */
size_t mask_own_token(const struct mask_config *c, struct span text, size_t off);
/* Adds to f->wanted what own paths name in obj. */
int mask_own_paths(const struct mask_config *c, struct mask_frame *f, json_ref obj,
	const struct mask_shape *s, bool is_target) _must_check_;
/* Exec commands: only the program's name is kept. */
bool mask_own_program_only(const struct mask_config *c);

/* ---- frames and edits (mask_frame.c) ---- */

struct mask_edit {
	uint32_t off, len;
	struct span mark;
	uint8_t rule;
	uint8_t quote_level; /* 0: inside a string; 1: the mark needs quotes; 2: escaped ones; … */
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
	struct span word; /* bytes of the text known to be one unbroken word (mask_value.c) */
	json_ref *wanted; /* values that own paths name, ascending */
	size_t wanted_count, wanted_cap;
};

/* Replaces text[off..off+len); the pseudonym is made of value. A mark that stands there already and
 * an empty value stay. */
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
bool mask_is_mark(struct span s);
/* Length of the mark that begins at s, 0 if none does. */
size_t mask_mark_len(struct span s);
#define MASK_MARK_MAX 96
/* Writes the mark of value under key; returns its length. */
size_t mask_mark(const struct mask_key *key, struct span value, char ret[MASK_MARK_MAX]);

/* A string's value; absent span when the arena is full. Lone surrogates become U+FFFD. */
struct span mask_string(struct mask_frame *f, json_ref r);

void mask_explain(struct mask_frame *f, enum mask_rule rule);

/* ---- walking (mask_walk.c, mask_secret.c, mask_kube.c, mask_managed.c) ---- */

enum {
	WHERE_SECRET = 1 << 0,	/* this value is a Secret, whatever it says of itself */
	WHERE_SECRETS = 1 << 1, /* answer or request about Secrets: lists, Tables, Status */
	WHERE_COMMAND = 1 << 2, /* a list here is a command line */
	WHERE_EXEC = 1 << 3,	/* of exec: only what is known to be harmless stays */
	WHERE_SCHEMA = 1 << 4,	/* of a CustomResourceDefinition: names of fields, no values */
	WHERE_MAKER = 1 << 5,	/* of an ExternalSecret and the like: its data become a Secret's */
	WHERE_PROXY = 1 << 6,	/* options of a proxy request: `path` is a URI */
	WHERE_TARGET = 1 << 7,	/* an object of the resource that the request names */
};

struct mask_where {
	uint8_t flags;
	uint8_t class;	  /* enum name_class of the nearest name */
	uint8_t infected; /* rule of the strong name above, or RULE_NONE */
	uint16_t depth;
};

int mask_walk(struct mask_frame *f, json_ref r, struct mask_where w) _must_check_;
/* A string value that nothing more is known about: patterns and layers. */
int mask_string_value(struct mask_frame *f, json_ref r, struct mask_where w) _must_check_;

/* Members of an object that decide how the others are read. JSON_NONE where absent. */
struct mask_shape {
	json_ref kind, api_version, value, op, path, data, string_data, type, columns, rows;
	json_ref resource, object, image, kty;
	json_ref words[2];			  /* command and args */
	struct mask_name names[MASK_SHAPE_NAMES]; /* of the first members, in order */
	uint8_t value_class;			  /* what the object's "name" says of its "value" */
};
void mask_shape_of(struct mask_frame *f, json_ref obj, struct mask_shape *ret);
struct mask_name mask_key_name(struct mask_frame *f, json_ref key);
/* A value that is to be masked unless nothing can hide in it (empty, true, "$(NAME)"). */
int mask_unless_harmless(struct mask_frame *f, json_ref r, enum mask_rule rule) _must_check_;
/* Names can hold secrets too: tokens found in a key are masked in it. */
int mask_key_text(struct mask_frame *f, json_ref key) _must_check_;
/* Is r a string that equals s in any case? */
bool mask_string_is(struct mask_frame *f, json_ref r, struct span s);

bool mask_is_secret(
	struct mask_frame *f, json_ref r, const struct mask_shape *s, struct mask_where w);
int mask_secret(struct mask_frame *f, json_ref r, struct mask_where w) _must_check_;
/* Each value of data or stringData. */
int mask_secret_values(struct mask_frame *f, json_ref v, bool base64) _must_check_;
int mask_patch_op(struct mask_frame *f, json_ref r, struct mask_where w) _must_check_;
int mask_table(struct mask_frame *f, json_ref r, const struct mask_shape *s,
	struct mask_where w) _must_check_;
int mask_managed_fields(struct mask_frame *f, json_ref r, struct mask_where w) _must_check_;
int mask_user_extra(struct mask_frame *f, json_ref r) _must_check_;
int mask_admission_request(struct mask_frame *f, json_ref r, struct mask_where w) _must_check_;
/* Flags for what a target names ("secrets", "pods/exec"). */
unsigned mask_target_flags(struct span group, struct span resource, struct span subresource);
int mask_secret_message(struct mask_frame *f, json_ref r) _must_check_;

/* ---- layers (mask_layers.c) ---- */

/*
 * Looks into the frame's text if it is JSON, base64, gzip, hex or percent-escaped. *ret_done:
 * nothing is left to look for in the text itself.
 */
int mask_layers(struct mask_frame *f, struct mask_where w, bool *ret_done) _must_check_;
/* Would mask_layers() find something in text? False when it surely would not. */
bool mask_may_be_layered(const struct masker *m, struct span text);
/* Is there a secret in what the base64 f->text[off..off+len) spells? Then it is masked. */
int mask_base64_run(struct mask_frame *f, size_t off, size_t len) _must_check_;
/* Does base64 spell text, to judge by its first eight bytes? */
bool mask_base64_is_text(struct span s);
bool mask_looks_random(struct span s);
/* Is a decoded text UTF-16, in either order of bytes, and what does it spell? Absent when the arena
 * is full. (mask_utf16.c) */
bool mask_is_utf16(struct span s);
struct span mask_from_utf16(struct span s, struct arena *arena);

/* ---- text, commands, URIs ---- */

/*
 * Can nothing hide in this text, escapes resolved? The quick answer that spares most strings a
 * frame; false when in doubt.
 */
bool mask_is_plain(const struct masker *m, struct span text);
/* The next offset in text, from at on, at which a pattern may begin; text.len if there is none. */
size_t mask_next_place(const struct masker *m, struct span text, size_t at);
/* Masks what patterns find in f->text[off..off+len). */
int mask_scan(struct mask_frame *f, size_t off, size_t len) _must_check_;
/* Length of the words with which a message introduces a value that it quotes ("Invalid value: ").
 */
size_t mask_quoting_words(const char *p, const char *end);
/* Where the next bootstrap token (abcdef.0123456789abcdef) begins, or NULL. */
const char *mask_find_bootstrap_token(const char *p, const char *end);

enum mask_tail {
	TAIL_ALNUM,
	TAIL_URL,
	TAIL_UPPER,
	TAIL_HEX,
	TAIL_BASE64,
	TAIL_CRYPT,
	TAIL_URI, /* all that does not end a URI in a text */
};
/* How many bytes from p on may go on a token of that alphabet. */
size_t mask_tail_len(const char *p, const char *end, enum mask_tail tail);
/* Length of the token with a known beginning at p, 0 if none is there. p + 1 < end. */
size_t mask_token_len(const char *begin, const char *p, const char *end);
/* The known beginnings, by number; NULL behind the last one. */
const char *mask_token_prefix(size_t i);

/* Does a name stand before the separator (=, :, >) at sep that makes its value worth a look? */
bool mask_is_separator(const struct masker *m, const char *begin, const char *sep, const char *end);
/* name=value, name: value, name>value at the separator text[sep]; *ret_end: where to go on. */
int mask_assignment(
	struct mask_frame *f, size_t begin, size_t end, size_t sep, size_t *ret_end) _must_check_;
/* " --name value" where text[off] is the first dash. */
int mask_option(
	struct mask_frame *f, size_t begin, size_t end, size_t off, size_t *ret_end) _must_check_;
/* echo x | base64 -d at text[off]: the base64 that is written into it. */
int mask_piped_base64(
	struct mask_frame *f, size_t begin, size_t end, size_t off, size_t *ret_end) _must_check_;
/* A whole text: patterns, manifests of Secrets, layers. */
int mask_text_frame(struct mask_frame *f, struct mask_where w) _must_check_;

/* beside: the object that the list stands in may name the program elsewhere; NULL: none. */
int mask_command_list(struct mask_frame *f, json_ref array, const struct mask_shape *beside,
	struct mask_where w) _must_check_;
/* What earlier words of a command line say of the next one. */
struct mask_command {
	unsigned index;
	bool next_is_secret; /* --password */
	bool next_is_user;   /* --user user:password */
	bool all;	     /* echo …: everything that follows */
	char password_options[4];
};
/* One word of a command line (or a script in one): the whole text of f. */
int mask_command_element(struct mask_frame *f, struct mask_command *c, bool exec) _must_check_;
/* The one-letter option with which a program named in command takes a password, or 0. */
char mask_password_option(struct span command);
/* The same for the program that an image is named after ("docker.io/library/mysql:8"). */
char mask_image_option(struct span image);
/* Does a user, with a password perhaps, follow? -u, --user. */
bool mask_is_user_option(struct span option);
/* Where the password in "user:password" begins; word.len when there is none. */
size_t mask_user_password(struct span word);
/* The whole text is a URI; proxy_path: it is the part behind …/proxy. */
int mask_uri(struct mask_frame *f, bool proxy_path) _must_check_;
/* The same for a string on the tape. */
int mask_uri_value(struct mask_frame *f, json_ref r, bool proxy_path) _must_check_;
/* Is the URI about Secrets? Requests without an objectRef tell by it alone. */
bool mask_uri_names_secrets(struct mask_frame *f, json_ref uri);
bool mask_harmless_word(struct span word);

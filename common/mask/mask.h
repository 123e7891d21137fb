/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes secrets out of audit events and of Kubernetes objects before anything is stored, logged
 * or spooled. Where secrets hide, and by which rule each place is masked, stands in one
 * table (mask_rules.c), from which the documentation is made too.
 *
 * Input is a JSON tape, output the same text with values replaced by
 *   "[masked hmac-sha256:<16 hex> len:<bytes>]"
 * so everything else stays byte for byte. The HMAC key never enters the database: an auditor sees
 * that two values are the same, and nothing more. Masking that cannot finish (depth, budget, text
 * that does not parse where it should) masks the whole value, never passes it. Threads: a struct
 * masker is immutable; any number of threads use one.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/metrics.h"
#include "common/json/json.h"

struct masker;

/* Version of the rules; stored with each event. Raised whenever a rule changes. */
#define MASK_RULES_VERSION 5

/*
 * key_file: one key of at least 32 bytes, or several as "id: key" lines, of which the first makes
 * the pseudonyms, which then say its id: "[masked hmac-sha256:<id>:<16 hex> len:<bytes>]" (see
 * secret_read_file() for who may read the file). NULL makes a random key for this process, so
 * pseudonyms do not compare across restarts. config_file: own names, paths and tokens (YAML), or
 * NULL.
 */
int masker_new(const char *key_file, const char *config_file, struct masker **ret,
	struct err *e) _must_check_;
void masker_free(struct masker *m);
DEFINE_CLEANUP(struct masker *, masker_free)

struct mask_result {
	unsigned masked; /* values replaced */
	bool whole;	 /* something could not be examined and was masked as a whole */
};

/* One audit event (an element of EventList.items). Appends its masked text to out. */
void mask_audit_event(const struct masker *m, const struct json_doc *d, json_ref event,
	struct arena *arena, struct buf *out, struct mask_result *ret);

/*
 * One Kubernetes object, or a part of it, as seen in an AdmissionReview; group/resource/subresource
 * say what it is even when it has no kind (options, patches). Appends its masked text to out.
 */
struct mask_target {
	struct span group;
	struct span resource;
	struct span subresource;
};
void mask_object(const struct masker *m, const struct json_doc *d, json_ref object,
	struct mask_target target, struct arena *arena, struct buf *out, struct mask_result *ret);

/*
 * What masking took out of a request: for masking texts that quote it. In memory only, and only for
 * as long as the request. Limits: beyond 4,096 words or 2 MiB a text made of the request is masked
 * as a whole. One thread's.
 */
struct mask_words;
struct mask_words *mask_words_new(void);
void mask_words_free(struct mask_words *w);
DEFINE_CLEANUP(struct mask_words *, mask_words_free)
/* What a pseudonym stands for, while w lives; false: it was not made here. w may be NULL. */
bool mask_words_find(const struct mask_words *w, struct span pseudonym, struct span *ret_value);

/* mask_object(), which adds what it masks to words (may be NULL). */
void mask_object_keeping(const struct masker *m, const struct json_doc *d, json_ref object,
	struct mask_target target, struct mask_words *words, struct arena *arena, struct buf *out,
	struct mask_result *ret);

/* mask_text() of a text that was made of a request of which words were kept (may be NULL). */
void mask_text_quoting(const struct masker *m, struct span text, const struct mask_words *words,
	struct arena *arena, struct buf *out, struct mask_result *ret);

/*
 * Free text (a message, a user agent) by patterns; text that begins with '/' is read as a request
 * URI. Appends the masked text.
 */
void mask_text(const struct masker *m, struct span text, struct arena *arena, struct buf *out,
	struct mask_result *ret);

/*
 * The pseudonyms that value has under each key of the key file, one a line, the newest key first:
 * for finding a secret that leaked in what was stored. value: as it was, base64 of a Secret's data
 * decoded.
 */
void mask_put_pseudonyms(const struct masker *m, struct span value, struct buf *out);

/* The table of rules as Markdown, for the documentation. */
void mask_put_rules_markdown(struct buf *out);
/* The same of the forms of tokens. */
void mask_put_formats_markdown(struct buf *out);

/*
 * What --explain prints: which rule masked which JSON Pointer; "#" stands between the pointer of a
 * string and the pointer into the JSON in it. NULL to stop. Called during masking, so the masker
 * must be one thread's only while it is set.
 */
typedef void (*mask_explain_fn)(void *userdata, const char *rule, struct span pointer);
void masker_set_explain(struct masker *m, mask_explain_fn fn, void *userdata);

/* holdpoint_mask_values_total{rule=…} and holdpoint_mask_unexamined_total. */
struct metric *const *mask_metrics(size_t *ret_count);

/* SPDX-License-Identifier: Apache-2.0 */
#include "auditsink/quarantine.h"

#include "auditsink/event_list.h"
#include "auditsink/event_row.h"
#include "common/pg/copy_binary.h"

const char quarantine_row_columns[] =
	"cluster, source, batch_sha256, position, size_bytes, sha256, reason, audit_id, stage, "
	"stage_timestamp, verb, username";
#define QUARANTINE_FIELDS 12
#define POSITION_FIELD	  3
#define POSITION_LIST	  (-1)
#define SAID_FIELD	  7 /* from here on: what the event says of itself */

/* ---- what could not be read ---- */

enum { Q_AUDIT_ID, Q_STAGE, Q_TIME, Q_VERB, Q_USERNAME, Q_COUNT };

struct salvage {
	const struct masker *masker;
	struct event_scratch *scratch;
	struct buf text[Q_COUNT];
	bool found[Q_COUNT];
};

/* Keeps a string, with whatever looks like a secret in it masked. */
static void keep(struct salvage *s, unsigned what, const struct json_doc *d, json_ref r)
{
	struct arena_mark mark = arena_mark(s->scratch->arena);
	struct span value = event_column_text(d, r, s->scratch->arena);
	struct mask_result ignored = {0};

	if (value.ptr && !s->found[what]) {
		mask_text(s->masker, value, s->scratch->arena, &s->text[what], &ignored);
		s->found[what] = !s->text[what].failed;
	}
	arena_rewind(s->scratch->arena, mark);
}

static void keep_member(void *userdata, const struct json_doc *key, const struct json_doc *value)
{
	static const char *const wanted[] = {
		[Q_AUDIT_ID] = "auditID",
		[Q_STAGE] = "stage",
		[Q_TIME] = "stageTimestamp",
		[Q_VERB] = "verb",
	};
	struct salvage *s = userdata;

	for (unsigned i = 0; i < ARRAY_LEN(wanted); i++) {
		if (json_string_is(key, JSON_ROOT, span_of(wanted[i])))
			keep(s, i, value, JSON_ROOT);
	}
	if (json_string_is(key, JSON_ROOT, SPAN("user")))
		keep(s, Q_USERNAME, value, json_get_str(value, JSON_ROOT, "username"));
}

static void put_salvaged(struct buf *out, const struct salvage *s, unsigned what)
{
	if (s->found[what])
		copy_put_text(out, buf_span(&s->text[what]));
	else
		copy_put_null(out);
}

/* The columns that both kinds of rows begin with. */
static void put_known(struct buf *out, const struct event_origin *origin, int position,
	int64_t size_bytes, const uint8_t digest[SHA256_LEN], const char *reason)
{
	copy_put_row(out, QUARANTINE_FIELDS);
	copy_put_text(out, origin->cluster);
	copy_put_text(out, origin->source);
	copy_put_bytes(out, origin->batch_sha256, SHA256_LEN);
	copy_put_int4(out, position);
	copy_put_int8(out, size_bytes);
	copy_put_bytes(out, digest, SHA256_LEN);
	copy_put_text(out, span_of(reason));
}

static void put_common(struct buf *out, const struct event_origin *origin, int position,
	struct span bytes, const char *reason)
{
	uint8_t digest[SHA256_LEN];

	sha256_of(bytes.ptr, bytes.len, digest);
	put_known(out, origin, position, (int64_t)bytes.len, digest, reason);
}

void quarantine_row_put(struct buf *out, const struct masker *m, struct span bytes, int position,
	const char *reason, const struct event_origin *origin, struct event_scratch *scratch)
{
	struct salvage s = {.masker = m, .scratch = scratch};
	int64_t us;

	for (unsigned i = 0; i < Q_COUNT; i++)
		s.text[i] = BUF_INIT(4 * EVENT_COLUMN_MAX);
	event_list_salvage(bytes, scratch->arena, keep_member, &s);
	put_common(out, origin, position, bytes, reason);
	put_salvaged(out, &s, Q_AUDIT_ID);
	put_salvaged(out, &s, Q_STAGE);
	if (s.found[Q_TIME] && event_time_us(buf_span(&s.text[Q_TIME]), &us) == 0)
		copy_put_time(out, us);
	else
		copy_put_null(out);
	put_salvaged(out, &s, Q_VERB);
	put_salvaged(out, &s, Q_USERNAME);
	for (unsigned i = 0; i < Q_COUNT; i++)
		buf_free(&s.text[i]);
}

/* ---- what the database refuses ---- */

static struct span column(struct span event_row, const char *name)
{
	return copy_field(event_row, copy_column(event_row_columns, name));
}

static void put_column(struct buf *out, struct span event_row, const char *name)
{
	struct span value = column(event_row, name);

	if (value.ptr)
		copy_put_bytes(out, value.ptr, value.len);
	else
		copy_put_null(out);
}

void quarantine_row_put_refused(struct buf *out, struct span event_row, int position,
	const char *reason, const struct event_origin *origin)
{
	struct span body = column(event_row, "body");

	put_common(out, origin, position, body, reason);
	put_column(out, event_row, "audit_id");
	put_column(out, event_row, "stage");
	put_column(out, event_row, "stage_timestamp");
	put_column(out, event_row, "verb");
	put_column(out, event_row, "username");
}

void quarantine_row_put_lost(
	struct buf *out, int64_t size_bytes, const char *reason, const struct event_origin *origin)
{
	put_known(out, origin, POSITION_LIST, size_bytes, origin->batch_sha256, reason);
	for (unsigned i = SAID_FIELD; i < QUARANTINE_FIELDS; i++)
		copy_put_null(out);
}

void quarantine_rows_put_bare(struct buf *out, struct span rows)
{
	struct span row;

	while (copy_next_row(&rows, &row)) {
		copy_put_row(out, QUARANTINE_FIELDS);
		for (unsigned i = 0; i < QUARANTINE_FIELDS; i++) {
			struct span value = copy_field(row, i);

			if (value.ptr && i < SAID_FIELD)
				copy_put_bytes(out, value.ptr, value.len);
			else
				copy_put_null(out);
		}
	}
}

/* ---- positions ---- */

struct quarantine_positions quarantine_positions(struct span quarantine_rows)
{
	return (struct quarantine_positions){.rest = quarantine_rows};
}

/* Rows stand in the order of the list; that of the list itself, -1, comes last. */
int quarantine_next_position(struct quarantine_positions *p)
{
	struct span rest = p->rest, row;

	while (copy_next_row(&rest, &row) &&
		copy_int4(copy_field(row, POSITION_FIELD)) == p->next) {
		p->next++;
		p->rest = rest;
	}
	return p->next++;
}

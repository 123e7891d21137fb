/* SPDX-License-Identifier: Apache-2.0 */
#include "auditsink/store.h"

#include <stdio.h>

#include "auditsink/quarantine.h"
#include "common/pg/copy_binary.h"

enum store_table { STORE_EVENTS, STORE_QUARANTINE };

/* A parameter is text. */
struct number {
	char text[24];
};

static struct span number(struct number *n, int64_t v)
{
	snprintf(n->text, sizeof(n->text), "%lld", (long long)v);
	return span_of(n->text);
}

static enum pg_status begin_batch(
	struct pg_conn *c, struct batch *b, char *ret_sqlstate, struct err *e)
{
	static const struct pg_stmt stmt = {"audit_begin_batch",
		"SELECT already_stored, first_seq FROM holdpoint.audit_begin_batch(p_cluster => "
		"$1, p_source => $2, p_sha256 => $3, p_events => $4, p_quarantined => $5, "
		"p_size_bytes => $6, p_received_us => $7, p_oldest_us => $8, p_newest_us => $9, "
		"p_late => $10, p_ahead => $11, p_truncated => $12)",
		12};
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;
	_cleanup_(buf_free) struct buf sha256 = BUF_INIT(80);
	struct number n[9];
	enum pg_status status;

	buf_add_str(&sha256, "\\x");
	hex_put(&sha256, b->sha256, sizeof(b->sha256));
	status = pg_exec(c, &stmt,
		(const struct span[]){span_of(b->cluster), span_of(b->source), buf_span(&sha256),
			number(&n[0], b->events), number(&n[1], b->quarantined),
			number(&n[2], (int64_t)b->size_bytes), number(&n[3], b->received_us),
			b->events ? number(&n[4], b->oldest_us) : (struct span){NULL, 0},
			b->events ? number(&n[5], b->newest_us) : (struct span){NULL, 0},
			number(&n[6], b->late), number(&n[7], b->ahead),
			number(&n[8], b->truncated)},
		&r, ret_sqlstate, e);
	if (status != PG_OK)
		return status;
	if (pg_result_bool_of(r, 0, "already_stored")) {
		b->status = WRITE_DUPLICATE;
	} else {
		b->status = WRITE_STORED;
		batch_number(b, pg_result_int_of(r, 0, "first_seq"));
	}
	return PG_OK;
}

/* ---- COPY ---- */

static enum pg_status copy_begin(
	struct pg_conn *c, enum store_table table, char *ret_sqlstate, struct err *e)
{
	char sql[1024];
	enum pg_status status;

	snprintf(sql, sizeof(sql), "COPY holdpoint.%s (%s) FROM STDIN (FORMAT binary)",
		table == STORE_EVENTS ? "audit_event" : "audit_quarantine",
		table == STORE_EVENTS ? event_row_columns : quarantine_row_columns);
	status = pg_copy_begin(c, sql, ret_sqlstate, e);
	if (status == PG_OK)
		pg_copy_put(c, copy_header());
	return status;
}

static enum pg_status copy_end(struct pg_conn *c, char *ret_sqlstate, struct err *e)
{
	pg_copy_put(c, copy_trailer());
	return pg_copy_end(c, ret_sqlstate, e);
}

enum pg_status store_copy_events(
	struct pg_conn *c, struct span rows, char *ret_sqlstate, struct err *e)
{
	enum pg_status status = copy_begin(c, STORE_EVENTS, ret_sqlstate, e);

	if (status != PG_OK)
		return status;
	pg_copy_put(c, rows);
	return copy_end(c, ret_sqlstate, e);
}

/* ---- a transaction ---- */

/* One kind of rows of all batches that are new. */
static enum pg_status copy_all(struct pg_conn *c, struct batch *group, enum store_table table,
	char *ret_sqlstate, struct err *e)
{
	bool begun = false;

	for (struct batch *b = group; b; b = b->next) {
		const struct buf *rows = table == STORE_EVENTS ? &b->rows : &b->quarantine_rows;

		if (b->status != WRITE_STORED || rows->len == 0)
			continue;
		if (!begun) {
			enum pg_status status = copy_begin(c, table, ret_sqlstate, e);

			if (status != PG_OK)
				return status;
			begun = true;
		}
		pg_copy_put(c, buf_span(rows));
	}
	return begun ? copy_end(c, ret_sqlstate, e) : PG_OK;
}

static enum pg_status store_rows(
	struct pg_conn *c, struct batch *group, char *ret_sqlstate, struct err *e)
{
	enum pg_status status;

	for (struct batch *b = group; b; b = b->next) {
		status = begin_batch(c, b, ret_sqlstate, e);
		if (status != PG_OK)
			return status;
	}
	status = copy_all(c, group, STORE_EVENTS, ret_sqlstate, e);
	if (status != PG_OK)
		return status;
	return copy_all(c, group, STORE_QUARANTINE, ret_sqlstate, e);
}

enum pg_status store_batches(
	struct pg_conn *c, struct batch *group, char *ret_sqlstate, struct err *e)
{
	struct err ignored;
	enum pg_status status;

	ret_sqlstate[0] = '\0';
	status = pg_exec_text(c, "BEGIN", ret_sqlstate, e);
	if (status == PG_OK)
		status = store_rows(c, group, ret_sqlstate, e);
	if (status == PG_OK)
		status = pg_exec_text(c, "COMMIT", ret_sqlstate, e);
	else if (status != PG_UNAVAILABLE &&
		 pg_exec_text(c, "ROLLBACK", NULL, &ignored) == PG_UNAVAILABLE)
		status = PG_UNAVAILABLE;
	return status;
}

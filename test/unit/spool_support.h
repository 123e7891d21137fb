/* SPDX-License-Identifier: Apache-2.0 */
/* A spool in a folder of its own, and batches to tell apart. */
#pragma once

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auditsink/spool.h"

#define PEEK_MAX 16

static char dir[64], path[96];

static _unused_ void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/holdpoint-spool.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/spool", dir);
}

static _unused_ void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

/* A batch of `events` rows of 100 bytes, told apart by number. */
static _unused_ struct batch *make(const char *cluster, unsigned number, uint32_t events)
{
	struct batch *b = calloc(1, sizeof(*b));

	ck_assert_ptr_nonnull(b);
	snprintf(b->cluster, sizeof(b->cluster), "%s", cluster);
	snprintf(b->source, sizeof(b->source), "source");
	memcpy(b->sha256, &number, sizeof(number));
	b->size_bytes = number;
	b->events = events;
	b->quarantined = 1;
	b->status = WRITE_FAILED;
	b->rows = BUF_INIT(1 << 20);
	b->seq_at = BUF_INIT(1 << 20);
	b->quarantine_rows = BUF_INIT(1 << 20);
	for (uint32_t i = 0; i < events; i++) {
		uint32_t at = (uint32_t)b->rows.len;

		buf_add(&b->seq_at, &at, sizeof(at));
		memset(buf_extend(&b->rows, 100), (int)number, 100);
	}
	buf_add_str(&b->quarantine_rows, "q");
	return b;
}

static _unused_ struct spool *open_spool(size_t max_bytes)
{
	struct spool *s;
	struct err e;

	if (spool_open(path, max_bytes, 0, &s, &e) < 0)
		ck_abort_msg("%s", e.msg);
	return s;
}

static _unused_ int put(struct spool *s, const char *cluster, unsigned number, uint32_t events)
{
	_cleanup_(batch_freep) struct batch *b = make(cluster, number, events);
	struct err e;

	return spool_put(s, b, WRITE_FAILED, &e) == SPOOL_PUT_OK ? 0 : -1;
}

static _unused_ struct spool_state state_of(struct spool *s)
{
	struct spool_state state;

	spool_get_state(s, &state);
	return state;
}

/* The numbers of what comes next, "1 2 3", which is removed if so wanted. */
static _unused_ const char *next(struct spool *s, unsigned max, size_t max_bytes, bool remove)
{
	static char text[200];
	struct spooled list[PEEK_MAX];
	struct err e;
	int n = spool_peek(s, list, max, max_bytes, &e);

	text[0] = '\0';
	ck_assert_int_ge(n, 0);
	for (int i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%zu", i ? " " : "",
			list[i].batch->size_bytes);
	if (remove)
		ck_assert_int_eq(spool_remove(s, list, (unsigned)n, &e), 0);
	for (int i = 0; i < n; i++)
		batch_free(list[i].batch);
	return text;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The sink's writer and drainer on a real PostgreSQL that refuses batches, or goes away. */
#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "auditsink/drainer.h"
#include "auditsink/sink_metrics.h"
#include "auditsink/writer.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "support/run_tests.h"

static struct masker *masker;
static struct event_scratch scratch;
static struct pg_pool *pool;
static struct writer *writer;
static char cluster[16]; /* of its own for each test */
static int clusters;
static unsigned batches; /* made, to tell their bodies apart */

static void run_sql(const char *sql)
{
	_cleanup_(pg_conn_closep) struct pg_conn *c = NULL;
	struct err e;

	ck_assert_msg(pg_conn_open(getenv("HOLDPOINT_TEST_DATABASE_URL"), "test", 0, &c, &e) == 0,
		"%s", e.msg);
	ck_assert_msg(pg_exec_text(c, sql, NULL, &e) == PG_OK, "%s", e.msg);
}

static int64_t ask(const char *sql)
{
	const struct pg_stmt stmt = {"", sql, 0};
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;
	_cleanup_(pg_conn_closep) struct pg_conn *c = NULL;
	struct err e;

	ck_assert_msg(pg_conn_open(getenv("HOLDPOINT_TEST_DATABASE_URL"), "test", 0, &c, &e) == 0,
		"%s", e.msg);
	ck_assert_msg(pg_exec(c, &stmt, NULL, &r, NULL, &e) == PG_OK, "%s", e.msg);
	return pg_result_int(r, 0, 0);
}

static int64_t events_stored(void)
{
	char sql[128];

	snprintf(sql, sizeof(sql),
		"SELECT count(*) FROM holdpoint.audit_event WHERE cluster = '%s'", cluster);
	return ask(sql);
}

/* What becomes of a batch stands in its source's name: see the trigger. */
static struct batch *make(const char *source)
{
	_cleanup_(buf_free) struct buf body = BUF_INIT(65536);
	struct batch *b = NULL;
	struct err e;

	buf_printf(&body,
		"{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"items\":[{\"level\":"
		"\"Metadata\",\"auditID\":\"%u\",\"stage\":\"Panic\",\"verb\":\"get\",\"user\":{"
		"\"username\":\"alice\"},\"stageTimestamp\":\"2026-01-02T03:04:05Z\"}]}",
		++batches);
	ck_assert_int_eq(
		batch_build(buf_span(&body), cluster, source, masker, &scratch, &b, &e), BATCH_OK);
	return b;
}

static const char triggers[] =
	"CREATE SEQUENCE IF NOT EXISTS public.cuts;"
	"CREATE OR REPLACE FUNCTION behave() RETURNS trigger LANGUAGE plpgsql "
	"SECURITY DEFINER AS $$ BEGIN "
	"CASE NEW.source WHEN 'slow' THEN PERFORM pg_sleep(1);"
	" WHEN 'refused' THEN RAISE 'never';"
	" WHEN 'later' THEN RAISE 'not now' USING ERRCODE = '53100';"
	" WHEN 'cut_once' THEN IF nextval('public.cuts') = 1 THEN"
	"   PERFORM pg_terminate_backend(pg_backend_pid()); END IF;"
	" ELSE NULL; END CASE; RETURN NEW; END $$;"
	"DROP TRIGGER IF EXISTS behave ON holdpoint.audit_batch;"
	"CREATE TRIGGER behave BEFORE INSERT ON holdpoint.audit_batch FOR EACH ROW "
	"EXECUTE FUNCTION behave();"
	"CREATE OR REPLACE FUNCTION behave_event() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
	"IF NEW.source = 'event_refused' AND NEW.username = 'alice' THEN RAISE 'never'; END IF;"
	"RETURN NEW; END $$;"
	"DROP TRIGGER IF EXISTS behave ON holdpoint.audit_event;"
	"CREATE TRIGGER behave BEFORE INSERT ON holdpoint.audit_event FOR EACH ROW "
	"EXECUTE FUNCTION behave_event();"
	"ALTER SEQUENCE public.cuts RESTART";

static void setup(void)
{
	const struct pg_pool_config config = {.database_url = getenv("HOLDPOINT_TEST_DATABASE_URL"),
		.application_name = "test",
		.connections = 1,
		.queue_max = 16,
		.statement_timeout_ms = 10000};
	const struct writer_config c = {.max_batches = 16, .max_bytes = 1 << 24};
	struct writer_config with_pool = c;
	struct err e;

	run_sql(triggers);
	snprintf(cluster, sizeof(cluster), "%d", ++clusters);
	ck_assert_int_eq(masker_new(NULL, NULL, &masker, &e), 0);
	scratch = (struct event_scratch){.arena = arena_new(1 << 16, 1 << 24),
		.hash = sha256_new(),
		.masked = BUF_INIT(1 << 20)};
	ck_assert_msg(pg_pool_open(&config, true, &pool, &e) == 0, "%s", e.msg);
	with_pool.pool = pool;
	ck_assert_int_eq(writer_new(&with_pool, &writer, &e), 0);
}

static void teardown(void)
{
	pg_pool_close(pool);
	writer_free(writer);
	arena_free(scratch.arena);
	sha256_free(scratch.hash);
	buf_free(&scratch.masked);
	masker_free(masker);
}

/* ---- the writer ---- */

static char ends[16]; /* of each batch in turn: S stored, D duplicate, F failed */
static _Atomic size_t end_count;

static void on_done(struct batch *b, enum write_status status)
{
	ends[(size_t)(uintptr_t)b->userdata] = "SDPF"[status];
	batch_free(b);
	atomic_fetch_add(&end_count, 1);
}

/* Submits batches of these sources; all behind the first, a slow one, are one group. */
static const char *write_group(const char *const *sources)
{
	memset(ends, 0, sizeof(ends));
	for (size_t i = 0; sources[i]; i++) {
		struct batch *b = make(sources[i]);

		b->done = on_done;
		b->userdata = (void *)(uintptr_t)i;
		ck_assert_int_eq(writer_submit(writer, b), 0);
		while (i == 0 && pg_pool_queued(pool) > 0)
			usleep(1000);
	}
	ck_assert(writer_drain(writer, 20000));
	ck_assert_int_eq(sink_metrics[SINK_WRITE_QUEUE_BYTES].value[0], 0);
	return ends;
}

static const struct {
	const char *expected;
	int64_t stored;
	const char *sources[8];
} groups[] = {
	{"SSSS", 4, {"slow", "good", "good", "good"}},
	/* Refused with its neighbours, then alone: they are stored one by one. */
	{"SSFS", 3, {"slow", "good", "refused", "good"}},
	{"SFSS", 3, {"slow", "refused", "good", "good"}},
	/* A batch is another size when an event of it was set aside. */
	{"SS", 1, {"slow", "event_refused"}},
	/* The connection is lost when they are tried one by one: nothing is known of the rest. */
	{"SFSFF", 2, {"slow", "refused", "good", "cut_once", "good"}},
	/* What passes later is nobody's fault: the whole group is to be sent again. */
	{"SFFF", 1, {"slow", "good", "later", "good"}},
};

START_TEST(sink_writer__what_becomes_of_a_group)
{
	ck_assert_str_eq(write_group(groups[_i].sources), groups[_i].expected);
	ck_assert_int_eq(events_stored(), groups[_i].stored);
}
END_TEST

/* ---- the drainer ---- */

static const struct {
	int64_t stored, drained; /* events; batches by the counter */
	uint64_t left, refused;	 /* in the spool */
	const char *sources[8];
} drains[] = {
	{3, 3, 0, 0, {"good", "good", "good"}},
	/* The connection is lost, in the group, or while its batches are tried one by one. */
	{3, 3, 0, 0, {"good", "cut_once", "good"}},
	{3, 3, 1, 1, {"good", "refused", "cut_once", "good"}},
	/* One that is refused is no batch that went into the database. */
	{2, 2, 1, 1, {"good", "refused", "good"}},
	/* An event that is set aside goes to quarantine, with its batch. */
	{1, 2, 0, 0, {"event_refused", "good"}},
	/* Those before one that cannot be taken now did go in. */
	{1, 1, 3, 0, {"good", "later", "later", "good"}},
};

static uint64_t in_spool(struct spool *s, uint64_t *ret_refused)
{
	struct spool_state state;

	spool_get_state(s, &state);
	*ret_refused = state.refused;
	return state.batches;
}

static uint64_t bytes_in_spool(struct spool *s)
{
	struct spool_state state;

	spool_get_state(s, &state);
	return state.bytes;
}

START_TEST(sink_writer__what_the_drainer_moves_and_counts)
{
	const int64_t before = sink_metrics[SINK_DRAINED].value[0], until = monotonic_ms() + 20000;
	char dir[] = "/tmp/holdpoint-drain-XXXXXX", path[64];
	struct drainer *d;
	struct spool *s;
	struct err e;
	uint64_t refused = 0;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/spool", dir);
	ck_assert_int_eq(spool_open(path, 1 << 24, 0, &s, &e), 0);
	for (size_t i = 0; drains[_i].sources[i]; i++) {
		_cleanup_(batch_freep) struct batch *b = make(drains[_i].sources[i]);

		b->status = WRITE_FAILED;
		ck_assert_int_eq(spool_put(s, b, WRITE_FAILED, &e), 0);
	}
	ck_assert_int_eq(drainer_start(pool, s, writer, 10000, &d, &e), 0);
	while ((in_spool(s, &refused) > drains[_i].left || refused < drains[_i].refused) &&
		monotonic_ms() < until)
		usleep(5000);
	drainer_stop(d);
	ck_assert_uint_eq(in_spool(s, &refused), drains[_i].left);
	ck_assert_uint_eq(refused, drains[_i].refused);
	if (drains[_i].left == 0)
		ck_assert_uint_eq(bytes_in_spool(s), 0);
	ck_assert_int_eq(events_stored(), drains[_i].stored);
	ck_assert_int_eq(sink_metrics[SINK_DRAINED].value[0] - before, drains[_i].drained);
	spool_close(s);
	snprintf(path, sizeof(path), "rm -rf %s", dir);
	ck_assert_int_eq(system(path), 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("sink_writer");

	log_set_level(LOG_LEVEL_ERROR);
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, sink_writer__what_becomes_of_a_group, 0, ARRAY_LEN(groups));
	tcase_add_loop_test(
		t, sink_writer__what_the_drainer_moves_and_counts, 0, ARRAY_LEN(drains));
	return run_tests(t);
}

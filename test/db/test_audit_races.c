/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several writers, of one cluster and of two, some with the same bodies: every body is stored once
 * and the numbers of each cluster have no gap; also when writers give up in the middle. Who reads
 * along sees numbers appear in order.
 */
#include <stdatomic.h>
#include <stdbool.h>

#include "db/race.h"
#include "support/run_tests.h"

#define WRITERS 8
#define BATCHES 60
#define ROWS	5

/*
 * One batch. Body `n` of a cluster has the digest of its name; every seventh transaction is rolled
 * back after its rows went in, and tried again, as after a lost connection.
 */
static void write_batch(PGconn *conn, const char *cluster, int n, int give_up)
{
	char sql[1024], answer[128];

	race_run(conn, "BEGIN", answer);
	snprintf(sql, sizeof(sql),
		"SELECT CASE WHEN already_stored THEN 'again' ELSE first_seq::text END FROM"
		" holdpoint.audit_begin_batch('%s', 'api', sha256('%s %d'), %d, 0, 100)",
		cluster, cluster, n, ROWS);
	race_run(conn, sql, answer);
	race_must(strtol(answer, NULL, 10) > 0 || strcmp(answer, "again") == 0, answer);
	if (strcmp(answer, "again") != 0) {
		snprintf(sql, sizeof(sql),
			"INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level,"
			" stage_timestamp, audit_id, masking_version, masked, body_digest)"
			" SELECT '%s', %s + i, 'api', 'Panic', 'Metadata', now(), '%d', 1, 0, 'd'"
			" FROM generate_series(0, %d) AS i",
			cluster, answer, n, ROWS - 1);
		race_run(conn, sql, answer);
		race_must(strcmp(answer, "ok") == 0, answer);
	}
	race_run(conn, give_up ? "ROLLBACK" : "COMMIT", answer);
	race_must(strcmp(answer, "ok") == 0, answer);
	if (give_up)
		write_batch(conn, cluster, n, 0);
}

static void *writer(void *arg)
{
	const int id = *(int *)arg;
	PGconn *conn = race_connect("sink");

	/* Neighbours write the same bodies, as replicas do when the API server repeats one. */
	for (int n = 0; n < BATCHES; n++)
		write_batch(conn, id % 2 ? "even" : "odd", id / 4 * BATCHES + n, n % 7 == id % 7);
	PQfinish(conn);
	return NULL;
}

/* Looks on: whoever has seen number n has seen all numbers below. */
static void *reader(void *arg)
{
	_Atomic bool *stop = arg;
	PGconn *conn = race_connect("postgres");
	char answer[128];

	while (!atomic_load(stop)) {
		race_run(conn,
			"SELECT bool_and(n = top) FROM (SELECT count(*) AS n, max(seq) AS"
			" top FROM holdpoint.audit_event GROUP BY cluster) AS c",
			answer);
		race_must(strcmp(answer, "f") != 0, "a gap was visible");
	}
	PQfinish(conn);
	return NULL;
}

START_TEST(audit_races__every_body_once_and_no_gaps)
{
	pthread_t threads[WRITERS], looker;
	int ids[WRITERS];
	static _Atomic bool stop;

	admin("DO $$ BEGIN CREATE ROLE sink LOGIN IN ROLE holdpoint_auditsink; END $$");
	pthread_create(&looker, NULL, reader, &stop);
	for (int i = 0; i < WRITERS; i++) {
		ids[i] = i;
		pthread_create(&threads[i], NULL, writer, &ids[i]);
	}
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	atomic_store(&stop, true);
	pthread_join(looker, NULL);

	/* Eight writers, four a cluster, two and two on the same bodies. */
	ck_assert_int_eq(atoi(admin("SELECT count(*) FROM holdpoint.audit_batch")), 4 * BATCHES);
	ck_assert_int_eq(
		atoi(admin("SELECT count(*) FROM holdpoint.audit_event")), 4 * BATCHES * ROWS);
	ck_assert_str_eq(admin("SELECT bool_and(n = 2 * %d AND first = 1 AND top = n AND"
			       " next_seq = n + 1) FROM (SELECT cluster, count(DISTINCT seq) AS n,"
			       " min(seq) AS first, max(seq) AS top FROM holdpoint.audit_event"
			       " GROUP BY cluster) AS c JOIN holdpoint.audit_cluster_seq"
			       " USING (cluster)",
				 BATCHES * ROWS),
		"t");
	ck_assert_str_eq(admin("SELECT bool_and(n = %d) FROM (SELECT count(*) AS n FROM"
			       " holdpoint.audit_event GROUP BY cluster, audit_id) AS b",
				 ROWS),
		"t");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("races");

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, audit_races__every_body_once_and_no_gaps);
	return run_tests(tcase);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics: the text format as Prometheus reads it, and counting from many threads. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>

#include "common/base/metrics.h"
#include "support/run_tests.h"

static const char *const codes[] = {"200", "503", NULL};
static struct metric_histogram seconds;

enum { REQUESTS, QUEUE, BY_CODE, BY_CLUSTER, SECONDS };
static struct metric table[] = {
	[REQUESTS] = {"t_requests_total", "Requests\nseen, with a \\.", METRIC_COUNTER, NULL, NULL,
		{0}, NULL, {0}},
	[QUEUE] = {.name = "t_queue", .help = "Waiting.", .type = METRIC_GAUGE},
	[BY_CODE] = {.name = "t_codes_total",
		.help = "By code.",
		.type = METRIC_COUNTER,
		.label = "code",
		.label_values = codes},
	[BY_CLUSTER] = {.name = "t_clusters_total",
		.help = "By cluster.",
		.type = METRIC_COUNTER,
		.label = "cluster"},
	[SECONDS] = {.name = "t_seconds",
		.help = "Latency.",
		.type = METRIC_HISTOGRAM,
		.histogram = &seconds},
	{0},
};
static struct metric *const tables[] = {table};

static const char *put(struct buf *out)
{
	buf_reset(out);
	metrics_put(out, tables, ARRAY_LEN(tables));
	return buf_str(out);
}

#define ASSERT_HAS(text, part)                                                                     \
	ck_assert_msg(strstr((text), (part)) != NULL, "%s\n--- in\n%s", part, text)

START_TEST(metrics__text_format)
{
	struct buf out _cleanup_(buf_free) = BUF_INIT(1 << 20);
	metric_add(&table[REQUESTS], 2);
	metric_add(&table[REQUESTS], 3);
	metric_set(&table[QUEUE], 7);
	metric_add(&table[QUEUE], -2);
	metric_add_at(&table[BY_CODE], 1, 4);
	const char *text = put(&out);
	ASSERT_HAS(text, "# HELP t_requests_total Requests\\nseen, with a \\\\.\n"
			 "# TYPE t_requests_total counter\nt_requests_total 5\n");
	ASSERT_HAS(text, "# TYPE t_queue gauge\nt_queue 5\n");
	ASSERT_HAS(text, "t_codes_total{code=\"200\"} 0\nt_codes_total{code=\"503\"} 4\n");
}
END_TEST

START_TEST(metrics__histogram_is_cumulative_in_seconds)
{
	struct buf out _cleanup_(buf_free) = BUF_INIT(1 << 20);
	metric_observe_us(&table[SECONDS], 100);
	metric_observe_us(&table[SECONDS], 101);
	metric_observe_us(&table[SECONDS], 40000000);
	const char *text = put(&out);
	ASSERT_HAS(text, "t_seconds_bucket{le=\"0.0001\"} 1\nt_seconds_bucket{le=\"0.00025\"} 2\n");
	ASSERT_HAS(text, "t_seconds_bucket{le=\"30\"} 2\nt_seconds_bucket{le=\"+Inf\"} 3\n"
			 "t_seconds_sum 40.000201\nt_seconds_count 3\n");
}
END_TEST

START_TEST(metrics__labels_seen_at_run_time_are_bounded)
{
	struct buf out _cleanup_(buf_free) = BUF_INIT(1 << 20);
	char name[200];
	metric_add_for(&table[BY_CLUSTER], SPAN("prod \"eu\"\\"), 1);
	metric_add_for(&table[BY_CLUSTER], SPAN("prod \"eu\"\\"), 1);
	metric_add_for(&table[BY_CLUSTER], SPAN("evil\nt_requests_total 0"), 1);
	memset(name, 'x', sizeof(name));
	metric_add_for(&table[BY_CLUSTER], (struct span){name, sizeof(name)}, 1);
	const char *text = put(&out);
	ASSERT_HAS(text, "t_clusters_total{cluster=\"prod \\\"eu\\\"\\\\\"} 2\n");
	ASSERT_HAS(text, "t_clusters_total{cluster=\"other\"} 2\n");
	ck_assert_ptr_null(strstr(text, "evil"));
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		metric_add_for(&table[BY_CLUSTER], span_of(name), 1);
	}
	text = put(&out);
	ASSERT_HAS(text, "{cluster=\"c61\"} 1\n");
	ck_assert_ptr_null(strstr(text, "\"c62\""));
	ASSERT_HAS(text, "t_clusters_total{cluster=\"other\"} 40\n");
}
END_TEST

START_TEST(metrics__process)
{
	struct buf out _cleanup_(buf_free) = BUF_INIT(1 << 20);
	long long resident = 0, fds = 0;
	metrics_put_process(&out);
	const char *text = buf_str(&out);
	ASSERT_HAS(text, "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total ");
	ck_assert_int_eq(sscanf(strstr(text, "\nprocess_resident_memory_bytes "),
				 "\nprocess_resident_memory_bytes %lld", &resident),
		1);
	ck_assert_int_gt(resident, 100000);
	ck_assert_int_eq(
		sscanf(strstr(text, "\nprocess_open_fds "), "\nprocess_open_fds %lld", &fds), 1);
	ck_assert_int_ge(fds, 2);
}
END_TEST

#define THREADS 4
#define ROUNDS	20000

static struct metric shared[] = {
	{.name = "t_shared_total", .help = "x", .type = METRIC_COUNTER, .label = "who"}, {0}};
static struct metric *const shared_tables[] = {shared};

static void *count_in_thread(void *arg)
{
	struct buf out _cleanup_(buf_free) = BUF_INIT(1 << 20);
	char name[16];
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(name, sizeof(name), "w%d", i % 8);
		metric_add_for(shared, span_of(name), 1);
		if (i % 1000 == 0) {
			buf_reset(&out);
			metrics_put(&out, shared_tables, 1);
		}
	}
	return NULL;
}

START_TEST(metrics__nothing_is_lost_between_threads)
{
	struct buf out _cleanup_(buf_free) = BUF_INIT(1 << 20);
	pthread_t threads[THREADS];
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, count_in_thread, NULL), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	metrics_put(&out, shared_tables, 1);
	for (int i = 0; i < 8; i++) {
		char line[64];
		snprintf(line, sizeof(line), "t_shared_total{who=\"w%d\"} %d\n", i,
			THREADS * ROUNDS / 8);
		ASSERT_HAS(buf_str(&out), line);
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("metrics");

	tcase_add_test(t, metrics__text_format);
	tcase_add_test(t, metrics__histogram_is_cumulative_in_seconds);
	tcase_add_test(t, metrics__labels_seen_at_run_time_are_bounded);
	tcase_add_test(t, metrics__process);
	tcase_add_test(t, metrics__nothing_is_lost_between_threads);
	return run_tests(t);
}

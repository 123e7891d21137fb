/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Updating is a relaxed atomic add and never blocks; only a label value seen for the first time
 * takes a lock. Reading happens while others write, so a scrape may see one of two related counters
 * a moment earlier than the other, as any Prometheus client does.
 */
#include "common/base/metrics.h"

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define LABEL_VALUE_MAX 128
#define OTHER		(METRIC_LABEL_MAX - 1) /* the last place counts what found no other */

static const uint32_t bucket_us[] = {100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000,
	250000, 500000, 1000000, 2500000, 5000000, 10000000, 20000000, 30000000};
static_assert(ARRAY_LEN(bucket_us) <= METRIC_BUCKETS_MAX, "room for every bucket");

static pthread_mutex_t label_lock = PTHREAD_MUTEX_INITIALIZER;

static void add(struct metric *m, unsigned place, int64_t n)
{
	assert(place < METRIC_LABEL_MAX);
	atomic_fetch_add_explicit(&m->value[place], n, memory_order_relaxed);
}

void metric_add(struct metric *m, int64_t n)
{
	add(m, 0, n);
}

void metric_set(struct metric *m, int64_t n)
{
	atomic_store_explicit(&m->value[0], n, memory_order_relaxed);
}

void metric_add_at(struct metric *m, unsigned label, int64_t n)
{
	add(m, label, n);
}

void metric_set_at(struct metric *m, unsigned label, int64_t n)
{
	assert(label < METRIC_LABEL_MAX);
	atomic_store_explicit(&m->value[label], n, memory_order_relaxed);
}

static bool is_label_value(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (iscntrl((unsigned char)s.ptr[i]))
			return false;
	return s.ptr && s.len <= LABEL_VALUE_MAX;
}

static const char *label_at(const struct metric *m, unsigned place)
{
	return __atomic_load_n(&m->dynamic_values[place], __ATOMIC_ACQUIRE);
}

/* The place of a label value from first on; places fill in order. OTHER: not there and no room. */
static unsigned find_label(const struct metric *m, struct span label, unsigned *ret_free)
{
	for (unsigned i = 0; i < OTHER; i++) {
		const char *known = label_at(m, i);
		if (!known) {
			*ret_free = i;
			return OTHER;
		}
		if (span_eq_str(label, known))
			return i;
	}
	*ret_free = OTHER;
	return OTHER;
}

static unsigned place_for(struct metric *m, struct span label)
{
	unsigned free_place, place;

	if (!is_label_value(label))
		return OTHER;
	place = find_label(m, label, &free_place);
	if (place != OTHER || free_place == OTHER)
		return place;
	pthread_mutex_lock(&label_lock);
	place = find_label(m, label, &free_place);
	if (place == OTHER && free_place != OTHER) {
		char *copy = strndup(label.ptr, label.len);
		if (copy) {
			__atomic_store_n(&m->dynamic_values[free_place], copy, __ATOMIC_RELEASE);
			place = free_place;
		}
	}
	pthread_mutex_unlock(&label_lock);
	return place;
}

void metric_add_for(struct metric *m, struct span label, int64_t n)
{
	add(m, place_for(m, label), n);
}

void metric_set_for(struct metric *m, struct span label, int64_t n)
{
	atomic_store_explicit(&m->value[place_for(m, label)], n, memory_order_relaxed);
}

void metric_observe_us(struct metric *m, uint64_t microseconds)
{
	size_t i = 0;

	while (i < ARRAY_LEN(bucket_us) && microseconds > bucket_us[i])
		i++;
	atomic_fetch_add_explicit(&m->histogram->bucket[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&m->histogram->sum_us, microseconds, memory_order_relaxed);
}

/* quote: a label value, where the format wants the double quote escaped as well. */
static void put_escaped(struct buf *out, const char *text, bool quote)
{
	for (const char *c = text; *c; c++) {
		if (*c == '\n')
			buf_add_str(out, "\\n");
		else if (*c == '\\')
			buf_add_str(out, "\\\\");
		else if (*c == '"' && quote)
			buf_add_str(out, "\\\"");
		else
			buf_add_char(out, *c);
	}
}

static void put_head(struct buf *out, const char *name, const char *help, const char *type)
{
	buf_printf(out, "# HELP %s ", name);
	put_escaped(out, help, false);
	buf_printf(out, "\n# TYPE %s %s\n", name, type);
}

static int64_t value_at(const struct metric *m, unsigned place)
{
	return atomic_load_explicit(&m->value[place], memory_order_relaxed);
}

static void put_labelled(struct buf *out, const struct metric *m, const char *label, unsigned place)
{
	buf_printf(out, "%s{%s=\"", m->name, m->label);
	put_escaped(out, label, true);
	buf_printf(out, "\"} %lld\n", (long long)value_at(m, place));
}

static void put_values(struct buf *out, const struct metric *m)
{
	if (!m->label) {
		buf_printf(out, "%s %lld\n", m->name, (long long)value_at(m, 0));
		return;
	}
	for (unsigned i = 0; m->label_values && m->label_values[i]; i++)
		put_labelled(out, m, m->label_values[i], i);
	for (unsigned i = 0; !m->label_values && i < OTHER && label_at(m, i); i++)
		put_labelled(out, m, label_at(m, i), i);
	if (!m->label_values && value_at(m, OTHER) != 0)
		put_labelled(out, m, "other", OTHER);
}

/* Microseconds as seconds, without an exponent and without the locale. */
static void put_seconds(struct buf *out, uint64_t us)
{
	buf_printf(out, "%llu.%06llu", (unsigned long long)(us / 1000000),
		(unsigned long long)(us % 1000000));
}

static void put_histogram(struct buf *out, const struct metric *m)
{
	uint64_t count = 0;

	for (size_t i = 0; i <= ARRAY_LEN(bucket_us); i++) {
		count += atomic_load_explicit(&m->histogram->bucket[i], memory_order_relaxed);
		if (i < ARRAY_LEN(bucket_us))
			buf_printf(out, "%s_bucket{le=\"%g\"} %llu\n", m->name, bucket_us[i] / 1e6,
				(unsigned long long)count);
	}
	buf_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n", m->name, (unsigned long long)count);
	buf_printf(out, "%s_sum ", m->name);
	put_seconds(out, atomic_load_explicit(&m->histogram->sum_us, memory_order_relaxed));
	buf_printf(out, "\n%s_count %llu\n", m->name, (unsigned long long)count);
}

void metrics_put(struct buf *out, struct metric *const *tables, size_t table_count)
{
	static const char *const types[] = {"counter", "gauge", "histogram"};

	for (size_t i = 0; i < table_count; i++) {
		for (const struct metric *m = tables[i]; m->name; m++) {
			put_head(out, m->name, m->help, types[m->type]);
			if (m->type == METRIC_HISTOGRAM)
				put_histogram(out, m);
			else
				put_values(out, m);
		}
	}
}

static long long count_open_fds(void)
{
	long long n = 0;
	DIR *d = opendir("/proc/self/fd");

	if (!d)
		return -1;
	while (readdir(d))
		n++;
	closedir(d);
	return n - 3; /* ".", ".." and the directory itself */
}

/* Resident pages from /proc/self/statm, -1 where there is none. */
static long long resident_bytes(void)
{
	long long total, resident = -1;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f)
		return -1;
	if (fscanf(f, "%lld %lld", &total, &resident) != 2)
		resident = -1;
	fclose(f);
	return resident < 0 ? -1 : resident * sysconf(_SC_PAGESIZE);
}

static void put_gauge(struct buf *out, const char *name, const char *help, long long v)
{
	if (v < 0)
		return;
	put_head(out, name, help, "gauge");
	buf_printf(out, "%s %lld\n", name, v);
}

void metrics_put_process(struct buf *out)
{
	struct timespec cpu;
	struct rlimit files;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	put_head(out, "process_cpu_seconds_total", "User and system CPU time spent.", "counter");
	buf_add_str(out, "process_cpu_seconds_total ");
	put_seconds(out, (uint64_t)cpu.tv_sec * 1000000 + (uint64_t)cpu.tv_nsec / 1000);
	buf_add_char(out, '\n');
	put_gauge(out, "process_resident_memory_bytes", "Resident memory.", resident_bytes());
	put_gauge(out, "process_open_fds", "Open file descriptors.", count_open_fds());
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		put_gauge(out, "process_max_fds", "Limit of open file descriptors.",
			(long long)files.rlim_cur);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/log_queue.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"

enum { M_DROPPED, M_SUPPRESSED, M_WAITING };

static struct metric metrics[] = {
	[M_DROPPED] = {.name = "holdpoint_log_lines_dropped_total",
		.type = METRIC_COUNTER,
		.help = "Lines of the log that found no room, as nobody reads stderr fast enough."},
	[M_SUPPRESSED] = {.name = "holdpoint_log_lines_suppressed_total",
		.type = METRIC_COUNTER,
		.help = "Lines of the log left out, as their event came too often in one second."},
	[M_WAITING] = {.name = "holdpoint_log_bytes_waiting",
		.type = METRIC_GAUGE,
		.help = "Bytes of the log that wait to be written to stderr."},
	{.name = NULL},
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t more, less;
	pthread_t thread;
	char *ring;
	size_t size, head, used;
	uint64_t dropped; /* since the log last said so */
	bool running, stopping, done;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER,
	.more = PTHREAD_COND_INITIALIZER,
	.less = PTHREAD_COND_INITIALIZER};

struct metric *const *log_queue_metrics(size_t *ret_count)
{
	static struct metric *const tables[] = {metrics};

	*ret_count = ARRAY_LEN(tables);
	return tables;
}

void log_queue_count_suppressed(void)
{
	metric_add(&metrics[M_SUPPRESSED], 1);
}

void log_queue_write_now(const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) /* there is nowhere left to complain */
			return;
		text += n;
		len -= (size_t)n;
	}
}

/* ---- the ring; the lock is held ---- */

static void ring_put(const char *text, size_t len)
{
	size_t at = (queue.head + queue.used) % queue.size;
	size_t first = len < queue.size - at ? len : queue.size - at;

	memcpy(queue.ring + at, text, first);
	memcpy(queue.ring, text + first, len - first);
	queue.used += len;
	metric_set(&metrics[M_WAITING], (int64_t)queue.used);
}

/* The first line, which is shorter than `ret`; all lines have ends. */
static size_t ring_take(char ret[LOG_LINE_MAX])
{
	size_t len = 0;

	do {
		assert(len < queue.used && len < LOG_LINE_MAX);
		ret[len] = queue.ring[(queue.head + len) % queue.size];
	} while (ret[len++] != '\n');
	queue.head = (queue.head + len) % queue.size;
	queue.used -= len;
	metric_set(&metrics[M_WAITING], (int64_t)queue.used);
	return len;
}

/* ---- the thread ---- */

/* False: stopped, and nothing is left. ret_dropped: lines to say a word about first. */
static bool next_line(char ret[LOG_LINE_MAX], size_t *ret_len, uint64_t *ret_dropped)
{
	bool found;

	pthread_mutex_lock(&queue.lock);
	while (queue.used == 0 && !queue.stopping)
		pthread_cond_wait(&queue.more, &queue.lock);
	*ret_dropped = queue.dropped;
	queue.dropped = 0;
	found = queue.used > 0;
	*ret_len = found ? ring_take(ret) : 0;
	pthread_mutex_unlock(&queue.lock);
	return found;
}

static void *write_lines(void *arg)
{
	static char line[LOG_LINE_MAX];
	uint64_t dropped;
	size_t len;

	(void)arg;
	while (next_line(line, &len, &dropped)) {
		log_queue_write_now(line, len);
		if (dropped > 0)
			log_write_at_once(LOG_LEVEL_ERROR, "log_lines_dropped",
				(const struct log_field[]){LOG_INT("lines", dropped), {0}});
	}
	pthread_mutex_lock(&queue.lock);
	queue.done = true;
	pthread_cond_signal(&queue.less);
	pthread_mutex_unlock(&queue.lock);
	return NULL;
}

/* ---- for everybody ---- */

bool log_queue_add(const char *line, size_t len)
{
	bool running;

	assert(len > 0 && len <= LOG_LINE_MAX && line[len - 1] == '\n');
	pthread_mutex_lock(&queue.lock);
	running = queue.running;
	if (running && len > queue.size - queue.used) {
		queue.dropped++;
		metric_add(&metrics[M_DROPPED], 1);
	} else if (running) {
		ring_put(line, len);
		pthread_cond_signal(&queue.more);
	}
	pthread_mutex_unlock(&queue.lock);
	return running;
}

int log_queue_start(size_t bytes, struct err *e)
{
	int rc;

	assert(!queue.running && bytes >= LOG_LINE_MAX);
	queue.ring = malloc(bytes);
	if (!queue.ring)
		return err_set(e, "out of memory");
	queue.size = bytes;
	queue.head = queue.used = 0;
	queue.dropped = 0;
	queue.stopping = queue.done = false;
	queue.running = true;
	rc = pthread_create(&queue.thread, NULL, write_lines, NULL);
	if (rc == 0)
		return 0;
	queue.running = false;
	free(queue.ring);
	return err_set_errno(e, rc, "cannot start the thread of the log");
}

void log_queue_stop(unsigned timeout_ms)
{
	const int64_t until_us = monotonic_us() + (int64_t)timeout_ms * 1000;
	bool done;

	pthread_mutex_lock(&queue.lock);
	if (!queue.running) {
		pthread_mutex_unlock(&queue.lock);
		return;
	}
	queue.running = false;
	queue.stopping = true;
	pthread_cond_signal(&queue.more);
	while (!queue.done && monotonic_us() < until_us)
		wait_until_us(&queue.less, &queue.lock, until_us);
	done = queue.done;
	pthread_mutex_unlock(&queue.lock);
	if (!done) { /* in a write(2) that nobody can end; the process is about to */
		pthread_detach(queue.thread);
		return;
	}
	pthread_join(queue.thread, NULL);
	free(queue.ring);
	queue.ring = NULL;
}

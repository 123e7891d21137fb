/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watchdog: one thread a server that does what libmicrohttpd does not. It cuts connections
 * whose deadline has passed (libmicrohttpd only knows inactivity), notices when the client of a
 * suspended request has left (a suspended connection is not polled) and when that of an idle
 * connection has (libmicrohttpd is told once of bytes and the end behind them, and reads only the
 * bytes), and reads the certificate files again when their folder changes (the folder, because
 * Kubernetes swaps symbolic links).
 *
 * Cutting is shutdown(2) on the socket: libmicrohttpd sees the end of the stream and closes as
 * usual. A socket is valid while its connection is in the list.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/http/http_internal.h"

#define TICK_MS	       200
#define LEFT_EVERY     5 /* ticks */
#define LEFT_BATCH     512
#define RELOAD_EVERY   300 /* ticks: even if no change was announced */
#define SETTLE_MS      100 /* a rotation writes several files */
#define WATCHED_EVENTS (IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_ATTRIB)

struct http_watchdog {
	pthread_t thread;
	int stop_fd;
	int inotify_fd; /* -1: nothing to watch */
};

static void cut_late(struct http_server *s)
{
	uint64_t now = monotonic_us();

	pthread_mutex_lock(&s->conn_lock);
	for (struct http_conn *c = s->conns; c; c = c->next) {
		uint64_t deadline = atomic_load(&c->deadline_us);
		if (deadline == 0 || deadline > now)
			continue;
		atomic_store(&c->deadline_us, 0);
		shutdown(c->fd, SHUT_RDWR);
		http_count_refusal(s, HTTP_REFUSED_DEADLINE);
		log_info("http_cut_at_deadline", LOG_STR("server", s->config.name),
			LOG_STR("peer", c->peer),
			LOG_STR("during", atomic_load(&c->busy) ? "answer" : "request"));
	}
	pthread_mutex_unlock(&s->conn_lock);
}

/* Looks at up to LEFT_BATCH requests from r on by one poll(2); returns the one after them. */
static struct http_request *look_at_batch(struct http_server *s, struct http_request *r)
{
	struct pollfd fds[LEFT_BATCH];
	struct http_request *asked[LEFT_BATCH];
	nfds_t count = 0;

	for (; r && count < LEFT_BATCH; r = r->next) {
		if (atomic_load(&r->client_left))
			continue;
		/* POLLRDHUP also sees an end behind unread bytes, such as TLS' farewell. */
		fds[count] = (struct pollfd){.fd = r->conn->fd, .events = POLLRDHUP};
		asked[count++] = r;
	}
	if (count == 0 || poll(fds, count, 0) <= 0)
		return r;
	for (nfds_t i = 0; i < count; i++) {
		if (!fds[i].revents)
			continue;
		atomic_store(&asked[i]->client_left, true);
		http_count_client_left(s);
	}
	return r;
}

static void notice_left(struct http_server *s)
{
	pthread_mutex_lock(&s->suspended_lock);
	for (struct http_request *r = s->suspended_list; r;)
		r = look_at_batch(s, r);
	pthread_mutex_unlock(&s->suspended_lock);
}

static bool is_idle(const struct http_conn *c)
{
	return !atomic_load(&c->busy) && atomic_load(&c->deadline_us) == 0;
}

/*
 * Cuts those of up to LEFT_BATCH idle connections whose client has ended them for two looks;
 * returns the one after them. Two, since the end may stand behind a request that is just being
 * read.
 */
static struct http_conn *cut_batch_ended(struct http_conn *c)
{
	struct pollfd fds[LEFT_BATCH];
	struct http_conn *asked[LEFT_BATCH];
	nfds_t count = 0;

	for (; c && count < LEFT_BATCH; c = c->next) {
		if (!is_idle(c)) {
			c->ended = false;
			continue;
		}
		fds[count] = (struct pollfd){.fd = c->fd, .events = POLLRDHUP};
		asked[count++] = c;
	}
	if (count == 0 || poll(fds, count, 0) <= 0)
		return c;
	for (nfds_t i = 0; i < count; i++) {
		if (!fds[i].revents)
			continue;
		if (asked[i]->ended)
			shutdown(asked[i]->fd, SHUT_RDWR);
		asked[i]->ended = true;
	}
	return c;
}

static void cut_ended(struct http_server *s)
{
	pthread_mutex_lock(&s->conn_lock);
	for (struct http_conn *c = s->conns; c;)
		c = cut_batch_ended(c);
	pthread_mutex_unlock(&s->conn_lock);
}

static void drain_events(int fd)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	while (read(fd, events, sizeof(events)) > 0)
		;
}

static void watch_folder(void *arg, const char *folder)
{
	const struct http_watchdog *k = arg;
	if (inotify_add_watch(k->inotify_fd, folder, WATCHED_EVENTS) < 0)
		log_warn("tls_folder_not_watched", LOG_STR("folder", folder),
			LOG_INT("errno", errno));
}

static void *keep(void *arg)
{
	struct http_server *s = arg;
	struct http_watchdog *k = s->watchdog;
	struct pollfd fds[] = {
		{.fd = k->stop_fd, .events = POLLIN}, {.fd = k->inotify_fd, .events = POLLIN}};

	for (unsigned tick = 1;; tick++) {
		int n = poll(fds, ARRAY_LEN(fds), TICK_MS);
		if (n > 0 && fds[0].revents)
			return NULL;
		bool changed = n > 0 && fds[1].revents;
		if (changed) {
			usleep(SETTLE_MS * 1000);
			drain_events(k->inotify_fd);
		}
		if (s->tls && (changed || tick % RELOAD_EVERY == 0))
			http_tls_reload(s->tls);
		cut_late(s);
		if (tick % LEFT_EVERY == 0) {
			notice_left(s);
			cut_ended(s);
		}
	}
}

int http_watchdog_start(struct http_server *s, struct err *e)
{
	struct http_watchdog *k = calloc(1, sizeof(*k));
	if (!k)
		return err_set(e, "out of memory");
	k->stop_fd = eventfd(0, EFD_CLOEXEC);
	k->inotify_fd = s->tls ? inotify_init1(IN_CLOEXEC | IN_NONBLOCK) : -1;
	if (k->inotify_fd >= 0)
		http_tls_each_folder(s->tls, watch_folder, k);
	s->watchdog = k;
	int rc = k->stop_fd < 0 ? errno : pthread_create(&k->thread, NULL, keep, s);
	if (rc == 0)
		return 0;
	err_set_errno(e, rc, "cannot start a thread");
	if (k->stop_fd >= 0)
		close(k->stop_fd);
	if (k->inotify_fd >= 0)
		close(k->inotify_fd);
	free(k);
	s->watchdog = NULL;
	return -1;
}

void http_watchdog_stop(struct http_server *s)
{
	struct http_watchdog *k = s->watchdog;
	const uint64_t one = 1;

	if (!k)
		return;
	while (write(k->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	pthread_join(k->thread, NULL);
	close(k->stop_fd);
	if (k->inotify_fd >= 0)
		close(k->inotify_fd);
	free(k);
	s->watchdog = NULL;
}

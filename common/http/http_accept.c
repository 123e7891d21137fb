/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening socket, with a thread of its own that hands connections to libmicrohttpd. It is not
 * libmicrohttpd's, since that can only be made to stop accepting by ending everything, or by
 * MHD_quiesce_daemon(), which races with its own threads and ends the process.
 *
 * Whoever was told by the kernel that there is a connection gets an answer on it. So the end comes
 * in three steps: new handshakes are ignored (their clients try again a second later, and by then
 * are refused or reach a successor), what has been accepted by the kernel is taken, and only then
 * is the socket closed. Closed without that, it would reset what waits in its queue.
 */
#include <errno.h>
#include <linux/filter.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/http/http_internal.h"

#define ROUND_MAX     64  /* between two looks whether to stop */
#define PAUSE_MS      100 /* without descriptors or memory for one more */
#define ROOM_MS	      100 /* for a connection that was cut to be gone */
#define ON_THE_WAY_MS 5000
#define SETTLE_MS     20 /* without another connection: the queue is empty */
#define LAST_ONES_MS  1000
#define SYN	      0x02 /* among the flags, in byte 13 of a TCP header */

struct http_accept {
	struct http_server *server;
	pthread_t thread;
	int listen_fd, stop_fd;
};

/* ---- how many ---- */

/*
 * libmicrohttpd's own limit is divided among its threads, which do not get equally many. Its
 * threads see a connection some time after it was accepted: those on the way count, too, or a burst
 * would pass the limit.
 */
static bool is_full(const struct http_server *s)
{
	return http_accept_count(s) >= s->config.max_connections;
}

/* On a side listener the oldest makes room, which takes its thread a moment. */
static bool make_room(struct http_server *s)
{
	const int64_t until = monotonic_ms() + ROOM_MS;

	if (s->config.side_listener)
		http_conn_make_room(s);
	while (is_full(s)) {
		if (!s->config.side_listener || monotonic_ms() >= until)
			return false;
		usleep(1000);
	}
	return true;
}

void http_accept_arrived(struct http_server *s)
{
	unsigned n = atomic_load(&s->on_the_way);

	while (n > 0 && !atomic_compare_exchange_weak(&s->on_the_way, &n, n - 1))
		;
}

static void hand_over(
	struct http_server *s, int fd, const struct sockaddr_storage *from, socklen_t len)
{
	if (!make_room(s)) {
		http_count_refusal(s, HTTP_REFUSED_CONNECTIONS);
		close(fd);
		return;
	}
	atomic_fetch_add(&s->on_the_way, 1);
	/* Closes it where it cannot be served. */
	if (MHD_add_connection(s->mhd, fd, (const struct sockaddr *)from, len) != MHD_YES)
		http_accept_arrived(s);
}

/* ---- the thread ---- */

/* False: there is none now, or none can be taken. */
static bool accept_one(struct http_accept *a)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	int fd =
		accept4(a->listen_fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		hand_over(a->server, fd, &from, len);
		return true;
	}
	/* A client that has left already is no reason to stop. */
	return errno == ECONNABORTED || errno == EINTR;
}

static bool is_short_of_something(int code)
{
	return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

/* Takes what is there, within reason. */
static void accept_some(struct http_accept *a)
{
	struct pollfd stop = {.fd = a->stop_fd, .events = POLLIN};
	int code;

	for (int i = 0; i < ROUND_MAX; i++) {
		errno = 0;
		if (accept_one(a))
			continue;
		code = errno;
		if (!is_short_of_something(code))
			return;
		log_warn("http_accept_failed", LOG_STR("server", a->server->config.name),
			LOG_INT("errno", code),
			LOG_STR("hint", "raise the limit of open files (LimitNOFILE=), or lower "
					"--max-connections"));
		poll(&stop, 1, PAUSE_MS);
		return;
	}
}

/* Handshakes under way go on: only what would begin one is ignored. */
static void ignore_new_ones(int listen_fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SYN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog filter = {.len = ARRAY_LEN(code), .filter = code};

	/* Without it, one that comes in the moment of the close is reset. */
	if (setsockopt(listen_fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0)
		log_debug("http_listener_not_filtered", LOG_INT("errno", errno));
}

static void accept_last_ones(struct http_accept *a)
{
	const int64_t until = monotonic_ms() + LAST_ONES_MS;
	struct pollfd p = {.fd = a->listen_fd, .events = POLLIN};

	ignore_new_ones(a->listen_fd);
	while (poll(&p, 1, SETTLE_MS) > 0 && monotonic_ms() < until)
		accept_some(a);
}

static void *accept_main(void *arg)
{
	struct http_accept *a = arg;
	struct pollfd fds[] = {
		{.fd = a->stop_fd, .events = POLLIN}, {.fd = a->listen_fd, .events = POLLIN}};

	for (;;) {
		int n = poll(fds, ARRAY_LEN(fds), ON_THE_WAY_MS);

		if (fds[0].revents)
			break;
		/* libmicrohttpd had no memory for what has not arrived by now, and closed it. */
		if (n == 0)
			atomic_store(&a->server->on_the_way, 0);
		else
			accept_some(a);
	}
	accept_last_ones(a);
	return NULL;
}

int http_accept_start(struct http_server *s, int listen_fd, struct err *e)
{
	struct http_accept *a = calloc(1, sizeof(*a));
	int rc;

	if (!a)
		return err_set(e, "out of memory");
	*a = (struct http_accept){.server = s, .listen_fd = listen_fd};
	a->stop_fd = eventfd(0, EFD_CLOEXEC);
	rc = a->stop_fd < 0 ? errno : pthread_create(&a->thread, NULL, accept_main, a);
	if (rc == 0) {
		s->accept = a;
		return 0;
	}
	if (a->stop_fd >= 0)
		close(a->stop_fd);
	free(a);
	return err_set_errno(e, rc, "cannot start a thread");
}

void http_accept_stop(struct http_server *s)
{
	struct http_accept *a = TAKE_PTR(s->accept);
	const uint64_t one = 1;

	if (!a)
		return;
	while (write(a->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	pthread_join(a->thread, NULL);
	close(a->listen_fd);
	close(a->stop_fd);
	free(a);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server when it stops while it is busy, and what callers see then. */
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "support/run_tests.h"
#include "unit/http_support.h"

#define ROUNDS	20
#define CALLERS 4

/*
 * In place of libc's, for libmicrohttpd as well: the main thread, which stops the server, takes a
 * descriptor out of a set a little later than asked for. Where the server's own threads think that
 * the listening socket is theirs to take out too, one of the two finds it gone, and libmicrohttpd
 * ends the process. Without the pause that happens once in thousands of stops.
 */
int epoll_ctl(int set, int op, int fd, struct epoll_event *event)
{
	if (op == EPOLL_CTL_DEL && gettid() == getpid())
		usleep(5000);
	return (int)syscall(SYS_epoll_ctl, set, op, fd, event);
}

static char address[96];
static _Atomic bool callers_stop;
static _Atomic unsigned answered;

/* -1: nobody listens there now. */
static int try_connect(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, "127.0.0.1", &a.sin_addr);
	a.sin_port = htons((unsigned short)atoi(strrchr(address, ':') + 1));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* A connection for each request, so that the server's threads are busy accepting. */
static void *call_again_and_again(void *arg)
{
	struct raw_answer *a = malloc(sizeof(*a));

	(void)arg;
	while (!atomic_load(&callers_stop)) {
		int fd = try_connect();

		if (fd < 0)
			continue;
		if (raw_send_str(fd, "POST /echo HTTP/1.1\r\n" JSON_HEAD
				     "Content-Length: 2\r\n\r\n{}") == 0) {
			raw_read(fd, a);
			ck_assert(a->status == 200 || a->status == 0);
			atomic_fetch_add(&answered, a->status == 200);
		}
		close(fd);
	}
	free(a);
	return NULL;
}

static void wait_for_answers(unsigned more)
{
	const unsigned wanted = atomic_load(&answered) + more;
	const int64_t until = now_ms() + RAW_TIMEOUT_MS;

	while ((int)(wanted - atomic_load(&answered)) > 0 && now_ms() < until)
		usleep(100);
	ck_assert_int_le((int)(wanted - atomic_load(&answered)), 0);
}

START_TEST(http_stop__under_load_again_and_again)
{
	struct http_server_config c = config();
	pthread_t callers[CALLERS];

	start(&c);
	snprintf(address, sizeof(address), "%s", http_server_address(server));
	c.listen = address;
	for (size_t i = 0; i < CALLERS; i++)
		ck_assert_int_eq(pthread_create(&callers[i], NULL, call_again_and_again, NULL), 0);
	for (int round = 0; round < ROUNDS; round++) {
		wait_for_answers(2);
		teardown();
		c.threads = 1 + (unsigned)round % 4;
		start(&c);
	}
	atomic_store(&callers_stop, true);
	for (size_t i = 0; i < CALLERS; i++)
		pthread_join(callers[i], NULL);
	teardown();
}
END_TEST

static void *stop_in_thread(void *arg)
{
	(void)arg;
	http_server_stop(server, RAW_TIMEOUT_MS);
	return NULL;
}

/* Whoever comes while a request is still waited for is sent away at once, not left in a queue. */
START_TEST(http_stop__a_new_connection_is_ended_at_once)
{
	struct http_server_config c = config();
	struct http_request *r;
	pthread_t stopping;
	int held, late;

	start(&c);
	held = client();
	raw_send_str(held, WAIT_REQUEST);
	r = wait_for_waiting();
	ck_assert_int_eq(pthread_create(&stopping, NULL, stop_in_thread, NULL), 0);
	do {
		late = client();
		raw_send_str(
			late, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 2\r\n\r\n{}");
		raw_read(late, &answer);
		close(late);
	} while (answer.status == 200);
	ck_assert_int_eq(answer.status, 0);
	answer_waiting(r);
	raw_read(held, &answer);
	ck_assert_int_eq(answer.status, 200);
	close(held);
	pthread_join(stopping, NULL);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("http_stop");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, http_stop__under_load_again_and_again);
	tcase_add_test(t, http_stop__a_new_connection_is_ended_at_once);
	return run_tests(t);
}

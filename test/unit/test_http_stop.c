/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server when it stops while it is busy, and what callers see then. */
#include "support/run_tests.h"
#include "unit/http_support.h"

#define ROUNDS	    20
#define CALLERS	    4 /* with a connection for each request */
#define KEEPERS	    4 /* with one for as long as the server lets them */
#define ECHO	    "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 2\r\n\r\n{}"
#define ECHO_CUT_AT 20

static char address[96];
static _Atomic bool callers_stop;
static _Atomic unsigned answered, failed;

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

/* Whoever has a connection is answered on it. False: it ends with this. */
static bool call(int fd, struct raw_answer *a)
{
	const bool sent = raw_send_str(fd, ECHO) == 0;

	a->status = 0;
	if (sent)
		raw_read(fd, a);
	atomic_fetch_add(a->status == 200 ? &answered : &failed, 1);
	return a->status == 200 && !raw_has_header(a, "Connection: close");
}

static void *call_again_and_again(void *arg)
{
	const bool keep = arg != NULL;
	struct raw_answer *a = malloc(sizeof(*a));

	while (!atomic_load(&callers_stop)) {
		int fd = try_connect();

		if (fd < 0)
			continue;
		while (call(fd, a) && keep && !atomic_load(&callers_stop))
			;
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
	pthread_t callers[CALLERS + KEEPERS];

	start(&c);
	snprintf(address, sizeof(address), "%s", http_server_address(server));
	c.listen = address;
	for (size_t i = 0; i < ARRAY_LEN(callers); i++)
		ck_assert_int_eq(pthread_create(&callers[i], NULL, call_again_and_again,
					 i < CALLERS ? NULL : &callers),
			0);
	for (int round = 0; round < ROUNDS; round++) {
		wait_for_answers(20);
		http_server_stop(server, RAW_TIMEOUT_MS);
		c.threads = 1 + (unsigned)round % 4;
		start(&c);
	}
	atomic_store(&callers_stop, true);
	for (size_t i = 0; i < ARRAY_LEN(callers); i++)
		pthread_join(callers[i], NULL);
	teardown();
	ck_assert_uint_eq(atomic_load(&failed), 0);
}
END_TEST

static void *stop_in_thread(void *arg)
{
	(void)arg;
	http_server_stop(server, RAW_TIMEOUT_MS);
	return NULL;
}

/* Whoever comes while a request is still waited for is sent away at once, not left in a queue. */
START_TEST(http_stop__a_new_connection_is_refused)
{
	struct http_server_config c = config();
	struct http_request *r;
	pthread_t stopping;
	int held, late;

	start(&c);
	snprintf(address, sizeof(address), "%s", http_server_address(server));
	held = client();
	raw_send_str(held, WAIT_REQUEST);
	r = wait_for_waiting();
	ck_assert_int_eq(pthread_create(&stopping, NULL, stop_in_thread, NULL), 0);
	while ((late = try_connect()) >= 0) {
		(void)call(late, &answer);
		ck_assert_int_eq(answer.status, 200);
		close(late);
	}
	answer_waiting(r);
	raw_read(held, &answer);
	ck_assert_int_eq(answer.status, 200);
	close(held);
	pthread_join(stopping, NULL);
}
END_TEST

/* A connection on which a request has begun, or is about to, is answered; an idle one is ended. */
START_TEST(http_stop__waits_for_who_is_about_to_ask)
{
	struct http_server_config c = config();
	int begun, silent, used, idle;
	pthread_t stopping;
	const int64_t begin = now_ms();

	start(&c);
	begun = client(), silent = client(), used = client(), idle = client();
	raw_send_str(idle, ECHO);
	raw_read(idle, &answer);
	raw_send_str(used, ECHO);
	raw_read(used, &answer);
	raw_send(begun, ECHO, ECHO_CUT_AT);
	ck_assert_int_eq(pthread_create(&stopping, NULL, stop_in_thread, NULL), 0);
	while (call(used, &answer))
		; /* it has not begun to stop yet */
	ck_assert_int_eq(answer.status, 200);
	ck_assert(raw_is_closed(idle));
	raw_send_str(begun, &ECHO[ECHO_CUT_AT]);
	raw_read(begun, &answer);
	ck_assert_int_eq(answer.status, 200);
	ck_assert(raw_has_header(&answer, "Connection: close"));
	raw_send_str(silent, ECHO);
	raw_read(silent, &answer);
	ck_assert_int_eq(answer.status, 200);
	pthread_join(stopping, NULL);
	ck_assert_int_lt(now_ms() - begin, RAW_TIMEOUT_MS);
	close(begun), close(silent), close(used), close(idle);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("http_stop");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, http_stop__under_load_again_and_again);
	tcase_add_test(t, http_stop__a_new_connection_is_refused);
	tcase_add_test(t, http_stop__waits_for_who_is_about_to_ask);
	return run_tests(t);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: requests whose answer comes later, and stopping while there are some. */
#include "support/run_tests.h"
#include "unit/http_support.h"

/* ---- suspended requests ---- */

/* How often a client was seen to leave, over all tests of this program. */
static long clients_left(void)
{
	struct buf out _cleanup_(buf_free) = BUF_INIT(1 << 20);
	static const char name[] = "\nholdpoint_http_clients_left_total ";
	size_t count;
	struct metric *const *tables = http_server_metrics(&count);

	metrics_put(&out, tables, count);
	const char *found = strstr(buf_str(&out), name);
	ck_assert_ptr_nonnull(found);
	return strtol(found + sizeof(name) - 1, NULL, 10);
}

START_TEST(http__suspended_and_answered_from_another_thread)
{
	int fd = client();
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(raw_send_str(fd, WAIT_REQUEST), 0);
		struct http_request *r = wait_for_waiting();
		answer_waiting(r);
		raw_read(fd, &answer);
		ck_assert_int_eq(answer.status, 200);
		ck_assert_str_eq(answer.body, "[42]");
		ck_assert(raw_has_header(&answer, "Retry-After: 7"));
	}
	close(fd);
}
END_TEST

START_TEST(http__many_suspended_at_once)
{
	pthread_t askers[8], workers[3];
	atomic_store(&workers_stop, false);
	for (size_t i = 0; i < ARRAY_LEN(workers); i++)
		ck_assert_int_eq(pthread_create(&workers[i], NULL, answer_in_worker, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(askers); i++)
		ck_assert_int_eq(
			pthread_create(&askers[i], NULL, ask_in_thread, (void *)(intptr_t)200), 0);
	for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
		void *ok;
		pthread_join(askers[i], &ok);
		ck_assert_int_eq((intptr_t)ok, 200);
	}
	atomic_store(&workers_stop, true);
	for (size_t i = 0; i < ARRAY_LEN(workers); i++)
		pthread_join(workers[i], NULL);
}
END_TEST

START_TEST(http__suspended_requests_are_limited)
{
	struct http_server_config c = config();
	int fds[3];
	teardown();
	c.max_suspended = 2;
	start(&c);
	for (int i = 0; i < 2; i++) {
		fds[i] = client();
		raw_send_str(fds[i], WAIT_REQUEST);
	}
	struct http_request *a = wait_for_waiting(), *b = wait_for_waiting();
	fds[2] = client();
	raw_send_str(fds[2], WAIT_REQUEST);
	raw_read(fds[2], &answer);
	ck_assert_int_eq(answer.status, 503);
	answer_waiting(a);
	answer_waiting(b);
	for (int i = 0; i < 2; i++) {
		raw_read(fds[i], &answer);
		ck_assert_int_eq(answer.status, 200);
		close(fds[i]);
	}
	close(fds[2]);
}
END_TEST

START_TEST(http__a_client_that_leaves_is_noticed)
{
	int stays = client(), leaves = client();
	long before = clients_left();
	raw_send_str(stays, WAIT_REQUEST);
	struct http_request *patient = wait_for_waiting();
	raw_send_str(leaves, WAIT_REQUEST);
	struct http_request *r = wait_for_waiting();
	close(leaves);
	for (int i = 0; i < 600 && clients_left() == before; i++)
		usleep(10000);
	ck_assert_int_eq(clients_left(), before + 1);
	answer_waiting(r); /* nobody reads it, nothing breaks */
	answer_waiting(patient);
	raw_read(stays, &answer);
	ck_assert_int_eq(answer.status, 200);
	close(stays);
}
END_TEST

START_TEST(http__a_suspended_request_has_no_deadline)
{
	struct http_server_config c = config();
	teardown();
	c.body_deadline_ms = 300;
	start(&c);
	int fd = client();
	raw_send_str(fd, WAIT_REQUEST);
	struct http_request *r = wait_for_waiting();
	wait_for_a_deadline();
	answer_waiting(r);
	raw_read(fd, &answer);
	ck_assert_int_eq(answer.status, 200);
	close(fd);
}
END_TEST

/* ---- stopping ---- */

START_TEST(http__draining_closes_after_each_answer)
{
	int fd = client();
	raw_send_str(fd, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 2\r\n\r\n{}");
	raw_read(fd, &answer);
	ck_assert(!raw_has_header(&answer, "Connection: close"));
	http_server_drain(server);
	raw_send_str(fd, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 2\r\n\r\n{}");
	raw_read(fd, &answer);
	ck_assert_int_eq(answer.status, 200);
	ck_assert(raw_has_header(&answer, "Connection: close"));
	ck_assert(raw_is_closed(fd));
	close(fd);
}
END_TEST

static void *stop_in_thread(void *arg)
{
	http_server_stop(server, (unsigned)(uintptr_t)arg);
	return NULL;
}

/* Returns when the server has begun to stop: it ends connections with their next answer. */
static void wait_until_stopping(int fd)
{
	do {
		raw_send_str(fd, "GET /any HTTP/1.1\r\nHost: x\r\n\r\n");
		raw_read(fd, &answer);
		ck_assert_int_eq(answer.status, 200);
	} while (!raw_has_header(&answer, "Connection: close"));
}

START_TEST(http__stop_waits_for_suspended_requests)
{
	pthread_t stopper;
	int fd = client(), other = client();

	raw_send_str(fd, WAIT_REQUEST);
	struct http_request *r = wait_for_waiting();
	ck_assert_int_eq(
		pthread_create(&stopper, NULL, stop_in_thread, (void *)(uintptr_t)10000), 0);
	wait_until_stopping(other);
	answer_waiting(r);
	raw_read(fd, &answer);
	ck_assert_int_eq(answer.status, 200);
	ck_assert(raw_has_header(&answer, "Connection: close"));
	pthread_join(stopper, NULL);
	server = NULL;
	close(fd);
	close(other);
}
END_TEST

START_TEST(http__stop_answers_what_is_still_suspended)
{
	int fds[20];
	struct http_request *late[20];
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = client();
		raw_send_str(fds[i], WAIT_REQUEST);
	}
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		late[i] = wait_for_waiting();
	http_server_stop(server, 100);
	server = NULL;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		raw_read(fds[i], &answer);
		ck_assert_int_eq(answer.status, 503);
		ck_assert(raw_has_header(&answer, "Retry-After: 1"));
		close(fds[i]);
		/* The worker comes late; its request is still an object, with its body. */
		ck_assert(span_eq_str(http_request_body(late[i]), "[42]"));
		ck_assert(span_eq_str(http_request_peer(late[i]), "127.0.0.1"));
		answer_waiting(late[i]);
	}
}
END_TEST

START_TEST(http__stop_under_load)
{
	pthread_t askers[4], workers[2];
	atomic_store(&workers_stop, false);
	atomic_store(&workers_answered, 0);
	for (size_t i = 0; i < ARRAY_LEN(workers); i++)
		ck_assert_int_eq(pthread_create(&workers[i], NULL, answer_in_worker, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(askers); i++)
		ck_assert_int_eq(
			pthread_create(&askers[i], NULL, ask_in_thread, (void *)(intptr_t)300), 0);
	while (atomic_load(&workers_answered) < 20)
		usleep(100);
	struct http_server *stopping = server;
	http_server_drain(stopping);
	for (size_t i = 0; i < ARRAY_LEN(askers); i++)
		pthread_join(askers[i], NULL);
	http_server_stop(stopping, 2000);
	server = NULL;
	atomic_store(&workers_stop, true);
	for (size_t i = 0; i < ARRAY_LEN(workers); i++)
		pthread_join(workers[i], NULL);
}
END_TEST

START_TEST(http__stop_with_a_body_half_read)
{
	int fd = client();
	raw_send_str(fd, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 1000\r\n\r\n{");
	wait_for_inflight_bytes(1000);
	http_server_stop(server, 200);
	server = NULL;
	ck_assert(raw_is_closed(fd));
	close(fd);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("http_suspend");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, http__suspended_and_answered_from_another_thread);
	tcase_add_test(t, http__many_suspended_at_once);
	tcase_add_test(t, http__suspended_requests_are_limited);
	tcase_add_test(t, http__a_client_that_leaves_is_noticed);
	tcase_add_test(t, http__a_suspended_request_has_no_deadline);
	tcase_add_test(t, http__draining_closes_after_each_answer);
	tcase_add_test(t, http__stop_waits_for_suspended_requests);
	tcase_add_test(t, http__stop_answers_what_is_still_suspended);
	tcase_add_test(t, http__stop_under_load);
	tcase_add_test(t, http__stop_with_a_body_half_read);
	return run_tests(t);
}

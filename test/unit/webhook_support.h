/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's parts over plain HTTP, with a PostgreSQL that is away, for the tests of webhook/. */
#pragma once

#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "common/http/http_server.h"
#include "support/raw_http.h"
#include "webhook/exchange_internal.h"
#include "webhook/hold/hold_turns.h"
#include "webhook/hold/hold_wait.h"
#include "webhook/long_decisions.h"

/* Nobody listens there. */
#define NO_DATABASE "postgresql://nobody@127.0.0.1:1/none?connect_timeout=1"

static struct webhook webhook;
static struct http_server *server;
static struct raw_answer answer;
static char policy_path[64];
static const char *policy_paths[] = {policy_path};

static inline void write_policy(const char *text)
{
	FILE *f = fopen(policy_path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static inline void webhook_start(const char *policy, const struct http_route *routes)
{
	const struct pg_pool_config pool = {.database_url = NO_DATABASE,
		.application_name = "test",
		.connections = 1,
		.queue_max = 100,
		.statement_timeout_ms = 1000};
	const struct recorder_config records = {.database_url = NO_DATABASE,
		.cluster = "c1",
		.instance = "test",
		.queue_rows = 1000,
		.queue_bytes = 1 << 20};
	const struct http_server_config http = {.name = "test",
		.listen = "127.0.0.1:0",
		.threads = 1,
		.max_connections = 64,
		.max_suspended = 64,
		.max_body_bytes = 1 << 20,
		.max_inflight_bytes = 8 << 20,
		.body_deadline_ms = 5000,
		.idle_timeout_s = 30,
		.routes = routes};
	const struct long_decisions_config long_decisions = {
		.threads = 2, .max_waiting = 16, .max_bytes = 64 << 20};
	struct hold_gate_config gate = {.cluster = "c1"};
	struct hold_turns_config turns = {
		.at_once = 1, .max_waiting = 100, .max_waiting_each = 100};
	struct err e;

	snprintf(policy_path, sizeof(policy_path), "/tmp/test_webhook.%d.yaml", (int)getpid());
	write_policy(policy);
	memset(&webhook, 0, sizeof(webhook));
	webhook.cluster = "c1";
	webhook.max_nodes = 100000;
	webhook.retry_after_s = 2;
	webhook.decision_timeout_us = 10000000;
	ck_assert_msg(masker_new(NULL, NULL, &webhook.masker, &e) == 0, "%s", e.msg);
	gate.masker = webhook.masker;
	webhook.gate = hold_gate_new(&gate);
	ck_assert_ptr_nonnull(webhook.gate);
	ck_assert_msg(pg_pool_open(&pool, false, &webhook.pool, &e) == 0, "%s", e.msg);
	turns.pool = webhook.pool;
	webhook.turns = hold_turns_new(&turns);
	ck_assert_ptr_nonnull(webhook.turns);
	ck_assert_msg(
		recorder_open(&records, &webhook.recorder, &e) == 0 &&
			hold_wait_open(NO_DATABASE, 10, NULL, &webhook.wait, &e) == 0 &&
			long_decisions_open(&long_decisions, &webhook.long_decisions, &e) == 0 &&
			policy_store_open(policy_paths, 1, NULL, &webhook.policies, &e) == 0 &&
			http_server_start(&http, &server, &e) == 0,
		"%s", e.msg);
}

static inline void webhook_stop(void)
{
	http_server_drain(server);
	hold_wait_stop(webhook.wait);
	http_server_stop(server, 5000);
	long_decisions_close(webhook.long_decisions);
	policy_store_close(webhook.policies);
	pg_pool_close(webhook.pool);
	hold_turns_free(webhook.turns);
	recorder_close(webhook.recorder, 0);
	hold_wait_close(webhook.wait);
	hold_gate_free(webhook.gate);
	masker_free(webhook.masker);
	unlink(policy_path);
}

static inline int send_review(const char *path, const char *body)
{
	int fd = raw_connect(http_server_address(server));
	char head[256];

	snprintf(head, sizeof(head),
		"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		"Content-Length: %zu\r\n\r\n",
		path, strlen(body));
	ck_assert_int_eq(raw_send_str(fd, head), 0);
	ck_assert_int_eq(raw_send_str(fd, body), 0);
	return fd;
}

static inline void read_answer(int fd)
{
	raw_read(fd, &answer);
	close(fd);
}

static inline void post(const char *path, const char *body)
{
	read_answer(send_review(path, body));
}

/* Of the first label when the metric has one. */
static inline int64_t metric_value(
	struct metric *const *(*tables_of)(size_t *), const char *name, unsigned label)
{
	size_t count;
	struct metric *const *tables = tables_of(&count);

	for (struct metric *m = tables[0]; m->name; m++)
		if (strcmp(m->name, name) == 0)
			return m->value[label];
	ck_abort_msg("no metric %s", name);
}

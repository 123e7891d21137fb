/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon put together: listener, sources, ingest, writer, database, and how they start and
 * stop. main.c reads the flags and waits for signals.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/flags.h"

struct sink;

struct sink_config {
	const char *listen;
	const char *metrics_listen;
	const char *tls_cert_file, *tls_private_key_file, *client_ca_file;
	struct flag_list sources;
	const char *bearer_token_file;
	const char *cluster;
	const char *database_url;
	int64_t database_connections;
	int64_t statement_timeout_ms, database_silence_ms;
	const char *spool_file; /* or NULL */
	int64_t spool_max_bytes, spool_min_free;
	const char *mask_key_file, *mask_config;
	int64_t max_body_bytes, max_inflight_bytes;
	int64_t body_deadline_ms;
	int64_t max_connections;
	int64_t queue;	 /* bodies waiting: to be read, and again to be written */
	int64_t workers; /* threads that read and mask; 0: one a core */
	int64_t sweep_interval_ms;
	int64_t shutdown_ms;
};

/*
 * Starts everything; returns when posts are taken. Errors: one line that names the flag. Threads:
 * its own; the caller has blocked the signals that it waits for.
 */
int sink_start(const struct sink_config *config, struct sink **ret, struct err *e) _must_check_;

/* /readyz says no from now on; posts are taken all the same. */
void sink_leave(struct sink *s);

/* Takes no more posts, answers those that are there, stops. NULL is fine. Blocks. */
void sink_stop(struct sink *s);

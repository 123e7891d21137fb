/* SPDX-License-Identifier: Apache-2.0 */
/* The webhook's flags: one table, from which parsing, --help and the documentation come. */
#pragma once

#include "common/daemon/daemon.h"

struct webhook_options {
	const char *listen, *metrics_listen;
	const char *tls_cert_file, *tls_private_key_file, *client_ca_file;
	struct flag_list policies, client_names;
	const char *database_url, *cluster;
	const char *mask_key_file, *mask_config, *notify_targets;
	const char *authorizer;
	bool require_evidence, require_coverage, static_manifests, allow_unknown_stops;
	const char *kubernetes_api;
	const char *kubernetes_ca_file, *kubernetes_token_file, *kubernetes_cert_file,
		*kubernetes_key_file;
	int64_t kubernetes_max_age_ms, kubernetes_max_bytes;
	int64_t threads, max_connections, max_suspended, max_waiting_bytes, max_nodes,
		new_holds_per_second;
	int64_t max_head_bytes, max_body_bytes, max_inflight_bytes, body_deadline_ms,
		retry_after_ms;
	int64_t database_connections, database_queue, database_timeout_ms;
	int64_t decision_timeout_ms, decision_threads, decision_queue, decision_queue_bytes;
	int64_t record_queue, record_queue_bytes, record_linger_ms;
	int64_t shutdown_timeout_ms;
	struct daemon_options daemon;
};

extern struct webhook_options webhook_options; /* the defaults, until flags are parsed */
extern const struct flag webhook_flags[];

/* What a table cannot say: which flags need one another. */
int webhook_options_check(struct err *e) _must_check_;

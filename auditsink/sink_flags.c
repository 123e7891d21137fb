/* SPDX-License-Identifier: Apache-2.0 */
#include "auditsink/sink_flags.h"

#define MIB ((int64_t)1 << 20)

struct sink_options sink_options = {
	.sink =
		{
			.listen = "127.0.0.1:8444",
			.metrics_listen = "127.0.0.1:9444",
			.cluster = "default",
			.database_connections = 4,
			.statement_timeout_ms = 10000,
			.database_silence_ms = 2250,
			.spool_max_bytes = 1024 * MIB,
			.spool_min_free = 64 * MIB,
			.max_body_bytes = 64 * MIB,
			.max_inflight_bytes = 256 * MIB,
			.body_deadline_ms = 30000,
			.max_connections = 1024,
			.queue = 256,
			.sweep_interval_ms = 30000,
			.shutdown_ms = 20000,
		},
	.daemon = DAEMON_OPTIONS_DEFAULT,
};

const struct flag sink_flags[] = {
	{.name = "listen",
		.type = FLAG_STRING,
		.value = &sink_options.sink.listen,
		.arg = "ADDR",
		.help = "Address for POST /audit[/CLUSTER]."},
	{.name = "metrics-listen",
		.type = FLAG_STRING,
		.value = &sink_options.sink.metrics_listen,
		.arg = "ADDR",
		.help = "Plain address for /livez, /readyz, /metrics and /version; empty: "
			"none."},
	{.name = "tls-cert-file",
		.type = FLAG_STRING,
		.value = &sink_options.sink.tls_cert_file,
		.arg = "FILE",
		.help = "Certificate chain (PEM); read again when it changes."},
	{.name = "tls-private-key-file",
		.type = FLAG_STRING,
		.value = &sink_options.sink.tls_private_key_file,
		.arg = "FILE",
		.help = "Its private key (PEM)."},
	{.name = "client-ca-file",
		.type = FLAG_STRING,
		.value = &sink_options.sink.client_ca_file,
		.arg = "FILE",
		.help = "Authority whose client certificates (clientAuth) are required."},
	{.name = "source",
		.type = FLAG_STRING_LIST,
		.value = &sink_options.sink.sources,
		.arg = "NAME=CLUSTER",
		.help = "The client certificate named NAME may post events of CLUSTER. "
			"With a bearer token only, NAME is bearer-token."},
	{.name = "bearer-token-file",
		.type = FLAG_STRING,
		.value = &sink_options.sink.bearer_token_file,
		.arg = "FILE",
		.help = "Token that posts must carry (Authorization: Bearer)."},
	{.name = "cluster",
		.type = FLAG_STRING,
		.value = &sink_options.sink.cluster,
		.arg = "NAME",
		.help = "Cluster that the path /audit means."},
	{.name = "database-url",
		.type = FLAG_STRING,
		.value = &sink_options.sink.database_url,
		.arg = "URL",
		.help = "PostgreSQL; give it in the environment, or its password in a "
			"passfile.",
		.required = true},
	{.name = "database-connections",
		.type = FLAG_INT,
		.value = &sink_options.sink.database_connections,
		.arg = "N",
		.help = "Connections that write.",
		.min = 1,
		.max = 64},
	{.name = "database-statement-timeout",
		.type = FLAG_DURATION_MS,
		.value = &sink_options.sink.statement_timeout_ms,
		.arg = "DURATION",
		.help = "How long PostgreSQL may work on one statement (its statement_timeout).",
		.min = 1000,
		.max = 600000},
	{.name = "database-silence",
		.type = FLAG_DURATION_MS,
		.value = &sink_options.sink.database_silence_ms,
		.arg = "DURATION",
		.help = "How long PostgreSQL may send and take nothing while events are stored; "
			"then it is taken for gone, and they go to the spool. What is in the "
			"spool already has --database-statement-timeout.",
		.min = 100,
		.max = 600000},
	{.name = "spool-file",
		.type = FLAG_STRING,
		.value = &sink_options.sink.spool_file,
		.arg = "FILE",
		.help = "SQLite file that takes batches while the database does not; they "
			"are acknowledged once they are in it"},
	{.name = "spool-max-bytes",
		.type = FLAG_BYTES,
		.value = &sink_options.sink.spool_max_bytes,
		.arg = "SIZE",
		.help = "Most that may wait in the spool (503 above)",
		.min = MIB / 16,
		.max = 1024 * 1024 * MIB},
	{.name = "spool-min-free",
		.type = FLAG_BYTES,
		.value = &sink_options.sink.spool_min_free,
		.arg = "SIZE",
		.help = "Free space that the spool leaves on its disk (503 where it would take "
			"more), or a tenth of the disk where that is less",
		.min = 0,
		.max = 1024 * 1024 * MIB},
	{.name = "mask-key-file",
		.type = FLAG_STRING,
		.value = &sink_options.sink.mask_key_file,
		.arg = "FILE",
		.help = "At least 32 random bytes: the key of the pseudonyms that replace "
			"secrets. Without it pseudonyms do not compare across restarts."},
	{.name = "mask-config",
		.type = FLAG_STRING,
		.value = &sink_options.sink.mask_config,
		.arg = "FILE",
		.help = "YAML with patterns and paths to mask beside the built-in rules."},
	{.name = "max-body-bytes",
		.type = FLAG_BYTES,
		.value = &sink_options.sink.max_body_bytes,
		.arg = "SIZE",
		.help = "Largest body taken (413 above).",
		.min = 64 * 1024,
		.max = 512 * MIB},
	{.name = "max-inflight-bytes",
		.type = FLAG_BYTES,
		.value = &sink_options.sink.max_inflight_bytes,
		.arg = "SIZE",
		.help = "All bodies being read or stored together (503 above).",
		.min = MIB,
		.max = 16384 * MIB},
	{.name = "body-deadline",
		.type = FLAG_DURATION_MS,
		.value = &sink_options.sink.body_deadline_ms,
		.arg = "DURATION",
		.help = "Time for a whole body to arrive, and for an answer to be taken.",
		.min = 1000,
		.max = 600000},
	{.name = "max-connections",
		.type = FLAG_INT,
		.value = &sink_options.sink.max_connections,
		.arg = "N",
		.help = "Connections at once.",
		.min = 1,
		.max = 100000},
	{.name = "queue",
		.type = FLAG_INT,
		.value = &sink_options.sink.queue,
		.arg = "N",
		.help = "Bodies that may wait to be read, and batches to be written (503 "
			"above).",
		.min = 1,
		.max = 10000},
	{.name = "workers",
		.type = FLAG_INT,
		.value = &sink_options.sink.workers,
		.arg = "N",
		.help = "Threads that read and mask; 0: one a core.",
		.min = 0,
		.max = 64},
	{.name = "sweep-interval",
		.type = FLAG_DURATION_MS,
		.value = &sink_options.sink.sweep_interval_ms,
		.arg = "DURATION",
		.help = "How often new events are searched for auditIDs that were used "
			"before",
		.min = 1000,
		.max = 3600000},
	DAEMON_FLAGS(sink_options.daemon),
};

static bool is_loopback(const char *listen)
{
	return strncmp(listen, "127.", 4) == 0 || strncmp(listen, "localhost:", 10) == 0 ||
	       strncmp(listen, "[::1]:", 6) == 0;
}

int sink_flags_check(struct err *e)
{
	const struct sink_config *c = &sink_options.sink;

	if (!c->tls_cert_file != !c->tls_private_key_file)
		return err_set(e, "--tls-cert-file and --tls-private-key-file go together");
	if (c->client_ca_file && !c->tls_cert_file)
		return err_set(e, "--client-ca-file needs --tls-cert-file");
	if (c->bearer_token_file && !c->tls_cert_file && !is_loopback(c->listen))
		return err_set(e, "--bearer-token-file without TLS would show the token to the "
				  "network: give --tls-cert-file");
	if (!c->client_ca_file && !c->bearer_token_file && !is_loopback(c->listen))
		return err_set(e,
			"--listen %s: anybody could post events there; give --client-ca-file "
			"or --bearer-token-file, or listen on 127.0.0.1",
			c->listen);
	if (c->max_inflight_bytes < c->max_body_bytes)
		return err_set(e, "--max-inflight-bytes must be at least --max-body-bytes");
	return 0;
}

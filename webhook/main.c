/*
 * holdpoint-webhook: admission and authorization webhook. Flags, start in an order in which
 * nothing is served before it can be decided, and a stop that leaves no request without an answer.
 */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/base/flags.h"
#include "common/base/log.h"
#include "policy/review/review.h"
#include "webhook/exchange.h"
#include "webhook/hold/hold_gate.h"
#include "webhook/hold/hold_wait.h"
#include "webhook/housekeeping.h"
#include "webhook/notify/notifier.h"
#include "webhook/ops.h"
#include "webhook/webhook.h"

enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct options {
	const char *listen, *metrics_listen;
	const char *tls_cert_file, *tls_private_key_file, *client_ca_file;
	struct flag_list policies, client_names;
	const char *database_url, *cluster, *log_level;
	const char *mask_key_file, *mask_config, *notify_targets;
	bool require_evidence, version;
	int64_t threads, max_connections, max_waiting, max_values, new_holds_per_second;
	int64_t max_head_bytes, max_body_bytes, max_inflight_bytes, body_deadline_ms,
		retry_after_ms;
	int64_t database_connections, database_queue;
	int64_t record_queue, record_queue_bytes, record_linger_ms;
	int64_t shutdown_delay_ms, shutdown_timeout_ms;
};

static struct options opt = {
	.listen = ":8443",
	.metrics_listen = ":8080",
	.cluster = "default",
	.log_level = "info",
	.max_connections = 12000,
	.max_waiting = 10000,
	.max_values = REVIEW_NODES_DEFAULT,
	.new_holds_per_second = 20,
	.max_head_bytes = 3 << 10,
	.max_body_bytes = 16 << 20,
	.max_inflight_bytes = 256 << 20,
	.body_deadline_ms = 10000,
	.retry_after_ms = 2000,
	.database_connections = 4,
	.database_queue = 12000,
	.record_queue = 50000,
	.record_queue_bytes = 64 << 20,
	.record_linger_ms = 10,
	.shutdown_timeout_ms = 10000,
};

static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};

static const struct flag flags[] = {
	{.name = "listen",
		.type = FLAG_STRING,
		.value = &opt.listen,
		.arg = "ADDR",
		.help = "Where API servers reach /validate, /mutate and /authorize over TLS."},
	{.name = "metrics-listen",
		.type = FLAG_STRING,
		.value = &opt.metrics_listen,
		.arg = "ADDR",
		.help = "Where /livez, /readyz, /metrics and /version are, without TLS."},
	{.name = "tls-cert-file",
		.type = FLAG_STRING,
		.value = &opt.tls_cert_file,
		.arg = "FILE",
		.required = true,
		.help = "Certificate chain of the server, PEM; read again when it changes."},
	{.name = "tls-private-key-file",
		.type = FLAG_STRING,
		.value = &opt.tls_private_key_file,
		.arg = "FILE",
		.required = true,
		.help = "Its private key, PEM."},
	{.name = "client-ca-file",
		.type = FLAG_STRING,
		.value = &opt.client_ca_file,
		.arg = "FILE",
		.help = "Only callers with a client certificate of this authority are served. "
			"Without it anyone who reaches the port can ask."},
	{.name = "client-name",
		.type = FLAG_STRING_LIST,
		.value = &opt.client_names,
		.arg = "NAME",
		.help = "Of the callers whom --client-ca-file admits, only those whose "
			"certificate has this common name"},
	{.name = "policy",
		.type = FLAG_STRING_LIST,
		.value = &opt.policies,
		.arg = "PATH",
		.required = true,
		.help = "File or folder of policies. Loaded again on SIGHUP and on change."},
	{.name = "database-url",
		.type = FLAG_STRING,
		.value = &opt.database_url,
		.arg = "URL",
		.required = true,
		.help = "PostgreSQL, as libpq understands it; keep a password in PGPASSFILE."},
	{.name = "cluster",
		.type = FLAG_STRING,
		.value = &opt.cluster,
		.arg = "NAME",
		.help = "What the guarded cluster is called in holds and records."},
	{.name = "log-level",
		.type = FLAG_STRING,
		.value = &opt.log_level,
		.arg = "LEVEL",
		.one_of = log_levels,
		.help = "debug, info, warn or error."},
	{.name = "require-evidence",
		.type = FLAG_BOOL,
		.value = &opt.require_evidence,
		.help = "Deny what cannot be recorded, and answer only after the record is "
			"stored."},
	{.name = "mask-key-file",
		.type = FLAG_STRING,
		.value = &opt.mask_key_file,
		.arg = "FILE",
		.help = "Key of the pseudonyms that replace secrets, at least 32 bytes; without it "
			"each process makes its own."},
	{.name = "mask-config",
		.type = FLAG_STRING,
		.value = &opt.mask_config,
		.arg = "FILE",
		.help = "Further patterns and paths to mask, YAML."},
	{.name = "notify-targets",
		.type = FLAG_STRING,
		.value = &opt.notify_targets,
		.arg = "FILE",
		.help = "Whom to tell of holds: Slack-compatible and signed webhooks, YAML"},
	{.name = "threads",
		.type = FLAG_INT,
		.value = &opt.threads,
		.arg = "N",
		.max = 64,
		.help = "Threads that serve connections; 0 is one a core."},
	{.name = "max-connections",
		.type = FLAG_INT,
		.value = &opt.max_connections,
		.arg = "N",
		.min = 1,
		.max = 1000000,
		.help = "Connections open at once."},
	{.name = "max-head-bytes",
		.type = FLAG_BYTES,
		.value = &opt.max_head_bytes,
		.arg = "BYTES",
		.min = 2048,
		.max = 65536,
		.help = "Request line and headers, with 64 bytes more for each header; a larger "
			"one gets 431. Every connection holds as much memory."},
	{.name = "max-body-bytes",
		.type = FLAG_BYTES,
		.value = &opt.max_body_bytes,
		.arg = "SIZE",
		.min = 1024,
		.max = 1 << 30,
		.help = "Largest request; a larger one gets 413."},
	{.name = "max-inflight-bytes",
		.type = FLAG_BYTES,
		.value = &opt.max_inflight_bytes,
		.arg = "SIZE",
		.min = 1024,
		.max = INT64_MAX,
		.help = "All requests being read or waiting, together; beyond it 503."},
	{.name = "max-values",
		.type = FLAG_INT,
		.value = &opt.max_values,
		.arg = "N",
		.min = 100,
		.max = 16 << 20,
		.help = "Values in one request; one with more is denied."},
	{.name = "body-deadline",
		.type = FLAG_DURATION_MS,
		.value = &opt.body_deadline_ms,
		.arg = "DURATION",
		.min = 100,
		.max = 600000,
		.help = "Time a request may take to arrive."},
	{.name = "max-waiting",
		.type = FLAG_INT,
		.value = &opt.max_waiting,
		.arg = "N",
		.min = 1,
		.max = 1000000,
		.help = "Requests that wait for a human or for PostgreSQL at once."},
	{.name = "retry-after",
		.type = FLAG_DURATION_MS,
		.value = &opt.retry_after_ms,
		.arg = "DURATION",
		.min = 1000,
		.max = 600000,
		.help = "When a client repeats a request that a rule with `retry` holds."},
	{.name = "new-holds-per-second",
		.type = FLAG_INT,
		.value = &opt.new_holds_per_second,
		.arg = "N",
		.min = 1,
		.max = 1000000,
		.help = "Questions to the hold gate per second while --client-ca-file is not set."},
	{.name = "database-connections",
		.type = FLAG_INT,
		.value = &opt.database_connections,
		.arg = "N",
		.min = 1,
		.max = 100,
		.help = "Connections of the hold gate; records and waiting have one each."},
	{.name = "database-queue",
		.type = FLAG_INT,
		.value = &opt.database_queue,
		.arg = "N",
		.min = 1,
		.max = 1000000,
		.help = "Questions to the database that may queue."},
	{.name = "record-queue",
		.type = FLAG_INT,
		.value = &opt.record_queue,
		.arg = "ROWS",
		.min = 1,
		.max = 10000000,
		.help = "Decision records that may wait to be stored. From a quarter of them on, "
			"answers wait for PostgreSQL; beyond, records are dropped and counted"},
	{.name = "record-queue-bytes",
		.type = FLAG_BYTES,
		.value = &opt.record_queue_bytes,
		.arg = "SIZE",
		.min = 65536,
		.max = (int64_t)1 << 32,
		.help = "The same in bytes."},
	{.name = "record-linger",
		.type = FLAG_DURATION_MS,
		.value = &opt.record_linger_ms,
		.arg = "DURATION",
		.max = 900,
		.help = "How long a record waits for others to share a commit."},
	{.name = "shutdown-delay",
		.type = FLAG_DURATION_MS,
		.value = &opt.shutdown_delay_ms,
		.arg = "DURATION",
		.max = 600000,
		.help = "After SIGTERM, go on serving that long while /readyz says no, so that "
			"load balancers can turn away."},
	{.name = "shutdown-timeout",
		.type = FLAG_DURATION_MS,
		.value = &opt.shutdown_timeout_ms,
		.arg = "DURATION",
		.max = 600000,
		.help = "Then, time for running requests and queued records."},
	{.name = "version",
		.type = FLAG_BOOL,
		.value = &opt.version,
		.no_env = true,
		.help = "Print the version and exit."},
	{.name = NULL},
};

/* Everything the process runs, in the order in which it is started. */
struct parts {
	struct webhook webhook;
	struct housekeeping *housekeeping;
	struct notifier *notifier;
	struct http_server *ops, *api;
	struct http_route routes[4];
	char instance[256];
};

/* Secrets pass through this process: none may end up in a core file. */
static void refuse_core_dumps(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &(struct rlimit){0});
}

/* The queue of records is large for moments only: what it takes then goes back to the system. */
static void return_large_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 256 << 10);
}

static int start_ops(struct parts *p, struct err *e)
{
	const struct http_server_config config = {.name = "metrics",
		.listen = opt.metrics_listen,
		.threads = 1,
		.max_connections = 64,
		.max_suspended = 1,
		.max_body_bytes = 1024,
		.max_inflight_bytes = 65536,
		.body_deadline_ms = 5000,
		.idle_timeout_s = 120,
		.routes = ops_routes(&p->webhook)};

	if (http_server_start(&config, &p->ops, e) != 0)
		return err_prefix(e, "--metrics-listen %s", opt.metrics_listen);
	return 0;
}

static void set_routes(struct parts *p)
{
	static const struct {
		const char *path;
		http_handler_fn handler;
	} posts[] = {{"/validate", exchange_validate}, {"/mutate", exchange_mutate},
		{"/authorize", exchange_authorize}};

	for (size_t i = 0; i < ARRAY_LEN(posts); i++)
		p->routes[i] = (struct http_route){.method = "POST",
			.path = posts[i].path,
			.content_type = "application/json",
			.handler = posts[i].handler,
			.userdata = &p->webhook};
}

static int start_api(struct parts *p, struct err *e)
{
	const struct http_server_config config = {.name = "webhook",
		.listen = opt.listen,
		.tls_cert_file = opt.tls_cert_file,
		.tls_private_key_file = opt.tls_private_key_file,
		.client_ca_file = opt.client_ca_file,
		.threads = (unsigned)opt.threads,
		.max_connections = (unsigned)opt.max_connections,
		.max_suspended = (unsigned)opt.max_waiting,
		.max_head_bytes = (size_t)opt.max_head_bytes,
		.max_body_bytes = (size_t)opt.max_body_bytes,
		.max_inflight_bytes = (size_t)opt.max_inflight_bytes,
		.body_deadline_ms = (unsigned)opt.body_deadline_ms,
		.idle_timeout_s = 120,
		.routes = p->routes};

	return http_server_start(&config, &p->api, e);
}

/*
 * Comes up without PostgreSQL too: what rules deny or allow from memory must go on when a node
 * starts anew in the middle of an outage. Until it is there, held requests are denied.
 */
static int start_database(struct parts *p, struct err *e)
{
	const struct pg_pool_config pool = {.database_url = opt.database_url,
		.application_name = "holdpoint-webhook",
		.connections = (unsigned)opt.database_connections,
		.queue_max = (unsigned)opt.database_queue,
		.statement_timeout_ms = 5000,
		.connect_timeout_s = 5};
	const struct recorder_config records = {.database_url = opt.database_url,
		.cluster = opt.cluster,
		.instance = p->instance,
		.queue_rows = (size_t)opt.record_queue,
		.queue_bytes = (size_t)opt.record_queue_bytes,
		.linger_ms = (unsigned)opt.record_linger_ms};

	if (pg_pool_open(&pool, false, &p->webhook.pool, e) != 0)
		return -1;
	if (recorder_open(&records, &p->webhook.recorder, e) != 0 ||
		hold_wait_open(opt.database_url, (unsigned)opt.max_waiting, &p->webhook.wait, e) !=
			0)
		return err_prefix(e, "--database-url");
	if (opt.notify_targets && notifier_open(opt.notify_targets, opt.database_url, opt.cluster,
					  &p->notifier, e) != 0)
		return -1;
	return housekeeping_open(p->webhook.pool, opt.cluster, p->instance, HOUSEKEEPING_ROUND_MS,
		&p->housekeeping, e);
}

/* Who may make holds is limited only as long as nobody knows who they are. */
static int start_gate(struct webhook *w, struct err *e)
{
	const struct hold_gate_config config = {.cluster = opt.cluster,
		.masker = w->masker,
		.max_per_second = w->caller_is_verified ? 0 : (unsigned)opt.new_holds_per_second};

	w->gate = hold_gate_new(&config);
	return w->gate ? 0 : err_set(e, "out of memory");
}

static int start(struct parts *p, struct err *e)
{
	struct webhook *w = &p->webhook;

	set_routes(p);
	w->cluster = opt.cluster;
	w->max_nodes = (uint32_t)opt.max_values;
	w->require_evidence = opt.require_evidence;
	w->caller_is_verified = opt.client_ca_file != NULL;
	w->client_names = opt.client_names.items;
	w->client_name_count = opt.client_names.count;
	w->retry_after_s = (unsigned)((opt.retry_after_ms + 999) / 1000);
	if (gethostname(p->instance, sizeof(p->instance) - 1) != 0)
		snprintf(p->instance, sizeof(p->instance), "unknown");
	if (start_ops(p, e) != 0 ||
		masker_new(opt.mask_key_file, opt.mask_config, &w->masker, e) != 0 ||
		start_gate(w, e) != 0 || start_database(p, e) != 0 ||
		policy_store_open(opt.policies.items, opt.policies.count,
			housekeeping_policy_loaded, p->housekeeping, &w->policies, e) != 0 ||
		start_api(p, e) != 0)
		return -1;
	if (!w->caller_is_verified)
		log_warn("callers_not_verified",
			LOG_STR("hint", "set --client-ca-file: without it anyone who reaches "
					"--listen can ask for holds"));
	else if (w->client_name_count == 0)
		log_warn("callers_of_any_name",
			LOG_STR("hint", "set --client-name: without it whoever has a client "
					"certificate of --client-ca-file can speak for the API "
					"server, and approve holds in anybody's name"));
	w->ready = true;
	log_info("started", LOG_STR("listen", http_server_address(p->api)),
		LOG_STR("metrics", http_server_address(p->ops)), LOG_STR("cluster", opt.cluster),
		LOG_STR("version", HOLDPOINT_VERSION));
	return 0;
}

/*
 * Nothing is left without an answer: first who waits for a human, then who waits for the database,
 * then the records of both. Safe after a start that failed half-way.
 */
static void stop(struct parts *p)
{
	struct webhook *w = &p->webhook;
	unsigned wait_ms = (unsigned)opt.shutdown_timeout_ms;

	w->ready = false;
	if (p->api)
		http_server_drain(p->api);
	hold_wait_stop(w->wait);
	housekeeping_stop(p->housekeeping);
	notifier_close(p->notifier);
	http_server_stop(p->api, wait_ms);
	policy_store_close(w->policies);
	pg_pool_close(w->pool);
	recorder_close(w->recorder, wait_ms);
	hold_wait_close(w->wait);
	housekeeping_close(p->housekeeping);
	hold_gate_free(w->gate);
	masker_free(w->masker);
	http_server_stop(p->ops, 100);
}

static void block_signals(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGTERM);
	sigaddset(ret, SIGINT);
	sigaddset(ret, SIGHUP);
	pthread_sigmask(SIG_BLOCK, ret, NULL);
}

/* Serves until it is told to stop. */
static void wait_for_signals(struct parts *p, const sigset_t *signals)
{
	int got;

	for (;;) {
		if (sigwait(signals, &got) != 0)
			continue;
		if (got != SIGHUP)
			break;
		policy_store_reload(p->webhook.policies);
	}
	log_info("stopping", LOG_STR("signal", got == SIGTERM ? "SIGTERM" : "SIGINT"));
	p->webhook.ready = false;
	if (got == SIGTERM && opt.shutdown_delay_ms > 0) {
		struct timespec delay = {.tv_sec = opt.shutdown_delay_ms / 1000,
			.tv_nsec = opt.shutdown_delay_ms % 1000 * 1000000};
		sigset_t again;

		sigemptyset(&again);
		sigaddset(&again, SIGTERM);
		sigaddset(&again, SIGINT);
		sigtimedwait(&again, NULL, &delay);
	}
}

static int serve(void)
{
	struct parts *p = calloc(1, sizeof(*p));
	sigset_t signals;
	struct err e;
	int rc = EXIT_FAILED;

	if (!p)
		return EXIT_FAILED;
	block_signals(&signals);
	if (start(p, &e) == 0) {
		wait_for_signals(p, &signals);
		rc = EXIT_FINE;
	} else {
		log_error("not_started", LOG_STR("error", e.msg));
	}
	stop(p);
	if (rc == EXIT_FINE)
		log_info("stopped");
	free(p);
	return rc;
}

static int print_help(void)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20);

	buf_add_str(&out,
		"Usage: holdpoint-webhook [FLAGS]\n\n"
		"Admission and authorization webhook: denies, holds until a human approves, "
		"records.\n\n");
	flags_put_help(&out, flags);
	return fwrite(out.ptr, 1, out.len, stdout) == out.len ? EXIT_FINE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
	enum log_level level = LOG_LEVEL_INFO;
	const char *args[1];
	size_t arg_count = 0;
	struct err e;
	int rc;

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--version") == 0) {
			puts("holdpoint-webhook " HOLDPOINT_VERSION);
			return EXIT_FINE;
		}
	rc = flags_parse(flags, argc, argv, args, 0, &arg_count, &e);
	if (rc == 1)
		return print_help();
	if (rc == 0 && opt.client_names.count > 0 && !opt.client_ca_file)
		rc = err_set(&e, "--client-name needs --client-ca-file");
	if (rc != 0) {
		fprintf(stderr, "holdpoint-webhook: %s\n", e.msg);
		return EXIT_USAGE;
	}
	if (log_level_parse(opt.log_level, &level) == 0)
		log_set_level(level);
	refuse_core_dumps();
	return_large_memory();
	return serve();
}

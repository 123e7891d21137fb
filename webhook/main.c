/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint-webhook: admission and authorization webhook. Start in an order in which
 * nothing is served before it can be decided, and a stop that leaves no request without an answer.
 */
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/log_queue.h"
#include "common/daemon/daemon.h"
#include "common/daemon/ops.h"
#include "common/http/http_server.h"
#include "webhook/exchange.h"
#include "webhook/guard_watch.h"
#include "webhook/hold/authorize_note.h"
#include "webhook/hold/hold_gate.h"
#include "webhook/hold/hold_turns.h"
#include "webhook/hold/hold_wait.h"
#include "webhook/hold/holdreview_confirm.h"
#include "webhook/hold/limits.h"
#include "webhook/hold/stops.h"
#include "webhook/housekeeping.h"
#include "webhook/long_decisions.h"
#include "webhook/notify/notifier.h"
#include "webhook/objects.h"
#include "webhook/options.h"
#include "webhook/webhook.h"

#define PROGRAM	      "holdpoint-webhook"
#define STOPS_WAIT_MS 2000 /* for the database to say who is stopped, before it is ready */

/* Everything the process runs, in the order in which it is started. */
struct parts {
	struct webhook webhook;
	struct housekeeping *housekeeping;
	struct notifier *notifier;
	struct objects *objects;
	struct ops *ops;
	struct http_server *api;
	struct http_route routes[4];
	char instance[256];
	char settings[512];
};

/* The queue of records is large for moments only: what it takes then goes back to the system. */
static void return_large_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 256 << 10);
}

static const ops_metrics_fn all_metrics[] = {exchange_metrics, hold_gate_metrics,
	hold_turns_metrics, hold_wait_metrics, long_decisions_metrics, holdreview_metrics,
	limits_metrics, stops_metrics, notifier_metrics, recorder_metrics, policy_store_metrics,
	guard_watch_metrics, kube_cache_metrics, http_server_metrics, pg_pool_metrics, mask_metrics,
	log_queue_metrics, NULL};

static const char *not_ready(void *arg)
{
	const struct parts *p = arg;

	return p->webhook.ready ? NULL : "starting or stopping";
}

static int start_ops(struct parts *p, struct err *e)
{
	const struct ops_config config = {.program = PROGRAM,
		.listen = webhook_options.metrics_listen,
		.metrics = all_metrics,
		.not_ready = not_ready,
		.arg = p};

	return ops_start(&config, &p->ops, e);
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
		.listen = webhook_options.listen,
		.tls_cert_file = webhook_options.tls_cert_file,
		.tls_private_key_file = webhook_options.tls_private_key_file,
		.client_ca_file = webhook_options.client_ca_file,
		.threads = (unsigned)webhook_options.threads,
		.max_connections = (unsigned)webhook_options.max_connections,
		.max_suspended = (unsigned)webhook_options.max_suspended,
		.max_head_bytes = (size_t)webhook_options.max_head_bytes,
		.max_body_bytes = (size_t)webhook_options.max_body_bytes,
		.max_inflight_bytes = (size_t)webhook_options.max_inflight_bytes,
		.body_deadline_ms = (unsigned)webhook_options.body_deadline_ms,
		.idle_timeout_s = 120,
		.routes = p->routes};

	return http_server_start(&config, &p->api, e);
}

/* One identity has half of the connections, and three quarters of the places to wait. */
static int start_turns(struct webhook *w, struct err *e)
{
	unsigned connections = (unsigned)webhook_options.database_connections;
	unsigned queue = (unsigned)webhook_options.database_queue;
	const struct hold_turns_config config = {.pool = w->pool,
		.at_once = connections > 1 ? connections / 2 : 1,
		.max_waiting = queue,
		.max_waiting_each = queue > 1 ? queue / 4 * 3 : 1};

	w->turns = hold_turns_new(&config);
	return w->turns ? 0 : err_set(e, "out of memory");
}

/*
 * Comes up without PostgreSQL too: what rules deny or allow from memory must go on when a node
 * starts anew in the middle of an outage. Until it is there, held requests are denied.
 */
static int start_database(struct parts *p, struct err *e)
{
	const struct pg_pool_config pool = {.database_url = webhook_options.database_url,
		.application_name = "holdpoint-webhook",
		.connections = (unsigned)webhook_options.database_connections,
		.queue_max = (unsigned)webhook_options.database_queue,
		.statement_timeout_ms = (unsigned)webhook_options.database_timeout_ms};
	const struct recorder_config records = {.database_url = webhook_options.database_url,
		.cluster = webhook_options.cluster,
		.instance = p->instance,
		.queue_rows = (size_t)webhook_options.record_queue,
		.queue_bytes = (size_t)webhook_options.record_queue_bytes,
		.linger_ms = (unsigned)webhook_options.record_linger_ms};

	if (pg_pool_open(&pool, false, &p->webhook.pool, e) != 0 ||
		start_turns(&p->webhook, e) != 0)
		return -1;
	if (recorder_open(&records, &p->webhook.recorder, e) != 0 ||
		hold_wait_open(webhook_options.database_url,
			(unsigned)webhook_options.max_suspended, p->webhook.stops, &p->webhook.wait,
			e) != 0)
		return err_prefix(e, "--database-url");
	if (webhook_options.notify_targets &&
		notifier_open(webhook_options.notify_targets, webhook_options.database_url,
			webhook_options.cluster, &p->notifier, e) != 0)
		return -1;
	return housekeeping_open(p->webhook.pool, webhook_options.cluster, p->instance,
		HOUSEKEEPING_ROUND_MS, p->webhook.guard, p->webhook.notes, &p->housekeeping, e);
}

/* Who may make holds is limited only as long as nobody knows who they are. */
static int start_gate(struct webhook *w, struct err *e)
{
	const struct hold_gate_config config = {.cluster = webhook_options.cluster,
		.masker = w->masker,
		.max_per_second =
			w->caller_is_verified ? 0 : (unsigned)webhook_options.new_holds_per_second};

	w->gate = hold_gate_new(&config);
	return w->gate ? 0 : err_set(e, "out of memory");
}

static int start_long_decisions(struct webhook *w, struct err *e)
{
	const struct long_decisions_config config = {
		.threads = (unsigned)webhook_options.decision_threads,
		.max_waiting = (unsigned)webhook_options.decision_queue,
		.max_bytes = (size_t)webhook_options.decision_queue_bytes};

	w->decision_timeout_us = (uint64_t)webhook_options.decision_timeout_ms * 1000;
	return long_decisions_open(&config, &w->long_decisions, e);
}

/* What the database is told of the flags that protect. */
static void describe_settings(struct parts *p)
{
	const struct webhook_options *o = &webhook_options;

	snprintf(p->settings, sizeof(p->settings),
		"{\"clientCa\":%s,\"clientNames\":%zu,\"requireEvidence\":%s,"
		"\"requireCoverage\":%s,\"authorizer\":\"%s\",\"staticManifests\":%s,"
		"\"notifyTargets\":%s,\"kubernetesApi\":%s}",
		o->client_ca_file ? "true" : "false", o->client_names.count,
		o->require_evidence ? "true" : "false", o->require_coverage ? "true" : "false",
		o->authorizer, o->static_manifests ? "true" : "false",
		o->notify_targets ? "true" : "false", o->kubernetes_api ? "true" : "false");
}

static int start_guard(struct parts *p, struct err *e)
{
	const struct webhook_options *o = &webhook_options;
	const struct guard_watch_config config = {.cluster = o->cluster,
		.instance = p->instance,
		.facts = {.authorizer = strcmp(o->authorizer, "present") == 0  ? COVERAGE_PRESENT
					: strcmp(o->authorizer, "absent") == 0 ? COVERAGE_ABSENT
									       : COVERAGE_UNKNOWN,
			.static_manifests = o->static_manifests},
		.require = o->require_coverage,
		.settings = p->settings};

	describe_settings(p);
	p->webhook.guard = guard_watch_new(&config);
	return p->webhook.guard ? 0 : err_set(e, "out of memory");
}

static int check_policies(const struct policy_set *set, void *arg, struct err *e)
{
	struct parts *p = arg;

	if (guard_watch_check(p->webhook.guard, set, e) != 0)
		return -1;
	objects_policies_expected(p->objects, set);
	return 0;
}

static void policies_loaded(const struct policy_set *set, void *arg)
{
	struct parts *p = arg;

	guard_watch_loaded(p->webhook.guard, set);
	housekeeping_policy_loaded(set, p->housekeeping);
	objects_policies_loaded(p->objects, set);
}

static int start_objects(struct parts *p, struct err *e)
{
	const struct webhook_options *o = &webhook_options;
	const struct objects_config config = {.where = o->kubernetes_api,
		.cache = {.api = {.ca_file = o->kubernetes_ca_file,
				  .token_file = o->kubernetes_token_file,
				  .cert_file = o->kubernetes_cert_file,
				  .key_file = o->kubernetes_key_file},
			.max_bytes = (size_t)o->kubernetes_max_bytes,
			.max_age_ms = (unsigned)o->kubernetes_max_age_ms}};

	if (objects_open(&config, &p->objects, e) != 0)
		return -1;
	p->webhook.objects = objects_source(p->objects);
	return 0;
}

static int start_policies(struct parts *p, struct err *e)
{
	const struct policy_store_hooks hooks = {
		.check = check_policies, .loaded = policies_loaded, .userdata = p};

	return policy_store_open(webhook_options.policies.items, webhook_options.policies.count,
		&hooks, &p->webhook.policies, e);
}

static int start(void *arg, struct err *e)
{
	struct parts *p = arg;
	struct webhook *w = &p->webhook;

	set_routes(p);
	w->cluster = webhook_options.cluster;
	w->max_nodes = (uint32_t)webhook_options.max_nodes;
	w->max_waiting_bytes = (size_t)webhook_options.max_waiting_bytes;
	w->require_evidence = webhook_options.require_evidence;
	w->caller_is_verified = webhook_options.client_ca_file != NULL;
	w->client_names = webhook_options.client_names.items;
	w->client_name_count = webhook_options.client_names.count;
	w->retry_after_s = (unsigned)((webhook_options.retry_after_ms + 999) / 1000);
	w->notes = authorize_notes_new(w->cluster);
	w->stops = stops_new(w->cluster, webhook_options.allow_unknown_stops);
	if (!w->notes || !w->stops)
		return err_set(e, "out of memory");
	if (gethostname(p->instance, sizeof(p->instance) - 1) != 0)
		snprintf(p->instance, sizeof(p->instance), "unknown");
	if (start_ops(p, e) != 0 ||
		masker_new(webhook_options.mask_key_file, webhook_options.mask_config, &w->masker,
			e) != 0 ||
		start_gate(w, e) != 0 || start_guard(p, e) != 0 ||
		start_long_decisions(w, e) != 0 || start_database(p, e) != 0 ||
		start_objects(p, e) != 0 || start_policies(p, e) != 0 || start_api(p, e) != 0)
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
	stops_await(w->stops, STOPS_WAIT_MS);
	w->ready = true;
	log_info("started", LOG_STR("listen", http_server_address(p->api)),
		LOG_STR("metrics", ops_address(p->ops)),
		LOG_STR("cluster", webhook_options.cluster), LOG_STR("version", HOLDPOINT_VERSION));
	return 0;
}

/*
 * Nothing is left without an answer: first who waits for a human, then who waits for the database,
 * then the records of both. Safe after a start that failed half-way.
 */
static void stop(void *arg)
{
	struct parts *p = arg;
	struct webhook *w = &p->webhook;
	unsigned wait_ms = (unsigned)webhook_options.shutdown_timeout_ms;

	w->ready = false;
	if (p->api)
		http_server_drain(p->api);
	pg_pool_hurry(w->pool);
	hold_wait_stop(w->wait);
	housekeeping_stop(p->housekeeping);
	notifier_close(p->notifier);
	http_server_stop(p->api, wait_ms);
	long_decisions_close(w->long_decisions);
	policy_store_close(w->policies);
	objects_close(p->objects);
	pg_pool_close(w->pool);
	hold_turns_free(w->turns);
	recorder_close(w->recorder, wait_ms);
	hold_wait_close(w->wait);
	housekeeping_close(p->housekeeping);
	guard_watch_free(w->guard);
	authorize_notes_free(w->notes);
	stops_free(w->stops);
	hold_gate_free(w->gate);
	masker_free(w->masker);
	ops_stop(p->ops);
}

static void leave(void *arg)
{
	struct parts *p = arg;

	p->webhook.ready = false;
	http_server_drain(p->api);
}

static void reload(void *arg)
{
	struct parts *p = arg;

	policy_store_reload(p->webhook.policies);
}

int main(int argc, char **argv)
{
	static struct parts parts;
	const struct daemon d = {.name = PROGRAM,
		.about = "Admission and authorization webhook: denies, holds until a human "
			 "approves, records.",
		.flags = webhook_flags,
		.options = &webhook_options.daemon,
		.check = webhook_options_check,
		.start = start,
		.leave = leave,
		.reload = reload,
		.stop = stop,
		.arg = &parts};

	return_large_memory();
	return daemon_main(&d, argc, argv);
}

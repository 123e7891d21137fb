/* SPDX-License-Identifier: Apache-2.0 */
/* The table of checks, and what is looked at; see doctor.h. */
#include "cli/doctor/doctor_internal.h"
#include "cli/table.h"

#define ARENA_MAX	    ((size_t)512 << 20)
#define DATABASE_TIMEOUT_MS 30000
#define KUBE_TIMEOUT_MS	    15000

enum needs { NOTHING, KUBE = 1, REGISTRATION = 2, DATABASE = 4 };

static const struct check {
	const char *name;
	unsigned needs;
	doctor_check_fn run;
} checks[] = {
	{"api-server", KUBE, doctor_check_api_server},
	{"registration", REGISTRATION, doctor_check_registration},
	{"addresses", REGISTRATION, doctor_check_addresses},
	{"rules-wide", REGISTRATION, doctor_check_rules},
	{"failure-policy", REGISTRATION, doctor_check_failure_policy},
	{"match-policy", REGISTRATION, doctor_check_match_policy},
	{"selectors", REGISTRATION, doctor_check_selectors},
	{"conditions", REGISTRATION, doctor_check_conditions},
	{"timeouts", REGISTRATION, doctor_check_timeouts},
	{"ca-bundle", REGISTRATION, doctor_check_ca_bundle},
	{"served-certificate", REGISTRATION, doctor_check_served_certificate},
	{"admission", KUBE, doctor_check_admission},
	{"authorizer", KUBE, doctor_check_authorizer},
	{"database", NOTHING, doctor_check_database},
	{"schema", DATABASE, doctor_check_schema},
	{"roles", DATABASE, doctor_check_roles},
	{"owner", DATABASE, doctor_check_owner},
	{"guards", DATABASE, doctor_check_guards},
	{"grants", DATABASE, doctor_check_grants},
	{"settings", DATABASE, doctor_check_settings},
	{"partitions", DATABASE, doctor_check_partitions},
	{"approvals", DATABASE, doctor_check_config},
	{"deciders", DATABASE, doctor_check_deciders},
	{"clock", DATABASE, doctor_check_clock},
	{"webhooks", DATABASE, doctor_check_webhooks},
	{"policies", DATABASE, doctor_check_policies},
	{"enforcement", NOTHING, doctor_check_enforcement},
	{"rules-unasked", NOTHING, doctor_check_unasked},
	{"audit-events", DATABASE, doctor_check_audit},
	{"audit-linked", DATABASE, doctor_check_linked},
	{"reviews", DATABASE, doctor_check_reviews},
	{"notifications", DATABASE, doctor_check_notifications},
	{"floods", DATABASE, doctor_check_floods},
	{"daemons", NOTHING, doctor_check_daemons},
};

/* ---- running ---- */

static bool can_run(const struct doctor *d, unsigned needs)
{
	return (!(needs & KUBE) || d->has_kube) &&
	       (!(needs & REGISTRATION) || d->has_registration) && (!(needs & DATABASE) || d->db);
}

static const char *lacking(const struct doctor *d, unsigned needs)
{
	return (needs & DATABASE) && !d->db ? "no database is looked at"
	       : !d->has_kube		    ? "no API server is looked at"
					    : "the registration is not seen through the API";
}

static void run_checks(struct doctor *d)
{
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		d->check = checks[i].name;
		if (can_run(d, checks[i].needs))
			checks[i].run(d);
		else
			doctor_skip(d, "not looked at: %s", lacking(d, checks[i].needs));
	}
}

static void open_kube(struct doctor *d)
{
	struct err e;

	d->check = "api-server";
	d->has_kube = kube_config_load(&d->options.kube, d->arena, &d->kube, &e) == 0;
	d->kube.timeout_ms = KUBE_TIMEOUT_MS;
	if (!d->has_kube)
		doctor_fail(d, "give --kubeconfig, or --without-kubernetes",
			"no API server is looked at: %s", e.msg);
}

static void open_database(struct doctor *d)
{
	struct err e;

	d->check = "database";
	if (d->options.database_url || getenv("PGHOST") || getenv("PGSERVICE") ||
		getenv("PGDATABASE")) {
		if (pg_conn_open(d->options.database_url ? d->options.database_url : "",
			    "holdpoint", DATABASE_TIMEOUT_MS, &d->db, &e) < 0)
			doctor_fail(d,
				"see whether PostgreSQL runs there: psql DATABASE_URL -c 'SELECT "
				"1'",
				"cannot be reached, so held requests are denied: %s", e.msg);
	} else {
		doctor_fail(d, "give --database-url, or set HOLDPOINT_DATABASE_URL",
			"no database is looked at");
	}
}

/* -1: go on; else the exit code. */
static int parse(const struct command *self, struct doctor_options *o, int argc, char **argv)
{
	const struct flag flags[] = {CLI_FLAG_DATABASE(o->database_url),
		CLI_FLAG_TEXT("kubeconfig", o->kube.kubeconfig, "FILE",
			"kubeconfig instead of kubectl's"),
		CLI_FLAG_TEXT("context", o->kube.context, "NAME", "context of the kubeconfig"),
		CLI_FLAG_SWITCH("without-kubernetes", o->without_kubernetes,
			"look at the database and the daemons alone"),
		{.name = "cluster",
			.type = FLAG_STRING,
			.value = &o->cluster,
			.arg = "NAME",
			.help = "what this cluster is called in the records"},
		CLI_FLAG_TEXT("webhook-url", o->webhook_url, "URL",
			"how this machine reaches holdpoint-webhook, where it is not as the API "
			"server does; compares its certificate with the caBundle"),
		{.name = "metrics-url",
			.type = FLAG_STRING_LIST,
			.value = &o->metrics_urls,
			.arg = "URL",
			.no_env = true,
			.help = "--metrics-listen of a daemon, http://HOST:PORT; looks at /readyz "
				"and /metrics too"},
		{.name = "policy",
			.type = FLAG_STRING_LIST,
			.value = &o->policies,
			.arg = "PATH",
			.no_env = true,
			.help = "policies that should be in force; without it those in the "
				"database are looked at"},
		CLI_FLAG_TEXT("authorization-config", o->authorization_config, "FILE",
			"the API server's AuthorizationConfiguration, to look at its conditions"),
		CLI_FLAG_SWITCH("static-manifests", o->static_manifests,
			"the webhooks are registered by static manifests, which the API does not "
			"show"),
		CLI_FLAG_SWITCH("all", o->all, "show also what is as it should be"),
		CLI_FLAG_OUTPUT(o->output), {0}};
	int rc = cli_parse(self, flags, argc, argv, 0, 0, NULL, NULL);

	o->cluster = o->cluster ? o->cluster : "default";
	return rc;
}

/* Looks, and says what was found. */
static int look(struct doctor *d)
{
	int rc = CLI_OK;

	if (!d->options.without_kubernetes)
		open_kube(d);
	open_database(d);
	doctor_load_policies(d);
	run_checks(d);
	if (cli_wants_json(d->options.output)) {
		rc = doctor_print_json(d);
	} else {
		doctor_print_table(d);
	}
	if (rc == CLI_OK && d->failed)
		return cli_error(d->self, CLI_FAILED, "out of memory");
	return rc == CLI_OK && doctor_worst(d) == DOCTOR_FAIL ? CLI_NO : rc;
}

static int doctor_run(const struct command *self, int argc, char **argv)
{
	struct doctor d = {.self = self};
	int rc = parse(self, &d.options, argc, argv);

	if (rc >= 0)
		return rc;
	d.arena = arena_new(1 << 16, ARENA_MAX);
	d.findings =
		d.arena ? arena_calloc(d.arena, DOCTOR_FINDINGS_MAX, sizeof(*d.findings)) : NULL;
	rc = d.findings ? look(&d) : cli_error(self, CLI_FAILED, "out of memory");
	policy_set_unref(d.set);
	pg_conn_close(d.db);
	arena_free(d.arena);
	return rc;
}

const struct command doctor_commands[] = {
	{.name = "doctor",
		.args = "",
		.run = doctor_run,
		.summary = "Say whether the guard is on and whole, and how to mend what is not",
		.examples = "  holdpoint doctor --kubeconfig admin.kubeconfig --cluster prod\n"
			    "  holdpoint doctor --all\n"},
	{.name = NULL},
};

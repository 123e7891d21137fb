/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL: its version, the schema, who may do what, settings that weaken, clocks. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/doctor/doctor_internal.h"
#include "common/base/clock.h"

#define OLDEST_POSTGRES 150000
#define CLOCK_WARN_S	2
#define CLOCK_FAIL_S	30
#define AUDITOR		"GRANT holdpoint_auditor TO the login of --database-url"

struct pg_result *doctor_query(
	struct doctor *d, const struct pg_stmt *stmt, const struct span *params)
{
	struct pg_result *rows = NULL;
	char sqlstate[6] = "";
	struct err e;

	if (pg_exec(d->db, stmt, params, &rows, sqlstate, &e) == PG_OK)
		return rows;
	if (strcmp(sqlstate, "42501") == 0)
		doctor_fail(d, AUDITOR, "cannot be looked at with this login: %s", e.msg);
	else if (strncmp(sqlstate, "42", 2) == 0 || strcmp(sqlstate, "3F000") == 0)
		doctor_fail(d, "holdpoint db migrate", "the schema lacks something: %s", e.msg);
	else
		doctor_fail(d, "try psql DATABASE_URL -c 'SELECT 1', and read PostgreSQL's log",
			"%s", e.msg);
	return NULL;
}

/* ---- the server ---- */

void doctor_check_database(struct doctor *d)
{
	static const struct pg_stmt stmt = {"doctor_version",
		"SELECT current_setting('server_version_num'), current_setting('server_version'), "
		"pg_is_in_recovery()",
		0};
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;

	if (!d->db || !(r = doctor_query(d, &stmt, NULL)))
		return;
	if (pg_result_int(r, 0, 0) < OLDEST_POSTGRES)
		doctor_fail(d, "upgrade the server to PostgreSQL 15 or later: pg_upgrade",
			"PostgreSQL %s is older than 15", pg_result_str(r, 0, 1));
	else if (*pg_result_str(r, 0, 2) == 't')
		doctor_fail(d, "name the primary in --database-url",
			"this server is a standby: nothing can be held or recorded in it");
	else
		doctor_ok(d, "PostgreSQL %s", pg_result_str(r, 0, 1));
}

void doctor_check_schema(struct doctor *d)
{
	static const struct pg_stmt there = {"doctor_schema_there",
		"SELECT to_regclass('holdpoint.schema_migration') IS NULL", 0};
	static const struct pg_stmt stmt = {"doctor_schema",
		"SELECT coalesce(max(version), 0), coalesce(max(version), 0) - count(*) FROM "
		"holdpoint.schema_migration",
		0};
	_cleanup_(pg_result_freep) struct pg_result *none = doctor_query(d, &there, NULL),
						    *r = NULL;
	int64_t version;

	if (!none)
		return;
	if (*pg_result_str(none, 0, 0) == 't') {
		doctor_fail(d, "holdpoint db migrate", "there is no schema: nothing can be held");
		return;
	}
	r = doctor_query(d, &stmt, NULL);
	if (!r)
		return;
	version = pg_result_int(r, 0, 0);
	if (version < HOLDPOINT_SCHEMA_VERSION)
		doctor_fail(d, "holdpoint db migrate",
			"the schema is at migration %lld, this program knows %d",
			(long long)version, HOLDPOINT_SCHEMA_VERSION);
	else if (version > HOLDPOINT_SCHEMA_VERSION)
		doctor_warn(d, DOCTOR_UPGRADE,
			"the schema is at migration %lld, newer than this program (%d)",
			(long long)version, HOLDPOINT_SCHEMA_VERSION);
	else if (pg_result_int(r, 0, 1) > 0)
		doctor_fail(d, "restore the database from before, then holdpoint db migrate",
			"the schema is at migration %lld, and %lld before it never ran",
			(long long)version, (long long)pg_result_int(r, 0, 1));
	else
		doctor_ok(d, "the schema is at migration %lld", (long long)version);
}

/* ---- who may do what ---- */

/* CREATEROLE makes its login a member of any group (before PostgreSQL 16); the others look past
 * row-level security, or copy the server. */
static size_t look_at_attributes(struct doctor *d)
{
	static const struct pg_stmt stmt = {"doctor_attributes",
		"SELECT r.rolname, concat_ws(', ', CASE WHEN r.rolcreaterole THEN 'CREATEROLE' "
		"END, "
		"  CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END, "
		"  CASE WHEN r.rolreplication THEN 'REPLICATION' END), "
		"concat_ws(' ', CASE WHEN r.rolcreaterole THEN 'NOCREATEROLE' END, "
		"  CASE WHEN r.rolbypassrls THEN 'NOBYPASSRLS' END, "
		"  CASE WHEN r.rolreplication THEN 'NOREPLICATION' END) "
		"FROM pg_roles r WHERE r.rolcanlogin AND NOT r.rolsuper "
		"AND (r.rolcreaterole OR r.rolbypassrls OR r.rolreplication) "
		"AND EXISTS (SELECT FROM pg_roles g WHERE g.rolname IN ('holdpoint_approver', "
		"  'holdpoint_auditsink', 'holdpoint_webhook') "
		"  AND pg_has_role(r.oid, g.oid, 'MEMBER')) ORDER BY 1",
		0};
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(d, &stmt, NULL);

	for (int i = 0; r && i < pg_result_rows(r); i++)
		doctor_fail(d,
			doctor_text(d, "ALTER ROLE \"%s\" %s", pg_result_str(r, i, 0),
				pg_result_str(r, i, 2)),
			"the login %s has %s: it can give itself groups of approvers, or see what "
			"is not shown to it",
			pg_result_str(r, i, 0), pg_result_str(r, i, 1));
	return r ? (size_t)pg_result_rows(r) : 1;
}

void doctor_check_roles(struct doctor *d)
{
	static const struct pg_stmt stmt = {"doctor_roles",
		"SELECT r.rolname, string_agg(g.name, ' and ' ORDER BY g.name), "
		"  count(*) FILTER (WHERE g.name IN ('holdpoint_webhook', 'holdpoint_auditsink')) "
		"> 0 "
		"  AND count(*) > 1 "
		"FROM pg_roles r, unnest(ARRAY['holdpoint_admin', 'holdpoint_approver', "
		"  'holdpoint_auditsink', 'holdpoint_owner', 'holdpoint_retention', "
		"  'holdpoint_stopper', 'holdpoint_webhook']) AS g(name) "
		"WHERE r.rolcanlogin AND NOT r.rolsuper AND EXISTS ("
		"  SELECT FROM pg_roles o WHERE o.rolname = g.name) "
		"AND pg_has_role(r.oid, g.name, 'MEMBER') "
		"GROUP BY r.rolname HAVING count(*) > 1 ORDER BY 1",
		0};
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(d, &stmt, NULL);
	size_t bad = 0;

	for (int i = 0; r && i < pg_result_rows(r); i++) {
		const char *who = pg_result_str(r, i, 0), *what = pg_result_str(r, i, 1);

		/* The owner may be an approver for emergencies; a daemon must be nothing else. */
		if (*pg_result_str(r, i, 2) != 't')
			continue;
		bad++;
		doctor_fail(d, doctor_text(d, "REVOKE all but one of them FROM \"%s\"", who),
			"the login %s is in %s: whoever has a daemon's login could decide, or "
			"change the record",
			who, what);
	}
	if (r)
		bad += look_at_attributes(d);
	if (r && bad == 0)
		doctor_ok(d, "no login is a daemon and something else");
}

void doctor_check_owner(struct doctor *d)
{
	static const struct pg_stmt stmt = {"doctor_owner",
		"SELECT DISTINCT a.usename, a.application_name, r.rolsuper "
		"FROM pg_stat_activity a JOIN pg_roles r ON r.rolname = a.usename "
		"WHERE a.application_name LIKE 'holdpoint-%' AND (r.rolsuper OR "
		"  pg_has_role(r.oid, 'holdpoint_owner', 'MEMBER'))",
		0};
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(d, &stmt, NULL);

	for (int i = 0; r && i < pg_result_rows(r); i++)
		doctor_fail(d,
			doctor_text(d, "make a login in holdpoint_%s alone, and give it to %s",
				strstr(pg_result_str(r, i, 1), "audit") ? "auditsink" : "webhook",
				pg_result_str(r, i, 1)),
			"%s is connected as %s, %s: it could rewrite what it records",
			pg_result_str(r, i, 1), pg_result_str(r, i, 0),
			*pg_result_str(r, i, 2) == 't' ? "a superuser" : "who owns the schema");
	if (r && pg_result_rows(r) == 0)
		doctor_ok(d, "no daemon is connected as the owner or a superuser");
}

/* ---- partitions ---- */

void doctor_check_partitions(struct doctor *d)
{
	static const struct pg_stmt stmt = {"doctor_partitions",
		"SELECT p.relname, coalesce(max(to_date(substring(c.relname FROM '_p([0-9]{8})$'), "
		"  'YYYYMMDD')) - (now() AT TIME ZONE 'UTC')::date, -1), "
		"count(*) FILTER (WHERE to_date(substring(c.relname FROM '_p([0-9]{8})$'), "
		"  'YYYYMMDD') BETWEEN (now() AT TIME ZONE 'UTC')::date AND "
		"  (now() AT TIME ZONE 'UTC')::date + 1) < 2 "
		"FROM pg_class p LEFT JOIN pg_inherits i ON i.inhparent = p.oid "
		"LEFT JOIN pg_class c ON c.oid = i.inhrelid AND c.relname ~ '_p[0-9]{8}$' "
		"WHERE p.relkind = 'p' AND p.relnamespace = to_regnamespace('holdpoint') "
		"GROUP BY p.relname ORDER BY 1",
		0};
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(d, &stmt, NULL);
	static const char mend[] =
		"SELECT holdpoint.ensure_partitions() as a login of the webhook; the "
		"daemons do it every few hours: do they run?";

	for (int i = 0; r && i < pg_result_rows(r); i++) {
		int64_t days = pg_result_int(r, i, 1);

		if (days < 1 || *pg_result_str(r, i, 2) == 't')
			doctor_fail(d, mend,
				"%s has no partition for today or tomorrow: rows go to the default "
				"one, and "
				"moving them stops writers",
				pg_result_str(r, i, 0));
		else if (days < 3)
			doctor_warn(d, mend, "%s has partitions for %lld days only",
				pg_result_str(r, i, 0), (long long)days);
		else
			doctor_ok(
				d, "%s: %lld days ahead", pg_result_str(r, i, 0), (long long)days);
	}
}

/* ---- settings that weaken ---- */

/* By column of holdpoint.config: what it must not be. Read as JSON, so that columns may come. */
static const struct weak_setting {
	const char *key, *bad; /* its text */
	enum doctor_status status;
	const char *why, *mend;
} weak_settings[] = {
	{"database_approvals", "any", DOCTOR_WARN,
		"any login in holdpoint_approver may decide, also one that nobody enrolled: two "
		"logins of one person count as two",
		"UPDATE holdpoint.config SET database_approvals = 'mapped'; enrol people with "
		"holdpoint.map_approver"},
	{"kubernetes_approvers", "any", DOCTOR_WARN,
		"any Kubernetes user of the approver groups may decide, also one that nobody "
		"enrolled",
		"UPDATE holdpoint.config SET kubernetes_approvers = 'mapped'; enrol people with "
		"holdpoint.map_approver"},
	{"kubernetes_approvals", "direct", DOCTOR_WARN,
		"an approval with kubectl counts before the API server's audit log confirms who "
		"made it: safe only where impersonation is guarded at /authorize; where /authorize "
		"is "
		"not asked about approvers it works as 'corroborated'",
		"UPDATE holdpoint.config SET kubernetes_approvals = 'corroborated'"},
	{"denial_stands", "00:00:00", DOCTOR_WARN,
		"what was denied is asked for again at once, and again",
		"UPDATE holdpoint.config SET denial_stands = '10 minutes'"},
	{"denials_within", "00:00:00", DOCTOR_WARN,
		"an identity that is denied again and again never has to pause",
		"UPDATE holdpoint.config SET denials_within = '10 minutes'"},
	{"owner_approvals", "alone", DOCTOR_WARN,
		"an agent's owner may approve what it asks for alone",
		"UPDATE holdpoint.config SET owner_approvals = 'with-another'"},
};

static const struct weak_limit {
	const char *key;
	double most;
	const char *before, *after, *mend; /* around the number */
} weak_limits[] = {
	{"repeat_window_s", 300, "an approved change may repeat itself for", "s",
		"UPDATE holdpoint.config SET repeat_window = '60 seconds'"},
	{"max_repeats", 20, "an approved change may repeat itself", "times",
		"UPDATE holdpoint.config SET max_repeats = 5"},
	{"max_pending_per_user", 1000, "one identity may have",
		"holds waiting: approvers can be flooded",
		"UPDATE holdpoint.config SET max_pending_per_user = 50"},
	{"max_questions_per_user", 1000, "one identity may have",
		"holds of questions waiting, which anybody may ask in its name",
		"UPDATE holdpoint.config SET max_questions_per_user = 20"},
	{"max_questions", 20000, "in one cluster there may be",
		"holds of questions waiting, in names that whoever asks makes up",
		"UPDATE holdpoint.config SET max_questions = 1000"},
	{"max_denials", 100, "an identity may be denied",
		"times before it has to pause: approvers can be worn out",
		"UPDATE holdpoint.config SET max_denials = 5"},
	{"notify_interval_s", 600, "who hears of holds hears of one identity's next ones after",
		"s only", "UPDATE holdpoint.config SET notify_interval = '1 minute'"},
	{"question_window_s", 3600, "an approved question is answered yes for",
		"s where no audit event shows its use",
		"UPDATE holdpoint.config SET question_window = '5 minutes'"},
};

static size_t look_at_settings(struct doctor *d, const struct json_doc *doc)
{
	size_t found = 0;

	for (size_t i = 0; i < ARRAY_LEN(weak_settings); i++) {
		const struct weak_setting *w = &weak_settings[i];
		json_ref value = json_get(doc, JSON_ROOT, span_of(w->key));

		if (value == JSON_NONE || !json_string_is(doc, value, span_of(w->bad)))
			continue;
		found++;
		doctor_say(d, w->status, w->mend, "%s is '%s': %s", w->key, w->bad, w->why);
	}
	return found;
}

static size_t look_at_limits(struct doctor *d, const struct json_doc *doc)
{
	size_t found = 0;

	for (size_t i = 0; i < ARRAY_LEN(weak_limits); i++) {
		const struct weak_limit *w = &weak_limits[i];
		json_ref value = json_get(doc, JSON_ROOT, span_of(w->key));
		struct span text = value == JSON_NONE ? SPAN("0") : json_text(doc, value);
		double v = strtod(doctor_text(d, "%.*s", SPAN_FMT(text)), NULL);

		if (v <= w->most)
			continue;
		found++;
		doctor_warn(d, w->mend, "%s %.0f %s", w->before, v, w->after);
	}
	return found;
}

void doctor_check_config(struct doctor *d)
{
	static const struct pg_stmt stmt = {"doctor_config",
		"SELECT to_jsonb(c) || jsonb_build_object('repeat_window_s', "
		"extract(epoch FROM c.repeat_window), 'notify_interval_s', "
		"extract(epoch FROM c.notify_interval), 'question_window_s', "
		"extract(epoch FROM c.question_window)) FROM holdpoint.config c",
		0};
	static const struct json_limits limits = {
		.max_bytes = 1 << 20, .max_depth = 8, .max_nodes = 1000};
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(d, &stmt, NULL);
	struct json_doc doc;
	struct span text;

	if (!r)
		return;
	if (pg_result_rows(r) != 1) {
		doctor_fail(d, "INSERT INTO holdpoint.config DEFAULT VALUES, as holdpoint_owner",
			"holdpoint.config has %d rows and not one: nothing can be held",
			pg_result_rows(r));
		return;
	}
	text = pg_result_span(r, 0, 0);
	if (json_read(text.ptr, text.len, &limits, d->arena, &doc, NULL) < 0) {
		doctor_fail(d, DOCTOR_UPGRADE, "holdpoint.config cannot be read by this program");
		return;
	}
	if (look_at_settings(d, &doc) + look_at_limits(d, &doc) == 0)
		doctor_ok(d, "only people who are enrolled decide; limits are narrow");
}

/* ---- clocks ---- */

static void compare(
	struct doctor *d, const char *whose, int64_t difference_ms, int64_t tolerance_ms)
{
	int64_t off = difference_ms < 0 ? -difference_ms : difference_ms;
	static const char mend[] = "run chrony or another NTP client on all machines";

	off = off > tolerance_ms ? off - tolerance_ms : 0;
	if (off >= CLOCK_FAIL_S * 1000)
		doctor_fail(d, mend,
			"%s clock differs from this machine's by %.1f s: holds expire, "
			"and events are ordered, by it",
			whose, (double)difference_ms / 1000);
	else if (off >= CLOCK_WARN_S * 1000)
		doctor_warn(d, mend, "%s clock differs from this machine's by %.1f s", whose,
			(double)difference_ms / 1000);
	else
		doctor_ok(d, "%s clock is this machine's", whose);
}

/* Each says once a minute what time it is there. */
static void compare_webhooks(struct doctor *d)
{
	static const struct pg_stmt stmt = {"doctor_clocks",
		"SELECT instance, clock_off_ms FROM holdpoint.guard_instance WHERE cluster = $1 "
		"AND reported_at > now() - interval '5 minutes' AND clock_off_ms IS NOT NULL "
		"ORDER BY 1",
		1};
	const struct span cluster = span_of(d->options.cluster);
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(d, &stmt, &cluster);

	for (int i = 0; r && i < pg_result_rows(r); i++) {
		int64_t off = pg_result_int(r, i, 1);

		if (llabs(off) < CLOCK_WARN_S * 1000)
			continue;
		doctor_say(d, llabs(off) < CLOCK_FAIL_S * 1000 ? DOCTOR_WARN : DOCTOR_FAIL,
			"run chrony or another NTP client on all machines",
			"the clock of %s differs from the database's by %.1f s: conditions about "
			"the time, and times of decisions, go by it",
			pg_result_str(r, i, 0), (double)off / 1000);
	}
}

void doctor_check_clock(struct doctor *d)
{
	static const struct pg_stmt stmt = {
		"doctor_clock", "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint", 0};
	int64_t before = realtime_us() / 1000, after;
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(d, &stmt, NULL);

	after = realtime_us() / 1000;
	if (r)
		compare(d, "the database's", pg_result_int(r, 0, 0) - (before + after) / 2,
			(after - before) / 2);
	compare_webhooks(d);
	/* An HTTP date knows whole seconds only. */
	if (d->kube_date_ms)
		compare(d, "the API server's", d->kube_date_ms - d->kube_asked_ms, 1000);
}

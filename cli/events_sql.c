/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/events_sql.h"

#include "cli/csv.h"
#include "cli/when.h"
#include "common/base/local_time.h"

/*
 * What was asked for, cluster by cluster and each no more than the limit: so every filter that has
 * an index is read in the order of the answer and stops there, however much past there is. The
 * bounds come as values and not as "now() - …", which leaves days out before anything is planned.
 * An event is recorded when it happened or later, but for clocks that differ: what $14 allows for.
 *
 *   $1 user  $2 verbs  $3 resource  $4 namespace  $5 name  $6 code  $7 since  $8 until  $9 cluster
 *   $10 decision  $11 hold  $12 text  $13 limit  $14 recorded since  $15 pattern of users
 *   $16 group  $17 address  $18 user agent  $19 numbers of the hold's reads
 *   $20 {"cluster": after}
 *
 * Some conditions say twice what is asked: once so that an index serves, once exactly; and one verb
 * is asked for in another way than several, as a list of values is not read in order. Whoever acted
 * as the user is another question, so that each is read in order.
 */
#define FILTERED(user)                                                                             \
	"SELECT e.* FROM holdpoint.audit_event e WHERE e.cluster = c.cluster "                     \
	"AND (" user ") "                                                                          \
	"AND ($2::text IS NULL OR CASE WHEN strpos($2, ',') = 0 THEN e.verb = $2 "                 \
	"ELSE e.verb = ANY(string_to_array($2, ',')) END) "                                        \
	"AND ($3::text IS NULL OR (e.resource = substring($3 FROM '^[^/.]*') AND "                 \
	"$3 IN (e.resource, e.resource || '/' || e.subresource, "                                  \
	"e.resource || '.' || e.api_group))) "                                                     \
	"AND ($4::text IS NULL OR e.namespace = $4) AND ($5::text IS NULL OR e.name = $5) "        \
	"AND ($6::text IS NULL OR e.code BETWEEN replace($6, 'x', '0')::int "                      \
	"AND replace($6, 'x', '9')::int) "                                                         \
	"AND e.stage_timestamp >= $7::timestamptz AND e.recorded_at >= $14::timestamptz "          \
	"AND ($8::timestamptz IS NULL OR e.stage_timestamp <= $8) "                                \
	"AND ($10::text IS NULL OR lower(e.decision) = lower($10)) "                               \
	"AND ($11::bigint IS NULL OR e.hold_id = $11::bigint OR e.seq = ANY($19::bigint[])) "      \
	"AND ($12::text IS NULL OR strpos(lower(e.body), lower($12)) > 0) "                        \
	"AND ($16::text IS NULL OR $16 = ANY(e.groups) OR $16 = ANY(e.impersonated_groups)) "      \
	"AND ($17::text IS NULL OR $17 = ANY(e.source_ips)) "                                      \
	"AND ($18::text IS NULL OR strpos(lower(e.user_agent), lower($18)) > 0) "

#define AS_THEMSELVES                                                                              \
	"($1::text IS NULL OR e.username = $1) AND ($15::text IS NULL OR e.username LIKE $15)"
#define AS_THE_USER                                                                                \
	"CASE WHEN $1::text IS NOT NULL THEN e.impersonated_user = $1 AND e.username <> $1 "       \
	"WHEN $15::text IS NOT NULL THEN e.impersonated_user LIKE $15 AND e.username NOT LIKE "    \
	"$15 ELSE false END"

#define CLUSTERS(also, order)                                                                      \
	" FROM holdpoint.audit_cluster_seq s WHERE $9::text IS NULL OR s.cluster = $9) c "         \
	"CROSS JOIN LATERAL (SELECT * FROM ((" FILTERED(AS_THEMSELVES) also order                  \
		") UNION ALL (" FILTERED(AS_THE_USER) also order ")) e " order

/* The newest first, for people; after a known number of each cluster, for programs that go on. */
#define BY_TIME	     "ORDER BY e.stage_timestamp DESC, e.seq DESC LIMIT $13::int"
#define BY_SEQ	     "ORDER BY e.cluster, e.seq LIMIT $13::int"
#define NEWEST(also) " FROM (SELECT s.cluster" CLUSTERS(also, BY_TIME) ") e " LINKED
#define AFTER(also)                                                                                \
	" FROM (SELECT s.cluster, coalesce(($20::jsonb ->> s.cluster)::bigint, 0) AS "             \
	"after" CLUSTERS(also "AND e.seq > c.after ", BY_SEQ) ") e " LINKED

/* People are told of a beginning when no end is known: the patches of the shipped audit policy. */
#define NO_BEGINNINGS                                                                              \
	"AND (e.stage <> 'RequestReceived' OR NOT EXISTS (SELECT FROM holdpoint.audit_event o "    \
	"WHERE o.cluster = e.cluster AND o.audit_id = e.audit_id AND o.stage <> e.stage "          \
	"AND o.recorded_at >= e.recorded_at - interval '1 hour' "                                  \
	"AND holdpoint.is_same_request(e, o))) "

/* What /authorize was asked about a request stands in no annotation. */
#define LINKED                                                                                     \
	"LEFT JOIN LATERAL holdpoint.event_decision(ROW(e.*)::holdpoint.audit_event) d "           \
	"ON e.decision_id IS NULL AND e.stage <> 'RequestReceived' "

/* Who let it pass, or did not. */
#define DECIDED_BY                                                                                 \
	"(SELECT h.decided_by FROM holdpoint.hold h WHERE h.cluster = e.cluster AND h.id = "       \
	"coalesce(e.hold_id, d.hold_id) AND h.state IN ('approved', 'used', 'denied'))"

#define ROW                                                                                        \
	"SELECT e.cluster, e.seq, " SQL_MS(                                                        \
		"e.stage_timestamp") " AS at, e.username || coalesce(' as ' || "                   \
				     "e.impersonated_user, "                                       \
				     "'') AS who, e.verb, coalesce(e.resource || CASE WHEN "       \
				     "e.api_group <> '' THEN '.' || "                              \
				     "e.api_group ELSE '' END || CASE WHEN e.subresource <> '' "   \
				     "THEN '/' || e.subresource "                                  \
				     "ELSE '' END, '') AS what, coalesce(e.namespace, '') AS ns, " \
				     "coalesce(e.name, '') AS "                                    \
				     "name, "                                                      \
				     "e.code, coalesce(e.decision, d.action, '') AS decision, "    \
				     "coalesce(e.hold_id, d.hold_id) AS hold_id, " DECIDED_BY      \
				     " AS decided_by, "                                            \
				     "e.stage, "                                                   \
				     "coalesce(e.request_uri, '') AS uri, "

/* Everything that is kept of an event; the body as it is, or null once erased. */
#define AS_EVENT                                                                                   \
	"json_build_object('cluster', e.cluster, 'seq', e.seq, 'recordedAt', e.recorded_at, "      \
	"'source', e.source, 'decision', coalesce(e.decision, d.action), 'decisionID', "           \
	"coalesce(e.decision_id, d.decision_id), 'hold', coalesce(e.hold_id, d.hold_id), "         \
	"'decidedBy', " DECIDED_BY ", "                                                            \
	"'masked', e.masked, 'event', e.body::json)::text AS line"

/*
 * Open Cybersecurity Schema Framework 1.3, class API Activity (6003). What a class or an object
 * requires is always there; what an event has not is left out, not null.
 */
#define AS_OCSF                                                                                    \
	"json_strip_nulls(json_build_object('class_uid', 6003, 'category_uid', 6, "                \
	"'activity_id', a.id, "                                                                    \
	"'type_uid', "                                                                             \
	"600300 + a.id, 'time', (extract(epoch FROM e.stage_timestamp) * 1000)::bigint, "          \
	"'severity_id', CASE WHEN e.failed_open THEN 4 WHEN e.code >= 400 THEN 2 ELSE 1 END, "     \
	"'status_id', CASE WHEN e.code IS NULL THEN 0 WHEN e.code < 400 THEN 1 ELSE 2 END, "       \
	"'status_code', e.code::text, 'metadata', json_build_object('version', '1.3.0', 'uid', "   \
	"e.cluster || '/' || e.seq, 'correlation_uid', e.audit_id, 'product', json_build_object("  \
	"'name', 'Holdpoint', 'vendor_name', 'Holdpoint')), 'actor', json_build_object('user', "   \
	"json_build_object('name', coalesce(e.username, ''), 'credential_uid', e.credential_id, "  \
	"'groups', "                                                                               \
	"(SELECT json_agg(json_build_object('name', g)) FROM unnest(e.groups) AS g))), 'api', "    \
	"json_build_object('operation', coalesce(nullif(e.verb, ''), 'unknown'), 'version', "      \
	"e.api_version, 'service', "                                                               \
	"json_build_object('name', 'kubernetes'), 'request', json_build_object('uid', "            \
	"e.audit_id), 'response', json_build_object('code', e.code)), 'src_endpoint', "            \
	"json_build_object('ip', e.source_ips[1], 'name', CASE WHEN e.source_ips[1] IS NULL "      \
	"THEN 'unknown' END), 'http_request', json_build_object("                                  \
	"'user_agent', e.user_agent, 'url', CASE WHEN e.request_uri IS NOT NULL THEN "             \
	"json_build_object('path', e.request_uri) END), "                                          \
	"'resources', CASE WHEN e.resource IS NOT NULL THEN json_build_array(json_build_object("   \
	"'type', e.resource, 'name', e.name, "                                                     \
	"'namespace', e.namespace)) END, 'unmapped', json_build_object('cluster', e.cluster, "     \
	"'subresource', e.subresource, 'decision', coalesce(e.decision, d.action), 'hold', "       \
	"coalesce(e.hold_id, d.hold_id), 'stage', "                                                \
	"e.stage, 'impersonated_user', e.impersonated_user)))::text AS line"
#define OCSF_ACTIVITY                                                                              \
	"CROSS JOIN LATERAL (SELECT CASE WHEN e.verb = 'create' THEN 1 WHEN e.verb IN ('get', "    \
	"'list', 'watch') THEN 2 WHEN e.verb IN ('update', 'patch') THEN 3 WHEN e.verb IN "        \
	"('delete', 'deletecollection') THEN 4 ELSE 99 END AS id) a "

#define AS_CSV                                                                                     \
	"SELECT e.cluster, e.seq, " SQL_UTC(                                                       \
		"e.stage_timestamp") " AS time, e.username AS user, e.impersonated_user AS "       \
				     "as_user, array_to_string(e.groups, ' ') AS groups, "         \
				     "array_to_string(e.source_ips, ' ') AS addresses, "           \
				     "e.user_agent, e.verb, e.api_group, e.resource, "             \
				     "e.subresource, e.namespace, e.name, e.request_uri, e.code, " \
				     "coalesce(e.decision, d.action) AS decision, "                \
				     "coalesce(e.hold_id, d.hold_id) AS hold, " DECIDED_BY         \
				     " AS decided_by, "                                            \
				     "coalesce(e.decision_id, d.decision_id) AS decision_id, "     \
				     "e.stage, e.audit_id, e.source, e.masked"

const struct pg_stmt event_statements[EVENT_SHAPES][2] = {
	{{"events", ROW "'' AS line" NEWEST(NO_BEGINNINGS) BY_TIME, 19},
		{"events_after", ROW "'' AS line" AFTER(NO_BEGINNINGS) BY_SEQ, 20}},
	{{"events_json", ROW AS_EVENT NEWEST("") BY_TIME, 19},
		{"events_json_after", ROW AS_EVENT AFTER("") BY_SEQ, 20}},
	{{"events_ocsf", ROW AS_OCSF NEWEST("") OCSF_ACTIVITY BY_TIME, 19},
		{"events_ocsf_after", ROW AS_OCSF AFTER("") OCSF_ACTIVITY BY_SEQ, 20}},
	{{"events_csv", AS_CSV NEWEST(NO_BEGINNINGS) BY_TIME, 19},
		{"events_csv_after", AS_CSV AFTER(NO_BEGINNINGS) BY_SEQ, 20}},
};

const struct pg_stmt event_one_stmt = {"event",
	"SELECT " AS_EVENT " FROM holdpoint.audit_event e LEFT JOIN LATERAL "
	"holdpoint.event_decision(e) d ON true WHERE e.cluster = $1 AND e.seq = $2::bigint",
	2};

const struct pg_stmt event_hold_stmt = {"hold_reads",
	"SELECT array_agg(r.seq)::text AS reads, min(r.cluster) AS cluster "
	"FROM holdpoint.hold_reads($1::bigint) r",
	1};

const struct pg_stmt event_range_stmt = {"range",
	"SELECT " SQL_WHEN("$1") " AS since, " SQL_WHEN("$2") " AS until, " SQL_WHEN(
		"$1") " - interval '1 hour' AS recorded_since",
	2};

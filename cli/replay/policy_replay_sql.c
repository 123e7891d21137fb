/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/replay/policy_replay_sql.h"

#include "cli/csv.h"
#include "cli/when.h"
#include "common/base/local_time.h"

/* An end of a request, and the decision on it. */
#define EVENTS                                                                                     \
	"SELECT e.*, d.decision_id AS decided, d.policy AS decided_by, d.action AS "               \
	"decided_action, "                                                                         \
	"d.enforcement, coalesce(e.impersonated_user, e.username) AS actor, CASE WHEN "            \
	"e.impersonated_user IS NULL THEN e.groups ELSE e.impersonated_groups END AS "             \
	"actor_groups, e.body::json AS b FROM (SELECT x.* FROM holdpoint.audit_event x WHERE "     \
	"x.stage = 'ResponseComplete' AND x.stage_timestamp >= " SQL_WHEN(                         \
		"$1") " AND x.recorded_at >= " SQL_WHEN("$1") " - interval '1 hour' AND "          \
							      "($2::bigint IS NULL OR "            \
							      "x.stage_timestamp <= " SQL_WHEN(    \
								      "$2") ") "                   \
									    "AND ($3::text IS "    \
									    "NULL OR "             \
									    "coalesce(x."          \
									    "impersonated_user, "  \
									    "x.username) = $3) "   \
									    "AND ($4::text IS "    \
									    "NULL OR x.namespace " \
									    "= $4) AND ($5::text " \
									    "IS NULL OR $5 IN "    \
									    "(x.resource, "        \
									    "x.resource || '/' "   \
									    "|| x.subresource, "   \
									    "x.resource || '.' "   \
									    "|| "                  \
									    "x.api_group)) AND "   \
									    "($6::text IS NULL "   \
									    "OR x.cluster = $6) "  \
									    "AND (x.cluster, "     \
									    "x.seq) > ($7::text "  \
									    "COLLATE \"C\", "      \
									    "$8::bigint) ORDER "   \
									    "BY x.cluster, x.seq " \
									    "LIMIT $9::int) e "    \
									    "LEFT JOIN LATERAL "   \
									    "holdpoint.event_"     \
									    "decision(ROW(e.*)::"  \
									    "holdpoint.audit_"     \
									    "event) d ON true"

/* What admission is asked about it. Events and Leases are left out by the registration. */
#define OPERATION                                                                                  \
	"CASE WHEN e.resource IS NULL OR e.resource IN ('events', 'leases') THEN NULL "            \
	"WHEN e.subresource IN ('exec', 'attach', 'portforward', 'proxy') THEN 'CONNECT' "         \
	"WHEN e.verb = 'create' THEN 'CREATE' WHEN e.verb IN ('update', 'patch') THEN 'UPDATE' "   \
	"WHEN e.verb = 'delete' THEN 'DELETE' END"

/* The object that came back, unless it is a Status; and what was sent, unless it is a patch. */
#define STORED                                                                                     \
	"CASE WHEN coalesce(e.code, 0) < 300 AND json_typeof(e.b -> 'responseObject') = 'object' " \
	"AND e.b #>> '{responseObject,kind}' <> 'Status' THEN e.b -> 'responseObject' END"
#define SENT                                                                                       \
	"CASE WHEN e.verb <> 'patch' AND json_typeof(e.b -> 'requestObject') = 'object' THEN "     \
	"e.b -> 'requestObject' END"

#define PARTS                                                                                      \
	"SELECT e.*, " OPERATION " AS operation, " STORED " AS stored, " SENT " AS sent FROM "     \
	"(" EVENTS ") e"
#define OBJECTS                                                                                    \
	"SELECT e.*, CASE WHEN e.operation IN ('CREATE', 'UPDATE') THEN CASE WHEN "                \
	"coalesce(e.subresource, '') = '' THEN coalesce(e.stored, e.sent) ELSE coalesce(e.sent, "  \
	"CASE WHEN e.verb = 'patch' THEN e.stored END) END END AS object, CASE WHEN e.operation "  \
	"= 'DELETE' THEN e.stored END AS old_object FROM (" PARTS ") e"

#define TEXT(value) "to_json(coalesce(" value ", ''))::text"
#define USER                                                                                       \
	"json_strip_nulls(json_build_object('username', e.actor, 'groups', "                       \
	"coalesce(e.actor_groups, '{}'), 'uid', CASE WHEN e.impersonated_user IS NULL THEN "       \
	"e.b #> '{user,uid}' END, 'extra', CASE WHEN e.impersonated_user IS NULL THEN "            \
	"e.b #> '{user,extra}' END))::text"
#define ADMISSION                                                                                                                                                                                                                                                                                      \
	"CASE WHEN e.operation IS NOT NULL THEN "                                                                                                                                                                                                                                                      \
	"'{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{"                                                                                                                                                                                                          \
	"\"uid\":' || to_json(e.audit_id)::text || ',\"kind\":{\"group\":' || " TEXT(                                                                                                                                                                                                                  \
		"e.api_group") " || ',\"version\":' || " TEXT("e.api_version") " || ',\"kind\":' "                                                                                                                                                                                                     \
									       "|| " TEXT(                                                                                                                                                                                                             \
										       "coales"                                                                                                                                                                                                        \
										       "ce(e."                                                                                                                                                                                                         \
										       "object"                                                                                                                                                                                                        \
										       ", "                                                                                                                                                                                                            \
										       "e.old_"                                                                                                                                                                                                        \
										       "object"                                                                                                                                                                                                        \
										       ") ->> "                                                                                                                                                                                                        \
										       "'kind"                                                                                                                                                                                                         \
										       "'") " "                                                                                                                                                                                                        \
											    "|"                                                                                                                                                                                                        \
											    "|"                                                                                                                                                                                                        \
											    " "                                                                                                                                                                                                        \
											    "'"                                                                                                                                                                                                        \
											    "}"                                                                                                                                                                                                        \
											    ","                                                                                                                                                                                                        \
											    "\"re"                                                                                                                                                                                                     \
											    "sour"                                                                                                                                                                                                     \
											    "ce\""                                                                                                                                                                                                     \
											    ":{"                                                                                                                                                                                                       \
											    "\"gr"                                                                                                                                                                                                     \
											    "oup"                                                                                                                                                                                                      \
											    "\":'"                                                                                                                                                                                                     \
											    " ||"                                                                                                                                                                                                      \
											    " " TEXT("e.api_group") " || ',\"version\":' || " TEXT(                                                                                                                                                    \
												    "e.api_version") " "                                                                                                                                                                               \
														     "|| ',\"resource\":' || " TEXT(                                                                                                                                                   \
															     "e.resource") " || '}' || CASE WHEN e.subresource <> '' "                                                                                                                 \
																	   "THEN ',\"subResource\":' || " TEXT(                                                                                                                        \
																		   "e.subresource") " ELSE '' END || CASE WHEN "                                                                                                       \
																				    "e.name <> '' THEN ',\"name\":' || " TEXT(                                                                                         \
																					    "e.name") " ELSE '' END || CASE WHEN "                                                                                     \
																						      "e.namespace <> '' THEN ',\"namespace\":' || " TEXT(                                                             \
																							      "e.namespace") " ELSE '' END || "                                                                        \
																									     "',\"operation\":\"' || e.operation || '\",\"userInfo\":' || " USER                       \
																									     " || "                                                                                    \
																									     "',\"object\":' || coalesce(e.object::text, 'null') || ',\"oldObject\":' || "             \
																									     "coalesce(e.old_object::text, 'null') || ',\"dryRun\":' || CASE WHEN e.request_uri LIKE " \
																									     "'%dryRun=All%' THEN 'true' ELSE 'false' END || '}}' END"
#define ACCESS                                                                                     \
	"json_build_object('apiVersion', 'authorization.k8s.io/v1', 'kind', "                      \
	"'SubjectAccessReview', 'spec', json_strip_nulls(json_build_object('user', e.actor, "      \
	"'groups', coalesce(e.actor_groups, '{}'), 'resourceAttributes', CASE WHEN e.resource IS " \
	"NOT NULL THEN json_build_object('verb', e.verb, 'group', nullif(e.api_group, ''), "       \
	"'version', e.api_version, 'resource', e.resource, 'subresource', nullif(e.subresource, "  \
	"''), 'namespace', nullif(e.namespace, ''), 'name', nullif(e.name, '')) END, "             \
	"'nonResourceAttributes', CASE WHEN e.resource IS NULL THEN json_build_object('verb', "    \
	"e.verb, 'path', split_part(coalesce(e.request_uri, ''), '?', 1)) END)))::text"

/* What a policy that is only tried says comes to less. */
#define SAID                                                                                       \
	"CASE WHEN e.decided IS NOT NULL AND e.decided_by IS NULL AND e.decided_action = 'Deny' "  \
	"THEN 'other' WHEN e.decided IS NOT NULL THEN CASE e.enforcement WHEN 'Enforce' THEN "     \
	"e.decided_action WHEN 'Warn' THEN CASE WHEN e.decided_action IN ('Hold', 'Deny') THEN "   \
	"'Warn' ELSE e.decided_action END ELSE 'Audit' END WHEN e.decision IS NOT NULL THEN "      \
	"e.decision WHEN e.code >= 400 THEN 'other' ELSE 'None' END"
#define MISSING                                                                                    \
	"CASE WHEN e.erased_at IS NOT NULL THEN 'it is erased' WHEN e.verb = 'deletecollection' "  \
	"THEN 'a deletecollection, of which each object is not recorded' WHEN e.truncated THEN "   \
	"'it was recorded in part' ELSE '' END"

const struct pg_stmt policy_replay_page = {"policy_replay_page",
	"SELECT " SQL_MS("e.stage_timestamp") " AS at, " SQL_UTC(
		"e.stage_timestamp") " AS time, e.cluster, e.seq, e.actor AS username, e.verb, "
				     "coalesce(e.resource || CASE WHEN e.api_group <> '' THEN '.' "
				     "|| e.api_group ELSE '' END "
				     "|| CASE WHEN e.subresource <> '' THEN '/' || e.subresource "
				     "ELSE '' END, "
				     "split_part(coalesce(e.request_uri, ''), '?', 1)) AS what, "
				     "coalesce(e.namespace, '') AS "
				     "namespace, coalesce(e.name, '') AS name, e.masked > 0 AS "
				     "masked, " SAID " AS said, " MISSING
				     " AS missing, CASE WHEN " MISSING " = '' THEN " ADMISSION
				     " END AS admission, "
				     "CASE WHEN " MISSING " = '' THEN " ACCESS
				     " END AS access, e.operation = 'DELETE' OR "
				     "e.object IS NOT NULL AS has_object, e.operation = 'CREATE' "
				     "OR (e.operation = 'DELETE' "
				     "AND e.old_object IS NOT NULL) AS has_old FROM (" OBJECTS
				     ") e ORDER BY e.cluster, e.seq",
	9};

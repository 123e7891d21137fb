/* SPDX-License-Identifier: Apache-2.0 */
/* Racers that ask for holds, and what holds and their events must look like whatever they did. */
#pragma once

#include "db/race.h"

static struct racer racers[RACERS_MAX];

static inline void setup(void)
{
	admin("DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'wh') THEN"
	      " CREATE ROLE sre; CREATE ROLE wh LOGIN IN ROLE holdpoint_webhook;"
	      " CREATE ROLE alice LOGIN IN ROLE holdpoint_approver, sre;"
	      " CREATE ROLE bob LOGIN IN ROLE holdpoint_approver, sre;"
	      " CREATE ROLE security; CREATE ROLE carol LOGIN IN ROLE holdpoint_approver, security;"
	      " CREATE ROLE alice_admin LOGIN IN ROLE holdpoint_approver, sre, security;"
	      " PERFORM holdpoint.map_approver('alice', 'alice@example.com');"
	      " PERFORM holdpoint.add_login('alice', 'alice_admin');"
	      " UPDATE holdpoint.config SET kubernetes_approvals = 'direct';"
	      " INSERT INTO holdpoint.authorize_note (cluster, kind, username, at)"
	      " SELECT 'c1', 'review', n, now() + interval '1 day'"
	      " FROM unnest('{sue,alice@example.com}'::text[]) AS n;"
	      " END IF; END $$");
	admin("UPDATE holdpoint.config SET repeat_window = DEFAULT, denial_stands = '0',"
	      " max_pending_per_user = 1000, denials_within = '0'");
}

/* The question about the object %s of fingerprint %s, but for what it takes to approve it. */
#define QUESTION                                                                                   \
	"p_cluster => 'c1', p_fingerprint => sha256('%s'), p_username => 'agent',"                 \
	" p_groups => '{ai}', p_operation => 'DELETE', p_api_group => 'apps',"                     \
	" p_api_version => 'v1', p_resource => 'deployments', p_subresource => '',"                \
	" p_namespace => 'prod', p_name => '%s', p_policy => 'agents', p_rule => 'deletes',"       \
	" p_policy_digest => NULL, p_message => 'needs a human', p_change => '{}',"                \
	" p_dry_run => false, p_request_uid => 'uid', p_window => NULL,"                           \
	" p_require_reason => false"

/* hold_find_or_create for the object `name`; the answer is `column` of its row. */
static inline void ask(char sql[1024], const char *column, const char *name, const char *terms)
{
	snprintf(sql, 1024, "SELECT %s FROM holdpoint.hold_find_or_create(" QUESTION ", %s)",
		column, name, name, terms);
}

#define REPEATS 5 /* config.max_repeats */

#define TERMS(min, expires, grant, uses)                                                           \
	"p_approvers => '{sre}', p_min_approvals => " min ", p_expires => '" expires               \
	"', p_grant => '" grant "', p_max_uses => " uses
#define ONCE	     TERMS("1", "1 hour", "Once", "NULL")
#define ONCE_TWO     TERMS("2", "1 hour", "Once", "NULL")
#define ONCE_BRIEFLY TERMS("1", "1 second", "Once", "NULL")
#define WINDOW_TEN   TERMS("1", "1 hour", "Window", "10, p_scope => 'Namespace'")

static inline long make_hold(const char *name, const char *terms)
{
	char sql[1024], answer[128];
	PGconn *conn = race_connect("wh");

	ask(sql, "hold_id", name, terms);
	race_run(conn, sql, answer);
	PQfinish(conn);
	ck_assert_msg(strtol(answer, NULL, 10) > 0, "%s", answer);
	return strtol(answer, NULL, 10);
}

__attribute__((format(printf, 3, 4))) static inline void racer_set(
	unsigned i, const char *login, const char *format, ...)
{
	va_list args;

	racers[i].conn = race_connect(login);
	va_start(args, format);
	vsnprintf(racers[i].sql, sizeof(racers[i].sql), format, args);
	va_end(args);
}

static inline void ask_at_once(
	unsigned count, const char *column, const char *name, const char *terms)
{
	for (unsigned i = 0; i < count; i++)
		ask(racers[i].sql, column, name, terms);
	race(racers, count);
}

/*
 * The events of a hold tell its state: at most one ends it, nothing follows that, and an approval
 * stands before each use.
 */
static inline void check_events_tell_state(long hold)
{
	ck_assert_str_eq(admin("SELECT (SELECT e.state_after FROM holdpoint.hold_event e"
			       " WHERE e.hold_id = h.id ORDER BY e.id DESC LIMIT 1) = h.state"
			       " FROM holdpoint.hold h WHERE h.id = %ld",
				 hold),
		"t");
	ck_assert_str_eq(admin("SELECT count(*) <= 1 AND coalesce(max(id) = (SELECT max(id) FROM"
			       " holdpoint.hold_event WHERE hold_id = %ld AND action <> 'repeat'),"
			       " true)"
			       " FROM holdpoint.hold_event WHERE hold_id = %ld AND state_after IN"
			       " ('used', 'denied', 'expired', 'withdrawn')"
			       " AND action <> 'repeat'",
				 hold, hold),
		"t");
	ck_assert_str_eq(admin("SELECT count(*) = 0 FROM holdpoint.hold_event u"
			       " WHERE u.hold_id = %ld AND u.action = 'use' AND NOT EXISTS"
			       " (SELECT FROM holdpoint.hold_event a WHERE a.hold_id = u.hold_id"
			       " AND a.action = 'approve' AND a.id < u.id)",
				 hold),
		"t");
}

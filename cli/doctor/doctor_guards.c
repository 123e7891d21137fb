/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What protects the record inside the database: triggers, row-level security, grants, and settings
 * of the server that switch them off or forget what was recorded.
 */
#include <stdio.h>

#include "cli/doctor/doctor_internal.h"

#define RESTORE                                                                                    \
	"restore the schema of a database that holdpoint db migrate has just made: pg_dump "       \
	"--schema-only --schema=holdpoint"

/* ---- triggers ---- */

/* Without these somebody could write what only functions may, or change what is evidence. */
#define NEEDED_TRIGGERS                                                                            \
	"('hold', 'hold_guard'), ('hold', 'refuse_change'), ('hold', 'refuse_delete'), "           \
	"('hold', 'refuse_truncate'), ('hold_event', 'stamp'), ('hold_event', 'refuse_change'), "  \
	"('hold_event', 'refuse_truncate'), ('hold_review', 'hold_review_guard'), "                \
	"('hold_review', 'refuse_change'), ('hold_review', 'refuse_delete'), "                     \
	"('admin_event', 'stamp'), ('admin_event', 'refuse_change'), "                             \
	"('admin_event', 'refuse_truncate'), ('config', 'record_config'), "                        \
	"('cluster_config', 'record_config'), ('identity', 'identity_guard'), "                    \
	"('identity', 'record_identity'), ('person', 'person_guard'), "                            \
	"('person', 'record_identity'), ('decision', 'refuse_change'), "                           \
	"('decision', 'refuse_time'), ('audit_event', 'refuse_change'), "                          \
	"('audit_event', 'refuse_event_change'), ('audit_batch', 'refuse_change'), "               \
	"('policy_version', 'refuse_change'), ('policy_load', 'refuse_change')"

static size_t look_at_triggers(struct doctor *d)
{
	static const struct pg_stmt stmt = {"doctor_triggers",
		"SELECT w.tab, string_agg(w.trig, ', ' ORDER BY w.trig) FROM ("
		"  SELECT n.tab, n.trig FROM (VALUES " NEEDED_TRIGGERS ") AS n(tab, trig)"
		"  WHERE NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgname = n.trig"
		"    AND t.tgrelid = to_regclass('holdpoint.' || n.tab))"
		"  UNION SELECT c.relname::text, t.tgname::text FROM pg_trigger t"
		"  JOIN pg_class c ON c.oid = t.tgrelid"
		"  WHERE c.relnamespace = to_regnamespace('holdpoint')"
		"    AND t.tgenabled NOT IN ('O', 'A')) AS w GROUP BY w.tab ORDER BY 1 LIMIT 20",
		0};
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(d, &stmt, NULL);

	for (int i = 0; r && i < pg_result_rows(r); i++)
		doctor_fail(d,
			doctor_text(d,
				"ALTER TABLE holdpoint.%s ENABLE TRIGGER ALL; those that are "
				"gone: " RESTORE,
				pg_result_str(r, i, 0)),
			"triggers of holdpoint.%s are switched off or gone: %s; whoever may write "
			"there can forge or change the record",
			pg_result_str(r, i, 0), pg_result_str(r, i, 1));
	return r ? (size_t)pg_result_rows(r) : 1;
}

static size_t look_at_row_security(struct doctor *d)
{
	static const struct pg_stmt stmt = {"doctor_row_security",
		"SELECT c.relname FROM pg_class c WHERE c.relnamespace = "
		"to_regnamespace('holdpoint') "
		"AND c.relname IN ('hold', 'hold_event', 'hold_review') AND NOT c.relrowsecurity "
		"ORDER BY 1",
		0};
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(d, &stmt, NULL);

	for (int i = 0; r && i < pg_result_rows(r); i++)
		doctor_fail(d,
			doctor_text(d, "ALTER TABLE holdpoint.%s ENABLE ROW LEVEL SECURITY",
				pg_result_str(r, i, 0)),
			"holdpoint.%s has no row-level security: every approver sees the holds of "
			"all groups",
			pg_result_str(r, i, 0));
	return r ? (size_t)pg_result_rows(r) : 1;
}

void doctor_check_guards(struct doctor *d)
{
	if (look_at_triggers(d) + look_at_row_security(d) == 0)
		doctor_ok(d, "triggers and row-level security are as they should be");
}

/* ---- grants ---- */

/* Writing by hand that Holdpoint's roles need; everything else is done by functions. */
#define GRANTED_WRITES                                                                             \
	"('config', 'holdpoint_admin', 'UPDATE'), "                                                \
	"('cluster_config', 'holdpoint_admin', 'INSERT'), "                                        \
	"('cluster_config', 'holdpoint_admin', 'UPDATE'), "                                        \
	"('cluster_config', 'holdpoint_admin', 'DELETE'), "                                        \
	"('decision', 'holdpoint_webhook', 'INSERT'), "                                            \
	"('audit_event', 'holdpoint_auditsink', 'INSERT'), "                                       \
	"('audit_quarantine', 'holdpoint_auditsink', 'INSERT')"

void doctor_check_grants(struct doctor *d)
{
	static const struct pg_stmt stmt = {"doctor_grants",
		"WITH g AS ("
		"  SELECT c.relname::text AS what, a.grantee, a.privilege_type AS privilege"
		"  FROM pg_class c, aclexplode(c.relacl) a"
		"  WHERE c.relnamespace = to_regnamespace('holdpoint') AND a.grantee <> c.relowner"
		"  UNION SELECT c.relname::text, a.grantee, a.privilege_type"
		"  FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, "
		"    aclexplode(t.attacl) a"
		"  WHERE c.relnamespace = to_regnamespace('holdpoint') AND a.grantee <> c.relowner"
		"  UNION SELECT p.proname || '()', a.grantee, a.privilege_type"
		"  FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a"
		"  WHERE p.pronamespace = to_regnamespace('holdpoint') AND a.grantee <> p.proowner"
		") SELECT g.what, coalesce(r.rolname, 'PUBLIC'), string_agg(g.privilege, ', ' "
		"ORDER "
		"BY g.privilege) "
		"FROM g LEFT JOIN pg_roles r ON r.oid = g.grantee "
		"WHERE NOT coalesce(r.rolsuper, false) AND CASE "
		"  WHEN g.privilege IN ('SELECT', 'REFERENCES') THEN g.grantee = 0 "
		"  WHEN g.privilege = 'EXECUTE' THEN coalesce(r.rolname !~ '^holdpoint_', true) "
		"  ELSE NOT EXISTS (SELECT FROM (VALUES " GRANTED_WRITES ") AS w(what, who, may) "
		"    WHERE w.what = g.what AND w.who = r.rolname AND w.may = g.privilege) END "
		"GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 20",
		0};
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(d, &stmt, NULL);

	for (int i = 0; r && i < pg_result_rows(r); i++) {
		const char *what = pg_result_str(r, i, 0), *who = pg_result_str(r, i, 1);
		bool is_function = strchr(what, '(') != NULL;

		doctor_fail(d,
			is_function
				? doctor_text(d,
					  "REVOKE EXECUTE ON FUNCTION holdpoint.%.*s FROM \"%s\"",
					  (int)strcspn(what, "("), what, who)
				: doctor_text(d, "REVOKE %s ON holdpoint.%s FROM \"%s\"",
					  pg_result_str(r, i, 2), what, who),
			"%s has %s on holdpoint.%s, which db/README.md gives to nobody: it goes "
			"around what Holdpoint decides",
			who, pg_result_str(r, i, 2), what);
	}
	if (r && pg_result_rows(r) == 0)
		doctor_ok(d, "nobody has more rights than the migrations give");
}

/* ---- settings of the server ---- */

static const struct unsafe_setting {
	const char *name, *good; /* any of these, with blanks around each */
	enum doctor_status status;
	const char *why;
} unsafe_settings[] = {
	{"session_replication_role", " origin local ", DOCTOR_FAIL,
		"no trigger fires: the record can be forged and changed"},
	{"default_transaction_read_only", " off ", DOCTOR_FAIL, "nothing can be held or recorded"},
	{"default_transaction_isolation", " read committed read uncommitted ", DOCTOR_FAIL,
		"decisions and requests would see what was so when their transaction began"},
	{"fsync", " on ", DOCTOR_WARN, "a crash of the machine may lose the record, or all of it"},
	{"full_page_writes", " on ", DOCTOR_WARN,
		"a crash of the machine may damage what is recorded"},
	{"synchronous_commit", " on local remote_write remote_apply ", DOCTOR_WARN,
		"a crash may lose decisions that people and API servers were told of"},
};

static bool is_good(const struct unsafe_setting *u, const char *value)
{
	char sought[64];

	snprintf(sought, sizeof(sought), " %s ", value);
	return strstr(u->good, sought) != NULL;
}

/* The server's own, and what databases and logins have instead. */
void doctor_check_settings(struct doctor *d)
{
	static const struct pg_stmt stmt = {"doctor_settings",
		"SELECT name, setting, 'the server', 'ALTER SYSTEM RESET ' || name FROM "
		"pg_settings "
		"WHERE name IN ('session_replication_role', 'default_transaction_read_only', "
		"  'default_transaction_isolation', 'fsync', 'full_page_writes', "
		"  'synchronous_commit') AND source NOT IN ('database', 'user', 'database user') "
		"UNION ALL SELECT lower(split_part(c.s, '=', 1)), split_part(c.s, '=', 2), "
		"  coalesce('login ' || r.rolname, 'database ' || current_database()), "
		"  CASE WHEN r.rolname IS NULL THEN format('ALTER DATABASE %I', "
		"current_database()) "
		"    ELSE format('ALTER ROLE %I', r.rolname) END || ' RESET ' || "
		"split_part(c.s, '=', 1) "
		"FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole "
		"LEFT JOIN pg_database b ON b.oid = s.setdatabase, unnest(s.setconfig) AS c(s) "
		"WHERE coalesce(b.datname, current_database()) = current_database() "
		"AND (s.setrole = 0 OR NOT r.rolsuper AND EXISTS (SELECT FROM pg_roles g WHERE "
		"  g.rolname ~ '^holdpoint_' AND pg_has_role(r.oid, g.oid, 'MEMBER'))) ORDER BY 3, "
		"1",
		0};
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(d, &stmt, NULL);
	size_t bad = 0;

	for (int i = 0; r && i < pg_result_rows(r); i++) {
		for (size_t k = 0; k < ARRAY_LEN(unsafe_settings); k++) {
			const struct unsafe_setting *u = &unsafe_settings[k];

			if (strcmp(pg_result_str(r, i, 0), u->name) != 0 ||
				is_good(u, pg_result_str(r, i, 1)))
				continue;
			bad++;
			doctor_say(d, u->status, doctor_text(d, "%s", pg_result_str(r, i, 3)),
				"%s has %s = %s: %s", pg_result_str(r, i, 2), u->name,
				pg_result_str(r, i, 1), u->why);
		}
	}
	if (r && bad == 0)
		doctor_ok(d, "no setting of the server switches off what protects the record");
}

-- SPDX-License-Identifier: Apache-2.0
-- What holds for every object of the schema, whoever adds the next one.

SELECT t.is(NULL, string_agg(c.relname || '.' || a.attname, ' ' ORDER BY 1),
  'columns without a comment')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'holdpoint'::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT c.relispartition AND col_description(c.oid, a.attnum) IS NULL;
SELECT t.is(NULL, string_agg(c.relname, ' ' ORDER BY 1), 'tables and views without a comment')
FROM pg_class c
WHERE c.relnamespace = 'holdpoint'::regnamespace AND c.relkind IN ('r', 'p', 'v')
  AND NOT c.relispartition AND obj_description(c.oid, 'pg_class') IS NULL;
SELECT t.is(NULL, string_agg(y.typname, ' ' ORDER BY 1), 'composite types without a comment')
FROM pg_type y JOIN pg_class c ON c.oid = y.typrelid AND c.relkind = 'c'
WHERE y.typnamespace = 'holdpoint'::regnamespace AND obj_description(y.oid, 'pg_type') IS NULL;
SELECT t.is(NULL, string_agg(p.proname, ' ' ORDER BY 1),
  'functions that others may call, without a comment')
FROM pg_proc p
WHERE p.pronamespace = 'holdpoint'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL
  AND EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee <> p.proowner);

SELECT t.is(NULL, string_agg(p.proname, ' ' ORDER BY 1), 'functions that PUBLIC may call')
FROM pg_proc p
WHERE p.pronamespace = 'holdpoint'::regnamespace
  AND (p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = 0));
SELECT t.is(NULL, string_agg(c.relname, ' ' ORDER BY 1), 'tables that PUBLIC may touch')
FROM pg_class c, aclexplode(c.relacl) a
WHERE c.relnamespace = 'holdpoint'::regnamespace AND a.grantee = 0;
-- No caller's search_path gives another meaning to what a function says: names are bound when it is
-- made (SQL bodies), or looked up in a search_path of its own.
SELECT t.is(NULL, string_agg(p.proname, ' ' ORDER BY 1),
  'functions that depend on the caller''s search_path')
FROM pg_proc p
WHERE p.pronamespace = 'holdpoint'::regnamespace AND p.prosqlbody IS NULL AND NOT EXISTS (
  SELECT FROM unnest(p.proconfig) AS c
  WHERE c = 'search_path=pg_catalog, holdpoint, pg_temp');
SELECT t.is(NULL, string_agg(c.relname, ' ' ORDER BY 1), 'objects not owned by holdpoint_owner')
FROM pg_class c
WHERE c.relnamespace = 'holdpoint'::regnamespace AND c.relowner <> 'holdpoint_owner'::regrole;
SELECT t.is(NULL, string_agg(p.proname, ' ' ORDER BY 1), 'functions not owned by holdpoint_owner')
FROM pg_proc p
WHERE p.pronamespace = 'holdpoint'::regnamespace AND p.proowner <> 'holdpoint_owner'::regrole;

-- Who may write to a table by hand: the two daemons may insert, administrators configure, and nothing
-- else is granted.
SELECT t.is('cluster_config:DELETE:holdpoint_admin cluster_config:INSERT:holdpoint_admin '
  'cluster_config:UPDATE:holdpoint_admin config:UPDATE:holdpoint_admin decision:INSERT:holdpoint_webhook',
  string_agg(c.relname || ':' || a.privilege_type || ':' || a.grantee::regrole,
    ' ' ORDER BY c.relname, a.privilege_type),
  'write privileges')
FROM pg_class c, aclexplode(c.relacl) a
WHERE c.relnamespace = 'holdpoint'::regnamespace AND a.privilege_type <> 'SELECT'
  AND c.relkind IN ('r', 'p', 'v') AND a.grantee <> c.relowner;

SELECT t.is('audit_event:INSERT:holdpoint_auditsink audit_quarantine:INSERT:holdpoint_auditsink',
  (SELECT string_agg(DISTINCT c.relname || ':' || a.privilege_type || ':' || a.grantee::regrole, ' ')
  FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
  WHERE c.relnamespace = 'holdpoint'::regnamespace), 'write privileges on columns');
SELECT t.is('audit_event.erased_at audit_event.recorded_at audit_quarantine.recorded_at',
  string_agg(c.relname || '.' || t.attname, ' ' ORDER BY c.relname, t.attname),
  'columns that are the database''s')
FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid AND t.attnum > 0
WHERE c.oid IN ('holdpoint.audit_event'::regclass, 'holdpoint.audit_quarantine'::regclass)
  AND NOT has_column_privilege('sink', c.oid, t.attnum, 'INSERT');

-- Keys: large tables start with cluster, no unique index is without it, no foreign key crosses it.
SELECT t.is(NULL, string_agg(i.indrelid::regclass::text || ':' || i.indexrelid::regclass,
  ' ' ORDER BY 1),
  'unique indexes of large tables that do not contain cluster')
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_attribute k ON k.attrelid = c.oid AND k.attname = 'cluster'
WHERE c.relnamespace = 'holdpoint'::regnamespace AND i.indisunique
  AND NOT k.attnum = ANY(i.indkey);
SELECT t.is('hold_event:cluster,hold_id hold_review:cluster,hold_id identity:person outbox_delivery:cluster,outbox_id person:owner policy_load:digest',
  string_agg(f.name, ' ' ORDER BY f.name), 'foreign keys')
FROM (SELECT c.relname || ':' || (
    SELECT string_agg(a.attname, ',' ORDER BY k.n)
    FROM unnest(con.conkey) WITH ORDINALITY AS k(attnum, n)
    JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.attnum) AS name
  FROM pg_constraint con JOIN pg_class c ON c.oid = con.conrelid
  WHERE con.contype = 'f' AND con.connamespace = 'holdpoint'::regnamespace) AS f;

SELECT t.done();

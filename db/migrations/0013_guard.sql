-- SPDX-License-Identifier: Apache-2.0
-- Whether the guard is asked: what each webhook says of itself once a minute. One row a process,
-- gone a week after its last word; from them a replica learns that another one is asked for
-- authorization, and `holdpoint doctor` what is in force.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE TABLE holdpoint.guard_instance (
  cluster text NOT NULL CHECK (octet_length(cluster) BETWEEN 1 AND 253),
  instance text NOT NULL CHECK (octet_length(instance) BETWEEN 1 AND 253),
  reported_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  started_at timestamptz,
  version text NOT NULL DEFAULT '',
  rules int NOT NULL DEFAULT 0,
  authorization_rules int NOT NULL DEFAULT 0,
  unasked int NOT NULL DEFAULT 0,
  validate_at timestamptz,
  mutate_at timestamptz,
  authorize_at timestamptz,
  settings jsonb NOT NULL DEFAULT '{}' CHECK (octet_length(settings::text) <= 16384),
  PRIMARY KEY (cluster, instance)
);
COMMENT ON TABLE holdpoint.guard_instance IS 'What each webhook says of itself, once a minute.';
COMMENT ON COLUMN holdpoint.guard_instance.cluster IS 'The cluster that it guards.';
COMMENT ON COLUMN holdpoint.guard_instance.instance IS 'Host name of the process.';
COMMENT ON COLUMN holdpoint.guard_instance.reported_at IS 'Its last word.';
COMMENT ON COLUMN holdpoint.guard_instance.started_at IS 'When the process started.';
COMMENT ON COLUMN holdpoint.guard_instance.version IS 'Of Holdpoint.';
COMMENT ON COLUMN holdpoint.guard_instance.rules IS 'Rules in force.';
COMMENT ON COLUMN holdpoint.guard_instance.authorization_rules IS
  'Of these, rules with verbs: they need an authorizer.';
COMMENT ON COLUMN holdpoint.guard_instance.unasked IS
  'Of these, rules that no API server asks about, as far as the process knows.';
COMMENT ON COLUMN holdpoint.guard_instance.validate_at IS 'When /validate was last asked.';
COMMENT ON COLUMN holdpoint.guard_instance.mutate_at IS 'When /mutate was last asked.';
COMMENT ON COLUMN holdpoint.guard_instance.authorize_at IS 'When /authorize was last asked.';
COMMENT ON COLUMN holdpoint.guard_instance.settings IS 'Its flags, as far as they protect.';

CREATE FUNCTION holdpoint.guard_time(p_report jsonb, p_key text)
RETURNS timestamptz LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT to_timestamp((p_report ->> p_key)::bigint);
END;
REVOKE ALL ON FUNCTION holdpoint.guard_time FROM PUBLIC;

-- Keeps the report; returns when any replica of the cluster was last asked for authorization.
CREATE FUNCTION holdpoint.guard_report(p_cluster text, p_instance text, p_report jsonb)
RETURNS timestamptz LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, holdpoint, pg_temp
BEGIN ATOMIC
  DELETE FROM holdpoint.guard_instance AS g
  WHERE g.cluster = p_cluster AND g.reported_at < now() - interval '7 days';
  INSERT INTO holdpoint.guard_instance AS g (cluster, instance, started_at, version, rules,
    authorization_rules, unasked, validate_at, mutate_at, authorize_at, settings)
  VALUES (p_cluster, p_instance, holdpoint.guard_time(p_report, 'startedAt'),
    left(coalesce(p_report ->> 'version', ''), 100), coalesce((p_report ->> 'rules')::int, 0),
    coalesce((p_report ->> 'authorizationRules')::int, 0),
    coalesce((p_report ->> 'unasked')::int, 0), holdpoint.guard_time(p_report, 'validate'),
    holdpoint.guard_time(p_report, 'mutate'), holdpoint.guard_time(p_report, 'authorize'),
    coalesce(p_report -> 'settings', '{}'))
  ON CONFLICT ON CONSTRAINT guard_instance_pkey DO UPDATE SET
    reported_at = clock_timestamp(), started_at = excluded.started_at,
    version = excluded.version, rules = excluded.rules,
    authorization_rules = excluded.authorization_rules, unasked = excluded.unasked,
    validate_at = greatest(g.validate_at, excluded.validate_at),
    mutate_at = greatest(g.mutate_at, excluded.mutate_at),
    authorize_at = greatest(g.authorize_at, excluded.authorize_at),
    settings = excluded.settings;
  SELECT max(g.authorize_at) FROM holdpoint.guard_instance g WHERE g.cluster = p_cluster;
END;
COMMENT ON FUNCTION holdpoint.guard_report(text, text, jsonb) IS
  'A webhook says of itself what is in force and when it was asked; returns when /authorize was last asked, at any replica of the cluster.';
REVOKE ALL ON FUNCTION holdpoint.guard_report FROM PUBLIC;
GRANT EXECUTE ON FUNCTION holdpoint.guard_report TO holdpoint_webhook;
GRANT SELECT ON holdpoint.guard_instance TO holdpoint_auditor;

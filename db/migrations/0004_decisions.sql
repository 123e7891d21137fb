-- SPDX-License-Identifier: Apache-2.0
-- Policy versions and decision records. The webhook copies decisions in, in batches.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE TABLE holdpoint.policy_version (
  digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
  text text COMPRESSION lz4 NOT NULL CHECK (octet_length(text) <= 16777216),
  first_loaded_at timestamptz NOT NULL DEFAULT now(),
  database_user text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE holdpoint.policy_version IS
  'Append-only: every set of policies that was ever in force.';
COMMENT ON COLUMN holdpoint.policy_version.digest IS 'SHA-256 of the set''s canonical content.';
COMMENT ON COLUMN holdpoint.policy_version.text IS 'The policies as YAML.';
COMMENT ON COLUMN holdpoint.policy_version.first_loaded_at IS 'When a webhook first loaded it.';
COMMENT ON COLUMN holdpoint.policy_version.database_user IS 'The login that recorded it.';
SELECT holdpoint.make_append_only('holdpoint.policy_version');

CREATE TABLE holdpoint.policy_load (
  cluster text NOT NULL,
  id bigint GENERATED ALWAYS AS IDENTITY,
  at timestamptz NOT NULL DEFAULT now(),
  digest bytea NOT NULL REFERENCES holdpoint.policy_version,
  instance text NOT NULL,
  PRIMARY KEY (cluster, id)
);
COMMENT ON TABLE holdpoint.policy_load IS
  'Append-only: which replica put which policies into force, and when.';
COMMENT ON COLUMN holdpoint.policy_load.cluster IS 'The cluster guarded.';
COMMENT ON COLUMN holdpoint.policy_load.id IS 'Its number.';
COMMENT ON COLUMN holdpoint.policy_load.at IS 'When.';
COMMENT ON COLUMN holdpoint.policy_load.digest IS 'The policies, see policy_version.';
COMMENT ON COLUMN holdpoint.policy_load.instance IS 'The replica: host or pod name.';
SELECT holdpoint.make_append_only('holdpoint.policy_load');

CREATE FUNCTION holdpoint.stamp_policy_version() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  NEW.first_loaded_at := now();
  NEW.database_user := session_user;
  RETURN NEW;
END
$$;
CREATE TRIGGER stamp BEFORE INSERT ON holdpoint.policy_version
  FOR EACH ROW EXECUTE FUNCTION holdpoint.stamp_policy_version();

CREATE FUNCTION holdpoint.stamp_policy_load() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  NEW.at := now();
  RETURN NEW;
END
$$;
CREATE TRIGGER stamp BEFORE INSERT ON holdpoint.policy_load
  FOR EACH ROW EXECUTE FUNCTION holdpoint.stamp_policy_load();

CREATE FUNCTION holdpoint.policy_loaded(p_cluster text, p_digest bytea, p_text text,
  p_instance text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  INSERT INTO holdpoint.policy_version (digest, text) VALUES (p_digest, p_text)
  ON CONFLICT (digest) DO NOTHING;
  INSERT INTO holdpoint.policy_load (cluster, digest, instance)
  VALUES (p_cluster, p_digest, left(p_instance, 253));
$$;
COMMENT ON FUNCTION holdpoint.policy_loaded(text, bytea, text, text) IS
  'Records that a webhook put this set of policies into force; keeps the text once.';

CREATE TABLE holdpoint.decision (
  cluster text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  decision_id uuid NOT NULL,
  time timestamptz NOT NULL,
  instance text,
  endpoint text NOT NULL CHECK (endpoint IN ('validate', 'mutate', 'authorize')),
  request_uid text,
  username text NOT NULL,
  groups text[] NOT NULL DEFAULT '{}',
  operation text NOT NULL,
  api_group text NOT NULL DEFAULT '',
  api_version text NOT NULL DEFAULT '',
  resource text NOT NULL DEFAULT '',
  subresource text NOT NULL DEFAULT '',
  namespace text NOT NULL DEFAULT '',
  name text NOT NULL DEFAULT '',
  policy text,
  rule text,
  rules text[] NOT NULL DEFAULT '{}',
  policy_digest bytea,
  action text NOT NULL CHECK (action IN ('Allow', 'Audit', 'Warn', 'Hold', 'Deny', 'Mutate')),
  enforcement text NOT NULL DEFAULT 'Enforce'
    CHECK (enforcement IN ('Enforce', 'Warn', 'DryRun')),
  allowed boolean NOT NULL,
  outcome text NOT NULL CHECK (outcome = CASE endpoint
    WHEN 'authorize' THEN CASE WHEN allowed THEN 'asked: yes' ELSE 'asked: no' END
    ELSE CASE WHEN allowed THEN 'allowed' ELSE 'denied' END END),
  hold_id bigint,
  dry_run boolean NOT NULL DEFAULT false,
  latency_us int,
  message text,
  PRIMARY KEY (cluster, decision_id, recorded_at)
) PARTITION BY RANGE (recorded_at);
CREATE TABLE holdpoint.decision_default PARTITION OF holdpoint.decision DEFAULT;
CREATE INDEX decision_time ON holdpoint.decision (cluster, time);
CREATE INDEX decision_user ON holdpoint.decision (cluster, username, time);
CREATE INDEX decision_hold ON holdpoint.decision (cluster, hold_id) WHERE hold_id IS NOT NULL;
COMMENT ON TABLE holdpoint.decision IS
  'Append-only: every decision in which a rule matched. Daily partitions by recorded_at.';
COMMENT ON COLUMN holdpoint.decision.cluster IS 'The cluster guarded.';
COMMENT ON COLUMN holdpoint.decision.recorded_at IS 'When the row reached the database.';
COMMENT ON COLUMN holdpoint.decision.decision_id IS
  'Also in the audit event, annotation decision-id: the link between the two.';
COMMENT ON COLUMN holdpoint.decision.time IS 'When it was decided (the webhook''s clock).';
COMMENT ON COLUMN holdpoint.decision.instance IS 'The replica that decided.';
COMMENT ON COLUMN holdpoint.decision.endpoint IS 'validate, mutate or authorize.';
COMMENT ON COLUMN holdpoint.decision.request_uid IS
  'uid of the AdmissionReview; new on every call.';
COMMENT ON COLUMN holdpoint.decision.username IS 'Who asked.';
COMMENT ON COLUMN holdpoint.decision.groups IS 'Groups of who asked.';
COMMENT ON COLUMN holdpoint.decision.operation IS
  'CREATE, UPDATE, DELETE, CONNECT, or an authorization verb.';
COMMENT ON COLUMN holdpoint.decision.api_group IS 'API group; empty for core.';
COMMENT ON COLUMN holdpoint.decision.api_version IS 'API version.';
COMMENT ON COLUMN holdpoint.decision.resource IS 'Resource, plural; empty for a non-resource path.';
COMMENT ON COLUMN holdpoint.decision.subresource IS 'Subresource, or empty.';
COMMENT ON COLUMN holdpoint.decision.namespace IS 'Namespace, or empty.';
COMMENT ON COLUMN holdpoint.decision.name IS 'Name of the object, or the non-resource path.';
COMMENT ON COLUMN holdpoint.decision.policy IS 'Policy of the rule that decided.';
COMMENT ON COLUMN holdpoint.decision.rule IS 'Rule that decided; null when none matched.';
COMMENT ON COLUMN holdpoint.decision.rules IS 'All rules that matched, as policy/rule.';
COMMENT ON COLUMN holdpoint.decision.policy_digest IS 'Policies in force, see policy_version.';
COMMENT ON COLUMN holdpoint.decision.action IS
  'What the rules say: the strongest action that matched.';
COMMENT ON COLUMN holdpoint.decision.enforcement IS
  'Enforce, or how far the policy was turned down (Warn, DryRun).';
COMMENT ON COLUMN holdpoint.decision.allowed IS
  'What the API server was told. At /authorize that answers a question, which anybody may have asked '
  'in this name: whether it was then done, says the audit trail.';
COMMENT ON COLUMN holdpoint.decision.outcome IS
  'allowed or denied; at /authorize asked: yes, or asked: no.';
COMMENT ON COLUMN holdpoint.decision.hold_id IS 'The hold asked or used.';
COMMENT ON COLUMN holdpoint.decision.dry_run IS 'The request was a dry run.';
COMMENT ON COLUMN holdpoint.decision.latency_us IS
  'From request to answer, without waiting for a human.';
COMMENT ON COLUMN holdpoint.decision.message IS 'What the requester was told.';
SELECT holdpoint.make_append_only('holdpoint.decision');
SELECT holdpoint.make_append_only('holdpoint.decision_default', true);

-- The webhook gives the time that it decided, so that a batch that it sends twice is known again; it
-- may have waited for the database, but never longer than this. AFTER, with WHEN: COPY goes on taking
-- rows in by the page.
CREATE FUNCTION holdpoint.refuse_time() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RAISE EXCEPTION 'holdpoint.%: recorded_at % is not about now', TG_TABLE_NAME, NEW.recorded_at
    USING ERRCODE = 'HP010';
END
$$;
CREATE TRIGGER refuse_time AFTER INSERT ON holdpoint.decision FOR EACH ROW
  WHEN (NEW.recorded_at NOT BETWEEN now() - interval '1 day' AND now() + interval '1 hour')
  EXECUTE FUNCTION holdpoint.refuse_time();

GRANT EXECUTE ON FUNCTION holdpoint.policy_loaded(text, bytea, text, text) TO holdpoint_webhook;
GRANT INSERT ON holdpoint.decision TO holdpoint_webhook;
GRANT SELECT ON holdpoint.policy_version, holdpoint.policy_load, holdpoint.decision
  TO holdpoint_auditor;

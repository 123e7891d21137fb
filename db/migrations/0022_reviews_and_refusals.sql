-- SPDX-License-Identifier: Apache-2.0
-- Lists for people follow the same settings as decisions; deny_user refuses in one line; what an
-- approver narrows to has a name; a dry run is one however its query is written.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

-- Whether the query of a request may ask for a dry run. Keys are compared as the API server reads
-- them: one with escapes may be any, and servers built before Go 1.17 split at semicolons, too.
CREATE FUNCTION holdpoint.may_be_dry_run(p_request_uri text) RETURNS boolean
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT p_request_uri ~* '[?&;](dryrun|[^=&;]*%[^=&;]*)([=&;]|$)';
END;
COMMENT ON FUNCTION holdpoint.may_be_dry_run IS
  'Whether the query of a request URI asks for a dry run, or hides what it asks for by escapes.';

CREATE OR REPLACE FUNCTION holdpoint.review_objection(r holdpoint.hold_review,
  e holdpoint.audit_event) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT CASE
    WHEN e.impersonated_user IS NOT NULL
      THEN format('made by %s, acting as %s', e.username, e.impersonated_user)
    WHEN e.username IS DISTINCT FROM r.who THEN format('made by %s', e.username)
    WHEN e.verb <> 'create' OR e.resource IS DISTINCT FROM 'holdreviews'
      OR e.api_group IS DISTINCT FROM 'holdpoint.dev' OR coalesce(e.subresource, '') <> ''
      THEN 'the audit event is not of the creation of a HoldReview'
    WHEN holdpoint.may_be_dry_run(e.request_uri) THEN 'a dry run'
    WHEN e.code IS DISTINCT FROM 201
      THEN format('the HoldReview was not created (HTTP %s)', coalesce(e.code::text, 'unknown'))
  END;
END;

-- What one may decide is listed for those who may decide here at all; one's own holds for everybody.
ALTER FUNCTION holdpoint.list_as_kubernetes(text, text, text[], text, jsonb, int)
  RENAME TO list_some_holds;
REVOKE EXECUTE ON FUNCTION holdpoint.list_some_holds FROM holdpoint_webhook;
COMMENT ON FUNCTION holdpoint.list_some_holds IS 'list_as_kubernetes, without asking who may list.';
CREATE FUNCTION holdpoint.list_as_kubernetes(p_cluster text, p_username text, p_groups text[],
  p_request_uid text, p_filter jsonb, p_limit int DEFAULT 100) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF NOT coalesce((p_filter->>'mine')::boolean, false) THEN
    PERFORM holdpoint.check_channel(holdpoint.kubernetes_approver(p_cluster, p_username, p_groups,
      p_request_uid), p_cluster);
  END IF;
  RETURN holdpoint.list_some_holds(p_cluster, p_username, p_groups, p_request_uid, p_filter,
    p_limit);
END
$$;
COMMENT ON FUNCTION holdpoint.list_as_kubernetes IS
  'Holds that this user of the API server may decide, or their own: {holds: [...], more}. '
  'p_filter: requester, namespace, resource, policy, rule, state, since, before, limit, mine.';

-- A refusal is raised anew, as in approve() and deny().
CREATE OR REPLACE FUNCTION holdpoint.deny_user(requester text, reason text DEFAULT NULL,
  policy text DEFAULT NULL, rule text DEFAULT NULL, namespace text DEFAULT NULL,
  resource text DEFAULT NULL, cluster text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  said text;
  hint text;
BEGIN
  RETURN holdpoint.deny_each(holdpoint.database_approver(),
    holdpoint.deny_filter(requester, policy, rule, namespace, resource), deny_user.cluster,
    deny_user.reason);
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
  IF SQLSTATE NOT LIKE 'HP%' AND SQLSTATE <> '22023' THEN
    RAISE;
  END IF;
  RAISE EXCEPTION USING MESSAGE = said, ERRCODE = SQLSTATE, HINT = hint;
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.deny_user_preview(requester text, policy text DEFAULT NULL,
  rule text DEFAULT NULL, namespace text DEFAULT NULL, resource text DEFAULT NULL,
  cluster text DEFAULT NULL) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  said text;
  hint text;
BEGIN
  RETURN QUERY SELECT * FROM holdpoint.holds_to_deny(holdpoint.database_approver(),
    holdpoint.deny_filter(requester, policy, rule, namespace, resource), deny_user_preview.cluster);
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
  IF SQLSTATE NOT LIKE 'HP%' AND SQLSTATE <> '22023' THEN
    RAISE;
  END IF;
  RAISE EXCEPTION USING MESSAGE = said, ERRCODE = SQLSTATE, HINT = hint;
END
$$;

GRANT EXECUTE ON FUNCTION holdpoint.list_as_kubernetes TO holdpoint_webhook;

-- Refuses what would open more than the hold says, and what cannot be said in words: no request is of
-- an empty namespace and name. A clock may be a minute ahead of ours.
CREATE OR REPLACE FUNCTION holdpoint.hold_check_narrowing(h holdpoint.hold, n holdpoint.narrowing)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  longest interval := coalesce(h.chosen_window, h.window_length);
BEGIN
  IF n.until <= clock_timestamp() OR n.uses < 1 THEN
    RAISE EXCEPTION 'hold %: nothing would be left of the approval; deny it instead', h.id
      USING ERRCODE = 'HP008';
  END IF;
  IF n.namespace = '' OR n.name = '' THEN
    RAISE EXCEPTION 'hold %: a namespace or name to narrow to must not be empty', h.id
      USING ERRCODE = 'HP008';
  END IF;
  IF n.until > h.expires_at THEN
    RAISE EXCEPTION 'hold %: until % is later than its end, %', h.id, n.until,
      h.expires_at USING ERRCODE = 'HP008';
  END IF;
  IF n.until > clock_timestamp() + longest + interval '1 minute' THEN
    RAISE EXCEPTION 'hold %: until % is longer than the % it opens at most', h.id, n.until,
      holdpoint.duration_text(longest) USING ERRCODE = 'HP008';
  END IF;
  IF n.uses > coalesce(h.max_uses, CASE WHEN holdpoint.hold_is_window(h) THEN n.uses ELSE 1 END) THEN
    RAISE EXCEPTION 'hold %: % uses are more than the % it allows', h.id, n.uses,
      coalesce(h.max_uses, 1) USING ERRCODE = 'HP008';
  END IF;
  IF n.namespace <> coalesce(h.only_namespace, nullif(h.namespace, ''), n.namespace)
    OR n.name <> coalesce(h.only_name, nullif(h.name, ''), n.name) THEN
    RAISE EXCEPTION 'hold %: that would leave out what it was asked for', h.id
      USING ERRCODE = 'HP008';
  END IF;
END
$$;

-- SPDX-License-Identifier: Apache-2.0
-- Who somebody is, and whether they may decide, asked often within one approval: a function in SQL is
-- planned anew each time it is called, one in PL/pgSQL once a session.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE OR REPLACE FUNCTION holdpoint.enrolled_person(p_kind text, p_name text, p_cluster text)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN (SELECT i.person FROM holdpoint.identity i
    WHERE i.kind = p_kind AND holdpoint.spelling(i.name) = holdpoint.spelling(p_name)
      AND i.cluster IN ('', p_cluster)
    ORDER BY i.name = p_name DESC, i.cluster DESC, i.name LIMIT 1);
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.person_of(p_kind text, p_name text, p_cluster text)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN holdpoint.spelling(coalesce(holdpoint.enrolled_person(p_kind, p_name, p_cluster), p_name));
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.person_spellings(p_person text, p_cluster text)
RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN holdpoint.spellings(p_person) || ARRAY(SELECT s FROM holdpoint.identity i,
    unnest(holdpoint.spellings(i.name)) AS s
    WHERE i.person = p_person AND i.cluster IN ('', p_cluster));
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.is_person(p_kind text, p_name text, p_person text, p_cluster text)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN CASE
    WHEN holdpoint.person_of(p_kind, p_name, p_cluster) = holdpoint.spelling(p_person) THEN 'yes'
    WHEN holdpoint.enrolled_person(p_kind, p_name, p_cluster) IS NOT NULL THEN 'no'
    WHEN holdpoint.spellings(p_name) && holdpoint.person_spellings(p_person, p_cluster)
      THEN 'perhaps' ELSE 'no' END;
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.same_person(p_kind text, p_name text, p_other_kind text, p_other text, p_cluster text)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN (SELECT CASE WHEN o.person IS NOT NULL
        THEN holdpoint.is_person(p_kind, p_name, o.person, p_cluster)
      ELSE holdpoint.is_person(p_other_kind, p_other,
        coalesce(holdpoint.enrolled_person(p_kind, p_name, p_cluster), p_name), p_cluster) END
    FROM (SELECT holdpoint.enrolled_person(p_other_kind, p_other, p_cluster) AS person) AS o);
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.hold_requester(h holdpoint.hold)
RETURNS holdpoint.person
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN (SELECT p FROM holdpoint.person p
    WHERE p.name = holdpoint.enrolled_person('kubernetes', h.username, h.cluster));
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.is_stopped(p_channel text, p_who text, p_groups text[], p_cluster text)
RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN EXISTS (SELECT FROM holdpoint.stops s
    WHERE (s.cluster IN ('', p_cluster) OR p_cluster IS NULL)
      AND CASE WHEN s.kind = 'group' THEN p_channel = 'kubernetes' AND s.name = ANY(p_groups)
        ELSE s.name = p_who AND p_channel = 'kubernetes'
          OR EXISTS (SELECT FROM holdpoint.identity k
            WHERE k.kind = 'kubernetes' AND k.name = s.name AND (k.cluster IN ('', p_cluster) OR p_cluster IS NULL)
              AND k.person = holdpoint.enrolled_person(p_channel, p_who, coalesce(p_cluster, ''))) END);
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.is_group_member(groups text[])
RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN EXISTS (SELECT FROM pg_roles r
    WHERE r.rolname = ANY (groups) AND pg_has_role(session_user, r.oid, 'MEMBER'));
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.is_approver_of(approvers text[], a holdpoint.approver, p_cluster text)
RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN CASE
    WHEN a.channel = 'database' THEN
      holdpoint.is_group_member(ARRAY['holdpoint_approver'])
      AND (cardinality(approvers) = 0 OR holdpoint.is_group_member(approvers))
    WHEN cardinality(approvers) = 0 THEN
      holdpoint.is_mapped('kubernetes', a.who, p_cluster)
    ELSE coalesce(approvers && a.groups, false) END;
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.is_approver(h holdpoint.hold, a holdpoint.approver)
RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN holdpoint.is_approver_of(h.approvers, a, h.cluster);
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.hold_sentence(h holdpoint.hold)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN format('hold %s %s: %s %s %s by %s', h.id,
    CASE WHEN h.state <> 'pending' THEN h.state
      WHEN h.rules IS NULL THEN format('has %s of %s approvals', h.approvals, h.min_approvals)
      ELSE format('has %s approval%s and still needs %s', h.approvals,
        CASE h.approvals WHEN 1 THEN '' ELSE 's' END, holdpoint.hold_approver_names(h)) END,
    h.operation, holdpoint.resource_name(h.api_group, h.resource, h.subresource),
    concat_ws('/', nullif(h.namespace, ''), nullif(h.name, '')), h.username)
    || CASE h.state WHEN 'approved' THEN '. Opens: ' || holdpoint.hold_opens(h)
      WHEN 'pending' THEN '. Will open: ' || holdpoint.hold_opens(h) ELSE '' END;
END
$$;

-- pg_settings computes every setting there is.
CREATE OR REPLACE FUNCTION holdpoint.end_open_decision_soon() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF current_setting('idle_in_transaction_session_timeout')::interval
      NOT BETWEEN interval '1 ms' AND interval '30 s' THEN
    PERFORM set_config('idle_in_transaction_session_timeout', '30s', true);
  END IF;
END
$$;

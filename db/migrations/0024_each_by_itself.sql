-- SPDX-License-Identifier: Apache-2.0
-- Without an interval nothing is held back, also not by two holds of one identity at one moment: of
-- one that had to wait for a summary and was over by then, nobody heard.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE OR REPLACE FUNCTION holdpoint.outbox_is_first(p_cluster text, p_event text, p_username text)
RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  every interval := (SELECT c.notify_interval FROM holdpoint.config c);
  since timestamptz := clock_timestamp() - every;
BEGIN
  IF every = '0' THEN
    RETURN true;
  END IF;
  IF EXISTS (SELECT FROM holdpoint.outbox_told t WHERE t.cluster = p_cluster
    AND t.event = p_event AND t.username = p_username AND t.at > since) THEN
    RETURN false;
  END IF;
  INSERT INTO holdpoint.outbox_told AS t (cluster, event, username, at)
  VALUES (p_cluster, p_event, p_username, clock_timestamp())
  ON CONFLICT (cluster, event, username) DO UPDATE SET at = excluded.at WHERE t.at <= since;
  RETURN FOUND;
END
$$;

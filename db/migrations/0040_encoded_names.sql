-- SPDX-License-Identifier: Apache-2.0
-- A name that is written as in a URL (alice%40example.com) or as in a certificate (CN=alice,O=sre) may
-- be alice's, who then decides on none of their own requests.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE OR REPLACE FUNCTION holdpoint.spellings(name text) RETURNS text[]
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT array_remove(ARRAY[s, bare, local], '')
    || array_remove(ARRAY[substring(local FROM '^([^+]+)\+'),
      substring(s FROM '^([^:/@#]+)/(?:admin|root|sudo)(?:@|$)'),
      substring(s FROM '(?:^|[,/])cn=([^,/]+)')], NULL)
  FROM (SELECT s, bare, split_part(bare, '@', 1) AS local
    FROM (SELECT s, CASE WHEN s LIKE 'system:serviceaccount:%' THEN regexp_replace(s, '^.*:', '')
        WHEN s LIKE 'system:%' THEN s ELSE regexp_replace(s, '^[^@]*[:/#|\\]', '') END AS bare
      FROM (SELECT replace(holdpoint.spelling(name), '%40', '@') AS s OFFSET 0) AS whole OFFSET 0) AS n
    OFFSET 0) AS m;
END;

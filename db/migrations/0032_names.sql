-- SPDX-License-Identifier: Apache-2.0
-- Events by the name of their object alone.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

-- Which ranges of pages a name can be in at all. An index of each name would cost a third of what
-- storing an event costs; this one costs nothing that could be measured, and 4 bytes an event.
CREATE INDEX audit_event_name ON holdpoint.audit_event USING brin (name text_bloom_ops)
  WITH (pages_per_range = 32, autosummarize = on);

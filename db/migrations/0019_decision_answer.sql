-- SPDX-License-Identifier: Apache-2.0
-- What the API server was told is the answer; a verdict is what rules and the hold gate say.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

ALTER TABLE holdpoint.decision RENAME COLUMN outcome TO answer;
ALTER TABLE holdpoint.decision RENAME CONSTRAINT decision_check TO decision_answer_check;

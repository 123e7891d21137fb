#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Ways around the guard, and ordinary work, on a real API server with policy/library/agents alone:
# every technique of escapes/*.rows.sh is stopped, every work case passes; without Holdpoint, on a
# cluster of its own, all of them pass. ESCAPES=REGEX runs the rows whose names match.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/harness.sh"
source "$root/test/e2e/escapes/suite.sh"

step_is "without Holdpoint"
rows=$(mktemp -d /tmp/holdpoint-escapes.XXXXXX)
trap 'cluster_stop "$rows/cluster"; rm -rf "$rows"' EXIT
suite_read "$rows" "$root"/test/e2e/escapes/*.rows.sh
cluster_start "$rows/cluster"
suite_run control
cluster_stop "$rows/cluster"

step_is "with Holdpoint"
e2e_begin --authorize --policy "$root/policy/library/agents"
cluster_reader # some rules look at other objects
daemon_stop webhook
webhook_start "${e2e_policies[@]}" -- "${cluster_reader_flags[@]}"
# One agent tries it all.
sql "UPDATE holdpoint.config SET max_pending_per_user = 100000, max_questions_per_user = 100000"
trap 'rm -rf "$rows"; e2e_end' EXIT
suite_run guarded
suite_report control guarded
step_is "nobody at all deletes the guard's namespace"
refused 'delete its webhook configurations first' as ci delete namespace holdpoint-system
refused 'delete its webhook configurations first' as admin delete namespace holdpoint-system
e2e_passed

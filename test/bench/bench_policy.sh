#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: bench_policy.sh [-o json]
# Decisions with many rules next to the same decision with the ten that matter; see bench_policy.c.
set -euo pipefail
: "${HOLDPOINT_BIN:?run it as ./dev bench policy}"
exec "$HOLDPOINT_BIN/../bench/bench_policy" "$@"

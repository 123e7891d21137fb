#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What systemd says of the units' sandbox: an exposure of at most 2.0.
set -euo pipefail
if ! command -v systemd-analyze >/dev/null; then
  echo "skipped: needs systemd-analyze, of the package systemd"
  exit 77
fi
for unit in "$HOLDPOINT_SOURCE_DIR"/packaging/*.service; do
  systemd-analyze security --offline=yes --no-pager --threshold=20 "$unit" | tail -n 1
done

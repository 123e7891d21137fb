#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kubectl holdpoint mcp with the client library of the protocol's authors, from npm. Skipped with a
# reason where that cannot be installed; it is put into a folder that goes away again.
set -euo pipefail
sdk=@modelcontextprotocol/sdk@1.32.2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

skip() {
  echo "SKIPPED: $1"
  exit 77
}
command -v node >/dev/null || skip "no node"
command -v npm >/dev/null || skip "no npm"
work=$(mktemp -d /tmp/holdpoint-mcp.XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private": true, "type": "module"}' >package.json
timeout 90 npm install --no-audit --no-fund --ignore-scripts "$sdk" >npm.log 2>&1 ||
  skip "npm cannot install $sdk: $(tail -n 1 npm.log)"
openssl req -x509 -newkey rsa:2048 -nodes -keyout server.key -out server.crt -days 2 -subj /CN=test \
  -addext subjectAltName=IP:127.0.0.1 2>/dev/null
printf '#!/bin/sh\nexec cat %q/config.json\n' "$work" >kubectl
chmod +x kubectl
cp "$here/mcp_client.mjs" .
timeout 100 node mcp_client.mjs "$work"

# SPDX-License-Identifier: Apache-2.0
# The secrets that stand in the recorded traffic and in the tests' own, in every spelling that must
# not be found anywhere afterwards. Sourced.

planted=(hunter2-plain sk_live_51FixtureNotARealKey000 S3cr3t-P4ssw0rd-fixture
  ghp_FixtureTokenNotReal0123456789abcdef applied-plain-pass new-password-fixture
  merge-patched-plain cm-plain-password exec-arg-secret proxy-query-secret AKIAFIXTURE000000000
  cr-secret-key-plain agent-token)

# planted_secrets: one spelling a line: plain, base64 (whole, and as it stands inside a longer
# base64 at each of the three offsets), percent-escaped and hex. Binary ones come as base64 only.
planted_secrets() {
  local secret
  for secret in "${planted[@]}"; do
    printf '%s\n' "$secret" "$(printf '%s' "$secret" | base64 -w0 | sed 's/=*$//')" \
      "$(printf '%s' "$secret" | od -An -v -tx1 | tr -d ' \n')"
    base64_inside "$secret" 0
    base64_inside "$secret" 1
    base64_inside "$secret" 2
    jq -rn --arg s "$secret" '$s | @uri' | grep -vxF -- "$secret" || true
  done | sort -u
  printf '%s\n' AAECAwQF
}

# What stays the same of base64(prefix + secret + suffix) for any prefix of N bytes.
base64_inside() {
  local padded
  padded=$(head -c "$2" /dev/zero | cat - <(printf '%s' "$1") | base64 -w0 | sed 's/=*$//')
  # The first quantum mixes with the prefix, the last may mix with what follows.
  printf '%s\n' "${padded:4:$((${#padded} - 8))}"
}

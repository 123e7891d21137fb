#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes a man page out of what a program says with --help, so that the two cannot differ.
#
# usage: make-page.sh PROGRAM SECTION VERSION > PROGRAM.SECTION
#   PROGRAM: path of holdpoint, holdpoint-webhook or holdpoint-auditsink, already built.
set -euo pipefail
program=$1 section=$2 version=$3
name=${program##*/}
unset "${!HOLDPOINT_@}" # defaults are shown, not this shell's settings

roff() { sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^[.']/\\\\\&&/"; }

# Flags as --help lists them, one .TP each: "  -o, --output FORMAT   text", text may go on below.
flags() {
  awk '
    /^ +-/ {
      line = substr($0, 1, 1000); sub(/^ +/, "", line)
      gap = match(line, /   *[^ ]/)
      printf ".TP\n%s\n", gap ? substr(line, 1, gap - 1) : line
      if (gap) { sub(/^ +/, "", line); print substr(line, gap + 2 + RLENGTH - 3) }
      next
    }
    /^ +[^ ]/ { sub(/^ +/, ""); print }
  ' | sed -e '/^\.TP$/b' -e 's/^ *//' -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^'/\\\\\&'/" \
    -e '/^\.TP$/!s/^\./\\\&./'
}

# The parts of a --help: the text before "Usage:", the flags, the examples.
part() { # part summary|flags|examples < help
  awk -v want="$1" '
    /^Usage:/ { now = "summary"; next }
    /^ +-/ && now != "examples" { now = "flags" }
    /^Flags:/ { now = "flags"; next }
    /^Examples:/ { now = "examples"; next }
    NR == 1 { now = "summary" }
    now == want'
}

head_of_page() {
  printf '.TH %s %s "" "Holdpoint %s" "Holdpoint"\n' "${name^^}" "$section" "$version" |
    sed 's/-/\\-/g'
  printf '.SH NAME\n%s \\- %s\n' "$(roff <<<"$name")" "$(roff <<<"$1")"
}

end_of_page() { # end_of_page "Which flags"
  printf '.SH ENVIRONMENT\n%s can also be given as a variable:\n' "$1"
  cat <<'ROFF'
.B HOLDPOINT_
and the name of the flag in upper case with underscores,
such as
.B HOLDPOINT_DATABASE_URL
for
.BR \-\-database\-url .
The command line wins.
Passwords belong in a password file (PGPASSFILE) or a connection service (PGSERVICEFILE),
not on the command line.
.SH EXIT STATUS
.TP
0
fine
.TP
1
it did not work
.TP
2
the command line is wrong
ROFF
}

daemon_page() {
  local help
  help=$("$program" --help)
  head_of_page "$1"
  printf '.SH SYNOPSIS\n.B %s\n[\\fIFLAG\\fR...]\n.SH DESCRIPTION\n' "$(roff <<<"$name")"
  part summary <<<"$help" | sed '/^$/d' | roff
  printf '.SH OPTIONS\n'
  part flags <<<"$help" | flags
  end_of_page 'Each flag'
  cat <<'ROFF'
.SH SIGNALS
SIGTERM and SIGINT stop it in order: running requests are answered first.
.SH SEE ALSO
.BR holdpoint (1)
ROFF
}

# The names in the list of commands: one or two words, then at least two spaces.
commands() { "$program" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\( [a-z]*\)\?\)  .*/\1/p'; }

command_section() {
  local help
  # The words are the command: they must be split.
  # shellcheck disable=SC2086
  help=$("$program" $1 --help)
  printf '.SS "%s"\n' "$(sed -n 's/^Usage: //p' <<<"$help" | roff)"
  part summary <<<"$help" | sed '/^$/d' | roff
  part flags <<<"$help" | grep -v -e '^ *-h, --help' | flags
  if grep -q '^Examples:' <<<"$help"; then
    printf '.PP\nExamples:\n.PP\n.EX\n'
    part examples <<<"$help" | sed '/^$/d' | roff
    printf '.EE\n'
  fi
}

# The same program under the name by which kubectl finds it.
kubectl_section() {
  local line program=${program%/*}/kubectl-holdpoint
  printf '.SH KUBECTL\nWith the identity of a kubeconfig, and without a database login:\n'
  while read -r line; do command_section "$line"; done < <(commands)
}

command_page() {
  local line
  head_of_page 'approve what agents want to change, and prove what they did'
  printf '.SH SYNOPSIS\n.B holdpoint\n\\fICOMMAND\\fR [\\fIARGUMENT\\fR...] [\\fIFLAG\\fR...]\n'
  cat <<'ROFF'
.SH DESCRIPTION
The command line of Holdpoint: shows and decides holds, replays sessions, searches audit events,
checks policies, and looks after the database.
It is also
.BR kubectl\-holdpoint ,
which kubectl runs as
.BR "kubectl holdpoint" .
.SH COMMANDS
ROFF
  while read -r line; do command_section "$line"; done < <(commands)
  kubectl_section
  end_of_page 'A flag that says where something is, such as a database or a file,'
  cat <<'ROFF'
.TP
3
it worked, and the answer is no: a hold that cannot be approved, a policy test that failed
.SH SEE ALSO
.BR holdpoint\-webhook (8),
.BR holdpoint\-auditsink (8),
.BR psql (1)
ROFF
}

case $name in
holdpoint) command_page ;;
holdpoint-webhook) daemon_page 'guard a Kubernetes API: deny, hold, mutate, record' ;;
holdpoint-auditsink) daemon_page 'mask and keep the audit events of Kubernetes API servers' ;;
*) echo "make-page.sh: no page for $name" >&2 && exit 2 ;;
esac

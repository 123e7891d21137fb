# SPDX-License-Identifier: Apache-2.0
# An apt of our own, for packages that are downloaded and unpacked into the cache, never installed: it
# has the machine's mirror, with its options, proxies and keys, and lists and caches of its own.
# /etc/apt is read, never written. Sourced, never run; expects dev.d/lib.sh.

# apt_private DIR TYPE [SUITE]: from then on apt-get and apt-cache in this shell (APT_CONFIG) know only
# the mirror's entries of TYPE (deb or deb-src): those of this Debian release, or SUITE in its place.
apt_private() {
  local dir=$1
  mkdir -p "$dir/lists/partial" "$dir/archives/partial"
  apt_sources "$dir/sources" "$2" "${3:-}"
  : >"$dir/status"
  cat >"$dir/apt.conf" <<CONF
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$dir/sources";
Dir::State::Lists "$dir/lists";
Dir::State::status "$dir/status";
Dir::Cache::archives "$dir/archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
Acquire::Retries "3";
CONF
  export APT_CONFIG=$dir/apt.conf
}

# apt_sources DIR TYPE [SUITE]: the apt sources that are in force, one-line entries and deb822 stanzas
# of this Debian release, as entries of TYPE in files in DIR. Those of updates and of security have no
# like in another suite.
apt_sources() {
  local dir=$1 type=$2 suite=${3:-} file codename after='(-[a-z]+)*' ours
  codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
  ours=" ($codename|stable)[- ]"
  [[ -z $suite ]] || after='' ours=" ($codename|stable) "
  mkdir -p "$dir"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [[ -f $file ]] || continue
    sed -nE "/[[:space:]]($codename|stable)${after}[[:space:]]+([a-z-]+ +)*main/ s/^deb[[:space:]]/$type /p" "$file" |
      sed -E "${suite:+s/[[:space:]]($codename|stable)[[:space:]].*/ $suite main/}" \
        >"$dir/$(basename "$file" .list).list"
  done
  for file in /etc/apt/sources.list.d/*.sources; do
    [[ -f $file ]] || continue
    # shellcheck disable=SC2094
    apt_stanzas "$type" "$ours" "$suite" <"$file" >"$dir/$(basename "$file")"
  done
}

# apt_stanzas TYPE REGEX SUITE: of the deb822 stanzas, those with component main and suites like REGEX.
apt_stanzas() {
  awk -v RS= -v type="$1" -v ours="$2" -v suite="$3" '{
    gsub(/\t/, " ")
    count = split($0, lines, "\n")
    stanza = ""; suites = 0; main = 0
    for (i = 1; i <= count; i++) {
      line = lines[i] " "
      if (line ~ /^Types:/) line = "Types: " type
      if (line ~ /^Suites:/) { suites = line ~ ours; if (suite) line = "Suites: " suite }
      if (line ~ /^Components:/) { main = line ~ / main /; if (suite) line = "Components: main" }
      stanza = stanza line "\n"
    }
    if (suites && main) print stanza
  }'
}

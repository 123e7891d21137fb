# SPDX-License-Identifier: Apache-2.0
# ./dev packages: the Debian packages of the release build.

# The time in them is that of the last commit; a tree without one (the tarball) has that of its files.
dev_packages() {
  takes_nothing packages "$@"
  apt_install "Install what builds and packs Holdpoint" "${packages_build[@]}" "${packages_run[@]}" \
    "${packages_packages[@]}"
  SOURCE_DATE_EPOCH=$(git -c safe.directory="$root" -C "$root" log -1 --format=%ct 2>/dev/null || stat -c %Y "$root/VERSION")
  export SOURCE_DATE_EPOCH
  build_preset release
  test_run release "Try the packages" -L packages
  step "Make the packages" debian_pack
  (cd "$state/packages" && du -h -- *.deb | sed 's/^/       /') >&2
  note "       in .dev/packages"
}

debian_pack() {
  rm -rf "$state/packages"
  (cd "$root/build/release" && cpack -B "$state/packages" -D CPACK_OUTPUT_FILE_PREFIX=)
  rm -rf "$state/packages/_CPack_Packages"
}

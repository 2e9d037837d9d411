#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: makes sure that the Debian packages in packages.txt are there. It needs root only when one
# is missing, says which and why before it asks, and changes nothing when all are present.
. "$(dirname "$0")/common.sh"

missing=()
while read -r package why; do
    case $package in '' | '#') continue ;; esac
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)
    [ "$status" = installed ] && continue
    [ ${#missing[@]} -eq 0 ] && say "These Debian packages are missing:"
    printf '  %-20s %s\n' "$package" "$why" >&2
    missing+=("$package")
done <"$top/tests/lib/packages.txt"
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "installing needs root and there is no sudo: as root, run
  apt-get update && apt-get install --no-install-recommends ${missing[*]}"
    as_root=(sudo)
    say "Installing them needs root; sudo may ask for your password."
fi
install=(apt-get install -y --no-install-recommends "${missing[@]}")
say "${as_root[*]:+sudo }${install[*]}"
"${as_root[@]}" apt-get update -q >&2 || say "apt-get update failed; trying with the lists that are there"
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "${install[@]}" >&2 ||
    die "apt-get could not install: ${missing[*]}"

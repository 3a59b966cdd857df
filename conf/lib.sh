#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# lib.sh: what conf/quickstart and conf/lab/lab share: messages, packages, the build. Sourced by them. The caller sets
# `tool` (its path from the top folder), `packages` (Debian's) and `build` (the folder for all that is made).
# shellcheck disable=SC2034,SC2154 # variables of one are used by the other
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=conf/packages
. "$root/conf/packages"

bold='' plain=''
if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m'; fi

die() {
    echo "${tool##*/}: $*" >&2
    exit 1
}
step() { printf '\n%s==> %s%s\n' "$bold" "$*" "$plain"; }
note() { printf '    %s\n' "$@"; }

check_machine() {
    [ "$(uname -s)" = Linux ] || die "this needs Linux: it makes network namespaces"
    [ -e /etc/debian_version ] || die "this is for Debian 12; elsewhere install the equivalents of: ${packages[*]}"
    [ "$(id -u)" = 0 ] || die "please run it as root (sudo $tool): it makes network namespaces and installs packages"
}

check_namespaces() {
    ip netns add "s3onramp-check-$$" 2> /dev/null ||
        die "network namespaces cannot be made here (in a container, run it with CAP_SYS_ADMIN or on a virtual machine)"
    ip netns del "s3onramp-check-$$"
}

install_packages() {
    local missing
    mapfile -t missing < <(missing_packages "${packages[@]}")
    if [ ${#missing[@]} = 0 ]; then
        note "all packages are there"
        return
    fi
    note "apt-get install ${missing[*]}"
    apt_install "$build/install.log" "${missing[@]}" ||
        die "apt-get failed: $(tail -n 1 "$build/install.log") (all of it in $build/install.log)"
}

# build_program: makes $build/s3onramp.
build_program() {
    {
        cmake -S "$root" -B "$build" -G Ninja -DS3ONRAMP_TESTS=OFF && cmake --build "$build" --target s3onramp
    } > "$build/build.log" 2>&1 || die "it did not build; see $build/build.log"
    note "built $build/s3onramp ($("$build/s3onramp" version | head -n 1))"
}

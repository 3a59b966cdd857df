#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# lib.sh: what conf/quickstart and conf/lab/lab share: messages, packages, the build. Sourced by them. The caller sets
# `tool` (its path from the top folder), `packages` (Debian's) and `build` (the folder for all that is made).
# shellcheck disable=SC2034,SC2154 # variables of one are used by the other
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build_packages=(cmake ninja-build pkg-config gcc libc6-dev libevent-dev libssl-dev libcurl4-openssl-dev libinih-dev
    libjansson-dev libexpat1-dev libc-ares-dev libcrypt-dev openssl ca-certificates iproute2 awscli curl ceph-mon ceph-osd radosgw)

bold='' plain=''
if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m'; fi

die() {
    echo "${tool##*/}: $*" >&2
    exit 1
}
step() { printf '\n%s==> %s%s\n' "$bold" "$*" "$plain"; }
note() { printf '    %s\n' "$@"; }

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null)" = installed ]; }

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
    local missing=() package
    for package in "${packages[@]}"; do
        installed "$package" || missing+=("$package")
    done
    if [ ${#missing[@]} = 0 ]; then
        note "all packages are there"
        return
    fi
    note "apt-get install ${missing[*]}"
    {
        apt-get -o DPkg::Lock::Timeout=600 update
        # Ceph is run by these scripts alone: no service is to start.
        RUNLEVEL=1 apt-get -o DPkg::Lock::Timeout=600 install -y --no-install-recommends "${missing[@]}"
    } > "$build/install.log" 2>&1 || die "apt-get failed: $(tail -n 1 "$build/install.log") (all of it in $build/install.log)"
}

# build_program: makes $build/s3onramp.
build_program() {
    {
        cmake -S "$root" -B "$build" -G Ninja -DS3ONRAMP_TESTS=OFF && cmake --build "$build" --target s3onramp
    } > "$build/build.log" 2>&1 || die "it did not build; see $build/build.log"
    note "built $build/s3onramp ($("$build/s3onramp" version | head -n 1))"
}

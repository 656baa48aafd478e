#!/bin/sh
# What the tests use beyond Python. As root with apt it is installed; otherwise it is named, and the tests that need it
# are skipped with the reason.
set -eu

missing=""
need() { # need PACKAGE COMMAND...: the package is missing if none of the commands is there
    package=$1
    shift
    for found in "$@"; do
        if command -v "$found" >/dev/null 2>&1; then return 0; fi
    done
    missing="$missing $package"
}
postgres() { ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || command -v postgres >/dev/null 2>&1; }
composes() { command -v docker-compose >/dev/null 2>&1 || docker compose version >/dev/null 2>&1; }

need openjdk-17-jre-headless java
need maven mvn
need kcat kcat
need chromium chromium google-chrome chromium-browser
composes || missing="$missing docker-compose"
postgres || missing="$missing postgresql"

[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "system: installing$missing"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # a list of packages
    apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 ||
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing >/dev/null; } ||
        echo "system: apt-get could not install$missing; the tests that need them are skipped" >&2
else
    echo "system: not installed:$missing; the tests that need them are skipped (Debian: apt-get install$missing)" >&2
fi

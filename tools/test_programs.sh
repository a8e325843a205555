#!/usr/bin/env bash
# The programs that only the tests need, beside Python: PostgreSQL, Node.js, strace. Called by `make test`.
set -euo pipefail
# The tests run on a PostgreSQL server of their own, of which only the programs are needed here.
if ! command -v initdb >/dev/null && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -q
        apt-get install -q -y --no-install-recommends postgresql-common
        # Debian would make a cluster and start it; nobody asked for that one.
        sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
        apt-get install -q -y --no-install-recommends postgresql
    else
        echo "PostgreSQL is missing, which the tests need; install it with: sudo apt-get install postgresql" >&2
    fi
fi
# The emulator of Azure's object store, which the tests run, is written for Node.
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -q
        apt-get install -q -y --no-install-recommends nodejs npm
    else
        echo "node and npm are missing; the tests of Azure need them: sudo apt-get install nodejs npm" >&2
    fi
fi
# The crash tests let a process die, or its disk fail, at a system call.
if ! command -v strace >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -q
        apt-get install -q -y --no-install-recommends strace
    else
        echo "strace is missing, which the crash tests need; install it with: sudo apt-get install strace" >&2
    fi
fi

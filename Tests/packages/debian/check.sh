#!/bin/sh
# Runs as root in an empty Debian, with the packages, and the programs that use them, in its folder. Prints a line for each
# package that works.
#
#   check.sh URL      of a Descope whose certificate ca.pem vouches for
set -eu
cd "$(dirname "$0")"
url=$1
DESCOPE_CONN_VAULT_KEY=$(printf '%064d' 7)
export DESCOPE_CONN_VAULT_KEY DEBIAN_FRONTEND=noninteractive HOME=/root

quietly() {
    "$@" > log 2>&1 || {
        cat log
        exit 1
    }
}

# says WORDS COMMAND...      holds when the command prints these words and succeeds
says() {
    words=$1
    shift
    said=$("$@" 2>&1) || said="$said (exit $?)"
    [ "$(echo "$said" | xargs)" = "$words" ] || {
        echo "$*: $said"
        exit 1
    }
}

# first PROGRAM      runs the first steps of README.md in C
first() {
    rm -f vault.db*
    says "ok ok ok" "$1"
}

# Its dependencies are there, or dpkg refuses.
quietly dpkg --install libdescope-conn1_*.deb
first ./first
echo "libdescope-conn1"

# Whom to trust is the system's to say; check.js and check.py look at a server that nobody vouches for.
quietly apt-get install --yes --no-install-recommends ca-certificates

mkdir node_modules
tar -xzf descope-conn-*.tgz -C node_modules
mv node_modules/package node_modules/descope-conn
for program in commonjs.cjs module.mjs; do
    says ok env -i ./node "$program" "$program.db" "$url" ca.pem
done
echo "npm"

quietly apt-get install --yes --no-install-recommends gcc libc6-dev make pkg-config cmake python3-venv
quietly dpkg --install libdescope-conn-dev_*.deb
rm first
# shellcheck disable=SC2046  # several words
quietly cc -std=c99 -Wall -Wextra -pedantic -Werror -o first first.c $(pkg-config --cflags --libs descope_conn)
first ./first
echo "libdescope-conn-dev by pkg-config"
quietly cmake -S . -B build
quietly cmake --build build
first build/check
echo "libdescope-conn-dev by CMake"

python3 -m venv venv
quietly venv/bin/pip install --no-index descope_conn-*.whl
says ok env -i venv/bin/python check.py python.db "$url" ca.pem
echo "wheel"

quietly apt-get install --yes --no-install-recommends libpq5
quietly dpkg --install descope-conn-postgres_*.deb
# It is loaded, and finds no server.
says unavailable env -i venv/bin/python postgres.py "$(find /usr/lib -name libdescope_conn_store_postgres.so)"
[ -s /usr/share/descope-conn/postgres.sql ]
echo "descope-conn-postgres"

quietly dpkg --purge libdescope-conn-dev libdescope-conn1 descope-conn-postgres
says "" find / -xdev -path "$PWD" -prune -o -name '*descope*conn*' -print
echo "purged"

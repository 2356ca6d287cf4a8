#!/bin/sh
# Uses the command as somebody does who has just installed it, in a new folder, and says ok.
#
#   check-command.sh COMMAND
set -eu
case $1 in
    */*) command=$(cd "$(dirname "$1")" && pwd)/$(basename "$1") ;;
    *) command=$1 ;;
esac
folder=$(mktemp -d)
cd "$folder"
{
    "$command" --version
    "$command" init --vault vault.db
    "$command" connections create weather --api-key --vault vault.db
    echo sk-1 | "$command" store-api-key weather --vault vault.db
    [ "$("$command" fetch weather --vault vault.db)" = sk-1 ]
    "$command" serve --help
} > log 2>&1 || {
    cat log >&2
    exit 1
}
rm -r "$folder"
echo ok

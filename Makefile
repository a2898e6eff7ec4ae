# The targets of Lull. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# If the runtimes on the PATH have these versions, they are used. Otherwise npm
# installs the runtimes into .tools.
DENO_VERSION := 2.9.6
BUN_VERSION := 1.4.5
TOOLS := .tools/bin
export PATH := $(CURDIR)/$(TOOLS):$(PATH)

SOURCES := main.ts deno.json deno.lock tsconfig.json \
	$(shell find src -name '*.ts' -not -path 'src/release/*' -o -name 'deno.json' -path 'src/*')
WORKERS := src/ports/forwarder_worker.ts src/linux/freezer_worker.ts
FLAGS := --compile --minify --bytecode --splitting --format=esm --compile-exec-argv=--smol \
	--no-compile-autoload-dotenv --no-compile-autoload-bunfig

.PHONY: help tools demo test test-deno test-bun contract contract-binary dev summary \
	endurance model faults storm soak schemathesis observability client-test \
	build deno-compile release release-version test-deps release-deps release-test check fmt client-types preloads suites \
	bench bench-vm vm-deps vsock-device vm-test libvirt-deps libvirt-test vm-guests vm-all soak-random ci clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# npm keeps the binary of each platform in its own package. A link to that binary
# replaces the install script, which therefore does not run.
$(TOOLS)/deno:
	@mkdir -p $(TOOLS)
	@if [ "$$(PATH=$$(echo $$PATH | cut -d: -f2-) deno --version 2>/dev/null | awk 'NR==1{print $$2}')" = "$(DENO_VERSION)" ]; then \
	  ln -sf "$$(PATH=$$(echo $$PATH | cut -d: -f2-) command -v deno)" $@; \
	else npm install --silent --no-fund --no-audit --ignore-scripts --prefix .tools/deno deno@$(DENO_VERSION) && \
	  ln -sf "$$(ls -d $(CURDIR)/.tools/deno/node_modules/@deno/linux-*/deno)" $@; fi
	@$@ --version | head -1

$(TOOLS)/bun:
	@mkdir -p $(TOOLS)
	@if [ "$$(PATH=$$(echo $$PATH | cut -d: -f2-) bun --version 2>/dev/null)" = "$(BUN_VERSION)" ]; then \
	  ln -sf "$$(PATH=$$(echo $$PATH | cut -d: -f2-) command -v bun)" $@; \
	else npm install --silent --no-fund --no-audit --ignore-scripts --prefix .tools/bun bun@$(BUN_VERSION) && \
	  ln -sf "$$(ls -d $(CURDIR)/.tools/bun/node_modules/@oven/bun-linux-*/bin/bun | head -1)" $@; fi
	@echo "bun $$($@ --version)"

node_modules/.installed: deno.json deno.lock | $(TOOLS)/deno
	@deno install --frozen --quiet
	@touch $@

tools: $(TOOLS)/deno $(TOOLS)/bun node_modules/.installed ## Install the pinned Deno and Bun, and the packages.

demo: build ## Show one round in a machine, with a snapshot and two forks; KEEP=1 keeps a fork, MODE=native needs no machine.
	@bun run tests/demo/main.ts

# On Bun: under `deno run --watch`, an agent that ends leaves the watcher running.
dev: tools ## Run on Deno; restart at every change.
	@exec deno task dev

build: dist/lull dist/deno/main.js ## Build the binary, dist/lull, and the bundle for Deno, dist/deno.

# --bytecode makes the start faster. --smol keeps the heap small after load.
dist/lull: $(SOURCES) | $(TOOLS)/bun node_modules/.installed
	@bun build $(FLAGS) main.ts $(WORKERS) --outfile $@
	@sync $@

# At the start, Deno reads and parses every module that an import() names by a literal, whether it runs
# or not: 8 of 85 ms of CPU time. These are commands, and parts that the start itself loads if they are
# switched on: their names are no longer literals. What a prepare or a recovery loads keeps its
# literal, so that a running agent does not depend on files that an upgrade may have replaced. The
# adapter for Bun never runs there.
NOT_IN_GRAPH := main|version|ready|connect_vsock|dialects|dialect|mailbox|moved_addresses|openapi|ports|published_set

# Deno keeps the text of every module in memory and on the disk. The bundle needs
# 4 MiB less memory than the sources. Its modules of Node are those of
# src/runtime/deno/node. The bundler adds an import of node:module that nothing uses: it
# is removed. Deno reads deno.json beside main.js: it switches on vsock, as the
# deno.json of the sources does.
dist/deno/main.js: $(SOURCES) src/release/deno_bundle.ts | $(TOOLS)/bun node_modules/.installed
	@rm -rf $(@D)
	@bun run src/release/deno_bundle.ts $(@D) main.ts $(WORKERS)
	@sed -i 's#import{createRequire as [A-Za-z_$$]*}from"node:module";##' $(@D)/*.js
	@sed -i -E 's#\bimport\("(\./($(NOT_IN_GRAPH))-[a-z0-9]+\.js)"\)#import(String("\1"))#g; s#\bimport\("([^"]+)"\)\)\.bunRuntime\b#import(String("\1"))).bunRuntime#' $(@D)/*.js
	@echo '{ "lock": false, "unstable": ["vsock"] }' > $(@D)/deno.json

# V8's flags are in the task `start` of deno.json; everything that runs Lull on Deno
# reads them there. The first three flags turn off V8's compilers: compiled code is in every later
# snapshot, and it is slow after a restore, when all code is new.
# --no-flush-bytecode: V8 keeps the code of each function that has run; the dry run
# runs what a recovery needs. --no-lazy-feedback-allocation: V8 records the shapes of
# objects from the first run on, not from the ninth.
# --no-memory-reducer: V8 does not collect in idle moments; a collection would wake
# a quiesced guest. --min-semi-space-size: the young generation has room for one
# reply; otherwise a fork would begin with a collection. --expose-gc: without it, the
# collector comes from Node's modules, which the bundle does not load for anything else.
DENO_V8 = $(shell grep -o -- '--v8-flags=[^ ]*' deno.json)

deno-compile: build ## Build a binary with Deno, dist/lull-deno; downloads Deno's base binary.
	deno compile -A $(DENO_V8) $(patsubst %.ts,--include dist/deno/%.js,$(WORKERS)) \
	  $$(printf -- '--include %s ' dist/deno/*.js) \
	  --output dist/lull-deno dist/deno/main.js

# The release: four binaries, built on this machine with the flags of dist/lull. The
# base runtime of each comes from npm, and its SHA-512 must be the committed one. The
# base name of --outfile is in the bytes, and its folder is not: each binary is named
# lull, in a folder of its own.
RELEASES := linux-x64 linux-x64-musl linux-arm64 linux-arm64-musl
RELEASE_BINARIES := $(RELEASES:%=dist/stage/%/lull)
BASES := .cache/bun-$(BUN_VERSION)
NFPM_VERSION := 2.43.0
TYPESCRIPT_VERSION := 7.0.2

$(BASES)/%/bun: src/release/bun.sha512
	@mkdir -p $(@D)
	@name=oven-bun-$(subst arm64,aarch64,$*)-$(BUN_VERSION).tgz && cd $(@D) && \
	npm pack --silent @oven/bun-$(subst arm64,aarch64,$*)@$(BUN_VERSION) >/dev/null && \
	grep " $$name\$$" $(CURDIR)/$< | sha512sum --check --quiet && \
	tar -xzf $$name --strip-components=2 package/bin/bun && rm $$name && touch bun

$(RELEASE_BINARIES): dist/stage/%/lull: $(SOURCES) $(BASES)/%/bun | $(TOOLS)/bun node_modules/.installed
	@bun build $(FLAGS) --target=bun-$* --compile-executable-path=$(BASES)/$*/bun \
	  main.ts $(WORKERS) --outfile $@ >/dev/null
	@sync $@

.PRECIOUS: $(BASES)/%/bun

$(TOOLS)/nfpm:
	@GOBIN=$(CURDIR)/$(TOOLS) go install github.com/goreleaser/nfpm/v2/cmd/nfpm@v$(NFPM_VERSION)

# The compiler of TypeScript makes the types of the package for npm, and nothing else.
$(TOOLS)/tsc:
	@npm install --silent --no-fund --no-audit --ignore-scripts --prefix .tools/tsc typescript@$(TYPESCRIPT_VERSION)
	@ln -sf $(CURDIR)/.tools/tsc/node_modules/.bin/tsc $@

# What a kind of guest needs beside dist/lull.
GUEST_BINARY_musl := dist/stage/linux-x64-musl/lull
GUEST_BINARY_arm64 := dist/stage/linux-arm64/lull
GUEST_BINARY_arm64-16k := dist/stage/linux-arm64/lull
GUEST_BINARY_arm64-musl := dist/stage/linux-arm64-musl/lull
GUEST_BINARY_debian := dist/release/SHA256SUMS
GUEST_BINARY_all := $(GUEST_BINARY_musl) $(GUEST_BINARY_arm64) $(GUEST_BINARY_arm64-musl) $(GUEST_BINARY_debian)

# The packages for the Debian guest.
dist/release/SHA256SUMS: $(RELEASE_BINARIES)
	@$(MAKE) --no-print-directory release

# Every date in an artefact is that of the last commit.
release release-test: export SOURCE_DATE_EPOCH ?= $(or $(shell git log -1 --format=%ct 2>/dev/null),0)

release: $(RELEASE_BINARIES) $(TOOLS)/nfpm $(TOOLS)/tsc ## Build all binaries and packages, and the client for npm, in dist/release; needs Go.
	@bun run src/release/main.ts dist/stage dist/release $(RELEASES)

release-version: ## Check that TAG= names the version of src/version.ts.
	@test "$(TAG)" = "v$$(sed -n 's/.* VERSION = "\(.*\)";/\1/p' src/version.ts)" || \
	  { echo "Cannot release $(TAG): src/version.ts has another version" >&2; exit 1; }

# What is missing is skipped by its test, which says so.
test-deps: ## Install the Debian packages with which make test tests more.
	@apt-get update >/dev/null
	@DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
	  chrony python3-numpy >/dev/null

# What is missing is skipped by its test, which says so.
release-deps: ## Install the Debian packages with which release-test tests more.
	@apt-get install --yes --no-install-recommends \
	  rpm mandoc man-db zsh fish busybox-static systemd >/dev/null

# The package managers of this machine install and remove the packages, as root; the
# binaries and packages are made again elsewhere and compared.
release-test: release dist/lull ## Test the artefacts of the release.
	@mkdir -p $(JUNIT)
	@$(BUN_TEST)/release.xml ./tests/release/real

check: tools ## Check formatting, lint and types.
	@deno task check

client-types: tools ## Write the types of the client, src/client/types.ts, from the schemas.
	@bun run src/release/client_types.ts

preloads: tools ## Write the texts of the preloads, src/install/preload/texts.ts, from the files.
	@bun run src/release/preload_texts.ts

fmt: tools ## Format all files.
	@deno fmt

# Tests. Each run writes its results to dist/junit, where `make summary` counts them.
UNIT = $(shell find tests -name '*.test.ts' -not -path 'tests/vm/*' -not -path 'tests/contract/*' \
	-not -path 'tests/model/*' -not -path 'tests/storm/*' -not -path 'tests/endurance/*' -not -path 'tests/faults/real/*' \
	-not -path 'tests/release/real/*' -not -path 'tests/observability/real/*')
JUNIT := dist/junit
BUN_TEST := bun test --timeout 180000 --reporter=junit --reporter-outfile=$(JUNIT)

# Suites run two at a time, because they wait for most of their time. Each one's output
# comes as a whole, at its end.
TOGETHER := $(MAKE) --jobs=2 --output-sync=target --no-print-directory
TARGETS ?= deno bun binary

# One suite on one target: suite/contract/deno, suite/faults/binary.
suite/%: build
	@mkdir -p $(JUNIT)
	@$(BUN_TEST)/$(subst /,-,$*).xml tests/$(subst faults/,faults/real/,$*).test.ts

test: build ## Run the unit tests and the HTTP contract, on Deno and Bun.
	@echo "Running the unit tests on Deno and on Bun, then the contract tests; about five minutes."
	@$(TOGETHER) test-deno test-bun suite/contract/deno suite/contract/bun

test-deno: build
	@mkdir -p $(JUNIT)
	@deno test -A --no-check --junit-path=$(JUNIT)/unit-deno.xml $(UNIT)

test-bun: build
	@mkdir -p $(JUNIT)
	@$(BUN_TEST)/unit-bun.xml $(UNIT)

contract: build ## Run the HTTP contract on the sources, with Deno and Bun.
	@$(TOGETHER) suite/contract/deno suite/contract/bun

contract-binary: build ## Run the HTTP contract on the bundle and the binary.
	@$(TOGETHER) suite/contract/bundle suite/contract/binary

# On what users install; storms look at Deno and Bun from the sources as well.
endurance: build ## Run 1,000 rounds on the bundle and the binary: nothing may grow.
	@$(TOGETHER) suite/endurance/bundle suite/endurance/binary

# The output is one page, dist/bench.json and dist/bench/*.svg. PARTS names what to
# measure: native, forwarder, machine, prefetch, pages. The part pages can measure less, for a
# quick look at a change: SUBJECTS=bun RESTORES=3 GENERATIONS=1 HOSTS=health. REST= is
# the time before a prepare in seconds. AGENT_FLAGS= has flags of the agent. KIND=diff is
# the kind of snapshot, in the parts native and pages. GUEST=arm64 is the kind of the
# guests, in the part pages. SUBJECTS may name none, bare-bun, bare-deno, bun, deno, and agent, which AGENT= gives.
bench: build $(foreach guest,$(GUEST),$(GUEST_BINARY_$(guest))) dist/bare/bun dist/bare/deno/main.js vm-deps ## Measure everything; PARTS=native measures one part.
	@GUEST='$(GUEST)' bun run tests/bench/main.ts $(PARTS)

# The smallest servers, built as Lull is: they show what the agent itself costs.
dist/bare/bun: tests/bench/bare/bun.ts | $(TOOLS)/bun
	@bun build $(FLAGS) $< --outfile $@
	@sync $@

dist/bare/deno/main.js: tests/bench/bare/deno.ts | $(TOOLS)/bun
	@bun build --target=node --format=esm --minify --outfile=$@ $< >/dev/null

# AGENT is a binary that listens on port 49983. PREPARE is the path to POST before a
# snapshot. HEALTH is the path to GET after a restore.
bench-vm: build vm-deps ## Measure another agent in a machine: AGENT= PREPARE= HEALTH=.
	@AGENT='$(AGENT)' PREPARE='$(PREPARE)' HEALTH='$(HEALTH)' bun run tests/bench/main.ts machine

# The host's side of vsock without KVM. Without it, the tests of vsock are skipped.
VSOCK_DEVICE := .tools/vsock/bin/vhost-device-vsock
vsock-device: $(VSOCK_DEVICE) ## Build the vsock device for the machine tests, with cargo.
$(VSOCK_DEVICE):
	@cargo install --quiet --root .tools/vsock vhost-device-vsock --version 0.3.0

vm-deps: tools ## Install what machine tests need: Debian packages, a guest kernel.
	@bun run tests/vm/support/deps.ts

# VM_PARTS has parts of file names; without it, all files run. GUEST is musl, arm64,
# arm64-16k, arm64-musl, debian, several of them, or all: one round in a guest of each kind.
vm-test: build $(foreach guest,$(GUEST),$(GUEST_BINARY_$(guest))) ## Run the tests in real machines; VM_PARTS=disk selects files, GUEST=musl a guest.
	@mkdir -p $(JUNIT)
	@GUEST='$(GUEST)' bun run tests/vm/run.ts $(VM_PARTS)

# What is missing is skipped by the test, which says so.
libvirt-deps: ## Install the Debian packages of libvirt, for the test with virsh.
	@apt-get install --yes --no-install-recommends \
	  libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients qemu-utils >/dev/null

libvirt-test: libvirt-deps ## Let a real libvirt drive a guest: thirty quiesced snapshots in a row.
	@SNAPSHOTS=30 $(MAKE) --no-print-directory vm-test VM_PARTS=libvirt

vm-guests: ## Run one round in a machine of each kind of guest.
	@$(MAKE) --no-print-directory vm-test GUEST=all

# In one run, so that no CPU idles at the end of the first half.
vm-all: ## Run vm-test and vm-guests.
	@$(MAKE) --no-print-directory vm-test GUEST='glibc all'

# A failure prints the commands, a seed, a path and a replayPath. Given to the same
# target as MODEL_SEED, MODEL_PATH and MODEL_REPLAY, they repeat the failure.
model: build ## Run 5,000 random commands on Deno, Bun and the binary; compare them with the model.
	@$(TOGETHER) $(TARGETS:%=suite/model/%)

faults: build ## Run the fault tests of real processes on Deno, Bun and the binary.
	@$(TOGETHER) $(TARGETS:%=suite/faults/%)

# Needs Python. The packages of tests/schemathesis/requirements.txt come from PyPI
# into .tools. Without them the test says so, and counts as skipped.
schemathesis: build ## Test the binary against /openapi.json.
	@bun run tests/schemathesis/main.ts

# The generators come from Go's module proxy and PyPI. Without Go or Python, that
# client is skipped, which is said.
client-test: build ## Generate clients in Go and Python, and let them call the binary.
	@bun run tests/clients/main.ts

# Needs Python, and Debian for promtool, which is unpacked into .tools. What is missing
# is skipped, and the run says so.
observability: tools ## Test metrics, alert rules and dashboard with the parsers of Prometheus.
	@mkdir -p $(JUNIT)
	@$(BUN_TEST)/observability.xml ./tests/observability/real

# A failure prints STORM_SEED. The seed repeats what each host does, but not when.
storm: build ## Run random storms of STORM_SECONDS=60 on TARGETS="deno bun binary".
	@$(TOGETHER) $(TARGETS:%=suite/storm/%)

# Forks of one snapshot, in which programs draw random numbers.
soak-random: build vm-deps ## Compare the random numbers of FORKS=200 forks of one snapshot.
	@mkdir -p $(JUNIT)
	@FORKS=$(or $(FORKS),200) $(BUN_TEST)/soak-random.xml --timeout 3600000 ./tests/vm/random.test.ts

soak: build soak-random ## Run soak-random, storms of 600 s, a day of 20,000 rounds (ROUNDS=), and the model as long.
	@mkdir -p $(JUNIT)
	@for target in $(TARGETS); do \
	  STORM_SECONDS=$(or $(STORM_SECONDS),600) \
	  $(BUN_TEST)/soak-storm-$$target.xml tests/storm/$$target.test.ts; done
	@for target in $(TARGETS); do \
	  bun run tests/model/day.ts $$target $(ROUNDS); done
	@for target in $(TARGETS); do \
	  MODEL_ROUNDS=$(or $(ROUNDS),20000) \
	  $(BUN_TEST)/soak-$$target.xml tests/model/$$target.test.ts; done

summary: tools ## Count the tests that ran so far.
	@bun run tests/support/summary.ts $(JUNIT)

# All suites without machines, two at a time, those that take longest first.
SUITES := test-deno test-bun suite/contract/bun suite/contract/deno suite/contract/binary \
	suite/contract/bundle $(TARGETS:%=suite/model/%) $(TARGETS:%=suite/faults/%) \
	suite/endurance/bundle suite/endurance/binary schemathesis $(TARGETS:%=suite/storm/%) \
	client-test observability

suites: build ## Run all suites without machines.
	@$(TOGETHER) --keep-going $(SUITES)

# With --keep-going, one run shows all that fails. The packages and the vsock device come
# before the tests that would be skipped without them.
ci: ## Run everything that must pass.
	@rm -rf $(JUNIT)
	@$(MAKE) --keep-going --no-print-directory check test-deps release-deps suites release-test vsock-device libvirt-deps vm-all

clean: ## Remove dist; keep the tools and the cache.
	@rm -rf dist

# Lull. `make` alone lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# The runtimes are those on the PATH where they have these versions, else they
# come from npm into .tools.
DENO_VERSION := 2.9.6
BUN_VERSION := 1.4.5
TOOLS := .tools/bin
export PATH := $(CURDIR)/$(TOOLS):$(PATH)

SOURCES := main.ts deno.json deno.lock tsconfig.json $(shell find src -name '*.ts' -o -name 'deno.json' -path 'src/*')
WORKERS := src/ports/forwarder_worker.ts src/linux/freezer_worker.ts
FLAGS := --compile --minify --bytecode --format=esm --compile-exec-argv=--smol

.PHONY: help tools demo test test-deno test-bun contract contract-binary dev summary \
	model faults storm soak schemathesis \
	build deno-compile check fmt bench bench-vm vm-deps vm-test ci clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# npm keeps each platform's binary in a package of its own; the link goes there,
# so that no install script has to run.
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

tools: $(TOOLS)/deno $(TOOLS)/bun node_modules/.installed ## install the pinned deno and bun, and the packages

demo: build ## from nothing to the main job, seen
	@bun run tests/demo/main.ts

dev: tools ## run on Deno, started again at every change
	@deno task dev

build: dist/lull dist/deno/main.js ## the binary, dist/lull, and the script for Deno

# --bytecode starts faster; --smol keeps the heap small after load.
dist/lull: $(SOURCES) | $(TOOLS)/bun node_modules/.installed
	@bun build $(FLAGS) main.ts $(WORKERS) --outfile $@
	@sync $@

# Deno keeps the text of every module in memory and on the disk: bundled, the
# agent is 4 MiB smaller there than from its sources.
dist/deno/main.js: $(SOURCES) | $(TOOLS)/bun node_modules/.installed
	@rm -rf $(@D)
	@bun build --target=node --format=esm --minify --splitting --external 'bun*' \
	  --root=. --outdir=$(@D) main.ts $(WORKERS) >/dev/null

# Without V8's compilers: what they compile is in every later snapshot, and slow
# where all code is new after a restore. What was read once stays read, and what
# has never run is read at the start: a recovery would have to do it. What objects
# look like is noted from the first run on, not from the ninth. Without collections
# in quiet moments: they would wake a quiesced guest. And with room for a reply in
# what is collected most often: a fork would do that first.
DENO_V8 := --v8-flags=--no-opt,--no-maglev,--no-sparkplug,--no-flush-bytecode,--no-lazy,--no-lazy-feedback-allocation,--no-memory-reducer,--min-semi-space-size=2

deno-compile: build ## the binary made by Deno (downloads Deno's own base binary)
	deno compile -A $(DENO_V8) $(patsubst %.ts,--include dist/deno/%.js,$(WORKERS)) \
	  --output dist/lull-deno dist/deno/main.js

check: tools ## formatting, lint, types
	@deno task check

fmt: tools ## format everything
	@deno fmt

# Tests. Each run leaves its count in dist/junit for `make summary`.
UNIT = $(shell find tests -name '*.test.ts' -not -path 'tests/vm/*' -not -path 'tests/contract/*' \
	-not -path 'tests/model/*' -not -path 'tests/storm/*' -not -path 'tests/faults/real/*')
JUNIT := dist/junit
BUN_TEST := bun test --timeout 180000 --reporter=junit --reporter-outfile=$(JUNIT)

test: test-deno test-bun contract ## unit tests on both runtimes, contract on both

test-deno: build
	@mkdir -p $(JUNIT)
	@deno test -A --no-check --junit-path=$(JUNIT)/unit-deno.xml $(UNIT)

test-bun: build
	@mkdir -p $(JUNIT)
	@$(BUN_TEST)/unit-bun.xml $(UNIT)

contract: tools ## the contract over HTTP, on deno run and bun run
	@mkdir -p $(JUNIT)
	@$(BUN_TEST)/contract-deno.xml tests/contract/deno.test.ts
	@$(BUN_TEST)/contract-bun.xml tests/contract/bun.test.ts

contract-binary: build ## the contract over HTTP, on what is built
	@mkdir -p $(JUNIT)
	@$(BUN_TEST)/contract-bundle.xml tests/contract/bundle.test.ts
	@$(BUN_TEST)/contract-binary.xml tests/contract/binary.test.ts

# One page, dist/bench.json and dist/bench/*.svg. PARTS names what to measure:
# native, forwarder, machine, pages. The part pages can measure less, for a quick
# look at a change: SUBJECTS=bun RESTORES=3 GENERATIONS=1 HOSTS=health; REST= has
# the seconds before a prepare, AGENT_FLAGS= the flags of the agent. SUBJECTS may
# name none, bare-bun, bare-deno, bun, deno, and agent, which AGENT= gives.
bench: build dist/bare/bun dist/bare/deno/main.js vm-deps ## measure everything; PARTS=native measures a part
	@bun run tests/bench/main.ts $(PARTS)

# The smallest servers, built as Lull is: what is left of it without the agent.
dist/bare/bun: tests/bench/bare/bun.ts | $(TOOLS)/bun
	@bun build $(FLAGS) $< --outfile $@
	@sync $@

dist/bare/deno/main.js: tests/bench/bare/deno.ts | $(TOOLS)/bun
	@bun build --target=node --format=esm --minify --outfile=$@ $< >/dev/null

# AGENT is a binary that listens on port 49983, PREPARE the path to POST before a
# snapshot, HEALTH the path to GET after a restore.
bench-vm: build vm-deps ## measure any agent in a machine: AGENT= PREPARE= HEALTH=
	@AGENT='$(AGENT)' PREPARE='$(PREPARE)' HEALTH='$(HEALTH)' bun run tests/bench/main.ts machine

vm-deps: tools ## what real machines need: Debian packages, a guest kernel
	@bun run tests/vm/support/deps.ts

# VM_PARTS names parts of file names; all where it names none.
vm-test: build ## the tests in real machines
	@mkdir -p $(JUNIT)
	@bun run tests/vm/run.ts $(VM_PARTS)

# A failure prints the commands, and MODEL_SEED, MODEL_PATH and MODEL_REPLAY to
# give to the same target to see it again.
model: build ## 5,000 random commands on deno, bun and the binary, against the model
	@mkdir -p $(JUNIT)
	@for target in deno bun binary; do \
	  $(BUN_TEST)/model-$$target.xml tests/model/$$target.test.ts; done

faults: build ## faults of real processes on deno, bun and the binary
	@mkdir -p $(JUNIT)
	@for target in deno bun binary; do \
	  $(BUN_TEST)/faults-$$target.xml tests/faults/real/$$target.test.ts; done

# Python and the packages of tests/schemathesis/requirements.txt, which come from
# PyPI into .tools; without them it says so, and counts as skipped.
schemathesis: build ## whether the binary keeps what /openapi.json says
	@bun run tests/schemathesis/main.ts

# A failure prints STORM_SEED, which brings back what each host does, not when.
storm: build ## random storms of STORM_SECONDS=60 on TARGETS=: many hosts, signals, kills
	@mkdir -p $(JUNIT)
	@for target in $(or $(TARGETS),deno bun binary); do \
	  $(BUN_TEST)/storm-$$target.xml tests/storm/$$target.test.ts; done

soak: build ## storms of 600 s, a day of 20,000 rounds (ROUNDS=), the model as long, on TARGETS=
	@mkdir -p $(JUNIT)
	@for target in $(or $(TARGETS),deno bun binary); do \
	  STORM_SECONDS=$(or $(STORM_SECONDS),600) \
	  $(BUN_TEST)/soak-storm-$$target.xml tests/storm/$$target.test.ts; done
	@for target in $(or $(TARGETS),deno bun binary); do \
	  bun run tests/model/day.ts $$target $(ROUNDS); done
	@for target in $(or $(TARGETS),deno bun binary); do \
	  MODEL_ROUNDS=$(or $(ROUNDS),20000) \
	  $(BUN_TEST)/soak-$$target.xml tests/model/$$target.test.ts; done

summary: tools ## what ran so far, counted
	@bun run tests/support/summary.ts $(JUNIT)

ci: ## everything that must hold
	@rm -rf $(JUNIT)
	@$(MAKE) --no-print-directory check test contract-binary schemathesis faults storm model vm-test

clean: ## remove what was built; the tools and the cache stay
	@rm -rf dist

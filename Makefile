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
FLAGS := --compile --minify --bytecode --format=esm --compile-exec-argv=--smol

.PHONY: help tools demo test test-deno test-bun contract contract-binary dev \
	build deno-compile check fmt bench vm-deps vm-test ci clean

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

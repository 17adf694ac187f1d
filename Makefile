# The ladder: from seconds to as long as you like. Each step is what CI runs; `make help` lists them.

SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS   += --no-print-directory

GO       ?= go
SEEDS    ?= 200
FUZZTIME ?= 10s
PKG      ?= ./...
OPS      ?= 1000000
SCRIPTS  ?= 10000
JOINS    ?= 2000
QUERIES  ?= 20000
GATEWAY  ?= http://127.0.0.1:8083
ASKED    ?= 1000
RUNS     ?= 50
DURATION ?= 10m
ARGS     ?=

# Only the race detector needs cgo.
export CGO_ENABLED := 0

STATICCHECK := $(GO) tool -modfile=tools/go.mod staticcheck

# The modules beside the main one that have packages; tools/go.mod has none, it only pins versions.
MODULES := $(filter-out ./tools .,$(patsubst %/go.mod,%,$(shell find . -name go.mod -not -path '*/testdata/*')))

.PHONY: help check fmt vet staticcheck lint test race synctests sim sim-teeth meta meta-flink nexmark-verify kill kill-sql damage unaligned checkpoint-bench duckdb bench fuzz

help: ## list the steps
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

check: fmt vet staticcheck lint ## format, vet, staticcheck, house rules

fmt: ## fail if a Go file is not formatted
	@files=$$(gofmt -l .); if [ -n "$$files" ]; then echo "not formatted, run gofmt -w:"; echo "$$files"; exit 1; fi

vet: ## go vet, with assertions off and on, in every module
	$(GO) vet ./...
	$(GO) vet -tags invariants,synctests ./...
	@for mod in $(MODULES); do echo "$(GO) vet ./... in $$mod"; (cd $$mod && $(GO) vet ./...); done

staticcheck: ## staticcheck, at the version that tools/go.mod pins
	$(STATICCHECK) ./...
	$(STATICCHECK) -tags invariants,synctests ./...

lint: ## house rules: layers, package comments, bans, paths in guides, dependencies
	$(GO) test ./internal/lint

test: ## all tests of all modules
	$(GO) test ./...
	@for mod in $(MODULES); do echo "$(GO) test ./... in $$mod"; (cd $$mod && $(GO) test ./...); done

race: ## all tests under the race detector, with assertions on (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -tags invariants $(PKG)

synctests: ## all tests with locks that virtual time understands, assertions on
	$(GO) test -tags synctests,invariants $(PKG)

sim: ## whole jobs under a seeded scheduler: SEEDS=200
	@$(GO) run ./tests/sim -seeds $(SEEDS)

sim-teeth: ## the simulation of recovery finds each of some deliberate defects
	@$(GO) run ./tests/sim/teeth

meta: ## random scripts of windows, joins and state, and random queries of SQL, beside slow oracles: SCRIPTS=10000 JOINS=2000 OPS=1000000 QUERIES=20000
	@$(GO) run ./tests/meta -scripts $(SCRIPTS) -joins $(JOINS)
	$(GO) test -count=1 -timeout 30m ./internal/statebackend/backendtest ./internal/statebackend/lsm -run '^(TestMemory|TestBackend)$$' -ops $(OPS)
	@$(GO) run ./tests/meta -queries $(QUERIES)

meta-flink: ## random queries of SQL beside a running Flink, rows and result types, in both modes: GATEWAY=http://127.0.0.1:8083 ASKED=1000
	@$(GO) run ./tests/meta/flink -quiet -gateway $(GATEWAY) -queries $(ASKED) -mode batch
	@$(GO) run ./tests/meta/flink -quiet -gateway $(GATEWAY) -queries $(ASKED) -mode streaming

nexmark-verify: ## all Nexmark queries over a million events in 18 ways each, beside the sums of hand-written loops and of Flink
	@$(GO) run ./tests/nexmark

kill: ## examples/durable under kill -9 at random moments, its output beside that of an undisturbed run: RUNS=50
	@$(GO) run ./tests/kill -runs $(RUNS)

kill-sql: ## a durable script of SQL from CSV to partitioned Parquet under kill -9 at random moments, its tables beside those of an undisturbed run: RUNS=30
	@$(GO) run ./tests/killsql -runs $(RUNS)

damage: ## checkpoints cut, flipped, swapped and overwritten at random: a refusal or a right answer: DURATION=10m
	@$(GO) test -count=1 -timeout 0 ./tests/sim/recovery -run '^TestDamage$$' -v -args -damage $(DURATION)

unaligned: ## how long a checkpoint takes behind a slow sink: aligned, with a timeout, and unaligned
	@$(GO) run ./tests/unaligned

checkpoint-bench: ## what checkpoints cost at 10 MB, 100 MB and 1 GB on both backends: pauses, incremental sizes, restore: ARGS="-backends lsm -sizes 100"
	@$(GO) run ./tests/checkpointbench $(ARGS)

duckdb: ## DuckDB reads the Parquet files of a savepoint (needs a C compiler)
	@cd bench/duckdb && CGO_ENABLED=1 $(GO) test -count=1 ./...

bench: ## Weir beside a hand-written loop: ARGS="-json"
	@cd bench && $(GO) run . $(ARGS)

fuzz: ## each fuzz target in turn: FUZZTIME=10s, PKG=./internal/codec for one package
	@targets=0; \
	for pkg in $$($(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' $(PKG)); do \
		dir=$$($(GO) list -f '{{.Dir}}' $$pkg); \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$dir/*_test.go); do \
			targets=$$((targets+1)); \
			echo "$$pkg $$target for $(FUZZTIME)"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done; \
	echo "fuzz: $$targets targets, 0 failed"

# `make help` lists what there is to do. On a fresh Debian 12 with Go and make,
# `make run` and `make test` need nothing else. Where Go is missing or old they say what to do.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The version comes from the file VERSION, the rest from the commit where git
# and a commit are at hand, so that one commit always gives the same binary.
VERSION    := $(shell cat VERSION)
REVISION   := $(or $(shell git rev-parse HEAD 2>/dev/null | grep -E '^[0-9a-f]{40}'),unknown)
BRANCH     := $(or $(shell git symbolic-ref --short --quiet HEAD 2>/dev/null),unknown)
BUILD_DATE := $(or $(shell TZ=UTC git log -1 --format=%cd --date=format-local:%Y%m%d-%H:%M:%S 2>/dev/null),unknown)

# Go's own stamp differs with the state of the work tree, and fails in a
# directory of another user.
export GOFLAGS := $(GOFLAGS) -buildvcs=false

PACKAGE := github.com/prometheus/common/version
LDFLAGS := -s -w -X $(PACKAGE).Version=$(VERSION) -X $(PACKAGE).Revision=$(REVISION) \
	-X $(PACKAGE).Branch=$(BRANCH) -X $(PACKAGE).BuildUser=make -X $(PACKAGE).BuildDate=$(BUILD_DATE)
BUILD   := CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)'
BINARY  := bin/cryptojack_exporter

GOLANGCI_LINT := v2.15.0
GOVULNCHECK   := v1.9.0
JSONNET       := v0.22.0
TOOLS         := $(CURDIR)/bin/tools

# What the end-to-end tests run must not lie in a temporary directory: the
# exporter would rightly suspect it.
export E2E_BIN := $(if $(filter /tmp/% /var/tmp/% /dev/%,$(CURDIR)/),$(HOME)/.cache/cryptojack_exporter_e2e,$(CURDIR)/e2e/bin)

# How a user who is not root runs what needs root. sudo(8) and the login of such a
# user each set a PATH that lacks something: the one Go, the other nginx.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin
comma   := ,
as_root := $(if $(filter-out 0,$(shell id -u)),sudo --preserve-env=PATH$(comma)E2E_BIN$(comma)E2E_PICTURES$(comma)GOTMPDIR)

# What tests skip here, and why, a line each. `make test` shows it at the end.
export SKIPPED := $(CURDIR)/bin/skipped

heading = @printf '\n=== %s ===\n' '$(1)'

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | while IFS=$$'\t' read -r target text; do printf '  make %-16s %s\n' "$$target" "$$text"; done

.PHONY: build
build: ## Build the static binary bin/cryptojack_exporter
	@GOALS='$(MAKECMDGOALS)' scripts/check-go go.mod
	$(BUILD) -o $(BINARY) ./cmd/cryptojack_exporter

.PHONY: run
run: build ## Build and run the exporter on this host, at http://localhost:10042
	exec $(BINARY)

.PHONY: test
test: ## Install what tests need, then run every check and every test
	@GOALS='$(MAKECMDGOALS)' scripts/check-go go.mod e2e/go.mod
	@mkdir -p bin && : > "$$SKIPPED"
	$(MAKE) --no-print-directory test-tools
	$(MAKE) --no-print-directory lint
	$(MAKE) --no-print-directory vulnerabilities
	$(MAKE) --no-print-directory unit
	$(MAKE) --no-print-directory fuzz FUZZTIME=3s
	$(MAKE) --no-print-directory rules
	$(MAKE) --no-print-directory dashboards-check
	$(MAKE) --no-print-directory e2e
	$(MAKE) --no-print-directory image-check
	$(MAKE) --no-print-directory compose-check
	$(MAKE) --no-print-directory chart-check
	$(MAKE) --no-print-directory packages-check release-check
	$(call heading,all passed$(comma) but for what was skipped)
	@printf '%d skipped\n' "$$(wc -l < "$$SKIPPED")" && sed 's/^/  /' "$$SKIPPED"

.PHONY: test-tools
test-tools: ## Install the Debian packages that tests need, without starting their services
	$(call heading,test tools)
	@scripts/install-test-packages

.PHONY: lint
lint: $(TOOLS)/golangci-lint-$(GOLANGCI_LINT) ## Check format (gofumpt), go vet, golangci-lint, shell scripts' syntax
	$(call heading,lint)
	go vet ./...
	$< run ./...
	cd e2e && go vet ./... && $< run --config ../.golangci.yml ./...
	cd e2e/chart && go vet ./... && $< run --config ../../.golangci.yml ./...
	cd e2e/compose && go vet ./... && $< run --config ../../.golangci.yml ./...
	for script in .ci/run scripts/* deploy/manifests/render deploy/stage deploy/tarballs deploy/release-check deploy/packages/{build,check,check-installed} e2e/image-check e2e/lab/randomx/build e2e/axe/fetch dashboards/typecheck/check; do bash -n "$$script"; done

.PHONY: vulnerabilities
vulnerabilities: $(TOOLS)/govulncheck-$(GOVULNCHECK) ## Look for known vulnerabilities, if the database can be reached
	$(call heading,known vulnerabilities)
	@code=0; output=$$(timeout 300 $< ./... 2>&1) || code=$$?; \
	if grep -q 'fetching vulnerabilities' <<<"$$output"; then \
	  echo 'known vulnerabilities: the database cannot be reached from here' | tee -a "$$SKIPPED"; \
	else printf '%s\n' "$$output"; exit "$$code"; fi

.PHONY: unit
unit: ## Run the tests of every package with the race detector
	$(call heading,unit tests)
	@mkdir -p bin
	go test -race -json ./... | go -C e2e run ./testreport -skipped "$$SKIPPED"

# What covers new code waits in bin/fuzz for the next run; ARGUMENTS=-keep takes the smallest of it into the tree.
FUZZTIME ?= 30s
.PHONY: fuzz
fuzz: ## Run each fuzz test for FUZZTIME (30s), two at a time; what fails becomes a seed in testdata/fuzz
	$(call heading,fuzz tests)
	@mkdir -p bin/fuzz && cd e2e && go test ./fuzz && go build -o ../bin/fuzz/fuzz ./fuzz
	bin/fuzz/fuzz -time $(FUZZTIME) $(ARGUMENTS)

.PHONY: kernels
kernels: ## Run the tests of BPF programs and privileges on Debian's Linux 5.10, 6.1, 6.12 and arm64, in QEMU without KVM (3 min)
	@scripts/test-kernels

.PHONY: bench
bench: ## Run the benchmarks
	$(call heading,benchmarks)
	go test -run '^$$' -bench . -benchmem ./...

# With the oldest promtool that is meant to do, Debian 12's, and the newest.
.PHONY: rules
rules: e2e-tools $(TOOLS)/jsonnet-$(JSONNET) ## Check and test the alert rules with promtool, as `assets` writes them with each flag, and the example for Alertmanager
	$(call heading,alert rules)
	@for promtool in promtool "$$E2E_BIN/promtool"; do \
	  "$$promtool" --version | head -n 1; \
	  "$$promtool" check rules --lint=all --lint-fatal alerts/*.rules.yml; \
	  "$$promtool" test rules alerts/*.rules.test.yml; \
	done
	@scripts/check-alertmanager
	@scripts/check-sigma
	cd e2e && JSONNET=$(TOOLS)/jsonnet-$(JSONNET) go test -count=1 -timeout 20m ./houses

test_e2e = mkdir -p "$$E2E_BIN/tmp" bin && cd e2e && go build -o "$$E2E_BIN/" ./testreport && \
	GOTMPDIR="$$E2E_BIN/tmp" go test -count=1 -timeout 30m -json $(if $(as_root),-exec '$(as_root)') $(1) \
	| "$$E2E_BIN/testreport" -v -skipped "$$SKIPPED"

# By clang 14, Debian 12's: a unit test compares what is in the tree with what it makes.
.PHONY: generate
generate: ## Make the BPF objects anew from their C source
	@scripts/install-test-packages
	go generate ./internal/kernel/...

.PHONY: contract
contract: ## Add what is new to docs/contract.txt, what users may rest on
	UPDATE_CONTRACT=1 go test -count=1 -run '^TestContract$$' ./cmd/... ./internal/config ./internal/report

.PHONY: assets
assets: ## Write rules, the example for Alertmanager and dashboards anew from alerts/source and dashboards/generate
	go run ./cmd/cryptojack_exporter assets .
	@if [[ -x '$(helm)' ]]; then $(MAKE) --no-print-directory manifests; else echo 'deploy/chart has copies: make manifests'; fi

.PHONY: pictures
pictures: e2e-tools ## Draw docs/pictures anew: the page and a dashboard while the incident is replayed, as root (3 min)
	@scripts/install-test-packages pngquant optipng
	@$(as_root) scripts/pictures

# Against Grafana's own types, of the newest and of the oldest version that is
# meant to do.
.PHONY: dashboards-check
dashboards-check: ## Check the dashboards' JSON against the types of Grafana 9 and 13
	$(call heading,dashboards)
	@dashboards/typecheck/check

.PHONY: e2e
e2e: e2e-tools flink-tools engines ## Run the tests on the real thing: exporter, Prometheus 3, Alertmanager, browser, Flink
	$(call heading,end-to-end tests)
	cd e2e && go test ./fleet ./hostile ./internal/... ./lab/... ./overhead ./pagebench ./peers ./soak ./testreport
	SCANNED="/usr:/opt:/lib/modules:$$E2E_BIN/cryptojack_exporter" go test -count=1 -v -run '^TestInstalledPrograms$$' ./internal/hostfs
	@mkdir -p bin && touch "$$SKIPPED"
	$(as_root) "$$E2E_BIN/lab" -short -skipped "$$SKIPPED"
	$(as_root) "$$E2E_BIN/hostile" -short -skipped "$$SKIPPED"
	$(as_root) "$$E2E_BIN/soak" -time 150s
	$(call test_e2e,.)

.PHONY: e2e-flink
e2e-flink: e2e-tools flink-tools ## Of the end-to-end tests, run those of exposed services: a real Flink, Redis and nginx
	$(call heading,end-to-end tests of exposed services)
	$(call test_e2e,-run '^TestExposed' .)

.PHONY: e2e-engines
e2e-engines: e2e-tools engines ## Of the end-to-end tests, run those of fleets: Thanos and VictoriaMetrics beside Prometheus
	$(call heading,end-to-end tests of fleets)
	$(call test_e2e,-run '^Test(Engines|Agent)' .)

.PHONY: soak
soak: e2e-tools ## Hold memory, goroutines, descriptors and series to be level for two hours while everything comes and goes, as root
	cd e2e && go test ./soak
	@scripts/install-test-packages
	@$(as_root) "$$E2E_BIN/soak" $(ARGUMENTS)

.PHONY: lab
lab: e2e-tools ## Play all attacks and their benign counterparts on this machine, as root (1 h), and write docs/lab.md
	@scripts/install-test-packages stress-ng screen
	@mkdir -p docs && touch docs/lab.md
	@$(as_root) "$$E2E_BIN/lab" -table docs/lab.md

.PHONY: hostile
hostile: e2e-tools ## Do to this machine what should blind, fool or end the exporter, as root (30 min), and write docs/hostile.md
	@scripts/install-test-packages
	@mkdir -p docs && touch docs/hostile.md
	@$(as_root) "$$E2E_BIN/hostile" -table docs/hostile.md

# Each bench writes its page in docs, unless it gets other arguments than the usual:
# make bench-peers ARGUMENTS='-sizes=1000 -for=15s -short-processes=false'
ARGUMENTS ?=
table_or_arguments = $(if $(ARGUMENTS),$(ARGUMENTS),-table docs/$@.md)
page_of_bench      = @mkdir -p docs && touch docs/$@.md

NODE_EXPORTER := v1.12.1

.PHONY: bench-peers
bench-peers: e2e-tools $(TOOLS)/node_exporter-$(NODE_EXPORTER) ## Compare with process-exporter and node_exporter among 100 to 30,000 processes, as root (25 min)
	@scripts/install-test-packages prometheus-process-exporter
	cd e2e && go test ./internal/... ./peers && CGO_ENABLED=0 go build -o "$$E2E_BIN/peers" ./peers
	$(page_of_bench)
	@$(as_root) "$$E2E_BIN/peers" -node-exporter $(TOOLS)/node_exporter-$(NODE_EXPORTER) $(table_or_arguments)

.PHONY: bench-page
bench-page: e2e-tools ## Measure the seconds from the start of an attack to the page, over 20 attacks, as root (20 min)
	@scripts/install-test-packages
	cd e2e && go test ./pagebench
	$(page_of_bench)
	@$(as_root) "$$E2E_BIN/pagebench" $(table_or_arguments)

.PHONY: bench-overhead
bench-overhead: e2e-tools ## Measure how much slower a build and 2,000 processes a second get beside the exporter, as root (25 min)
	cd e2e && go test ./internal/... ./overhead && CGO_ENABLED=0 go build -o "$$E2E_BIN/overhead" ./overhead
	$(page_of_bench)
	@$(as_root) "$$E2E_BIN/overhead" $(table_or_arguments)

.PHONY: bench-fleet
bench-fleet: e2e-tools ## Measure one Prometheus with the shipped rules and 1,000 simulated hosts, as root (25 min, 8 GB)
	cd e2e && go test ./internal/... ./fleet && CGO_ENABLED=0 go build -o "$$E2E_BIN/fleet" ./fleet
	$(page_of_bench)
	@$(as_root) "$$E2E_BIN/fleet" $(table_or_arguments)

.PHONY: profile
profile: build ## Profile the exporter on this host for a minute, as root: bin/profile has CPU, memory, and what takes most
	@$(as_root) scripts/profile $(BINARY) bin/profile $(ARGUMENTS)

# Prometheus takes two minutes to build; it is built again only for another version.
.PHONY: e2e-tools
e2e-tools: ## Build what the end-to-end tests run
	$(call heading,end-to-end tools)
	mkdir -p "$$E2E_BIN"
	$(BUILD) -o "$$E2E_BIN/cryptojack_exporter" ./cmd/cryptojack_exporter
	cd e2e && CGO_ENABLED=0 go build -o "$$E2E_BIN/" ./replica ./lab ./lab/burner ./pagebench ./hostile ./hostile/actor ./soak
	e2e/lab/randomx/build "$$E2E_BIN"
	e2e/axe/fetch
	cd e2e && if ! cmp -s go.sum "$$E2E_BIN/built-from"; then \
	  go build -tags remove_all_sd -o "$$E2E_BIN/" github.com/prometheus/prometheus/cmd/prometheus github.com/prometheus/prometheus/cmd/promtool \
	  && cp go.sum "$$E2E_BIN/built-from"; fi

.PHONY: engines
engines: ## Build what the end-to-end tests of fleets run: Thanos and VictoriaMetrics
	$(call heading,Thanos and VictoriaMetrics)
	@e2e/engines/build

.PHONY: flink-tools
flink-tools: ## Fetch Flink for the end-to-end tests, and compile the jar that is run in it
	$(call heading,Flink)
	@scripts/fetch-flink
	@classes=$$(mktemp -d) && trap 'rm -rf "$$classes"' EXIT; \
	javac --release 11 -d "$$classes" e2e/flink/Submitted.java && \
	jar --create --file "$$E2E_BIN/submitted.jar" --main-class Submitted -C "$$classes" .

include deploy/deploy.mk

.PHONY: clean
clean: ## Remove everything that was built
	rm -rf bin e2e/bin "$$E2E_BIN"

$(TOOLS)/golangci-lint-$(GOLANGCI_LINT):
	$(call heading,build golangci-lint $(GOLANGCI_LINT))
	GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT)
	mv $(TOOLS)/golangci-lint $@

$(TOOLS)/govulncheck-$(GOVULNCHECK):
	$(call heading,build govulncheck $(GOVULNCHECK))
	GOBIN=$(TOOLS) go install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK)
	mv $(TOOLS)/govulncheck $@

$(TOOLS)/jsonnet-$(JSONNET):
	$(call heading,build jsonnet $(JSONNET))
	GOBIN=$(TOOLS) go install github.com/google/go-jsonnet/cmd/jsonnet@$(JSONNET)
	mv $(TOOLS)/jsonnet $@

$(TOOLS)/node_exporter-$(NODE_EXPORTER):
	$(call heading,build node_exporter $(NODE_EXPORTER))
	GOBIN=$(TOOLS) CGO_ENABLED=0 go install github.com/prometheus/node_exporter@$(NODE_EXPORTER)
	mv $(TOOLS)/node_exporter $@

# How the exporter is shipped: each target makes or checks one form of it.
# `make help` lists these too.

# What is packed gets the time of the commit, so that one commit always gives the same bytes.
EPOCH := $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null),0)
IMAGE := bin/image/cryptojack_exporter-$(VERSION).image.tar

.PHONY: image
image: ## Make the container image of amd64 and arm64 as one OCI index, without an engine: bin/image/*.image.tar
	@mkdir -p bin/image
	@for architecture in amd64 arm64; do GOOS=linux GOARCH=$$architecture $(BUILD) -o bin/image/$$architecture ./cmd/cryptojack_exporter; done
	@go run ./deploy/image -out $(IMAGE) -version '$(VERSION)' -revision '$(REVISION)' -epoch $(EPOCH) amd64=bin/image/amd64 arm64=bin/image/arm64

# Twice, and byte for byte the same. Then by runc, as Docker runs it, with the options that a host needs and without.
.PHONY: image-check
image-check: image ## Make the image twice, build the Dockerfile's with buildah, without a network, and run it by runc, as root
	$(call heading,image)
	@mv $(IMAGE) $(IMAGE).first && $(MAKE) -s image >/dev/null && cmp $(IMAGE).first $(IMAGE) && rm $(IMAGE).first && echo 'made twice: the same bytes'
	@REVISION='$(REVISION)' BRANCH='$(BRANCH)' BUILD_DATE='$(BUILD_DATE)' e2e/image-check bin/image/$$(go env GOARCH)
	@cd e2e && CGO_ENABLED=0 go build -o ../bin/image/replica ./replica && \
	  IMAGE_ARCHIVE=$(CURDIR)/$(IMAGE) IMAGE_VERSION=$(VERSION) IMAGE_REPLICA=$(CURDIR)/bin/image/replica \
	  go test -count=1 -json $(if $(as_root),-exec '$(as_root)$(comma)IMAGE_ARCHIVE$(comma)IMAGE_VERSION$(comma)IMAGE_REPLICA') ./image | go run ./testreport -v -skipped "$$SKIPPED"

HELM := v4.3.1
helm := $(TOOLS)/helm-$(HELM)

.PHONY: manifests
manifests: $(helm) ## Copy rules and dashboards into the Helm chart, and render it for those without Helm: deploy/manifests
	$(call copy_into_chart,deploy/chart/files)
	deploy/manifests/render $< deploy/chart deploy/manifests

# Helm takes the times of the files, so the same commit gives the same package.
# In the chart are copies and no links: what takes a chart out of a Git repository may leave links out, as Flux does.
copy_into_chart = rm -rf $(1) && mkdir -p $(1)/dashboards && cp alerts/cryptojack.rules.yml $(1)/ && cp dashboards/*.json $(1)/dashboards/

.PHONY: chart
chart: $(helm) ## Package the Helm chart: bin/cryptojack-exporter-VERSION.tgz
	rm -rf bin/chart && cp -r deploy/chart bin/chart && cp LICENSE bin/chart/
	find bin/chart -exec touch --date='@$(EPOCH)' {} +
	$< package bin/chart --destination bin

# From the package that a user gets.
.PHONY: chart-check
chart-check: chart ## Check the Helm chart by what an API server, OpenShift and the Prometheus operator accept, and run its pod
	$(call heading,Helm chart)
	for values in '' deploy/chart/ci/*-values.yaml; do $(helm) lint --strict --quiet deploy/chart $${values:+--values "$$values"}; done
	@rm -rf bin/manifests && mkdir bin/manifests && $(call copy_into_chart,bin/manifests/files) && diff -r bin/manifests/files deploy/chart/files && rm -r bin/manifests/files && \
	  deploy/manifests/render $(helm) bin/cryptojack-exporter-$(VERSION).tgz bin/manifests && diff -r --exclude=render --exclude=namespace.yaml bin/manifests deploy/manifests || \
	  { echo 'the chart or its manifests are not those of today: run make manifests' >&2; exit 1; }
	$(BUILD) -o $(BINARY) ./cmd/cryptojack_exporter && go build -o bin/image/make ./deploy/image
	cd e2e/chart && HELM=$(helm) EXPORTER=$(CURDIR)/$(BINARY) IMAGE=$(CURDIR)/bin/image/make PROMTOOL=$$(command -v promtool) GOMODCACHE=$$(go env GOMODCACHE) \
	  go test -count=1 -timeout 10m -json $(if $(as_root),-exec '$(as_root)$(comma)HELM$(comma)EXPORTER$(comma)IMAGE$(comma)PROMTOOL$(comma)GOMODCACHE') ./... | go -C .. run ./testreport -skipped "$$SKIPPED"

$(helm):
	$(call heading,build Helm $(HELM))
	GOBIN=$(TOOLS) go install helm.sh/helm/v4/cmd/helm@$(HELM)
	mv $(TOOLS)/helm $@

NFPM          := v2.45.2
CYCLONEDX     := v1.10.0
ARCHITECTURES := amd64 arm64 armv7 riscv64
STAGE         := bin/stage

stage packages tarballs release packages-check release-check: export SOURCE_DATE_EPOCH := $(EPOCH)
stage packages tarballs release packages-check release-check: export VERSION := $(VERSION)

.PHONY: stage
stage: build
	@for architecture in $(ARCHITECTURES); do \
	  GOOS=linux GOARCH=$${architecture/armv7/arm} GOARM=7 $(BUILD) -o bin/linux-$$architecture/cryptojack_exporter ./cmd/cryptojack_exporter; \
	done
	@deploy/stage $(BINARY) $(STAGE)

.PHONY: packages
packages: stage $(TOOLS)/nfpm-$(NFPM) ## Make deb and rpm of each architecture, in bin/packages
	@rm -rf bin/packages
	@deploy/packages/build $(TOOLS)/nfpm-$(NFPM) $(STAGE) bin/packages $(ARCHITECTURES)

.PHONY: packages-check
packages-check: packages ## Check the packages of each architecture, and in a Debian with systemd install, upgrade and remove one, as root
	$(call heading,packages)
	@$(as_root) env NFPM=$(TOOLS)/nfpm-$(NFPM) STAGE=$(STAGE) VERSION=$(VERSION) SOURCE_DATE_EPOCH=$$SOURCE_DATE_EPOCH SKIPPED="$$SKIPPED" deploy/packages/check

.PHONY: tarballs
tarballs: stage $(TOOLS)/cyclonedx-gomod-$(CYCLONEDX)
	@rm -rf bin/tarballs
	@deploy/tarballs $(TOOLS)/cyclonedx-gomod-$(CYCLONEDX) $(STAGE) bin/tarballs $(ARCHITECTURES)

.PHONY: release
release: packages tarballs chart image ## Make all that is released of this commit, in bin/release: tarballs, packages, image, chart, SBOM, sha256sums.txt
	@rm -rf bin/release && mkdir bin/release
	@cp bin/packages/* bin/tarballs/* bin/cryptojack-exporter-$(VERSION).tgz $(IMAGE) bin/release/
	@cd bin/release && LC_ALL=C sha256sum -- * > sha256sums.txt && ls -l

# In another directory, with another umask and time zone, from the same commit.
.PHONY: release-check
release-check: release ## Check what is in the release, and that this machine's part of it comes out the same in another directory
	$(call heading,release)
	@deploy/release-check $(MAKE) -s packages tarballs ARCHITECTURES=$$(go env GOARCH) TOOLS=$(TOOLS) REVISION='$(REVISION)' BRANCH='$(BRANCH)' BUILD_DATE='$(BUILD_DATE)'

$(TOOLS)/nfpm-$(NFPM):
	$(call heading,build nfpm $(NFPM))
	GOBIN=$(TOOLS) go install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM)
	mv $(TOOLS)/nfpm $@

# It writes its own hash into what it makes.
$(TOOLS)/cyclonedx-gomod-$(CYCLONEDX):
	$(call heading,build cyclonedx-gomod $(CYCLONEDX))
	GOBIN=$(TOOLS) CGO_ENABLED=0 go install -trimpath github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(CYCLONEDX)
	mv $(TOOLS)/cyclonedx-gomod $@

# With the oldest promtool that is meant to do and the newest; Docker Compose's own parser is in the module of e2e/compose.
.PHONY: compose-check
compose-check: e2e-tools ## Check the compose stack by its programs' own parsers, and run its commands and the drill without an engine
	$(call heading,compose stack)
	@for promtool in promtool "$$E2E_BIN/promtool"; do "$$promtool" check config deploy/compose/prometheus.yml; done
	@amtool check-config alerts/alertmanager.yml
	@sh -n deploy/compose/drill/drill.sh && perl -c deploy/compose/drill/pager.pl
	@mkdir -p "$$E2E_BIN/tmp" && cd e2e/compose && EXPORTER="$$E2E_BIN/cryptojack_exporter" PROMETHEUS="$$E2E_BIN/prometheus" ALERTMANAGER=$$(command -v prometheus-alertmanager) GOTMPDIR="$$E2E_BIN/tmp" \
	  go test -count=1 -timeout 15m -json $(if $(as_root),-exec '$(as_root)$(comma)EXPORTER$(comma)PROMETHEUS$(comma)ALERTMANAGER') . | go -C .. run ./testreport -skipped "$$SKIPPED"

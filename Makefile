# One verb a target; `make help` lists them all.
# README.md and CONTRIBUTING.md speak of these targets, and .ci/run runs test, test-long and lint.

# Versions of the tools that are no requirement of go.mod. Envoy's, sslyze's and grpcio's are those that the tests run
# with, and stand there.
GOLANGCI_LINT_VERSION := v2.15.0
CYCLONEDX_VERSION     := v1.10.0
ENVOY_VERSION          = $(shell awk '$$1 == "Version" { gsub(/"/, "", $$3); print $$3 }' test/envoy/install.go)
ENVOY_OLDEST_VERSION   = $(shell awk '$$1 == "OldestVersion" { gsub(/"/, "", $$3); print $$3 }' test/envoy/install.go)
SSLYZE_VERSION         = $(shell awk '$$1 == "const" && $$2 == "sslyzeVersion" { gsub(/"/, "", $$4); print $$4 }' test/outside/sslyze_test.go)
GRPCIO_VERSION         = $(shell awk '$$1 == "const" && $$2 == "grpcioVersion" { gsub(/"/, "", $$4); print $$4 }' test/grpc/python_test.go)

# More flags of the benchmarks.
BENCH ?=

# How many made-up inputs `make fuzz` gives each fuzz test.
# A number of inputs and no time: at the end of a time, Go 1.26 can fail without a finding (go.dev/issue/75804).
FUZZTIME ?= 20000x

# What the binary says of itself, in a tree that is no git clone as well.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
COMMIT  ?= $(shell git rev-parse --verify --quiet HEAD 2>/dev/null || echo unknown)
LDFLAGS := -X main.version=$(VERSION) -X main.commit=$(COMMIT)

# A static binary is the same, byte for byte, from the same source and stamps, by whomever and wherever it is built:
# in a clone or from an archive of it, for a release or for the image. The toolchain is the one that go.mod names.
BUILD_STATIC := CGO_ENABLED=0 GOTOOLCHAIN=go$(shell awk '$$1 == "go" { print $$2 }' go.mod) \
	go build -trimpath -buildvcs=false -ldflags '-s -w $(LDFLAGS)'

# What a release is built for, what one archive of it is called, and the date of all that is in it.
PLATFORMS ?= linux-amd64 linux-arm64 darwin-amd64 darwin-arm64
ARCHIVE    = contour-$(VERSION)-$(GOOS)-$(GOARCH)
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

# Tools are installed here, one folder a version, so that another version in this file is another folder.
TOOLS         := $(CURDIR)/.tools
GOLANGCI_LINT := $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION)/golangci-lint
CYCLONEDX     := $(TOOLS)/cyclonedx-gomod-$(CYCLONEDX_VERSION)/cyclonedx-gomod

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/contour
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/contour ./cmd/contour

.PHONY: static
static: ## build bin/contour as releases and the image have it: static, for GOOS and GOARCH
	$(BUILD_STATIC) -o bin/contour ./cmd/contour

.PHONY: man
man: ## write the man pages to bin/man
	rm -rf bin/man
	mkdir -p bin/man
	SOURCE_DATE_EPOCH='$(SOURCE_DATE_EPOCH)' go test -count=1 -run '^TestManPages$$' ./cmd/contour \
		-args -man '$(CURDIR)/bin/man' -man-version '$(VERSION)'

.PHONY: completions
completions: build ## write the completion scripts of four shells to bin/completions
	mkdir -p bin/completions
	bin/contour completion bash >bin/completions/contour.bash
	bin/contour completion zsh >bin/completions/_contour
	bin/contour completion fish >bin/completions/contour.fish
	bin/contour completion powershell >bin/completions/contour.ps1

.PHONY: release
release: man completions $(CYCLONEDX) ## build the archives for PLATFORMS, what is inside each, and checksums, in dist
	rm -rf bin/release dist
	mkdir -p dist
	for platform in $(PLATFORMS); do \
		$(MAKE) --no-print-directory archive GOOS="$${platform%-*}" GOARCH="$${platform#*-}" \
			VERSION='$(VERSION)' COMMIT='$(COMMIT)' SOURCE_DATE_EPOCH='$(SOURCE_DATE_EPOCH)'; \
	done
	cd dist && sha256sum contour-* >SHA256SUMS

# One platform of a release: GNU tar sorts, and everything else that could differ between two machines is given.
.PHONY: archive
archive:
	mkdir -p bin/release/$(ARCHIVE)
	$(BUILD_STATIC) -o bin/release/$(ARCHIVE)/contour ./cmd/contour
	cp -R LICENSE README.md CHANGELOG.md bin/man bin/completions bin/release/$(ARCHIVE)
	tar --create --sort=name --format=ustar --mtime='@$(SOURCE_DATE_EPOCH)' --owner=0 --group=0 --numeric-owner \
		--mode=u=rwX,go=rX --directory=bin/release $(ARCHIVE) | gzip -9 --no-name >dist/$(ARCHIVE).tar.gz
	$(CYCLONEDX) bin -json -noserial -notimestamp -std -version '$(VERSION)' \
		-output dist/$(ARCHIVE).cdx.json bin/release/$(ARCHIVE)/contour

.PHONY: demo
demo: build ## show a real Envoy fed over mutual TLS, and strangers refused; HOLD=1 stays up until Ctrl-C
	@HOLD='$(HOLD)' ENVOY_VERSION='$(ENVOY_VERSION)' examples/demo/run

.PHONY: test
test: ## run all tests under the race detector, those with the real Envoy included
	test/envoy/install $(ENVOY_VERSION)
	test/outside/install $(SSLYZE_VERSION)
	test/grpc/install $(GRPCIO_VERSION)
	@# Many tests run the binary, which is built while they run: Go's cache would take their results for those of a new one.
	go test -race -count=1 -timeout 20m ./...

.PHONY: test-kubernetes
test-kubernetes: ## apply examples/kubernetes to a real API server, which is built at the first time
	test/kubernetes/install
	go test -race -timeout 15m -tags long -run '^TestLong' ./test/kubernetes

.PHONY: test-long
test-long: test-kubernetes $(CYCLONEDX) ## run what takes longer: the oldest Envoy that is supported, a release built twice, the image's binary, some fuzzing
	test/envoy/install $(ENVOY_OLDEST_VERSION)
	go test -race -timeout 30m -tags long -run '^TestLong' ./test/access ./test/e2e
	go test -timeout 30m -tags long -run '^TestLong' ./test/release
	$(MAKE) --no-print-directory fuzz FUZZTIME=3000x

.PHONY: lint
lint: $(GOLANGCI_LINT) ## check style, formatting and the module's files
	go vet -tags long ./...
	$(GOLANGCI_LINT) run
	go mod tidy -diff
	go mod verify

.PHONY: format
format: $(GOLANGCI_LINT) ## format every Go file
	$(GOLANGCI_LINT) fmt

.PHONY: generate
generate: ## write generated files anew, docs/reference among them
	go generate ./...

.PHONY: fuzz
fuzz: ## fuzz each fuzz test with FUZZTIME (20000x) made-up inputs
	@for package in $$(go list ./...); do \
		listed=$$(go test -list '^Fuzz' "$$package"); \
		for name in $$(grep '^Fuzz' <<<"$$listed"); do \
			echo "fuzz: $$name of $$package"; \
			go test -run '^$$' -fuzz "^$$name\$$" -fuzztime '$(FUZZTIME)' "$$package"; \
		done; \
	done

.PHONY: bench
bench: ## measure contour against crypto/tls, gRPC and go-control-plane, and write docs/benchmarks; BENCH='-clients 1000' for more
	go test -run '^$$' -bench . -benchtime 1x -timeout 60m ./test/bench -report '$(CURDIR)/docs/benchmarks/README.md' $(BENCH)

.PHONY: clean
clean: ## remove what make built and installed
	rm -rf bin dist .demo .tools

$(GOLANGCI_LINT):
	GOBIN=$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

$(CYCLONEDX):
	GOBIN=$(@D) go install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(CYCLONEDX_VERSION)

# make          builds ./callbox
# make test     everything that must hold: linters, Go, JavaScript, browsers, fuzzing
# make long     what takes too long for `make test`: the whole siege, every planted defect; an hour
# make bench    prints the figures that docs/bench.md explains
# make bench-signaling  those of signaling beside other servers, see docs/bench-signaling.md; half an hour and more
# make bench-turn  those of the TURN server beside other servers, see docs/bench-turn.md; an hour and more
# make siege    attacks the server while people use it, see docs/security.md; half an hour and more
# make mutants  plants defects in the signaling server and shows that its tests notice

GOLANGCI := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
SYSTEM   := ./e2e/... ./bench/...

export PATH := $(PATH):/usr/sbin:/sbin

.PHONY: build deps test long lint unit frontend system fuzz bench bench-signaling bench-turn siege mutants clean

build:
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o callbox ./cmd/callbox

deps:
	.ci/deps
	cd frontend && npm ci --no-audit --no-fund --silent
	cd bench/signaling/node && npm ci --no-audit --no-fund --silent

test: deps lint frontend unit system fuzz

long: siege mutants

lint:
	go mod tidy -diff
	$(GOLANGCI) run

frontend: deps
	cd frontend && npm run --silent check && npm test --silent
	cd bench/signaling/node && PATH="$(CURDIR)/frontend/node_modules/.bin:$$PATH" && \
		eslint --config ../../../frontend/eslint.config.js . && prettier --config ../../../frontend/.prettierrc.json --check --log-level warn .

unit:
	go test -race -shuffle=on $$(go list ./... | grep -v -e '/e2e' -e '/bench')

# Browsers, namespaces and containers want the machine for themselves.
system: deps
	go test -race -shuffle=on -p 1 -timeout 20m $(SYSTEM)

fuzz:
	.ci/fuzz

bench: deps
	go run ./bench

# Attackers, people and the server want the machine for themselves.
siege: deps
	go test -count=1 -v -timeout 90m -run TestSiege ./e2e/siege -siege.full

mutants:
	go run ./signaling/mutants

bench-signaling: deps
	go run ./bench signaling
	go run ./bench signaling -tls -row relay,relay8,latency,joins,storm,idle

bench-turn: deps
	go run ./bench turn

clean:
	rm -rf callbox dist frontend/node_modules bench/signaling/node/node_modules

# make                  builds ./callbox
# make test             runs everything that must pass: linters, Go, JavaScript, browsers, fuzzing
# make long             runs what takes too much time or processor for `make test`: the whole siege, every planted
#                       defect, all calls of the matrix, 200 MB of files, two minutes of recording, 500 random steps in a
#                       call, ends of an older revision, bit-exact calls of ten minutes, how fast calls recover, every
#                       fault of a network that `callbox doctor` finds, 20,000 tries of each attacker on the safety code,
#                       an engine beside a busy program, every look at every screen, Lighthouse, a minute of fuzzing for
#                       each target; takes two hours
# make screenshots      takes the pictures in docs/page anew
# make bench            prints the figures that docs/bench.md explains
# make bench-signaling  compares signaling with other servers (docs/bench-signaling.md); takes half an hour or more
# make bench-turn       compares the TURN server with other servers (docs/bench-turn.md); takes an hour or more
# make siege            attacks the server while people use it (docs/security.md); takes half an hour or more
# make mutants          plants defects in the signaling server and shows that its tests notice them

GOLANGCI := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
SYSTEM   := ./e2e/... ./bench/...

export PATH := $(PATH):/usr/sbin:/sbin

.PHONY: build deps test long lint unit frontend system fuzz bench bench-signaling bench-turn siege mutants matrix files sound record walk ends exact recovery doctor attack spin gallery lighthouse screenshots clean

build:
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o callbox ./cmd/callbox

deps:
	.ci/deps
	cd frontend && npm ci --no-audit --no-fund --silent
	cd bench/signaling/node && npm ci --no-audit --no-fund --silent
	cd e2e/wrtc && npm ci --no-audit --no-fund --silent

test: deps lint frontend unit system fuzz

long: siege mutants matrix files sound record walk ends exact recovery doctor attack spin gallery lighthouse
	FUZZTIME=1m .ci/fuzz

lint:
	go mod tidy -diff
	$(GOLANGCI) run

frontend: deps
	cd frontend && npm run --silent check && npm test --silent
	cd bench/signaling/node && PATH="$(CURDIR)/frontend/node_modules/.bin:$$PATH" && \
		eslint --config ../../../frontend/eslint.config.js . && prettier --config ../../../frontend/.prettierrc.json --check --log-level warn .
	cd e2e/wrtc && PATH="$(CURDIR)/frontend/node_modules/.bin:$$PATH" && \
		eslint --config ../../frontend/eslint.config.js . && prettier --config ../../frontend/.prettierrc.json --check --log-level warn .

# Packages are compiled side by side, but run one by one: many tests have deadlines of real time, and those of a package
# already use all processors.
unit:
	go list -race -export -deps -test ./... >/dev/null
	go test -race -shuffle=on -p 1 $$(go list ./... | grep -v -e '/e2e' -e '/bench')

# Browsers, network namespaces and containers need the machine for themselves, so packages run one by one.
system: deps
	go test -race -shuffle=on -p 1 -timeout 30m $(SYSTEM)

fuzz:
	.ci/fuzz

bench: deps
	go run ./bench

# The attackers, the simulated people and the server need the machine for themselves.
siege: deps
	go test -count=1 -v -timeout 90m -run TestSiege ./e2e/siege -siege.full

matrix: deps
	go test -count=1 -v -timeout 30m -run 'TestMatrix|TestManInTheMiddle' ./e2e -matrix.full

sound: deps
	go test -count=1 -v -timeout 10m -run TestSoundFirst ./e2e -sound.full

files: deps
	go test -count=1 -v -timeout 10m -run TestFiles ./e2e -files.full

record: deps
	go test -count=1 -v -timeout 10m -run TestRecording ./e2e -record.full

recovery: deps
	go test -count=1 -v -timeout 10m -run TestRecovery ./e2e -recovery.full

doctor: deps
	go test -count=1 -v -timeout 10m -run TestDoctor ./e2e -doctor.full

walk: deps
	go test -race -count=1 -v -timeout 90m -run 'TestWalk|TestUnplugged|TestServerKilledWhileConnecting' ./e2e -walk.full -walk.steps 500

ends: deps
	go test -count=1 -v -timeout 20m -run 'TestOld|TestForeignPrograms|TestLiveKit|TestMovesToDirectPath|TestBothOfferAtOnce' ./e2e -ends.full

# Calls of ten minutes in which every frame must arrive.
exact:
	go test -count=1 -v -timeout 45m -run 'TestEveryFrameArrives|TestReportAgreesWithImpairment' ./peer -exact.full

# Every screen of the page in every language, theme and size, and a call by keyboard alone in Firefox.
gallery: deps
	go test -count=1 -v -timeout 30m -run 'TestGallery|TestByKeyboardAlone' ./e2e -gallery.full

# Lighthouse is large, so only this target installs it.
lighthouse: deps
	cd e2e/lighthouse && npm ci --no-audit --no-fund --silent
	go test -count=1 -v -timeout 20m -run TestLighthouse ./e2e -lighthouse.full

screenshots: deps
	rm -rf docs/page && mkdir docs/page
	go test -count=1 -v -timeout 20m -run TestGallery ./e2e -gallery.write $(CURDIR)/docs/page

attack:
	go test -count=1 -v -run TestAttackers ./peer/ctl -attack.full

# Keeps a processor busy for a second.
spin:
	go test -count=1 -run TestOthersAreServedWhileAnEngineBlocks ./turnserver/datapath -netpoll.spin

mutants:
	go run ./signaling/mutants

bench-signaling: deps
	go run ./bench signaling
	go run ./bench signaling -tls -row relay,relay8,latency,joins,storm,idle

bench-turn: deps
	go run ./bench turn

clean:
	rm -rf callbox dist frontend/node_modules bench/signaling/node/node_modules e2e/wrtc/node_modules e2e/lighthouse/node_modules

package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// importRules says what the packages of this module may import besides the standard
// library, themselves and the packages below them. The longest matching path wins; "**"
// allows everything. Packages that may not import each other get values and functions
// from cmd/callbox instead.
func importRules() map[string][]string {
	return map[string][]string{
		"callbox/cmd/callbox":        {"**"},
		"callbox/bench":              {"**"},
		"callbox/bench/turn/plain":   {"**"}, // what ours is measured beside
		"callbox/e2e":                {"**"},
		"callbox/signaling":          {"callbox/internal/logbound", "callbox/internal/netaddr", "callbox/internal/rawio", "callbox/signaling/protocol", "github.com/gorilla/websocket", "golang.org/x/text", "golang.org/x/time"},
		"callbox/signaling/protocol": {"golang.org/x/text"},
		"callbox/signaling/client":   {"callbox/signaling/protocol", "github.com/gorilla/websocket"},
		// The suite and the runner share nothing with what they test.
		"callbox/signaling/conformance": {},
		"callbox/signaling/mutants":     {},
		"callbox/turnserver":            {"callbox/internal/netaddr", "callbox/internal/pionlog", "callbox/internal/rawio", "github.com/pion/turn/v4", "github.com/pion/stun/v3", "golang.org/x/sys", "golang.org/x/time"},
		// Only tests import the fault model.
		"callbox/signaling/faultmodel": {"callbox/signaling"},
		"callbox/peer":                 {"github.com/at-wat/ebml-go", "callbox/internal/nearest", "callbox/internal/pionlog", "callbox/signaling/client", "callbox/signaling/protocol", "github.com/jstemmer/go-junit-report/v2/junit", "github.com/pion", "golang.org/x/image"},
		"callbox/doctor":               {"callbox/internal/netaddr", "callbox/internal/pionlog", "callbox/signaling/protocol", "github.com/gorilla/websocket", "github.com/pion/stun/v4", "github.com/pion/turn/v5"},
		"callbox/peer/ctl":             {"golang.org/x/text"},
		"callbox/peer/load":            {"callbox/peer", "callbox/signaling/client", "callbox/signaling/protocol", "github.com/pion/webrtc/v4"},
		"callbox/peer/scenario":        {"callbox/internal/nearest", "callbox/peer", "github.com/jstemmer/go-junit-report/v2/junit", "go.yaml.in/yaml/v3"},
		"callbox/peer/whip":            {"callbox/peer"},
		"callbox/peer/whep":            {"callbox/peer"},
		"callbox/peer/internal/wish":   {"callbox/peer", "callbox/signaling/client", "callbox/signaling/protocol"},
		// Only tests import the server.
		"callbox/internal/wishtest": {"callbox/peer", "github.com/pion/webrtc/v4"},
		// Only tests import this one.
		"callbox/internal/schematest": {"github.com/santhosh-tekuri/jsonschema/v6"},
		// Only examples import this one.
		"callbox/internal/localserver": {"callbox/signaling"},
		// Only tests import this one, with a server inside.
		"callbox/peer/peertest":     {"callbox/peer", "callbox/signaling", "callbox/turnserver", "github.com/pion"},
		"callbox/frontend":          {},
		"callbox/internal/roomlink": {"callbox/signaling/protocol"},
		"callbox/internal/nearest":  {},
		"callbox/internal/netaddr":  {},
		"callbox/internal/rawio":    {"golang.org/x/sys"},
		"callbox/internal/pionlog":  {"github.com/pion/logging"},
		"callbox/internal/logbound": {"callbox/internal/netaddr"},
		"callbox/internal/accept":   {"callbox/internal/budget", "callbox/internal/netaddr"},
		"callbox/internal/budget":   {"callbox/internal/netaddr"},
		"callbox/cert":              {"callbox/internal/safefile"},
		"callbox/internal/hangup":   {},
		// Only tests import the attacker.
		"callbox/internal/mitm":     {"callbox/signaling/client", "callbox/signaling/protocol", "github.com/pion/webrtc/v4"},
		"callbox/internal/safefile": {},
	}
}

// onlyIn lists, for some modules, the only packages that may import them.
func onlyIn() map[string][]string {
	return map[string][]string{
		"github.com/pion/turn/v4":             {"callbox/turnserver", "callbox/bench/turn/plain"},
		"github.com/labstack/echo":            {"callbox/cmd/callbox"},
		"github.com/alecthomas/kong":          {"callbox/cmd/callbox"},
		"github.com/prometheus/client_golang": {"callbox/cmd/callbox"},
		"github.com/golang-jwt/jwt/v5":        {"callbox/cmd/callbox"},
		"github.com/at-wat/ebml-go":           {"callbox/peer"},
		"github.com/KimMachineGun":            {"callbox/cmd/callbox"},
	}
}

type listedPackage struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

// TestImports checks the import rules for every package of the module.
func TestImports(t *testing.T) {
	standard := map[string]bool{}
	var own []listedPackage
	for _, p := range listPackages(t) {
		switch {
		case p.Standard:
			standard[p.ImportPath] = true
		case within(p.ImportPath, "callbox"):
			own = append(own, p)
		}
	}
	if len(own) < 8 {
		t.Fatalf("go list names %d packages of this module; the rule is not being tested", len(own))
	}
	for _, p := range own {
		for _, fault := range importFaults(p, standard) {
			t.Error(fault)
		}
	}
}

// TestImportFaults checks that TestImports detects violations.
func TestImportFaults(t *testing.T) {
	standard := map[string]bool{"net/http": true}
	for _, tc := range []struct {
		from, to string
		want     bool
	}{
		{"callbox/signaling", "net/http", false},
		{"callbox/signaling", "callbox/signaling/protocol", false},
		{"callbox/signaling", "github.com/pion/webrtc/v4", true},
		{"callbox/signaling", "callbox/turnserver", true},
		{"callbox/signaling/client", "callbox/signaling", true},
		{"callbox/signaling/protocol", "github.com/gorilla/websocket", true},
		{"callbox/turnserver", "callbox/signaling/protocol", true},
		{"callbox/signaling", "callbox/internal/rawio", false},
		{"callbox/signaling", "callbox/internal/pionlog", true},
		{"callbox/turnserver/datapath", "callbox/internal/rawio", false},
		{"callbox/internal/rawio", "callbox/internal/netaddr", true},
		{"callbox/internal/netaddr", "golang.org/x/sys/unix", true},
		{"callbox/peer/vp8", "github.com/pion/rtp", false},
		{"callbox/peer/ctl", "github.com/pion/rtp", true},
		{"callbox/peer", "callbox/signaling", true},
		{"callbox/peer", "github.com/pion/turn/v4", true},
		{"callbox/bench", "github.com/labstack/echo/v4", true},
		{"callbox/bench", "github.com/golang-jwt/jwt/v5", true},
		{"callbox/cmd/callbox", "github.com/labstack/echo/v4", false},
		{"callbox/unheard-of", "net/http", true},
	} {
		got := importFaults(listedPackage{ImportPath: tc.from, Imports: []string{tc.to}}, standard)
		if (len(got) > 0) != tc.want {
			t.Errorf("%s importing %s: faults %q, want a fault: %v", tc.from, tc.to, got, tc.want)
		}
	}
}

func importFaults(p listedPackage, standard map[string]bool) []string {
	owner := p.ImportPath
	rules := importRules()
	for rules[owner] == nil {
		owner = path.Dir(owner)
		if owner == "." {
			return []string{p.ImportPath + " has no import rule: add one or move the package"}
		}
	}
	allowed := append([]string{owner}, rules[owner]...)
	if owner == "callbox/signaling" {
		// The client and the conformance suite are in folders below it, but not part of it.
		allowed[0] = "callbox/signaling/internal"
	}
	var faults []string
	for _, imported := range p.Imports {
		permitted := standard[imported] || slices.ContainsFunc(allowed, func(a string) bool { return a == "**" || within(imported, a) })
		for module, only := range onlyIn() {
			if within(imported, module) && !slices.Contains(only, owner) {
				permitted = false
			}
		}
		if !permitted {
			faults = append(faults, p.ImportPath+" must not import "+imported)
		}
	}
	return faults
}

func within(importPath, prefix string) bool {
	return importPath == prefix || strings.HasPrefix(importPath, prefix+"/")
}

func listPackages(t *testing.T) []listedPackage {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Imports,Standard", "callbox/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listedPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listedPackage
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

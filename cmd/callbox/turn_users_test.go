package main

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"callbox/signaling/protocol"
)

func fixedUser(name, password string) protocol.ICEServer {
	return protocol.ICEServer{Username: name, Credential: password}
}

// keyOf returns what coturn's turnadmin -k prints.
func keyOf(name, realm, password string) string {
	key := md5.Sum([]byte(name + ":" + realm + ":" + password))
	return "0x" + hex.EncodeToString(key[:])
}

// TestTURNUsers serves fixed users from flags and from a file, besides time-limited
// credentials. When a user is removed from the file, its relays must end.
func TestTURNUsers(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "users")
	writeFile(t, file, "# of the phones\nann:a password of ann's\n\nbo:"+keyOf("bo", "callbox", "a password of bo's")+"\ncy:short\n")
	r := startTURN(t, "--turn-user", "dee:one, two: three four", "--turn-user", "@"+file, "--turn-fixed-quota", "2", "--turn-user-quota", "1")
	ann, bo := fixedUser("ann", "a password of ann's"), fixedUser("bo", "a password of bo's")
	r.allocate(t, "udp", r.at(t, "udp"), ann)
	r.allocate(t, "tcp", r.at(t, "tcp"), bo)
	r.allocate(t, "tcp", r.at(t, "tcp"), bo)
	if err := r.tryAllocate(t, r.at(t, "tcp"), bo); err == nil {
		t.Error("a third relay of a fixed user, where --turn-fixed-quota is 2")
	}
	r.allocate(t, "tcp", r.at(t, "tcp"), fixedUser("dee", "one, two: three four"))
	r.allocate(t, "tcp", r.at(t, "tcp"), r.credential(t, "--user", "ann"))
	r.wantRelays(t, "ann", "bo", "bo", "dee", "ann")
	log := r.stderr.String()
	if !strings.Contains(log, file+": line 5") || strings.Count(log, "password of a fixed user may be guessed") != 1 || strings.Contains(log, "short\n") {
		t.Errorf("the log does not warn of line 5 alone:\n%s", log)
	}

	writeFile(t, file, "ann:another password\n")
	r.wantRelays(t, "dee", "ann")
	if err := r.tryAllocate(t, r.at(t, "tcp"), ann); err == nil {
		t.Error("the old password still makes relays")
	}
	r.wantMetric(t, `callbox_turn_allocations_ended_total{reason="revoked"} 3`)
	r.wantMetric(t, `callbox_turn_refusals_total{code="486"} 1`)
	writeFile(t, file, "1700000000:ann:hidden\n")
	eventually(t, func() error {
		if log := r.stderr.String(); !strings.Contains(log, "line 1: user") || strings.Contains(log, "hidden") {
			return fmt.Errorf("a fault in the file is not told:\n%s", log)
		}
		return nil
	})
	r.wantRelays(t, "dee", "ann")
}

// TestTURNUsersAlone switches time-limited credentials off.
func TestTURNUsersAlone(t *testing.T) {
	t.Parallel()
	r := startTURN(t, "--turn-user", "ann:a password of ann's", "--turn-secret=")
	r.allocate(t, "tcp", r.at(t, "tcp"), fixedUser("ann", "a password of ann's"))
	secret := strings.Repeat("s", 32)
	if err := r.tryAllocate(t, r.at(t, "tcp"), r.credential(t, "--turn-secret", secret)); err == nil {
		t.Error("a time-limited credential makes relays")
	}
}

// TestPagesGetNoFixedUser checks that call pages get time-limited credentials even if
// there are fixed users, which the same server accepts.
func TestPagesGetNoFixedUser(t *testing.T) {
	t.Parallel()
	r := start(t, "--turn-user", "ann:a password of ann's")
	tcp := strings.TrimPrefix(r.ready.TURN[1], "tcp://")
	r.allocate(t, "tcp", tcp, fixedUser("ann", "a password of ann's"))
	joined := r.join(t, r.ready.HTTP, "quiet-river")
	for _, server := range joined.ICEServers {
		if server.Username == "ann" || server.Credential == "a password of ann's" {
			t.Errorf("a page is given %+v", server)
		}
	}
	r.allocate(t, "tcp", tcp, joined.ICEServers[1])
	code, _, stderr := runToEnd(t, noEnv, "serve", "--data", t.TempDir(), "--http", "127.0.0.1:0", "--https=", "--admin=", "--turn-udp", "127.0.0.1:0", "--turn-tcp=", "--turn-tls=", "--stun-udp=",
		"--turn-user", "ann:a password of ann's", "--turn-secret=")
	if code != exitUsage || !strings.Contains(stderr, "--turn-secret: call pages need relays") {
		t.Errorf("without a secret: exit code %d, %s", code, stderr)
	}
}

func TestTURNUserFaults(t *testing.T) {
	t.Parallel()
	code, _, stderr := runToEnd(t, noEnv, append([]string{"turn", "--data", t.TempDir(), "--turn-user", "17:hidden", "--turn-user", "ann", "--turn-user", "bo:x", "--turn-user", "bo:y", "--turn-fixed-quota=-1"}, turnFree()...)...)
	for _, want := range []string{`--turn-user: user "17": a name that is a number`, `a fixed user is NAME:PASSWORD`, `--turn-user: user "bo" is given twice`, "--turn-fixed-quota: -1 is not"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("standard error does not say %q:\n%s", want, stderr)
		}
	}
	if code != exitUsage || strings.Contains(stderr, "hidden") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// TestTURNUsersOfCoturn serves the fixed users of a coturn configuration file.
func TestTURNUsersOfCoturn(t *testing.T) {
	t.Parallel()
	for name, more := range map[string][]string{"users": nil, "lt-cred-mech": {"lt-cred-mech"}, "secret elsewhere": {"--turn-secret"}} {
		lines := []string{"realm=north.gov", "user=ann:a password of ann's", "user=bo:" + keyOf("bo", "north.gov", "a password of bo's"), "user=cy:short"}
		var flags []string
		if len(more) > 0 && more[0] == "--turn-secret" {
			flags = []string{"--turn-secret", testTURNSecret}
		} else {
			lines = append(lines, more...)
		}
		file := coturnFile(t, lines...)
		r := startTURN(t, append(flags, "--coturn-config", file)...)
		r.allocate(t, "udp", r.at(t, "udp"), fixedUser("ann", "a password of ann's"))
		r.allocate(t, "tcp", r.at(t, "tcp"), fixedUser("bo", "a password of bo's"))
		r.allocate(t, "tcp", r.at(t, "tcp"), fixedUser("cy", "short"))
		if err := r.tryAllocate(t, r.at(t, "tcp"), r.credential(t, "--turn-secret", testTURNSecret)); (err == nil) != (flags != nil) {
			t.Errorf("%s: with a secret: %v", name, err)
		}
		if log := r.stderr.String(); !strings.Contains(log, "level=WARN msg=\"coturn setting\" key=user line=4") {
			t.Errorf("%s: the short password is not warned of:\n%s", name, log)
		}
	}
}

// TestSecretElsewhere starts with a secret from a flag, the environment or the data folder,
// whatever the coturn configuration file contains or lacks.
func TestSecretElsewhere(t *testing.T) {
	t.Parallel()
	for _, file := range []string{
		coturnFile(t, "use-auth-secret", "realm=example.org"),
		coturnFile(t, "use-auth-secret", "static-auth-secret=north"),
		coturnFile(t, "use-auth-secret", "static-auth-secret=${TURN_SECRET:?TURN_SECRET must be set}"),
	} {
		args := append([]string{"turn", "--data", t.TempDir(), "--coturn-config", file}, turnFree()...)
		for name, r := range map[string]*running{
			"flag":     startEnv(t, noEnv, append(args, "--turn-secret", testTURNSecret)...),
			"variable": startEnv(t, envOf(map[string]string{"CALLBOX_TURN_SECRET": testTURNSecret}), args...),
		} {
			if err := r.tryAllocate(t, r.at(t, "tcp"), r.credential(t, "--turn-secret", testTURNSecret)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		startEnv(t, noEnv, append(args, "--turn-secret", "stored")...)
	}
}

package siege

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"callbox/e2e/leak"
)

// Addresses of the namespace. botsAddr is the default source address of packets to
// the server's public address.
const (
	publicAddr = "203.0.113.1"
	server6    = "2001:db8:ffff::1"
	botsAddr   = "198.51.100.1"
	usersAddr  = "198.51.100.2"
	roomsAddr  = "198.51.100.3"
)

// insideVariable is set in the process that runs in the namespace. Its value is the
// folder with the built programs.
const insideVariable = "CALLBOX_SIEGE_INSIDE"

// programs is the folder with the built programs; empty without root.
var programs string

func TestMain(m *testing.M) {
	if programs = os.Getenv(insideVariable); programs == "" && os.Geteuid() == 0 {
		panic(runInNamespace())
	}
	code := leak.Check(m, "callbox/e2e/siege", "callbox/signaling/client", "callbox/peer")
	if programs != "" {
		code = max(code, exitCode(os.RemoveAll(programs)))
	}
	os.Exit(code) //nolint:forbidigo // the only way to end a TestMain
}

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// runInNamespace builds the programs and replaces this process by the same program in
// a new network namespace, which ends with the process. It returns only if that fails.
func runInNamespace() error {
	dir, err := os.MkdirTemp("", "callbox-siege-")
	if err != nil {
		return err
	}
	if err := watchSources(); err != nil {
		return err
	}
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "callbox/cmd/callbox", "callbox/e2e/siege/attack")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as in releases; the stacks of C threads would count as data
	if out, err := build.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("go build: %w\n%s", err, out), os.RemoveAll(dir))
	}
	// The new process has the namespaces of the thread that calls exec.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	return syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), insideVariable+"="+dir))
}

// watchSources looks at all source files, because the go command caches the results
// of tests for as long as the files that they have looked at stay the same.
func watchSources() error {
	return filepath.WalkDir(filepath.Join("..", ".."), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git") {
			return fs.SkipDir
		}
		_, err = os.Stat(path)
		return err
	})
}

// attackers returns the addresses of the attackers: ten of IPv4, and one in each of
// ten IPv6 /64 networks.
func attackers() []string {
	var all []string
	for i := range 10 {
		all = append(all, fmt.Sprintf("127.0.0.%d", i+2), fmt.Sprintf("2001:db8:%d::1", i+1))
	}
	return all
}

// setUpNetwork gives the namespace its addresses.
func setUpNetwork(t *testing.T) {
	t.Helper()
	steps := []string{
		"link set lo up",
		// On a bridge without ports, an address is taken for one of the machine's. On
		// lo, it is not.
		"link add public type bridge",
		"link set public up",
		"addr add " + publicAddr + "/24 dev public",
		"route replace local " + publicAddr + " dev public table local src " + botsAddr,
		"addr add " + server6 + "/128 dev lo",
	}
	people := []string{"addr add " + botsAddr + "/32 dev lo", "addr add " + usersAddr + "/32 dev lo", "addr add " + roomsAddr + "/32 dev lo"}
	steps = append(steps[:1], append(people, steps[1:]...)...)
	for _, source := range attackers() {
		if strings.Contains(source, ":") {
			steps = append(steps, "addr add "+source+"/128 dev lo")
		}
	}
	for _, step := range steps {
		if out, err := exec.CommandContext(t.Context(), "ip", strings.Fields(step)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", step, err, out)
		}
	}
}

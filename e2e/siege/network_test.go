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

// Addresses of the namespace. Who says nothing else is at botsAddr when it
// speaks to the server's public address.
const (
	publicAddr = "203.0.113.1"
	server6    = "2001:db8:ffff::1"
	botsAddr   = "198.51.100.1"
	usersAddr  = "198.51.100.2"
	roomsAddr  = "198.51.100.3"
)

// insideVariable names the folder of the built programs, and says that this
// process is in its namespace.
const insideVariable = "CALLBOX_SIEGE_INSIDE"

// programs is the folder of the built programs, empty without root.
var programs string

func TestMain(m *testing.M) {
	if programs = os.Getenv(insideVariable); programs == "" && os.Geteuid() == 0 {
		panic(enter())
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

// enter builds the programs and starts this one again in a network namespace
// that ends with it. It returns when that fails.
func enter() error {
	dir, err := os.MkdirTemp("", "callbox-siege-")
	if err != nil {
		return err
	}
	if err := watchSources(); err != nil {
		return err
	}
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "callbox/cmd/callbox", "callbox/e2e/siege/attack")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is shipped: stacks of C count as data
	if out, err := build.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("go build: %w\n%s", err, out), os.RemoveAll(dir))
	}
	// A program is started in the namespaces of the thread that starts it.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	return syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), insideVariable+"="+dir))
}

// watchSources has the go command see what the programs are built from, so that
// it does not take an earlier result for one of the program as it is now.
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

// attackers are the addresses of those who attack: ten of IPv4, and one in each
// of ten /64s.
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
		// A bridge without ports counts as an address of the machine, unlike lo.
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

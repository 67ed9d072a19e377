//go:build linux

package netlab

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Namespace is one network namespace, with an OS thread of its own that lives
// in it: whatever runs on that thread opens its sockets and starts its
// processes there.
type Namespace struct {
	// Name is what `ip netns` calls it.
	Name string

	work chan func()
	done chan struct{}
}

// newNamespace makes the namespace. IPv6 is off in it: duplicate address
// detection changes the network a second after a link comes up, which browsers
// answer by failing what they load.
func newNamespace(ctx context.Context, name string) (*Namespace, error) {
	if err := ip(ctx, "netns", "add", name); err != nil {
		return nil, err
	}
	n := &Namespace{Name: name, work: make(chan func()), done: make(chan struct{})}
	entered := make(chan error)
	go n.run(entered)
	if err := <-entered; err != nil {
		<-n.done
		return nil, fmt.Errorf("enter namespace %s: %w", name, err)
	}
	for _, scope := range []string{"all", "default"} {
		if err := n.Sysctl("net/ipv6/conf/"+scope+"/disable_ipv6", "1"); err != nil {
			n.close()
			return nil, err
		}
	}
	if err := ip(ctx, "-n", name, "link", "set", "lo", "up"); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

// run is the namespace's thread. It is never unlocked, so it ends with the
// goroutine instead of carrying the namespace into other goroutines.
func (n *Namespace) run(entered chan<- error) {
	runtime.LockOSThread()
	defer close(n.done)
	if err := enter(n.Name); err != nil {
		entered <- err
		return
	}
	entered <- nil
	for f := range n.work {
		f()
	}
}

func enter(name string) error {
	f, err := os.Open(filepath.Join("/run/netns", name)) //nolint:gosec // G304: the names are this package's own
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	return unix.Setns(int(f.Fd()), unix.CLONE_NEWNET)
}

// Do runs f on the namespace's thread and gives its error. What f starts on
// other goroutines is not in the namespace. It must not be called after the
// lab was closed.
func (n *Namespace) Do(f func() error) error {
	result := make(chan error)
	n.work <- func() { result <- f() }
	return <-result
}

// Start starts the command in the namespace. The process dies with the test,
// however that ends.
func (n *Namespace) Start(command *exec.Cmd) error {
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	command.SysProcAttr.Pdeathsig = syscall.SIGKILL
	return n.Do(command.Start)
}

// DialContext connects from inside the namespace. The address must be literal,
// since names are looked up outside.
func (n *Namespace) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var conn net.Conn
	err := n.Do(func() error {
		var err error
		conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Sysctl sets a kernel setting of the namespace, named as below /proc/sys.
func (n *Namespace) Sysctl(name, value string) error {
	return n.Do(func() error {
		return os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0o600)
	})
}

// close ends the thread and waits for it. The namespace itself is removed by its name.
func (n *Namespace) close() {
	close(n.work)
	<-n.done
}

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

// Namespace is a network namespace with an OS thread in it: functions that run on
// that thread open their sockets and start their processes in the namespace.
type Namespace struct {
	// Name is its name for `ip netns`.
	Name string

	work chan func()
	done chan struct{}
}

// newNamespace makes the namespace, with IPv6 disabled: duplicate address detection
// changes the network one second after a link comes up, and then browsers abort
// what they are loading.
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

// run calls the functions from work on the namespace's thread. It never unlocks the
// thread, so that Go ends it with the goroutine and does not run other goroutines
// in the namespace.
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
	f, err := os.Open(filepath.Join(folder, name)) //nolint:gosec // G304: the names are this package's own
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	return unix.Setns(int(f.Fd()), unix.CLONE_NEWNET)
}

// Do runs f on the namespace's thread and returns its error. Other goroutines that f
// starts are not in the namespace. Do must not be called after Lab.Close.
func (n *Namespace) Do(f func() error) error {
	result := make(chan error)
	n.work <- func() { result <- f() }
	return <-result
}

// Start starts the command in the namespace. The kernel kills the process when the
// test process ends.
func (n *Namespace) Start(command *exec.Cmd) error {
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	command.SysProcAttr.Pdeathsig = syscall.SIGKILL
	return n.Do(command.Start)
}

// DialContext connects from inside the namespace. The address must be an IP address
// and a port, because names would be resolved outside.
func (n *Namespace) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var conn net.Conn
	err := n.Do(func() error {
		var err error
		conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Sysctl sets a kernel parameter of the namespace. name is its path below /proc/sys.
func (n *Namespace) Sysctl(name, value string) error {
	return n.Do(func() error {
		return os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0o600)
	})
}

// close ends the thread and waits for it. It does not remove the namespace.
func (n *Namespace) close() {
	close(n.work)
	<-n.done
}

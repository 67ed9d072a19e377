package browser

import "syscall"

// Sleep stops the browser and all its children, as closing the lid of a laptop does:
// they run no timers and answer no packets until Wake.
func (c *Chromium) Sleep() error { return c.signal(syscall.SIGSTOP) }

// Wake continues the browser after Sleep.
func (c *Chromium) Wake() error { return c.signal(syscall.SIGCONT) }

func (p *process) signal(s syscall.Signal) error {
	return syscall.Kill(-p.command.Process.Pid, s)
}

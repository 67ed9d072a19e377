package browser

import "syscall"

// Sleep stops the browser and all its children, as a laptop does when its lid
// is closed: no timer runs and no packet is answered until Wake.
func (c *Chromium) Sleep() error { return c.signal(syscall.SIGSTOP) }

// Wake lets the browser go on after Sleep.
func (c *Chromium) Wake() error { return c.signal(syscall.SIGCONT) }

func (p *process) signal(s syscall.Signal) error {
	return syscall.Kill(-p.command.Process.Pid, s)
}

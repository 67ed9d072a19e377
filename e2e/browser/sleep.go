package browser

import "syscall"

// Sleep stops the browser and all its children, as closing the lid of a laptop does:
// they run no timers and answer no packets until Wake.
func (p *process) Sleep() error { return p.signal(syscall.SIGSTOP) }

// Wake continues the browser after Sleep.
func (p *process) Wake() error { return p.signal(syscall.SIGCONT) }

func (p *process) signal(s syscall.Signal) error {
	return syscall.Kill(-p.command.Process.Pid, s)
}

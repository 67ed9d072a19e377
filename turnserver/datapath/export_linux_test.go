package datapath

// Blocks reports whether the first engine blocks in its epoll.
func (p *Path) Blocks() bool { return p.engines[0].blocking.Load() }

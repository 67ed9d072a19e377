package datapath

// Held says whether the first engine waits by itself.
func (p *Path) Held() bool { return p.engines[0].blocking.Load() }

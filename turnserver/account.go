package turnserver

// accountKind says how the user of a relay is known, and so what is counted.
type accountKind int

const (
	// timed is a user with a name of its own behind the expiry.
	timed accountKind = iota
	// nameless is everybody whose user name is the expiry alone: all who got a
	// credential in the same second share it, so it is not one user.
	nameless
	// fixed is a user of Config.Users, whose name an application may share among
	// all its clients.
	fixed
)

// account is whom relays are counted for. Accounts of the same name and another
// kind are others.
type account struct {
	name string
	kind accountKind
}

// shared reports whether many people may be behind the account, so that the
// bytes of each relay are bounded by themselves.
func (a account) shared() bool { return a.kind != timed }

// full reports whether an account with open relays may have no more.
func (l *Limits) full(a account, open int) bool {
	switch a.kind {
	case fixed:
		return reached(open, l.FixedAllocations)
	case nameless:
		return false // the client address is counted, as always
	default:
		return reached(open, l.UserAllocations)
	}
}

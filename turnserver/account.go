package turnserver

// accountKind is how the user of an allocation is known, and so what is counted.
type accountKind int

const (
	// timed is a user with a name of its own behind the expiry.
	timed accountKind = iota
	// nameless is everybody whose user name is only the expiry. All who got a credential
	// in the same second share that name, so it is not one user.
	nameless
	// fixed is a user of Config.Users. An application may share that name among all its
	// clients.
	fixed
	// checking is a user of CheckCredential.
	checking
)

// account is the user that allocations are counted for. Accounts of the same name but another
// kind are different ones.
type account struct {
	name  string
	kind  accountKind
	check *check // of kind checking, else nil
}

// shared reports whether many people may use the account, so that each allocation has a rate
// limit of its own.
func (a account) shared() bool { return a.kind == nameless || a.kind == fixed }

// full reports whether an account with so many open allocations may not have another one.
func (l *Limits) full(a account, open int) bool {
	switch a.kind {
	case fixed:
		return reached(open, l.FixedAllocations)
	case nameless, checking:
		return false // the client address is counted, as always, and checkFull counts for checks
	default:
		return reached(open, l.UserAllocations)
	}
}

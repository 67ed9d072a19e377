package doctor

import "slices"

// judge decides what the findings mean together. A fault whose alternative works is no obstacle to a call,
// and what follows from a wrong address, or from UDP being blocked, is not a fault of its own.
func judge(findings []Finding) []Finding {
	find := func(check Check) Finding {
		i := slices.IndexFunc(findings, func(f Finding) bool { return f.Check == check })
		if i < 0 {
			return Finding{}
		}
		return findings[i]
	}
	works := func(checks ...Check) bool {
		return slices.ContainsFunc(checks, func(c Check) bool { f := find(c); return f.Level == OK || f.Level == Warn })
	}
	address, udp := find(Address), find(UDP)
	relays := []Check{RelayUDP, RelayTCP, RelayTLS}
	signaling, relayed := works(WebSocket, PlainHTTP), works(relays...)
	for i := range findings {
		f := &findings[i]
		if f.Level != Fail {
			continue
		}
		switch f.Check {
		case STUN, RelayUDP, RelayTCP, RelayTLS:
			switch overUDP := f.Check == STUN || f.Check == RelayUDP; {
			case address.Code == AddressWrong && f.host == address.host:
				*f = skipped(f.Check, NotPossible, "Not checked: the server advertises a wrong address.", "")
			case overUDP && udp.Code == UDPBlocked:
				*f = skipped(f.Check, NotPossible, "Not possible: UDP is blocked.", "")
			case relayed:
				f.Level = Warn
			}
		case Address, UDP:
			if relayed {
				f.Level = Warn
			}
		case WebSocket, PlainHTTP:
			if signaling {
				f.Level = Warn
			}
		default:
		}
	}
	return findings
}

// sum fills in the result and the summary.
func (r *Report) sum() {
	r.Result, r.Complete = OK, true
	for _, f := range r.Findings {
		switch {
		case f.Level == Fail:
			r.Result = Fail
		case f.Level == Warn && r.Result == OK:
			r.Result = Warn
		case f.Level == Skipped && leavesOut(f.Code):
			r.Complete = false
		}
	}
	switch {
	case r.Result == Fail:
		r.Summary = "A call could not work from here."
	case !r.Complete:
		r.Summary = "Nothing that keeps calls from working was found, but the check is not complete."
	case r.Result == Warn:
		r.Summary = "Calls work from here. The list shows what could be better."
	default:
		r.Summary = "Calls work from here. Everything that a call needs was reached."
	}
}

// leavesOut reports whether a check that could have been made was not.
func leavesOut(code Code) bool {
	return slices.Contains([]Code{TokenMissing, TokenWithheld, CheckLimited, CheckBusy}, code)
}

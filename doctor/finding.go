package doctor

import "time"

// Level says what a finding means for calls.
type Level string

// The levels, from the best to the worst.
const (
	// Skipped: it was not checked, or could not be found out.
	Skipped Level = "skipped"
	// OK: nothing to do.
	OK Level = "ok"
	// Warn: calls work, but not as well as they could, or not for everybody.
	Warn Level = "warn"
	// Fail: a call could not work.
	Fail Level = "fail"
)

// Check names what a finding is about.
type Check string

// The checks, in the order of a report.
const (
	Server      Check = "server"
	Certificate Check = "certificate"
	Origin      Check = "origin"
	WebSocket   Check = "websocket"
	PlainHTTP   Check = "plain-http"
	Clock       Check = "clock"
	Credentials Check = "credentials"
	Address     Check = "address"
	UDP         Check = "udp"
	Mapping     Check = "mapping"
	Filtering   Check = "filtering"
	STUN        Check = "stun"
	RelayUDP    Check = "relay-udp"
	RelayTCP    Check = "relay-tcp"
	RelayTLS    Check = "relay-tls"
	MTU         Check = "mtu"
)

// Title returns the name of the check for people, as on the page /check.
func (c Check) Title() string {
	switch c {
	case Server:
		return "Server"
	case Certificate:
		return "Certificate"
	case Origin:
		return "Origin of the page"
	case WebSocket:
		return "WebSocket"
	case PlainHTTP:
		return "Plain HTTP, in place of WebSocket"
	case Clock:
		return "Clock of this device"
	case Credentials:
		return "Credentials for the relays"
	case Address:
		return "Advertised address"
	case UDP:
		return "UDP"
	case STUN:
		return "STUN over UDP"
	case Mapping:
		return "Address translation (NAT)"
	case Filtering:
		return "Filtering of the NAT"
	case RelayUDP:
		return "Relay over UDP"
	case RelayTCP:
		return "Relay over TCP"
	case RelayTLS:
		return "Relay over TLS"
	default:
		return "Packets of 1,200 bytes"
	}
}

// Code names a fault, or why something was not checked, for programs.
type Code string

// The codes of faults.
const (
	ServerUnreachable    Code = "server_unreachable"
	ServerNameUnknown    Code = "server_name_unknown"
	ServerWithoutTLS     Code = "server_without_tls"
	NotCallbox           Code = "not_callbox"
	HostRefused          Code = "host_refused"
	CertificateName      Code = "certificate_name"
	CertificateExpired   Code = "certificate_expired"
	CertificateNotYet    Code = "certificate_not_yet"
	CertificateUntrusted Code = "certificate_untrusted"
	OriginRefused        Code = "origin_refused"
	WebSocketBroken      Code = "websocket_broken"
	PlainHTTPBroken      Code = "plain_http_broken"
	ClockWrong           Code = "clock_wrong"
	TokenRefused         Code = "token_refused"
	AddressWrong         Code = "address_wrong"
	UDPBlocked           Code = "udp_blocked"
	STUNBlocked          Code = "stun_blocked"
	MappingChanges       Code = "mapping_changes"
	RelayRefused         Code = "relay_refused"
	RelayUnreachable     Code = "relay_unreachable"
	RelaySilent          Code = "relay_silent"
	RelayLossy           Code = "relay_lossy"
	RelayCertificate     Code = "relay_certificate"
	RelayQuota           Code = "relay_quota"
	RelayError           Code = "relay_error"
	CredentialExpired    Code = "credential_expired" //nolint:gosec // G101: the name of a fault
	CredentialRefused    Code = "credential_refused" //nolint:gosec // G101: the name of a fault
	MTUTooSmall          Code = "mtu_too_small"
)

// The codes of what was not checked.
const (
	TokenMissing   Code = "token_missing"
	TokenWithheld  Code = "token_withheld" // it is not sent to a server whose certificate is not valid
	CheckLimited   Code = "rate_limited"
	CheckBusy      Code = "busy"
	NotOffered     Code = "not_offered"
	NotFound       Code = "unknown"
	NotPossible    Code = "not_possible" // because of another fault, which is reported
	LocalAuthority Code = "local_authority"
)

// Finding is the result of one check. Its sentences are for people.
type Finding struct {
	Check Check `json:"check"`
	Level Level `json:"level"`
	// Code is empty if nothing is wrong and all was checked.
	Code Code `json:"code,omitempty"`
	// What was found, Why it matters or what it comes from, and what to Do. Why and Do may be empty.
	What string `json:"what"`
	Why  string `json:"why,omitempty"`
	Do   string `json:"do,omitempty"`
	// Value is the result of a check that tells kinds apart: mapping and filtering (RFC 4787, sections
	// 4.1 and 5).
	Value string `json:"value,omitempty"`
	// MS is how long the answer took, or the round trip, in milliseconds; nil = not known.
	MS *float64 `json:"ms"`

	host string // that was not reached; "" = it was, or there is none
}

func good(check Check, what string) Finding { return Finding{Check: check, Level: OK, What: what} }

func fault(check Check, level Level, code Code, what, why, do string) Finding {
	return Finding{Check: check, Level: level, Code: code, What: what, Why: why, Do: do}
}

func skipped(check Check, code Code, what, do string) Finding {
	return Finding{Check: check, Level: Skipped, Code: code, What: what, Do: do}
}

// took adds a time.
func (f Finding) took(d time.Duration) Finding {
	ms := float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
	f.MS = &ms
	return f
}

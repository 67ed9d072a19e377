// Package coturn reads the configuration file of coturn, turnserver.conf, for
// a server that is to do coturn's usual job: relays for users with time-limited
// credentials of a shared secret (use-auth-secret).
//
// Every key that coturn has or had is in one table, with what becomes of it: it
// is understood, or not needed, or refused, the last two with the reason. A file
// is read to its end, and all that is wrong with it told at once with the lines.
package coturn

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds of a file.
const (
	// MaxLineBytes bounds a line; coturn itself reads no more than 1023.
	MaxLineBytes = 4096
	// MaxLines bounds the lines.
	MaxLines = 10000
)

// Config is what a file asks for, as text that the flags of this server take.
// What the file does not name is empty or 0.
type Config struct {
	// UDP, TCP and TLS are addresses with ports to listen at. When the file is
	// read without a fault each says what coturn would do: none = off.
	UDP, TCP, TLS []string
	// Secrets are shared with who makes credentials, in the file's order.
	Secrets []string
	Realm   string
	// Cert and Key name PEM files.
	Cert, Key string
	// PublicIPs stand for RelayIPs, in their order or one for each family.
	PublicIPs, RelayIPs []string
	// RelayPorts is a range such as "49152-65535".
	RelayPorts string
	// AllowPeers and DenyPeers are addresses and CIDRs.
	AllowPeers, DenyPeers []string
	// UserQuota and TotalQuota bound allocations, UserBytes and TotalBytes bytes
	// a second; 0 = the file does not say, negative = no limit.
	UserQuota, TotalQuota, UserBytes, TotalBytes int
	// Notes tell what the file asks for and nothing is done about, with the
	// reason, once for each key.
	Notes []Note
}

// Note is a key that is not needed.
type Note struct {
	Key, Reason string
	Line        int
}

// file is a file being read.
type file struct {
	Config
	name  string
	line  int // that is being read
	table map[string]Key
	keys  map[string]int // the line that a key stands in first
	fault []error

	authSecret bool
	ports      ports
	addresses  addresses
}

// Parse reads a file; name is told in errors. The error joins all that is
// wrong, each with name and line. It never holds a value of the file but for
// addresses, numbers and words that coturn knows, so no secret.
func Parse(name string, r io.Reader) (*Config, error) {
	f := &file{name: name, table: byName(), keys: map[string]int{}, ports: defaultPorts()}
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, MaxLineBytes)
	for scanner.Scan() {
		if f.line++; f.line > MaxLines {
			f.fail(fmt.Errorf("the file has more than %d lines", MaxLines))
			break
		}
		f.read(scanner.Text())
	}
	if err := scanner.Err(); errors.Is(err, bufio.ErrTooLong) {
		f.line++
		f.fail(fmt.Errorf("the line has more than %d bytes", MaxLineBytes))
	} else if err != nil {
		f.fault = append(f.fault, fmt.Errorf("%s: %w", name, err))
	}
	f.finish()
	if err := errors.Join(f.fault...); err != nil {
		return nil, err
	}
	return &f.Config, nil
}

// fail notes what is wrong with the line being read.
func (f *file) fail(err error) { f.failAt(f.line, err) }

func (f *file) failAt(line int, err error) {
	f.fault = append(f.fault, fmt.Errorf("%s:%d: %w", f.name, line, err))
}

// read takes one line in.
func (f *file) read(line string) {
	name, value := split(line)
	if name == "" {
		return
	}
	key, ok := f.table[name]
	if !ok {
		f.fail(fmt.Errorf("%.64q is no key of coturn", name))
		return
	}
	first := f.keys[name] == 0
	if first {
		f.keys[name] = f.line
	}
	if key.Flag {
		on, err := parseBool(value)
		if err != nil {
			f.fail(fmt.Errorf("%s: %w", name, err))
			return
		}
		if !on {
			delete(f.keys, name)
			return // as if it did not stand there
		}
	}
	switch {
	case key.Use == Unneeded && first:
		f.Notes = append(f.Notes, Note{Key: name, Reason: key.Text, Line: f.line})
	case key.Use == Refused:
		f.fail(fmt.Errorf("%s: %s", name, key.Text))
	case key.Use == Understood && !key.Flag && value == "":
		f.fail(fmt.Errorf("%s: it needs a value", name))
	case key.Use == Understood:
		if err := key.apply(f, value); err != nil {
			f.fail(fmt.Errorf("%s: %w", name, err))
		}
	}
}

// split takes a line apart as coturn does: the name ends at a space or "=",
// and quotes around the value do not count. A comment has no name.
func split(line string) (name, value string) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return "", ""
	}
	const between = " \t="
	end := strings.IndexAny(line, between)
	if end < 0 {
		return line, ""
	}
	value = strings.TrimLeft(line[end:], between)
	if inner, quoted := strings.CutPrefix(value, `"`); quoted {
		value = strings.TrimSuffix(inner, `"`)
	}
	return line[:end], value
}

// parseBool reads a value of a key that is on or off; none means on.
func parseBool(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "", "on":
		return true, nil
	case "off":
		return false, nil
	}
	switch c := value[0]; {
	case c == '0' || c == 'n' || c == 'N' || c == 'f' || c == 'F':
		return false, nil
	case c >= '1' && c <= '9' || c == 'y' || c == 'Y' || c == 't' || c == 'T':
		return true, nil
	}
	return false, errors.New("its value is none of on, off, yes, no, 1, 0, true and false")
}

// finish looks at the file as a whole.
func (f *file) finish() {
	f.checkUsers()
	f.checkCertificate()
	f.resolvePorts()
	f.resolveAddresses()
}

// checkUsers wants shared secrets and nothing else for users to be known by.
func (f *file) checkUsers() {
	switch {
	case len(f.Secrets) > 0 || f.keys["static-auth-secret"] > 0 || f.keys["user"] > 0:
		// All is well, or the fault is told where they stand.
	case f.authSecret:
		f.failAt(f.keys["use-auth-secret"], errors.New("use-auth-secret: there is no static-auth-secret; secrets in a database are not read"))
	case f.keys["lt-cred-mech"] > 0:
		f.failAt(f.keys["lt-cred-mech"], errors.New("lt-cred-mech: users with fixed passwords are not served; use use-auth-secret and static-auth-secret"))
	default:
		f.fault = append(f.fault, fmt.Errorf("%s: there is no use-auth-secret with a static-auth-secret, which is how users are known here", f.name))
	}
}

func (f *file) checkCertificate() {
	switch {
	case f.Cert != "" && f.Key == "":
		f.failAt(f.keys["cert"], errors.New("cert: it needs its key, pkey"))
	case f.Cert == "" && f.Key != "":
		f.failAt(f.keys["pkey"], errors.New("pkey: it needs its certificate, cert"))
	case f.Cert == "":
		f.ports.noTLS = true // as coturn does, which then has nothing to show
	}
}

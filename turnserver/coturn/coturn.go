// Package coturn reads the configuration file of coturn, turnserver.conf, for
// a server that is to do coturn's usual job: relays for users with time-limited
// credentials of a shared secret (use-auth-secret), or for fixed users.
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
	// Users are fixed ones, as name:password or name:0xKEY.
	Users []string
	Realm string
	// Cert and Key name PEM files.
	Cert, Key string
	// PublicIPs stand for RelayIPs, in their order or one for each family.
	PublicIPs, RelayIPs []string
	// RelayPorts is a range such as "49152-65535".
	RelayPorts string
	// DefaultFamily is ipv4, ipv6 or keep.
	DefaultFamily string
	// AllowPeers and DenyPeers are addresses and CIDRs.
	AllowPeers, DenyPeers []string
	// UserQuota and TotalQuota bound allocations, UserBytes and TotalBytes bytes
	// a second; 0 = the file does not say, negative = no limit.
	UserQuota, TotalQuota, UserBytes, TotalBytes int
	// Notes tell what the file asks for and nothing is done about, with the
	// reason, once for each key.
	Notes []Note
	// Warnings tell what is served, and should be changed.
	Warnings []Note
}

// Note is what is to be said about a line with a key.
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
	flags Flags
	fault []fault

	authSecret bool
	users      []user
	unserved   string // key that coturn itself does not serve here
	ports      ports
	addresses  addresses
}

// fault is what is wrong with a key; "" when it is with the file.
type fault struct {
	key string
	err error
}

// Parse reads a file; name is told in errors. What flags say in the place of
// the file is neither missed there nor judged. The error joins all that is
// wrong, each with name and line. It never holds a value of the file but for
// addresses, numbers, names of users and words that coturn knows, so no secret.
func Parse(name string, r io.Reader, flags Flags) (*Config, error) {
	f := &file{name: name, table: byName(), keys: map[string]int{}, flags: flags, ports: defaultPorts()}
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, MaxLineBytes)
	for scanner.Scan() {
		if f.line++; f.line > MaxLines {
			f.failLine("", f.line, fmt.Errorf("the file has more than %d lines", MaxLines))
			break
		}
		f.read(scanner.Text())
	}
	if err := scanner.Err(); errors.Is(err, bufio.ErrTooLong) {
		f.line++
		f.failLine("", f.line, fmt.Errorf("the line has more than %d bytes", MaxLineBytes))
	} else if err != nil {
		f.fault = append(f.fault, fault{err: fmt.Errorf("%s: %w", name, err)})
	}
	f.finish()
	var errs []error
	for _, fault := range f.fault {
		errs = append(errs, fault.err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &f.Config, nil
}

// fail notes what is wrong with a key in the line being read.
func (f *file) fail(key string, err error) { f.failLine(key, f.line, err) }

// failAt notes what is wrong with a key where it stands first.
func (f *file) failAt(key string, err error) { f.failLine(key, f.keys[key], err) }

func (f *file) failLine(key string, line int, err error) {
	if key != "" {
		err = fmt.Errorf("%s: %w", key, err)
	}
	f.fault = append(f.fault, fault{key, fmt.Errorf("%s:%d: %w", f.name, line, err)})
}

// read takes one line in.
func (f *file) read(line string) {
	name, value := split(line)
	if name == "" {
		return
	}
	key, ok := f.table[name]
	if !ok {
		f.failLine("", f.line, fmt.Errorf("%.64q is no key of coturn", name))
		return
	}
	first := f.keys[name] == 0
	if first {
		f.keys[name] = f.line
	}
	if key.Flag {
		on, err := parseBool(value)
		if err != nil {
			f.fail(name, err)
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
		f.fail(name, errors.New(key.Text))
	case key.Use == Understood && !key.Flag && value == "":
		f.fail(name, errors.New("it needs a value"))
	case key.Use == Understood:
		if err := key.apply(f, value); err != nil {
			f.fail(name, err)
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
	f.passOver()
}

// checkCertificate wants a certificate and its key, each here or as a flag.
func (f *file) checkCertificate() {
	named := func(flag, key string) bool { return f.flags.names(flag) || !f.flags.has(flag) && f.keys[key] > 0 }
	cert, key := named("tls-cert", "cert"), named("tls-key", "pkey")
	switch {
	case cert && !key:
		f.failAt("cert", errors.New("it needs its key, pkey"))
	case !cert && key:
		f.failAt("pkey", errors.New("it needs its certificate, cert"))
	case !cert:
		f.ports.noTLS = true // as coturn does, which then has nothing to show
	}
}

// Package coturn reads the configuration file of coturn, turnserver.conf, for a server that does
// coturn's usual job: it relays for users with time-limited credentials of a shared secret
// (use-auth-secret), or for fixed users.
//
// One table has every key that coturn has or had. Each is understood, not needed, or refused; for
// the last two it has the reason. Files are read to the end, and all faults are reported at once,
// with their lines.
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
	// MaxLineBytes bounds the length of a line; coturn itself reads no more than 1023 bytes.
	MaxLineBytes = 4096
	// MaxLines bounds the number of lines.
	MaxLines = 10000
)

// Config is the contents of a file, as values of the flags of this server. What the file does not
// have is empty or 0.
type Config struct {
	// UDP, TCP and TLS are addresses with ports to listen at. If the file has no fault, each
	// is what coturn would do; none = off.
	UDP, TCP, TLS []string
	// Secrets are shared with the issuers of credentials, in the order of the file.
	Secrets []string
	// Users are fixed users, as name:password or name:0xKEY.
	Users []string
	Realm string
	// Cert and Key are the names of PEM files.
	Cert, Key string
	// PublicIPs replace RelayIPs to the outside, in the same order or one for each family.
	PublicIPs, RelayIPs []string
	// RelayPorts is a range such as "49152-65535".
	RelayPorts string
	// DefaultFamily is ipv4, ipv6 or keep.
	DefaultFamily string
	// AllowPeers and DenyPeers are addresses and CIDRs.
	AllowPeers, DenyPeers []string
	// UserQuota and TotalQuota bound allocations, UserBytes and TotalBytes bytes per
	// second; 0 = not in the file, negative = no limit.
	UserQuota, TotalQuota, UserBytes, TotalBytes int
	// Notes are about keys that have no effect, with the reason, once for each key.
	Notes []Note
	// Warnings are about values that work, but should be changed.
	Warnings []Note
}

// Note is a remark about a line with a key.
type Note struct {
	Key, Reason string
	Line        int
}

// file is a file being read.
type file struct {
	Config
	name  string
	line  int // number of the line being read
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

// fault is what is wrong with a key, or with the file as a whole when key is "".
type fault struct {
	key string
	err error
}

// Parse reads a file, which errors call name. What flags replace is neither required nor checked in
// the file. The error joins all faults, each with name and line. Of the values in the file it
// contains only addresses, numbers, user names and words that coturn knows, so no secret.
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

// fail adds a fault of a key in the line being read.
func (f *file) fail(key string, err error) { f.failLine(key, f.line, err) }

// failAt adds a fault of a key, with the line of its first occurrence.
func (f *file) failAt(key string, err error) { f.failLine(key, f.keys[key], err) }

func (f *file) failLine(key string, line int, err error) {
	if key != "" {
		err = fmt.Errorf("%s: %w", key, err)
	}
	f.fault = append(f.fault, fault{key, fmt.Errorf("%s:%d: %w", f.name, line, err)})
}

// read reads one line.
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
			return // as if the line did not exist
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

// split splits a line as coturn does: the name ends at a space or "=", and quotes around the value
// are removed. A comment has no name.
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

// parseBool parses the value of a key that is on or off; without a value it is on.
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

// finish checks the file as a whole.
func (f *file) finish() {
	f.checkUsers()
	f.checkCertificate()
	f.resolvePorts()
	f.resolveAddresses()
	f.dropReplaced()
}

// checkCertificate requires a certificate and its key, each in the file or as a flag.
func (f *file) checkCertificate() {
	named := func(flag, key string) bool { return f.flags.names(flag) || !f.flags.has(flag) && f.keys[key] > 0 }
	cert, key := named("tls-cert", "cert"), named("tls-key", "pkey")
	switch {
	case cert && !key:
		f.failAt("cert", errors.New("it needs its key, pkey"))
	case !cert && key:
		f.failAt("pkey", errors.New("it needs its certificate, cert"))
	case !cert:
		f.ports.noTLS = true // like coturn, which then has no certificate to show
	}
}

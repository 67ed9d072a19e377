package coturn

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"callbox/turnserver"
)

// addSecret takes a shared secret in.
func (f *file) addSecret(value string) error {
	if err := f.judge(value, true); err != nil {
		return err
	}
	if len(value) < turnserver.MinSecretBytes {
		return fmt.Errorf("the secret has %d bytes, at least %d are needed; head -c 32 /dev/urandom | base64 makes a good one", len(value), turnserver.MinSecretBytes)
	}
	if value[0] == '@' {
		return errors.New("a secret that begins with @ would be taken for the name of a file; choose another")
	}
	f.Secrets = append(f.Secrets, value)
	return nil
}

// addUser takes a fixed user in. Of several lines for one name the last counts,
// as in coturn.
func (f *file) addUser(value string) error {
	name, password := cutUser(value)
	u, err := turnserver.ParseUser(name + ":" + password)
	if !strings.Contains(value, ":") {
		_, err = turnserver.ParseUser(value)
	}
	switch {
	case err != nil:
		return err
	case name[0] == '@':
		return errors.New("a name that begins with @ would be taken for that of a file; choose another")
	case u.Key == nil:
		if err := f.judge(password, true); err != nil {
			return err
		}
	}
	if u.Weak() {
		f.Warnings = append(f.Warnings, Note{Key: "user", Line: f.line, Reason: fmt.Sprintf(
			"the password of %q has %d bytes and may be guessed; head -c 16 /dev/urandom | base64 makes a good one", name, len(password))})
	}
	f.users = slices.DeleteFunc(f.users, func(other user) bool { return other.name == name })
	f.users = append(f.users, user{name: name, text: name + ":" + password, isKey: u.Key != nil, line: f.line})
	return nil
}

// user is a fixed user of a file.
type user struct {
	name, text string
	isKey      bool
	line       int
}

// checkUsers wants a way to know users by.
func (f *file) checkUsers() {
	hasSecret := f.authSecret || f.keys["static-auth-secret"] > 0
	switch {
	case hasSecret && f.keys["user"] > 0:
		f.unserved, f.users, f.Warnings = "user", nil, []Note{{Key: "user", Line: f.keys["user"], Reason: "coturn serves no fixed users beside use-auth-secret and static-auth-secret, so they are not served; --turn-user NAME:PASSWORD serves them"}}
	case f.keys["user"] > 0:
		f.takeUsers()
	}
	switch {
	case f.flags.has("turn-secret"), f.keys["static-auth-secret"] > 0, !hasSecret && (f.keys["user"] > 0 || f.flags.has("turn-user")):
		// All is well, or the fault is told where it stands.
	case f.authSecret:
		f.failAt("use-auth-secret", errors.New("there is no static-auth-secret, in the file or as --turn-secret; secrets in a database are not read"))
	case f.keys["lt-cred-mech"] > 0:
		f.failAt("lt-cred-mech", errors.New("there is no user, in the file or as --turn-user; users in a database are not read"))
	default:
		f.fault = append(f.fault, fault{err: fmt.Errorf("%s: there is neither use-auth-secret with a static-auth-secret nor a user, which is how clients are known", f.name)})
	}
}

// takeUsers serves the users of the file. Their keys are good for one realm.
func (f *file) takeUsers() {
	for _, u := range f.users {
		if u.isKey && f.keys["realm"] == 0 && !f.flags.has("realm") {
			f.failLine("user", u.line, fmt.Errorf("the key of %q is made for a realm; name that with realm", u.name))
		}
		if u.isKey && f.flags.has("realm") && !slices.Contains(f.flags["realm"], f.Realm) {
			f.Warnings = append(f.Warnings, Note{Key: "user", Line: u.line, Reason: fmt.Sprintf("the key of %q is good only if it was made for the realm of --realm", u.name)})
		}
		f.Users = append(f.Users, u.text)
	}
}

// cutUser takes name:password apart as coturn does, which passes blanks over
// behind the colon.
func cutUser(value string) (name, password string) {
	name, password, _ = strings.Cut(value, ":")
	return name, strings.TrimLeft(password, " \t")
}

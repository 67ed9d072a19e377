package coturn

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"callbox/turnserver"
)

// addSecret adds a shared secret.
func (f *file) addSecret(value string) error {
	if err := f.checkPlaceholder(value, true); err != nil {
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

// addUser adds a fixed user. Of several lines for one name the last counts, as in coturn.
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
		if err := f.checkPlaceholder(password, true); err != nil {
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

// checkUsers requires a way to authenticate users.
func (f *file) checkUsers() {
	hasSecret := f.authSecret || f.keys["static-auth-secret"] > 0
	switch {
	case hasSecret && f.keys["user"] > 0:
		f.unserved, f.users, f.Warnings = "user", nil, []Note{{Key: "user", Line: f.keys["user"], Reason: "coturn serves no fixed users beside use-auth-secret and static-auth-secret, so they are not served; --turn-user NAME:PASSWORD serves them"}}
	case f.keys["user"] > 0:
		f.addUsers()
	}
	switch {
	case f.flags.has("turn-secret"), f.keys["static-auth-secret"] > 0, !hasSecret && (f.keys["user"] > 0 || f.flags.has("turn-user")):
		// Everything is fine, or the fault is reported elsewhere.
	case f.authSecret:
		f.failAt("use-auth-secret", errors.New("there is no static-auth-secret, in the file or as --turn-secret; secrets in a database are not read"))
	case f.keys["lt-cred-mech"] > 0:
		f.failAt("lt-cred-mech", errors.New("there is no user, in the file or as --turn-user; users in a database are not read"))
	default:
		f.fault = append(f.fault, fault{err: fmt.Errorf("%s: there is neither use-auth-secret with a static-auth-secret nor a user, which is how clients are known", f.name)})
	}
}

// takeUsers adds the users of the file to the result. Their keys are valid for one realm.
func (f *file) addUsers() {
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

// cutUser splits name:password as coturn does, which skips blanks after the colon.
func cutUser(value string) (name, password string) {
	name, password, _ = strings.Cut(value, ":")
	return name, strings.TrimLeft(password, " \t")
}

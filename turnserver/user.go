package turnserver

import (
	"crypto/md5" //nolint:gosec // its size only, of the keys that the mechanism prescribes
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// User is a fixed user (long-term credentials, RFC 8489 section 9.2): its name and password do not
// expire.
type User struct {
	Name string
	// Key is the MD5 of name:realm:password. Nil = it is made of Password.
	Key      []byte
	Password string
}

// keyPrefix marks a key in place of a password, as in coturn.
const keyPrefix = "0x"

// ParseUser parses NAME:PASSWORD, or NAME:0xKEY with the key in hexadecimal. Its errors contain
// neither the password nor the key.
func ParseUser(text string) (User, error) {
	name, password, found := strings.Cut(text, ":")
	if !found {
		return User{}, errors.New("a fixed user is NAME:PASSWORD or NAME:0xKEY, with a colon")
	}
	u := User{Name: name, Password: password}
	if digits, isKey := strings.CutPrefix(password, keyPrefix); isKey {
		key, err := hex.DecodeString(digits)
		if err != nil || len(key) != md5.Size {
			return User{}, fmt.Errorf("user %q: a key is 0x and %d hexadecimal digits, the MD5 of name:realm:password", name, hex.EncodedLen(md5.Size))
		}
		u.Key, u.Password = key, ""
	}
	return u, u.validate()
}

// Weak reports whether the password is so short that it may be guessed.
func (u User) Weak() bool { return u.Key == nil && len(u.Password) < MinSecretBytes }

func (u User) validate() error {
	digits := strings.TrimLeft(u.Name, "0123456789")
	switch {
	case u.Name == "":
		return errors.New("a fixed user has no name")
	case digits == "" || len(digits) < len(u.Name) && digits[0] == ':':
		return fmt.Errorf("user %q: a name that is a number is the end of a time-limited credential; choose one with a letter", u.Name)
	case len(u.Name) > maxUsernameBytes || !utf8.ValidString(u.Name) || strings.ContainsFunc(u.Name, unicode.IsControl):
		return fmt.Errorf("user %.64q: a name has 1 to %d bytes of text", u.Name, maxUsernameBytes)
	case u.Key != nil && len(u.Key) != md5.Size:
		return fmt.Errorf("user %q: the key has %d bytes, not %d", u.Name, len(u.Key), md5.Size)
	case u.Key == nil && u.Password == "":
		return fmt.Errorf("user %q: there is no password", u.Name)
	}
	return nil
}

// keyIn returns the key with which the user signs in a realm.
func (u User) keyIn(realm string) []byte {
	if u.Key != nil {
		return u.Key
	}
	return authKey(u.Name, realm, u.Password)
}

// userKeys are the keys of fixed users by name.
type userKeys map[string][]byte

func newUserKeys(users []User, realm string) (userKeys, error) {
	keys := userKeys{}
	var errs []error
	for _, u := range users {
		if err := u.validate(); err != nil {
			errs = append(errs, err)
		} else if keys[u.Name] != nil {
			errs = append(errs, fmt.Errorf("user %q is given twice", u.Name))
		}
		keys[u.Name] = u.keyIn(realm)
	}
	return keys, errors.Join(errs...)
}

package main

import (
	"fmt"
	"log/slog"
	"slices"

	"callbox/turnserver"
)

// hasOnlyUsers reports whether there are only fixed users, because an empty
// --turn-secret switches off time-limited credentials.
func (f *turnFlags) hasOnlyUsers() bool {
	return len(f.TurnUser) > 0 && slices.Equal(f.TurnSecret, []string{""})
}

// users parses the fixed users.
func (f *turnFlags) users(faults *faults) *list[turnserver.User] {
	l := newList("--turn-user", f.TurnUser, func(text string) ([]turnserver.User, error) {
		user, err := turnserver.ParseUser(text)
		return []turnserver.User{user}, err
	}, faults)
	seen := map[string]bool{}
	for _, user := range l.values {
		if seen[user.Name] && user.Name != "" {
			faults.addf("--turn-user", "user %q is given twice", user.Name)
		}
		seen[user.Name] = true
	}
	return l
}

// warnOfWeakUsers logs a warning for each user whose password may be guessed.
func (c *turnConfig) warnOfWeakUsers(users []turnserver.User, log *slog.Logger) {
	for i, user := range users {
		if user.Weak() {
			log.Warn("password of a fixed user may be guessed", "flag", c.users.flag, "where", c.users.places[i], "user", user.Name,
				"reason", fmt.Sprintf("it has %d bytes; at least %d are needed to be safe", len(user.Password), turnserver.MinSecretBytes))
		}
	}
}

// setUsers applies the users of a file that has changed.
func (p *turnService) setUsers(users []turnserver.User) error {
	if err := p.turn.SetUsers(users); err != nil {
		return err
	}
	p.config.warnOfWeakUsers(users, p.log)
	return nil
}

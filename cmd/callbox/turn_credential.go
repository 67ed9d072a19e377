package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/pion/stun/v3"

	"callbox/turnserver"
)

const (
	// maxCredentialUser is the longest name, in bytes. With the expiry and a colon
	// before it, it must fit in 508 bytes (RFC 8489, section 14.3).
	maxCredentialUser = 256
	// randomUser is the length of a random name, in characters of five random bits.
	randomUser = 12
)

// turnCredentialCommand holds the flags of callbox turn-credential as given.
type turnCredentialCommand struct {
	TTL  time.Duration `name:"ttl" default:"10m" help:"How long the credential can be used to create relays; relays that exist when it expires continue."`
	User string        `placeholder:"NAME" help:"User to whom quotas, logs and metrics attribute the relays. Default: a random name."`
	URL  []string      `name:"url" placeholder:"URL" help:"URL of the TURN server to include with --json, such as turn:turn.example.org:3478?transport=udp; repeatable."`
	JSON bool          `name:"json" help:"Print an RTCIceServer as JSON, with its lifetime in seconds (ttl)."`

	TurnSecret string `default:"stored" help:"The server's --turn-secret, or coturn's static-auth-secret: the secret itself, @FILE (its first secret signs), or the word stored for the one in --data."`
	Data       string `placeholder:"FOLDER" help:"The server's --data. Default: the folder callbox in the user's data folder."`
}

// Help implements kong.HelpProvider.
func (*turnCredentialCommand) Help() string {
	return "This command does not contact the server: anyone who knows its secret can create credentials, on any machine. They have the format that coturn calls use-auth-secret."
}

// madeCredential is a credential as --json prints it: an RTCIceServer, and its
// lifetime in seconds.
type madeCredential struct {
	URLs       []string `json:"urls,omitempty"`
	Username   string   `json:"username"`
	Credential string   `json:"credential"`
	TTL        int64    `json:"ttl"`
}

// Run creates a credential and prints it.
func (c *turnCredentialCommand) Run(std streams, env environment) error {
	var wrong faults
	if c.TTL < minTokenLife || c.TTL > maxTokenLife {
		wrong.addf("--ttl", "%v is not between %v and %v", c.TTL, minTokenLife, maxTokenLife)
	}
	user := c.User
	if user == "" {
		user = strings.ToLower(rand.Text()[:randomUser])
	}
	if len(user) > maxCredentialUser || strings.ContainsFunc(user, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
		wrong.addf("--user", "%.64q is not a user name: 1 to %d printable bytes without spaces", user, maxCredentialUser)
	}
	for _, url := range c.URL {
		if _, err := stun.ParseURI(url); err != nil {
			wrong.addf("--url", "%q is not of the form turn:host:port?transport=udp", url)
		}
	}
	secret, err := signingSecret(c.TurnSecret, c.Data, turnSecretFile, turnserver.MinSecretBytes, "callbox turn or callbox serve", env)
	wrong.add("--turn-secret", err)
	if err := wrong.err(); err != nil {
		return &exitError{exitUsage, err}
	}
	expiry := time.Now().Add(c.TTL)
	made := madeCredential{URLs: c.URL, TTL: int64(c.TTL / time.Second)}
	made.Username, made.Credential = turnserver.SignCredential(secret, user, expiry)
	if c.JSON {
		encoder := json.NewEncoder(std.stdout)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(made)
	}
	_, err = fmt.Fprintf(std.stdout, "user name    %s\npassword     %s\nvalid until  %s\n", made.Username, made.Credential, expiry.Format(time.DateTime+" MST"))
	return err
}

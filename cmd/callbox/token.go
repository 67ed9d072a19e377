package main

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"callbox/signaling/protocol"
)

const (
	minTokenLife = time.Second
	maxTokenLife = 366 * 24 * time.Hour
)

// tokenCommand holds the flags of callbox token as they are given.
type tokenCommand struct {
	Room string        `required:"" placeholder:"ROOM" help:"The room that the token lets in, or * for every room."`
	Name string        `placeholder:"NAME" help:"The name that whoever shows the token has in the room. Default: any."`
	TTL  time.Duration `name:"ttl" default:"1h" help:"How long one can join with the token."`
	URL  string        `name:"url" placeholder:"URL" help:"The server's address, such as https://example.org: print the link to open, with the token in it, and not the token alone."`

	JoinSecret string `default:"stored" help:"The server's --join-secret: itself, @FILE of which the first one signs, or stored, the one in --data."`
	Data       string `placeholder:"FOLDER" help:"The server's --data. Default: the user's data folder, and callbox in it."`
}

// Help implements kong.HelpProvider.
func (*tokenCommand) Help() string {
	return "The token goes to standard output. Whoever has it can join until it ends, so hand it only to who may; " +
		"in a link it stands behind the #, which browsers tell no server."
}

// Run makes a token and prints it.
func (c *tokenCommand) Run(std streams, env environment) error {
	var wrong faults
	if c.Room != anyRoom {
		_, err := protocol.CanonicalRoom(c.Room, protocol.MaxRoomName)
		wrong.add("--room", inPlainWords(err))
	}
	wrong.add("--name", inPlainWords(protocol.CheckPeerName(c.Name, protocol.MaxPeerName)))
	if c.TTL < minTokenLife || c.TTL > maxTokenLife {
		wrong.addf("--ttl", "%v is not between %v and %v", c.TTL, minTokenLife, maxTokenLife)
	}
	page, err := c.page()
	wrong.add("--url", err)
	secret, err := signingSecret(c.JoinSecret, c.Data, joinSecretFile, minJoinSecretBytes, "callbox serve --join-secret stored", env)
	wrong.add("--join-secret", err)
	if err := wrong.err(); err != nil {
		return &exitError{exitUsage, err}
	}
	token, err := signJoinToken(secret, c.Room, c.Name, time.Now().Add(c.TTL))
	if err != nil {
		return err
	}
	if page != nil {
		page.Fragment = "token=" + token
		token = page.String()
	}
	_, err = fmt.Fprintln(std.stdout, token)
	return err
}

// inPlainWords takes the code off an error of the protocol.
func inPlainWords(err error) error {
	if fault, ok := errors.AsType[protocol.Error](err); ok {
		return errors.New(fault.Message)
	}
	return err
}

// page returns the address of the room's page; nil when none is asked for.
func (c *tokenCommand) page() (*url.URL, error) {
	if c.URL == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Fragment != "" || u.RawQuery != "" {
		return nil, fmt.Errorf("%q is not of the form https://host", c.URL)
	}
	switch c.Room {
	case anyRoom:
		return nil, errors.New("a link leads to one room; name it with --room")
	case ".", "..": // which mean something else in a path
		return nil, fmt.Errorf("no link can lead to a room named %q", c.Room)
	}
	return u.JoinPath("r", c.Room), nil
}

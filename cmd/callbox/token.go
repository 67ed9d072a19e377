package main

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"callbox/internal/roomlink"
	"callbox/signaling/protocol"
)

const (
	minTokenLife = time.Second
	maxTokenLife = 366 * 24 * time.Hour
)

// tokenCommand holds the flags of callbox token as given.
type tokenCommand struct {
	Room string        `placeholder:"ROOM" help:"Room that the token admits to: its name, its link, or * for every room. Not needed if --url is the link of a room."`
	Name string        `placeholder:"NAME" help:"Name that the holder of the token has in the room. Default: any."`
	TTL  time.Duration `name:"ttl" default:"1h" help:"How long the token can be used to join."`
	URL  string        `name:"url" placeholder:"URL" help:"Address of the server, such as https://example.org, or the link of a room there. With it, the command prints a link that includes the token, instead of the token alone."`

	JoinSecret string `default:"stored" help:"The server's --join-secret: the secret itself, @FILE (its first secret signs), or the word stored for the one in --data."`
	Data       string `placeholder:"FOLDER" help:"The server's --data. Default: the folder callbox in the user's data folder."`
}

// Help implements kong.HelpProvider.
func (*tokenCommand) Help() string {
	return "The token is printed on standard output. Anyone who has it can join until it expires, so give it only to those who may join. " +
		"In a link it follows the #, a part that browsers do not send to servers."
}

// Run creates a token and prints it.
func (c *tokenCommand) Run(std streams, env environment) error {
	var wrong faults
	page := c.place(&wrong)
	wrong.add("--name", withoutCode(protocol.CheckPeerName(c.Name, protocol.MaxPeerName)))
	if c.TTL < minTokenLife || c.TTL > maxTokenLife {
		wrong.addf("--ttl", "%v is not between %v and %v", c.TTL, minTokenLife, maxTokenLife)
	}
	secret, err := signingSecret(c.JoinSecret, c.Data, joinSecretFile, minJoinSecretBytes, "callbox serve --join-secret stored", env)
	wrong.add("--join-secret", err)
	if err := wrong.err(); err != nil {
		return &exitError{exitUsage, err}
	}
	token, err := signJoinToken(secret, page.room, c.Name, time.Now().Add(c.TTL))
	if err != nil {
		return err
	}
	if page.server != nil {
		token = roomlink.Address(page.server, page.room, token).String()
	}
	_, err = fmt.Fprintln(std.stdout, token)
	return err
}

// withoutCode returns a protocol error without its code, and any other error
// unchanged.
func withoutCode(err error) error {
	if fault, ok := errors.AsType[protocol.Error](err); ok {
		return errors.New(fault.Message)
	}
	return err
}

// tokenPlace is the room that a token is for, and the server for its link.
type tokenPlace struct {
	room   string
	server *url.URL // nil = no link is wanted
}

// place evaluates --room and --url, either of which may be the link of a room.
func (c *tokenCommand) place(wrong *faults) tokenPlace {
	place := tokenPlace{room: c.Room}
	address := c.URL
	linked, err := roomlink.Parse(c.URL)
	if err == nil && linked.Server != "" {
		address = linked.Server
		if c.Room == "" {
			place.room = linked.Room
		}
	} else {
		linked.Room = ""
	}
	if place.room == "" {
		wrong.addf("--room", "it is missing: name the room, or * for every room")
	} else if place.room != anyRoom {
		named, err := roomlink.Parse(place.room)
		wrong.add("--room", withoutCode(err))
		place.room = named.Room
		if err == nil && linked.Room != "" && linked.Room != named.Room {
			wrong.addf("--url", "the link leads to room %s, not to room %s", linked.Room, named.Room)
		}
	}
	if c.URL == "" {
		return place
	}
	place.server, err = url.Parse(address)
	if err != nil || place.server.Scheme != "http" && place.server.Scheme != "https" || place.server.Host == "" ||
		place.server.Fragment != "" || place.server.RawQuery != "" {
		wrong.addf("--url", "%q is neither an address such as https://host nor the link of a room", c.URL)
	}
	if c.Room == anyRoom {
		wrong.addf("--url", "a link leads to one room; name it with --room")
	}
	return place
}

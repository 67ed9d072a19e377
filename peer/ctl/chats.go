package ctl

import (
	"errors"
	"time"
)

// maxUnconfirmed is how many texts may wait for their confirmation.
const maxUnconfirmed = 64

// ErrUnconfirmed means that too many texts wait for their confirmation.
var ErrUnconfirmed = errors.New("the other end has not confirmed the last 64 texts")

// Chats are the texts that two ends send each other. Like an [Exchange], they belong to
// the certificates of both ends and not to a connection.
//
// The zero value is not usable. Its methods must not be called concurrently.
type Chats struct {
	next        uint32
	unconfirmed []Chat // in the order of their ids
	shown       uint32 // the largest id of the other end
}

// NewChats returns the state in which nothing has been said. polite is the role of
// this end.
func NewChats(polite bool) *Chats { return &Chats{next: firstID(polite)} }

// firstID returns the first id that an end gives to a text or a file. Each further
// one is larger by 2, so the ids of the ends differ.
func firstID(polite bool) uint32 {
	if polite {
		return 2
	}
	return 1
}

// Say returns a message with a new text. The error is an [*Error] or ErrUnconfirmed.
func (c *Chats) Say(text string, at time.Time) (Chat, error) {
	m := Chat{ID: c.next, Text: text, At: uint64(max(0, at.UnixMilli()))}
	if _, err := Encode(m); err != nil {
		return Chat{}, err
	}
	if len(c.unconfirmed) >= maxUnconfirmed {
		return Chat{}, ErrUnconfirmed
	}
	c.next += 2
	c.unconfirmed = append(c.unconfirmed, m)
	return m, nil
}

// Repeat returns what to send again on a new connection.
func (c *Chats) Repeat() []Chat { return c.unconfirmed }

// Confirm handles the confirmation of a text. The texts before it have arrived, too,
// because the channel keeps the order.
func (c *Chats) Confirm(m Got) {
	for len(c.unconfirmed) > 0 && c.unconfirmed[0].ID <= m.ID {
		c.unconfirmed = c.unconfirmed[1:]
	}
}

// Receive handles a text of the other end. It returns the confirmation to send, and
// whether the text is new.
func (c *Chats) Receive(m Chat) (answer Got, isNew bool) {
	isNew = m.ID > c.shown
	c.shown = max(c.shown, m.ID)
	return Got{ID: m.ID}, isNew
}

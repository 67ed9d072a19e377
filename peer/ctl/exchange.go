package ctl

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
)

// Why an exchange ended without a code. Each of them means that somebody may sit
// between the ends, or that the other end is broken.
var (
	ErrRole      = errors.New("the other end sent what only this end may send")
	ErrOrder     = errors.New("the other end sent its nonce before its commitment")
	ErrChanged   = errors.New("the other end repeated a message with other contents")
	ErrMismatch  = errors.New("the other end's nonce is not the one that it committed to")
	ErrMalformed = errors.New("the other end sent a malformed message")
)

// Exchange is this end's part of the exchange of nonces between two certificates. The
// impolite end commits to a nonce, the polite end answers with its own, and only then
// does the impolite end reveal: so neither can choose its nonce to fit the other's.
//
// An exchange belongs to the two certificates and not to a connection. A new
// connection between the same certificates continues it, with [Continue]; a
// connection with any other certificate needs a new exchange, with a new nonce:
// otherwise somebody who has seen the nonces could search for a certificate that
// gives the same code. An exchange that ended with an error never has a code.
//
// The zero value is not usable. Its methods must not be called concurrently.
type Exchange struct {
	room       string
	polite     bool
	own, other Fingerprint
	bits       int // of the digest

	nonce     Value
	committed *Value // the other end's commitment, received by the polite end
	answer    *Value // the other end's nonce
	code      Code
	err       error
}

// NewExchange returns a new exchange with a fresh nonce. polite is the role of this
// end in the room.
func NewExchange(room string, polite bool, own, other Fingerprint) *Exchange {
	var nonce Value
	_, _ = rand.Read(nonce[:]) // never fails
	return newExchange(8*sha256.Size, nonce, room, polite, own, other)
}

// Continue returns the exchange for a new connection: e, if that is between the same
// certificates, and otherwise a new one. e may be nil. [Exchange.Start] is still to be
// called.
func Continue(e *Exchange, room string, polite bool, own, other Fingerprint) *Exchange {
	if e != nil && e.Between(own, other) {
		return e
	}
	return NewExchange(room, polite, own, other)
}

func newExchange(bits int, nonce Value, room string, polite bool, own, other Fingerprint) *Exchange {
	return &Exchange{room: room, polite: polite, own: own, other: other, bits: bits, nonce: nonce}
}

// Between reports whether the exchange is between these certificates.
func (e *Exchange) Between(own, other Fingerprint) bool {
	return own == e.own && other == e.other
}

// Start returns the message to send on a new connection: this end's last one, or its
// first; nil = none.
func (e *Exchange) Start() Message {
	switch {
	case e.err != nil:
		return nil
	case e.polite && e.committed == nil:
		return nil
	case e.polite:
		return Nonce{Nonce: e.nonce}
	case e.answer == nil:
		return Commit{Hash: commitment(e.nonce)}
	default:
		return Reveal{Nonce: e.nonce}
	}
}

// Receive handles a [Commit], [Nonce] or [Reveal] of the other end and returns the
// answer to send; nil = none. After an error, the exchange has failed, and so do all
// further calls. Other messages are ignored.
func (e *Exchange) Receive(m Message) (Message, error) {
	if e.err != nil {
		return nil, e.err
	}
	var answer Message
	switch m := m.(type) {
	case Commit:
		answer = e.receiveCommit(m.Hash)
	case Nonce:
		answer = e.receiveNonce(m.Nonce)
	case Reveal:
		e.receiveReveal(m.Nonce)
	}
	return answer, e.err
}

// Reject ends the exchange if err is about one of its messages, which could not be
// decoded, and returns why it ended.
func (e *Exchange) Reject(err error) error {
	wrong, ok := errors.AsType[*Error](err)
	if !ok {
		return e.err
	}
	switch wrong.Type {
	case Commit{}.kind(), Nonce{}.kind(), Reveal{}.kind():
		e.fail(ErrMalformed)
	}
	return e.err
}

// Code returns the code; false as long as there is none.
func (e *Exchange) Code() (Code, bool) { return e.code, e.code.Digits != "" }

func (e *Exchange) receiveCommit(hash Value) Message {
	switch {
	case !e.polite:
		e.fail(ErrRole)
		return nil
	case e.committed == nil:
		e.committed = &hash
		return Nonce{Nonce: e.nonce}
	case !equal(*e.committed, hash):
		e.fail(ErrChanged)
	}
	return nil
}

func (e *Exchange) receiveNonce(nonce Value) Message {
	switch {
	case e.polite:
		e.fail(ErrRole)
		return nil
	case e.answer == nil:
		e.finish(nonce)
		return Reveal{Nonce: e.nonce}
	case !equal(*e.answer, nonce):
		e.fail(ErrChanged)
	}
	return nil
}

func (e *Exchange) receiveReveal(nonce Value) {
	switch {
	case !e.polite:
		e.fail(ErrRole)
	case e.committed == nil:
		e.fail(ErrOrder)
	case e.answer != nil && !equal(*e.answer, nonce):
		e.fail(ErrChanged)
	case !equal(*e.committed, commitment(nonce)):
		e.fail(ErrMismatch)
	case e.answer == nil:
		e.finish(nonce)
	}
}

// finish computes the code from the other end's nonce.
func (e *Exchange) finish(nonce Value) {
	e.answer = &nonce
	impolite, polite := e.nonce, nonce
	if e.polite {
		impolite, polite = nonce, e.nonce
	}
	e.code = codeOf(digest(e.room, e.own, e.other, impolite, polite), e.bits)
}

func (e *Exchange) fail(err error) {
	if e.err == nil {
		e.err, e.code = err, Code{}
	}
}

// equal compares in constant time, so that the time tells nothing about a nonce.
func equal(a, b Value) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }

package peer

import (
	"context"
	"errors"
)

// Errors of Restart.
var (
	// ErrNotCaller is the error for a peer that answers.
	ErrNotCaller = errors.New("only the peer that makes the offers can restart ICE")
	// ErrSignalingAway is the error while one side cannot reach the signaling server.
	ErrSignalingAway = errors.New("the signaling server cannot be reached")
)

// Restart restarts ICE (RFC 8445, section 9): both sides gather candidates anew, and
// look for a new path. Restart returns when there is one. Media pauses meanwhile, because
// Pion gives the old path up at once; if no new one is found, the call ends.
//
// Only the caller can do that (see Role): the callee makes no offers, and gets
// ErrNotCaller. The error may also be ErrNotConnected, ErrSignalingAway, an [*EndedError],
// or the cause of the end of ctx, which does not stop the restart.
func (c *Call) Restart(ctx context.Context) error {
	var restarted chan struct{}
	err := c.do(ctx, func() error {
		switch {
		case c.phase != talking:
			return ErrNotConnected
		case c.partner.role != Caller:
			return ErrNotCaller
		case c.serverAway() || c.useCtl():
			return ErrSignalingAway
		}
		if c.restarted == nil {
			c.restarted = make(chan struct{})
			c.partner.link.restartDue, c.partner.sentCandidates = true, nil
			c.sendOffer()
		}
		restarted = c.restarted
		return nil
	})
	if err != nil {
		return err
	}
	return c.await(ctx, restarted)
}

// endRestart ends the wait of Restart, when ICE is connected: Pion says so again after
// each restart, and not in between.
func (c *Call) endRestart() {
	if c.restarted != nil && !c.partner.link.restartDue {
		close(c.restarted)
		c.restarted = nil
	}
}

package peer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"

	"callbox/peer/ctl"
)

// The data channels of a link (docs/call.md). Both ends create them, so they need no
// negotiation in band.
const (
	ctlID  = 100
	fileID = 101
)

// Limits of the channel ctl. The sender keeps within half of what the receiver
// allows, because messages may arrive in bursts.
const (
	ctlReceived    = 200       // messages a second, and at once
	ctlSent        = 100       // messages a second, and at once
	ctlQueued      = 512       // messages that wait to be sent
	ctlBuffered    = 256 << 10 // bytes that wait in Pion
	ctlPoll        = 5 * time.Millisecond
	maxDataMessage = 256 << 10 // of any data channel; Pion's default is 1 GiB
	// maxForeignChannels is how many data channels the other side may open by itself.
	// Each of them costs a buffer of 64 KiB.
	maxForeignChannels = 64
)

var (
	errCtlRate  = errors.New("more than 200 messages a second")
	errCtlSize  = errors.New("a message of more than 64 KiB")
	errCtlQueue = errors.New("the other side does not read")
)

// ctlChannel is the data channel ctl of a link. Only the goroutine of the Call may
// call its methods, unless they say otherwise.
type ctlChannel struct {
	link    *link
	channel *webrtc.DataChannel
	opened  chan struct{} // closed when the channel is open
	queue   chan []byte
	waiting atomic.Int64 // messages that are queued or being sent
	marked  atomic.Bool  // the other side knows this channel
	ended   atomic.Bool  // this side closed the channel, because of an error
	greeted bool         // the hello of the other side has arrived
	pongs   bucket
}

// openChannels creates the data channels, unless there must be none.
func (l *link) openChannels() error {
	l.refuseForeignChannels()
	if l.seat.MediaOnly {
		l.ctl, l.file = &ctlChannel{link: l}, &fileChannel{link: l}
		return nil
	}
	c, err := l.createChannel("ctl", ctlID)
	if err != nil {
		return err
	}
	l.ctl = &ctlChannel{
		link: l, channel: c, opened: make(chan struct{}), queue: make(chan []byte, ctlQueued), pongs: newBucket(1, 2),
	}
	received := newBucket(ctlReceived, ctlReceived)
	c.OnOpen(func() { close(l.ctl.opened) })
	c.OnMessage(func(m webrtc.DataChannelMessage) { l.ctl.receive(m, &received) })
	return l.openFileChannel()
}

// refuseForeignChannels closes the connection if the other side opens too many channels.
func (l *link) refuseForeignChannels() {
	var foreign atomic.Int64
	l.pc.OnDataChannel(func(*webrtc.DataChannel) {
		if foreign.Add(1) == maxForeignChannels+1 {
			l.cfg.Logger.Warn("the other side opens too many data channels; the connection is closed", "limit", maxForeignChannels)
			_ = l.pc.Close() // its state is reported
		}
	})
}

func (l *link) createChannel(label string, id uint16) (*webrtc.DataChannel, error) {
	yes := true
	return l.pc.CreateDataChannel(label, &webrtc.DataChannelInit{Ordered: &yes, Negotiated: &yes, ID: &id})
}

// otherFingerprint returns the fingerprint of the certificate with which the other
// side made the DTLS handshake; false before that.
func (l *link) otherFingerprint() (ctl.Fingerprint, bool) {
	certificate := l.pc.SCTP().Transport().GetRemoteCertificate()
	return sha256.Sum256(certificate), len(certificate) > 0
}

// fingerprintOf returns the fingerprint of this side's certificate.
func fingerprintOf(c *webrtc.Certificate) (f ctl.Fingerprint, err error) {
	all, err := c.GetFingerprints()
	if err != nil {
		return f, err
	}
	for _, each := range all {
		if each.Algorithm == "sha-256" {
			_, err = hex.Decode(f[:], []byte(strings.ReplaceAll(each.Value, ":", "")))
			return f, err
		}
	}
	return f, errors.New("the certificate has no SHA-256 fingerprint")
}

// mark notes that the other side knows the channel, and sends hello as the first
// message. Before that nothing may be sent: to another program, the number of the
// channel may mean something else.
func (c *ctlChannel) mark(hello ctl.Hello) {
	if c.marked.Swap(true) {
		return
	}
	c.link.wait.Go(c.sendLoop)
	c.link.wait.Go(c.link.file.announceRoom)
	c.send(hello)
}

// ready reports whether messages reach the other side.
func (c *ctlChannel) ready() bool {
	return c.greeted && !c.ended.Load() && c.channel.ReadyState() == webrtc.DataChannelStateOpen
}

// usable reports whether messages reach the other side, or will when its hello has come.
func (c *ctlChannel) usable() bool {
	return c.marked.Load() && !c.ended.Load() && c.channel.ReadyState() <= webrtc.DataChannelStateOpen
}

// send queues a message. It returns false if the message is too large, or the channel
// has ended.
func (c *ctlChannel) send(m ctl.Message) bool {
	text, err := ctl.Encode(m)
	if err != nil {
		c.link.cfg.Logger.Debug("a message was not sent", "error", err)
		return false
	}
	if !c.marked.Load() || c.ended.Load() {
		return false
	}
	c.waiting.Add(1)
	select {
	case c.queue <- text:
		return true
	default:
		c.waiting.Add(-1)
		c.end(errCtlQueue)
		return false
	}
}

// sendLoop sends what is queued until the link closes.
func (c *ctlChannel) sendLoop() {
	select {
	case <-c.opened:
	case <-c.link.ctx.Done():
		return
	}
	sent := newBucket(ctlSent, ctlSent)
	for {
		select {
		case text := <-c.queue:
			if !c.pause(sent.take(time.Now())) {
				return
			}
			for c.channel.BufferedAmount() > ctlBuffered {
				if !c.pause(ctlPoll) {
					return
				}
			}
			if err := c.channel.SendText(string(text)); err != nil {
				c.link.cfg.Logger.Debug("a message was not sent", "error", err)
			}
			c.waiting.Add(-1)
		case <-c.link.ctx.Done():
			return
		}
	}
}

// pause waits, and returns false if the link closes meanwhile. It may be called from
// any goroutine.
func (c *ctlChannel) pause(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.link.ctx.Done():
		return false
	}
}

// flush waits until the other side has what was sent, but not longer than limit.
func (c *ctlChannel) flush(limit time.Duration) {
	for until := time.Now().Add(limit); time.Now().Before(until) && c.ready(); {
		if c.waiting.Load() == 0 && c.channel.BufferedAmount() == 0 {
			return
		}
		c.pause(ctlPoll)
	}
}

// receive is called from Pion's goroutine, with each message.
func (c *ctlChannel) receive(m webrtc.DataChannelMessage, limit *bucket) {
	switch {
	case !c.marked.Load() || c.ended.Load(): // the channel of another program, or one that has ended
	case limit.take(time.Now()) > 0:
		c.end(errCtlRate)
	case len(m.Data) > ctl.MaxBytes:
		c.end(errCtlSize)
	case m.IsString:
		c.link.observer.ctlMessage(c.link, m.Data)
	}
}

// end closes the channel after an error, but not the call. It may be called from any
// goroutine.
func (c *ctlChannel) end(reason error) {
	if !c.ended.Swap(true) {
		c.link.closeChannel(c.channel, reason)
	}
}

// closeChannel closes a data channel. It may be called from any goroutine.
func (l *link) closeChannel(channel *webrtc.DataChannel, reason error) {
	l.cfg.Logger.Warn("a data channel is closed", "channel", channel.Label(), "reason", reason)
	l.mu.Lock()
	l.faults.add(channelClosed(channel.Label(), reason))
	l.mu.Unlock()
	if err := channel.Close(); err != nil {
		l.cfg.Logger.Debug("closing a data channel", "error", err)
	}
}

// bucket limits a rate. It fills by rate tokens a second, up to size.
type bucket struct {
	rate, size, tokens float64
	at                 time.Time // when tokens was right
}

func newBucket(rate, size float64) bucket { return bucket{rate: rate, size: size, tokens: size} }

// take takes a token if there is one, and then returns 0; otherwise it borrows one
// and returns how long to wait until that is paid back.
func (b *bucket) take(now time.Time) time.Duration {
	if !b.at.IsZero() {
		b.tokens = min(b.size, b.tokens+now.Sub(b.at).Seconds()*b.rate)
	}
	b.at = now
	b.tokens--
	return time.Duration(max(0, -b.tokens) / b.rate * float64(time.Second))
}

package peer

import (
	"sync/atomic"

	"github.com/pion/webrtc/v4"

	"callbox/peer/ctl"
)

// fileChannel is the data channel "file" of a link. Its methods may be called from any
// goroutine.
type fileChannel struct {
	link    *link
	channel *webrtc.DataChannel
	room    chan struct{} // gets a value when more may be sent
	ended   atomic.Bool   // this side closed the channel, because of an error
}

func (l *link) openFileChannel() error {
	c, err := l.createChannel("file", fileID)
	if err != nil {
		return err
	}
	l.file = &fileChannel{link: l, channel: c, room: make(chan struct{}, 1)}
	c.OnOpen(l.file.noteRoom)
	c.SetBufferedAmountLowThreshold(ctl.MaxFileBuffered / 2)
	c.OnBufferedAmountLow(l.file.noteRoom)
	c.OnMessage(l.file.receive)
	return nil
}

// noteRoom does not block: Pion calls it while it holds locks that send needs.
func (f *fileChannel) noteRoom() {
	select {
	case f.room <- struct{}{}:
	default:
	}
}

// announceRoom tells the observer when more may be sent, until the link closes.
func (f *fileChannel) announceRoom() {
	for {
		select {
		case <-f.room:
			f.link.observer.fileRoom(f.link)
		case <-f.link.ctx.Done():
			return
		}
	}
}

// receive is called from Pion's goroutine, with each message.
func (f *fileChannel) receive(m webrtc.DataChannelMessage) {
	if !f.link.ctl.marked.Load() || f.ended.Load() { // the channel of another program, or one that has ended
		return
	}
	if m.IsString {
		m.Data = nil // which is malformed, too
	}
	f.link.observer.fileMessage(f.link, m.Data)
}

// hasRoom reports whether something may be sent.
func (f *fileChannel) hasRoom() bool {
	return !f.ended.Load() && f.channel.ReadyState() == webrtc.DataChannelStateOpen && f.channel.BufferedAmount() < ctl.MaxFileBuffered
}

func (f *fileChannel) send(p *ctl.Piece) error { return f.channel.Send(p.Append(nil)) }

// end closes the channel after an error, but not the call.
func (f *fileChannel) end(reason error) {
	if !f.ended.Swap(true) {
		f.link.closeChannel(f.channel, reason)
	}
}

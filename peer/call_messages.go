package peer

import (
	"errors"
	"io"
	"strings"
	"time"

	"callbox/peer/ctl"
)

// messages are the texts and files between the two sides. They belong to the
// certificates of both, so they continue when the connection is rebuilt, but end when
// one side has another certificate.
type messages struct {
	chats     *ctl.Chats
	sender    *ctl.FileSender
	receiver  *ctl.FileReceiver
	transfers map[uint32]*Transfer     // offered by this side, not ended
	taken     map[uint32]ctl.OfferFile // by this side, not ended
	link      *link                    // the connection on which they continue
	noFiles   bool                     // its channel of files was closed because of a fault
}

// beginMessages forgets what was said before. polite is the role of this side.
func (c *Call) beginMessages(polite bool) {
	c.endMessages(ErrPeerChanged)
	c.messages = &messages{
		chats: ctl.NewChats(polite), sender: ctl.NewFileSender(polite), receiver: ctl.NewFileReceiver(polite),
		transfers: make(map[uint32]*Transfer), taken: make(map[uint32]ctl.OfferFile),
	}
}

// endMessages forgets what was said, and ends the files that are under way.
func (c *Call) endMessages(reason error) {
	if c.messages == nil {
		return
	}
	for _, t := range c.messages.transfers {
		t.finish(reason)
	}
	for _, id := range c.messages.receiver.Open() {
		c.forgetFile(id, reason.Error())
	}
	c.messages = nil
}

// continueMessages repeats what the other side may have missed, on a new connection.
func (c *Call) continueMessages() {
	m, channel := c.messages, c.partner.link.ctl
	m.link, m.noFiles = c.partner.link, false
	m.receiver.Reconnect()
	for _, text := range m.chats.Repeat() {
		channel.send(text)
	}
	for _, message := range m.sender.Reconnect() {
		channel.send(message)
	}
	c.emptyOutbox()
}

// canMessage reports whether the messages continue on the current connection: before
// its hello they do not.
func (c *Call) canMessage() bool {
	return c.messages != nil && c.partner != nil && c.partner.link != nil && c.messages.link == c.partner.link
}

// emptyOutbox sends what the program wants to send, as far as possible now.
func (c *Call) emptyOutbox() {
	m := c.messages
	for _, t := range c.outbox.takeStops() {
		if m == nil || m.transfers[t.id] != t {
			continue // it has ended
		}
		stop := m.sender.Stop(t.id)
		if c.canMessage() {
			m.link.ctl.send(stop)
		}
		c.endTransfer(t.id, ErrStopped)
	}
	if !c.canMessage() || !m.link.ctl.ready() {
		return
	}
	for text, ok := c.outbox.nextText(); ok; text, ok = c.outbox.nextText() {
		chat, err := m.chats.Say(text, time.Now())
		if err != nil { // not confirmed
			break
		}
		c.outbox.dropText()
		c.partner.link.ctl.send(chat)
	}
	for m.sender.CanOffer() && !m.noFiles {
		t := c.outbox.takeFile()
		if t == nil {
			return
		}
		c.offerFile(t)
	}
}

func (c *Call) offerFile(t *Transfer) {
	m := c.messages
	offer, err := m.sender.Offer(t.file.Name, uint64(t.file.Size), t.file.MIME) //nolint:gosec // checked by SendFile
	if err != nil {
		t.finish(err)
		return
	}
	t.id = offer.ID
	m.transfers[t.id] = t
	c.partner.link.ctl.send(offer)
}

// endTransfer ends a file that this side has sent.
func (c *Call) endTransfer(id uint32, err error) {
	c.messages.transfers[id].finish(err)
	delete(c.messages.transfers, id)
}

// handleMessages handles a message of the other side about texts and files.
func (c *Call) handleMessages(m ctl.Message) {
	if !c.canMessage() {
		return
	}
	switch m := m.(type) {
	case ctl.Chat:
		c.handleChat(m)
	case ctl.Got:
		c.messages.chats.Confirm(m)
		c.emptyOutbox()
	case ctl.OfferFile:
		c.handleOffer(m)
	case ctl.FileEnd:
		c.answerFile(m.ID, c.messages.receiver.End(m))
	case ctl.Take:
		answer, err := c.messages.sender.Take(m)
		if answer != nil {
			c.partner.link.ctl.send(answer)
		}
		if err != nil {
			c.endTransfer(m.ID, err)
		}
		c.sendPieces()
	default:
		c.handleFileAnswer(m)
	}
}

func (c *Call) handleChat(m ctl.Chat) {
	answer, isNew := c.messages.chats.Receive(m)
	c.partner.link.ctl.send(answer)
	if isNew {
		c.data.Texts++
		c.observe(Event{Kind: EventText, Name: c.partner.name, Text: m.Text})
	}
}

// handleFileAnswer handles what ends a file of either side.
func (c *Call) handleFileAnswer(m ctl.Message) {
	if stop, ok := m.(ctl.StopFile); ok && c.messages.receiver.Stopped(stop) {
		c.forgetFile(stop.ID, ctl.ErrFileStopped.Error())
		return
	}
	if id, ended, err := c.messages.sender.Receive(m); ended {
		c.endTransfer(id, err)
		c.emptyOutbox()
	}
}

// handleOffer takes a file if it is within what may be taken, and refuses it otherwise.
func (c *Call) handleOffer(m ctl.OfferFile) {
	receiver, channel := c.messages.receiver, c.partner.link.ctl
	answer, isNew, err := receiver.Offer(m)
	switch {
	case err != nil:
		c.endFiles(err)
	case answer != nil:
		channel.send(answer)
	case !isNew:
	case c.messages.noFiles || m.Size > c.mayTake():
		c.data.Files.Refused++
		channel.send(receiver.Refuse(m.ID))
		c.observe(Event{Kind: EventFileRefused, Name: c.partner.name, File: shownFile(m.Name), Bytes: int64(m.Size)}) //nolint:gosec // at most 2^53
	default:
		c.takenBytes += m.Size
		c.messages.taken[m.ID] = m
		channel.send(receiver.Take(m.ID))
	}
}

// mayTake returns how many bytes of files may still be taken.
func (c *Call) mayTake() uint64 {
	return uint64(max(0, c.cfg.TakeFiles)) - c.takenBytes
}

// fileMessage implements linkObserver.
func (c *Call) fileMessage(l *link, message []byte) {
	c.dispatch(l, func() { c.handlePiece(message) })
}

// handlePiece handles a message of the other side on the channel of files.
func (c *Call) handlePiece(message []byte) {
	if !c.canMessage() {
		c.partner.link.file.end(ctl.ErrNotTaken)
		return
	}
	if c.messages.noFiles {
		return
	}
	piece, used, answer, err := c.messages.receiver.Receive(message)
	if err != nil {
		c.endFiles(err)
		return
	}
	if used {
		c.data.Files.Bytes += int64(len(piece.Content))
	}
	c.answerFile(piece.ID, answer)
}

// answerFile tells the other side whether a file has arrived intact, if answer is not
// nil.
func (c *Call) answerFile(id uint32, answer ctl.Message) {
	if answer == nil {
		return
	}
	c.partner.link.ctl.send(answer)
	reason := ""
	c.data.Files.Count++
	if _, bad := answer.(ctl.FileBad); bad {
		c.data.Files.Bad++
		reason = ctl.ErrFileBad.Error()
	}
	c.forgetFile(id, reason)
}

// forgetFile reports the end of a file that was taken. reason says why it has not
// arrived.
func (c *Call) forgetFile(id uint32, reason string) {
	m, ok := c.messages.taken[id]
	if !ok {
		return
	}
	delete(c.messages.taken, id)
	c.observe(Event{
		Kind: EventFile, Name: c.partner.name, File: shownFile(m.Name), Bytes: int64(m.Size), Reason: reason, //nolint:gosec // at most 2^53
	})
}

// endFiles ends all files, and the channel of files, because the other side broke its
// rules.
func (c *Call) endFiles(reason error) {
	m, channel := c.messages, c.partner.link.ctl
	m.noFiles = true
	for _, id := range m.receiver.Open() {
		channel.send(m.receiver.Stop(id))
		c.forgetFile(id, reason.Error())
	}
	for _, id := range m.sender.Open() {
		channel.send(m.sender.Stop(id))
		c.endTransfer(id, ErrFileChannel)
	}
	c.partner.link.file.end(reason)
}

// shownFile makes the name of a file safe to print: the last part of it, if it is a path.
func shownFile(name string) string {
	return shown(name[strings.LastIndexAny(name, `/\`)+1:], ctl.MaxFileText)
}

// fileRoom implements linkObserver.
func (c *Call) fileRoom(l *link) { c.dispatch(l, c.sendPieces) }

// sendPieces sends bytes of the files that were taken, until enough of them wait.
func (c *Call) sendPieces() {
	if !c.canMessage() {
		return
	}
	link, sender := c.partner.link, c.messages.sender
	buffer := make([]byte, ctl.MaxFileContent)
	for link.file.hasRoom() {
		id, offset, n, ok := sender.Next()
		if !ok {
			return
		}
		content := buffer[:n]
		if err := readAt(c.messages.transfers[id].file.Content, content, offset); err != nil {
			link.ctl.send(sender.Stop(id))
			c.endTransfer(id, err)
			continue
		}
		if err := link.file.send(&ctl.Piece{ID: id, Offset: offset, Content: content}); err != nil {
			c.cfg.Logger.Debug("bytes of a file were not sent", "error", err)
			return // they are sent again on the next connection
		}
		if end := sender.Sent(id, content); end != nil {
			link.ctl.send(end)
		}
	}
}

// readAt fills content.
func readAt(r io.ReaderAt, content []byte, offset uint64) error {
	n, err := r.ReadAt(content, int64(offset)) //nolint:gosec // less than the size of the file
	if n == len(content) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

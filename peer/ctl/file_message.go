package ctl

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// Sizes of files on the data channel "file".
const (
	FileBlock       = 1 << 20  // bytes that have a hash of their own
	MaxFileMessage  = 16 << 10 // bytes of a message, header and content
	fileHeader      = 4 + 8
	MaxFileContent  = MaxFileMessage - fileHeader // bytes of content of a message
	MaxOpenFiles    = 4                           // of one sender that have not ended
	MaxFileBuffered = 1 << 20                     // bytes that a sender lets wait in its channel
)

// Piece is a message of the data channel "file": bytes of a file.
type Piece struct {
	ID      uint32
	Offset  uint64 // of the first byte of Content in the file
	Content []byte // 1 to MaxFileContent bytes
}

// Append appends the message to b.
func (p *Piece) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, p.ID)
	b = binary.BigEndian.AppendUint64(b, p.Offset)
	return append(b, p.Content...)
}

// DecodePiece decodes a message. The content is part of message; false = it is
// malformed.
func DecodePiece(message []byte) (Piece, bool) {
	if len(message) <= fileHeader || len(message) > MaxFileMessage {
		return Piece{}, false
	}
	return Piece{
		ID: binary.BigEndian.Uint32(message), Offset: binary.BigEndian.Uint64(message[4:]), Content: message[fileHeader:],
	}, true
}

// fileHash computes the hash of a file: the SHA-256 of the SHA-256s of its blocks.
type fileHash struct {
	sums    []byte // of the complete blocks, one after the other
	block   hash.Hash
	inBlock int // bytes
}

func newFileHash() *fileHash { return &fileHash{block: sha256.New()} }

func (h *fileHash) write(content []byte) {
	for len(content) > 0 {
		n := min(len(content), FileBlock-h.inBlock)
		_, _ = h.block.Write(content[:n]) // never fails
		h.inBlock += n
		content = content[n:]
		if h.inBlock == FileBlock {
			h.endBlock()
		}
	}
}

func (h *fileHash) endBlock() {
	h.sums = h.block.Sum(h.sums)
	h.block.Reset()
	h.inBlock = 0
}

// size returns how many bytes have been written.
func (h *fileHash) size() uint64 {
	return uint64(len(h.sums)/sha256.Size)*FileBlock + uint64(h.inBlock) //nolint:gosec // not negative
}

// complete returns how many bytes have been written, without those of a block that is
// not complete.
func (h *fileHash) complete() uint64 { return h.size() / FileBlock * FileBlock }

// goBack forgets what was written after the first size bytes, a multiple of FileBlock.
func (h *fileHash) goBack(size uint64) {
	h.sums = h.sums[:size/FileBlock*sha256.Size]
	h.block.Reset()
	h.inBlock = 0
}

// sum returns the hash of the file, if what was written is all of it.
func (h *fileHash) sum() Value {
	sums := h.sums[:len(h.sums):len(h.sums)] // appending copies
	if h.inBlock > 0 {
		sums = h.block.Sum(sums)
	}
	return sha256.Sum256(sums)
}

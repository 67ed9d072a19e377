// Package ogg reads the packets of an Ogg stream (RFC 3533).
//
// Pion's oggreader returns pages. A page of a file that a program other than Pion wrote
// holds about 50 packets, and a packet may go on in the next page.
package ogg

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// MaxPacket is the size of the longest packet that a Reader returns. It exceeds that of
// the longest Opus packet, 120 ms in 48 frames of 1275 bytes (RFC 6716, section 3.2.5).
const MaxPacket = 64 << 10

const (
	headerSize = 27
	flagFirst  = 2
	flagLast   = 4
)

// Errors of Reader.Next.
var (
	// ErrTooLong is the error of a packet longer than MaxPacket. The next call returns
	// the packet after it.
	ErrTooLong = fmt.Errorf("a packet is longer than %d bytes", MaxPacket)

	errNotOgg   = errors.New("it does not begin with an Ogg page")
	errPage     = errors.New("a page does not begin where the page before it ends")
	errVersion  = errors.New("an Ogg page has a version other than 0")
	errChecksum = errors.New("the checksum of an Ogg page is wrong")
)

// Reader reads the packets of the first logical stream, and skips all others.
type Reader struct {
	in      *bufio.Reader
	begun   bool
	serial  uint32
	last    bool // no page follows
	lengths []byte
	page    []byte
	packet  []byte
	tooLong bool
}

// NewReader returns a Reader of in.
func NewReader(in io.Reader) *Reader { return &Reader{in: bufio.NewReader(in)} }

// Next returns the next packet, valid until the next call. The error is io.EOF after the
// last complete packet; io.ErrUnexpectedEOF if the file is cut off within a page.
func (r *Reader) Next() ([]byte, error) {
	r.packet, r.tooLong = r.packet[:0], false
	for {
		for len(r.lengths) > 0 {
			n := int(r.lengths[0])
			r.lengths = r.lengths[1:]
			r.add(r.page[:n])
			r.page = r.page[n:]
			if n == 255 { // the packet goes on
				continue
			}
			if r.tooLong {
				return nil, ErrTooLong
			}
			return r.packet, nil
		}
		if err := r.nextPage(); err != nil {
			return nil, err
		}
	}
}

func (r *Reader) add(part []byte) {
	if len(r.packet)+len(part) > MaxPacket {
		r.tooLong = true
		return
	}
	r.packet = append(r.packet, part...)
}

// nextPage reads pages up to the next one of the stream.
func (r *Reader) nextPage() error {
	for {
		if r.last {
			return io.EOF
		}
		header, err := r.readPage()
		if err != nil {
			return err
		}
		serial := binary.LittleEndian.Uint32(header[14:])
		if !r.begun {
			r.begun, r.serial = true, serial
		}
		if serial == r.serial {
			r.last = header[5]&flagLast != 0
			return nil
		}
	}
}

// readPage reads one page and checks it.
func (r *Reader) readPage() (header [headerSize]byte, err error) {
	if _, err := io.ReadFull(r.in, header[:]); err != nil {
		if !r.begun && errors.Is(err, io.ErrUnexpectedEOF) {
			err = errNotOgg
		}
		return header, err
	}
	switch {
	case !bytes.Equal(header[:4], []byte("OggS")) && r.begun:
		return header, errPage
	case !bytes.Equal(header[:4], []byte("OggS")):
		return header, errNotOgg
	case header[4] != 0:
		return header, errVersion
	}
	body := make([]byte, int(header[26]))
	if _, err := io.ReadFull(r.in, body); err != nil {
		return header, cutOff(err)
	}
	lengths, size := body, 0
	for _, n := range lengths {
		size += int(n)
	}
	page := make([]byte, size)
	if _, err := io.ReadFull(r.in, page); err != nil {
		return header, cutOff(err)
	}
	want := binary.LittleEndian.Uint32(header[22:])
	clear(header[22:26])
	if checksum(checksum(checksum(0, header[:]), lengths), page) != want {
		return header, errChecksum
	}
	r.lengths, r.page = lengths, page
	return header, nil
}

// cutOff makes the end of the file an error: it is within a page.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// checksum continues the CRC of RFC 3533: polynomial 0x04c11db7, neither reflected nor
// inverted, so that hash/crc32 cannot compute it.
func checksum(crc uint32, b []byte) uint32 {
	for _, c := range b {
		crc ^= uint32(c) << 24
		for range 8 {
			if crc&(1<<31) != 0 {
				crc = crc<<1 ^ 0x04c11db7
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// Package annexb reads H.264 files in the byte stream format (ITU-T H.264, annex B), which
// have no container: the pictures follow each other without sizes and times.
//
// Pion's h264reader returns NAL units, and drops what surrounds them. This package returns
// what is sent at once: access units, a picture with all that belongs to it.
package annexb

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// MaxUnit is the size of the largest access unit that a Reader returns, in bytes.
const MaxUnit = 8 << 20

// Errors of Reader.Next.
var (
	ErrNotH264  = errors.New("it does not begin with a start code of H.264")
	ErrTooLarge = fmt.Errorf("a picture is larger than %d bytes", MaxUnit)
)

// Types of NAL units (ITU-T H.264, table 7-1).
const (
	typeSlice      = 1
	typeIDR        = 5
	typeSEI        = 6
	typeSPS        = 7
	typePPS        = 8
	typeDelimiter  = 9
	typePrefix     = 14
	typeLastPrefix = 18
)

// Reader reads access units.
type Reader struct {
	in      *bufio.Reader
	limit   int // of an access unit
	begun   bool
	next    []byte // the NAL unit that begins the next access unit, with its start code
	picture bool   // the current access unit has a slice
}

// NewReader returns a Reader of in.
func NewReader(in io.Reader) *Reader { return &Reader{in: bufio.NewReader(in), limit: MaxUnit} }

// Next returns the next access unit, with start codes, whose memory belongs to the caller. The
// error is io.EOF after the last one.
func (r *Reader) Next() ([]byte, error) {
	if !r.begun {
		if err := r.begin(); err != nil {
			return nil, err
		}
	}
	unit := r.next
	r.next, r.picture = nil, isSlice(unit)
	for {
		nal, err := r.nal(r.limit - len(unit))
		switch {
		case errors.Is(err, io.EOF) && len(unit) > 0:
			return unit, nil
		case err != nil:
			return nil, err
		case r.picture && begins(nal):
			r.next = nal
			return unit, nil
		}
		r.picture = r.picture || isSlice(nal)
		unit = append(unit, nal...)
	}
}

// begin reads the first start code.
func (r *Reader) begin() error {
	for zeros := 0; ; zeros++ {
		c, err := r.in.ReadByte()
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return err
		case err == nil && c == 1 && zeros >= 2:
			r.begun = true
			return nil
		case err != nil || c != 0:
			return ErrNotH264
		}
	}
}

// nal reads the rest of a NAL unit and the next start code, and returns the unit with a
// start code before it.
func (r *Reader) nal(limit int) ([]byte, error) {
	nal := []byte{0, 0, 0, 1}
	const code = 4
	for zeros := 0; ; {
		c, err := r.in.ReadByte()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		end := err != nil || c == 1 && zeros >= 2
		switch {
		case end:
			// Zeros before a start code belong to it.
			nal = append(nal[:code], bytes.TrimRight(nal[code:], "\x00")...)
			if len(nal) > code {
				return nal, nil
			}
			if err != nil {
				return nil, io.EOF
			}
			nal, zeros = nal[:code], 0
			continue
		case c == 0:
			zeros++
		default:
			zeros = 0
		}
		if len(nal) >= limit {
			return nil, ErrTooLarge
		}
		nal = append(nal, c)
	}
}

func kind(nal []byte) byte {
	if len(nal) < 5 {
		return 0
	}
	return nal[4] & 0x1f
}

func isSlice(nal []byte) bool { k := kind(nal); return k >= typeSlice && k <= typeIDR }

// begins reports whether a NAL unit after a picture begins the next access unit (ITU-T H.264,
// section 7.4.1.2.3). A slice does if it begins with the first macroblock: then the first
// bit of the number is 1, which is 0 in Exp-Golomb code.
func begins(nal []byte) bool {
	switch k := kind(nal); {
	case k == typeSlice || k == typeIDR:
		return len(nal) > 5 && nal[5]&0x80 != 0
	case k == typeSEI, k == typeSPS, k == typePPS, k == typeDelimiter, k >= typePrefix && k <= typeLastPrefix:
		return true
	default:
		return false
	}
}

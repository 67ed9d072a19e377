package ogg

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// page returns a page with these segments of a packet; the last of 255 bytes goes on.
func page(serial uint32, flags byte, segments ...string) []byte {
	p := append([]byte("OggS"), make([]byte, headerSize-4)...)
	p[5] = flags
	binary.LittleEndian.PutUint32(p[14:], serial)
	p[26] = byte(len(segments))
	for _, s := range segments {
		p = append(p, byte(len(s)))
	}
	for _, s := range segments {
		p = append(p, s...)
	}
	binary.LittleEndian.PutUint32(p[22:], checksum(0, p))
	return p
}

// read returns the packets of a file, "too long" for those that are, and the error at its end.
func read(file []byte) (packets []string, err error) {
	r := NewReader(bytes.NewReader(file))
	for {
		packet, err := r.Next()
		switch {
		case errors.Is(err, ErrTooLong):
			packets = append(packets, "too long")
		case err != nil:
			return packets, err
		default:
			packets = append(packets, string(packet))
		}
	}
}

func TestPackets(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 255)
	many := make([]string, 255)
	for i := range many {
		many[i] = long
	}
	first := page(7, flagFirst, "head")
	for name, c := range map[string]struct {
		pages [][]byte
		want  []string
		err   error
	}{
		"several in a page":          {[][]byte{first, page(7, 0, "a", "", "b"), page(7, flagLast, "c")}, []string{"head", "a", "", "b", "c"}, io.EOF},
		"one in two pages":           {[][]byte{first, page(7, 0, "a", long), page(7, 1, "y", "b")}, []string{"head", "a", long + "y", "b"}, io.EOF},
		"length of 255":              {[][]byte{first, page(7, 0, long, "", "b")}, []string{"head", long, "b"}, io.EOF},
		"another stream":             {[][]byte{first, page(8, flagFirst, "other"), page(7, 0, "a")}, []string{"head", "a"}, io.EOF},
		"after the last page":        {[][]byte{first, page(7, flagLast, "a"), page(9, flagFirst, "next")}, []string{"head", "a"}, io.EOF},
		"longer than can be":         {[][]byte{first, page(7, 0, many...), page(7, 1, many...), page(7, 1, "", "b")}, []string{"head", "too long", "b"}, io.EOF},
		"cut off in the page":        {[][]byte{first, page(7, 0, "abc")[:30]}, []string{"head"}, io.ErrUnexpectedEOF},
		"cut off in the header":      {[][]byte{first, page(7, 0, "abc")[:20]}, []string{"head"}, io.ErrUnexpectedEOF},
		"cut off before the lengths": {[][]byte{first, page(7, 0, "abc")[:headerSize]}, []string{"head"}, io.ErrUnexpectedEOF},
		"not Ogg":                    {[][]byte{[]byte("RIFF is another format altogether")}, nil, errNotOgg},
		"short":                      {[][]byte{[]byte("Og")}, nil, errNotOgg},
		"empty":                      {nil, nil, io.EOF},
		"something between pages":    {[][]byte{first, []byte("?"), page(7, 0, "a")}, []string{"head"}, errPage},
	} {
		got, err := read(bytes.Join(c.pages, nil))
		if !slices.Equal(got, c.want) || !errors.Is(err, c.err) {
			t.Errorf("%s: read %q, %v", name, got, err)
		}
	}
}

func TestDamagedPageIsNoticed(t *testing.T) {
	t.Parallel()
	whole := page(7, flagFirst, "head", "packet")
	for i := range whole {
		damaged := slices.Clone(whole)
		damaged[i] ^= 1
		if _, err := read(damaged); errors.Is(err, io.EOF) {
			t.Errorf("byte %d is wrong and was not noticed", i)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(page(7, flagFirst, "head"))
	f.Add(slices.Concat(page(7, flagFirst, "head"), page(7, 0, "a", strings.Repeat("x", 255)), page(7, flagLast, "b")))
	f.Fuzz(func(t *testing.T, file []byte) {
		packets, err := read(file)
		total := 0
		for _, p := range packets {
			total += len(p)
		}
		if err == nil || total > len(file) && !slices.Contains(packets, "too long") {
			t.Errorf("%d bytes became %d, %v", len(file), total, err)
		}
	})
}

// What a Writer writes, a Reader reads, also packets longer than a page.
func TestWriter(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	w := NewWriter(&file, 7)
	want := []string{"", "a", strings.Repeat("b", 255), strings.Repeat("c", 65025), strings.Repeat("d", 65535), "e"}
	for i, packet := range want {
		if err := w.Write([]byte(packet), uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if packets, err := read(file.Bytes()); !slices.Equal(packets, want) || !errors.Is(err, io.EOF) {
		t.Errorf("before the end, %d packets, %v", len(packets), err)
	}
	if err := w.End(5); err != nil {
		t.Fatal(err)
	}
	file.WriteString("no page")
	if packets, err := read(file.Bytes()); !slices.Equal(packets, want) || !errors.Is(err, io.EOF) {
		t.Errorf("%d packets, %v", len(packets), err)
	}
}

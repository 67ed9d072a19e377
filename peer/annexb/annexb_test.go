package annexb

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func read(in []byte) (units []string, err error) {
	r := NewReader(bytes.NewReader(in))
	for {
		unit, err := r.Next()
		if err != nil {
			return units, err
		}
		units = append(units, strings.ReplaceAll(string(unit), "\x00\x00\x00\x01", "|"))
	}
}

func TestAccessUnits(t *testing.T) {
	t.Parallel()
	const long, short = "\x00\x00\x00\x01", "\x00\x00\x01"
	for name, c := range map[string]struct {
		file string
		want []string
		err  error
	}{
		"a picture":         {short + "\x67s" + long + "\x68p" + short + "\x65\x88i", []string{"|\x67s|\x68p|\x65\x88i"}, io.EOF},
		"two pictures":      {long + "\x65\x88a" + short + "\x41\x9ab", []string{"|\x65\x88a", "|\x41\x9ab"}, io.EOF},
		"two slices":        {long + "\x65\x88a" + short + "\x65\x40b" + short + "\x41\x80c", []string{"|\x65\x88a|\x65\x40b", "|\x41\x80c"}, io.EOF},
		"delimiters":        {long + "\x09\xf0" + short + "\x65\x88a" + long + "\x09\xf0" + short + "\x41\x88b", []string{"|\x09\xf0|\x65\x88a", "|\x09\xf0|\x41\x88b"}, io.EOF},
		"parameters repeat": {long + "\x65\x88a" + long + "\x67s" + long + "\x68p" + long + "\x65\x88b", []string{"|\x65\x88a", "|\x67s|\x68p|\x65\x88b"}, io.EOF},
		"trailing zeros":    {"\x00\x00" + long + "\x65\x88a\x00\x00\x00" + long + "\x41\x88\x00\x00\x03b\x00\x00", []string{"|\x65\x88a", "|\x41\x88\x00\x00\x03b"}, io.EOF},
		"empty units":       {long + short + long + "\x65\x88a", []string{"|\x65\x88a"}, io.EOF},
		"only a start code": {long, nil, io.EOF},
		"empty":             {"", nil, ErrNotH264},
		"something else":    {"\x00\x00\x02", nil, ErrNotH264},
		"one zero":          {"\x00\x01\x65", nil, ErrNotH264},
	} {
		units, err := read([]byte(c.file))
		if !slices.Equal(units, c.want) || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v", name, units, err)
		}
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	for _, file := range []string{
		"\x00\x00\x01\x65" + strings.Repeat("a", 97),
		"\x00\x00\x01\x65\x88" + strings.Repeat("\x00\x00\x01\x65\x40aaaaaaaaaaaaaaaa", 5), // many slices
	} {
		for limit, want := range map[int]error{100: ErrTooLarge, 1000: io.EOF} {
			r := NewReader(strings.NewReader(file))
			r.limit = limit
			_, err := r.Next()
			for err == nil {
				_, err = r.Next()
			}
			if !errors.Is(err, want) {
				t.Errorf("with a limit of %d: %v", limit, err)
			}
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("\x00\x00\x01\x67s\x00\x00\x00\x01\x68p\x00\x00\x01\x65\x88i\x00\x00\x01\x41\x9ab"))
	f.Fuzz(func(t *testing.T, in []byte) {
		units, err := read(in)
		if err == nil {
			t.Fatal("no end")
		}
		for _, unit := range units {
			if !strings.HasPrefix(unit, "|") || len(unit) < 2 || len(unit) > len(in) {
				t.Fatalf("%q of %q", unit, in)
			}
		}
	})
}

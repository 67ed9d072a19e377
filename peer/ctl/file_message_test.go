package ctl

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// fileSamples is testdata/files.json, which the tests of the call page read, too.
type fileSamples struct {
	Pieces []struct {
		Name    string `json:"name"`
		Header  string `json:"header"`  // hex, perhaps with some content
		Content int    `json:"content"` // bytes of zero that follow
		ID      uint32 `json:"id"`
		Offset  uint64 `json:"offset"`
		Valid   bool   `json:"valid"`
	} `json:"pieces"`
	Hashes []struct {
		Size   int   `json:"size"`
		SHA256 hex32 `json:"sha256"`
	} `json:"hashes"`
}

// sampleContent is the content of the files in testdata/files.json: byte i is i mod 251.
func sampleContent(size int) []byte {
	content := make([]byte, size)
	for i := range content {
		content[i] = byte(i % 251)
	}
	return content
}

func TestPieces(t *testing.T) {
	t.Parallel()
	var samples fileSamples
	readJSON(t, "files.json", &samples)
	for _, s := range samples.Pieces {
		message, err := hex.DecodeString(s.Header)
		if err != nil {
			t.Fatal(err)
		}
		message = append(message, make([]byte, s.Content)...)
		p, ok := DecodePiece(message)
		if ok != s.Valid || p.ID != s.ID || p.Offset != s.Offset {
			t.Errorf("%s: %v, id %d, offset %d", s.Name, ok, p.ID, p.Offset)
		}
		if ok && !bytes.Equal(p.Append(nil), message) {
			t.Errorf("%s: encoded as another message", s.Name)
		}
	}
}

func TestFileHashes(t *testing.T) {
	t.Parallel()
	var samples fileSamples
	readJSON(t, "files.json", &samples)
	for _, s := range samples.Hashes {
		content := sampleContent(s.Size)
		h := newFileHash()
		for rest := content; len(rest) > 0; {
			n := min(len(rest), MaxFileContent)
			h.write(rest[:n])
			rest = rest[n:]
		}
		complete := h.complete() // half a block that is sent twice counts once
		h.goBack(complete)
		h.write(content[complete:])
		if sum := h.sum(); hex32(sum) != s.SHA256 || h.size() != uint64(s.Size) {
			t.Errorf("%d bytes: %x", s.Size, sum)
		}
	}
}

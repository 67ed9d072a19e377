package cert

import (
	"bytes"
	"encoding/pem"
	"regexp"
	"strings"

	"callbox/internal/safefile"
)

// blocks returns the PEM blocks of a file, even if editors, web forms or cat have changed
// it: in any text encoding, indented, without line ends between blocks. damaged is the
// number of blocks that begin but cannot be parsed.
func blocks(content []byte) (found []*pem.Block, damaged int) {
	text, err := safefile.Text(content)
	if err != nil {
		return nil, 0
	}
	text = strings.NewReplacer(`\r`, "", `\n`, "\n").Replace(text) // as in JSON strings
	text = pemLine.ReplaceAllString(text, "\n$0\n")
	var lines strings.Builder
	for line := range strings.Lines(text) {
		// An empty line would separate headers from their block.
		if line = safefile.Trim(line); line != "" {
			lines.WriteString(line + "\n")
		}
	}
	rest := []byte(lines.String())
	begun := bytes.Count(rest, []byte("-----BEGIN "))
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return found, begun - len(found)
		}
		found = append(found, block)
	}
}

// pemLine matches the line that begins or ends a block.
var pemLine = regexp.MustCompile(`-----(BEGIN|END) [A-Z0-9 .#]+-----`)

func isCertificate(block *pem.Block) bool {
	switch block.Type {
	case "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE":
		return true
	}
	return false
}

func isKey(block *pem.Block) bool {
	return strings.HasSuffix(block.Type, "PRIVATE KEY") && !isEncrypted(block)
}

func isEncrypted(block *pem.Block) bool {
	return block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED")
}

package wish

import (
	"strings"

	"callbox/signaling/protocol"
)

// maxServers is how many ICE servers are taken from an answer.
const maxServers = 16

// iceServers returns the ICE servers that Link headers name (RFC 9725, section 4.6):
//
//	<turn:turn.example.net?transport=udp>; rel="ice-server"; username="user"; credential="password"; credential-type="password"
func iceServers(headers []string) (servers []protocol.ICEServer) {
	for _, header := range headers {
		for _, link := range splitOutside(header, ',') {
			parts := splitOutside(link, ';')
			url := strings.TrimSpace(parts[0])
			if len(url) < 2 || url[0] != '<' || url[len(url)-1] != '>' || len(servers) == maxServers {
				continue
			}
			values := make(map[string]string)
			for _, part := range parts[1:] {
				name, value, _ := strings.Cut(part, "=")
				values[strings.ToLower(strings.TrimSpace(name))] = unquote(strings.TrimSpace(value))
			}
			if values["rel"] == "ice-server" {
				servers = append(servers, protocol.ICEServer{
					URLs: []string{url[1 : len(url)-1]}, Username: values["username"], Credential: values["credential"],
				})
			}
		}
	}
	return servers
}

// splitOutside splits text at each separator that is neither between quotes nor in <>.
func splitOutside(text string, separator byte) (parts []string) {
	quoted, inURL, from := false, false, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"' && !inURL:
			quoted = !quoted
		case quoted:
		case c == '<':
			inURL = true
		case c == '>':
			inURL = false
		case c == separator && !inURL:
			parts = append(parts, text[from:i])
			from = i + 1
		}
	}
	return append(parts, text[from:])
}

// unquote returns the text of a quoted string (RFC 9110, section 5.6.4), or a token as it is.
func unquote(text string) string {
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return text
	}
	var b strings.Builder
	for i := 1; i < len(text)-1; i++ {
		if text[i] == '\\' && i < len(text)-2 {
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

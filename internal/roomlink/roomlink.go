// Package roomlink reads the links of rooms as they come out of mails and chats, where punctuation, quotes and
// invisible characters stick to them, and writes links that survive the way there.
//
// A link is ORIGIN[BASE]/r/ROOM, with ROOM percent-encoded, and may end in #token=TOKEN. A room's name has no
// punctuation but "-", "_" and ".", so all else at its ends is the sentence's. A "." at the end is the sentence's as
// well, unless it is written as %2E. The page reads links by the same rules (roomlink.js); testdata/links.json has
// examples that both are tested with.
package roomlink

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"callbox/signaling/protocol"
)

// Link is what a link says, or a room's name by itself.
type Link struct {
	Server string // http(s)://HOST[:PORT][BASE]; "" when the text names none
	Room   string
	Token  string // "" when there is none
}

// maxText bounds what is read, in bytes: longer than any message that somebody pastes for the link in it.
const maxText = 16 << 10

var (
	errTooLong  = errors.New("the text is longer than a room's name or link ever is")
	errEncoding = errors.New("the link has a '%' that is not followed by two hexadecimal digits of UTF-8")
	errNoRoom   = errors.New("the link is not of the form https://HOST/r/ROOM")
)

// Parse reads a room's name or link, or a sentence with a link in it.
func Parse(text string) (Link, error) {
	if len(text) > maxText {
		return Link{}, errTooLong
	}
	text = withoutFormat(text)
	schemes := regexp.MustCompile(`(?i)https?://`).FindAllStringIndex(text, -1)
	for _, at := range schemes {
		scheme, chunk := strings.ToLower(text[at[0]:at[1]]), firstWord(text[at[1]:])
		authority, target := cutBefore(chunk, "/?#")
		if link, found, err := parseTarget(target); found {
			link.Server = scheme + authority + link.Server
			return link, err
		}
	}
	for word := range strings.FieldsSeq(text) {
		if len(schemes) > 0 {
			return Link{}, errNoRoom
		}
		authority, target := cutBefore(word, "/")
		link, found, err := parseTarget(target)
		if !found {
			continue
		}
		link.Server = serverOf(authority, link.Server)
		return link, err
	}
	decoded, err := decode(text)
	if err != nil {
		return Link{}, err
	}
	room, err := canonical(decoded)
	return Link{Room: room}, err
}

// Address returns the link of a room of the server at that address.
func Address(server *url.URL, room, token string) *url.URL {
	link := *server
	name := url.PathEscape(room)
	if dotless, ok := strings.CutSuffix(name, "."); ok {
		name = dotless + "%2E"
	}
	link.Path = strings.TrimSuffix(link.Path, "/") + "/r/" + room
	link.RawPath = strings.TrimSuffix(server.EscapedPath(), "/") + "/r/" + name
	if token != "" {
		link.Fragment = "token=" + token
	}
	return &link
}

// parseTarget reads what follows the host of a link. The Server of the result is the base path alone. found reports
// whether the target means to be a room's, right or wrong.
func parseTarget(target string) (link Link, found bool, err error) {
	target = regexp.MustCompile(`(?i)%23(token=)`).ReplaceAllString(target, "#$1")
	path, rest := cutBefore(target, "?#")
	inRooms := regexp.MustCompile(`(?i)/r(/|$)`).MatchString(path)
	decoded, err := decode(path)
	if err != nil {
		return Link{}, inRooms, err
	}
	segments := strings.FieldsFunc(trimEnd(cutSentence(decoded), isTrailingSlash), func(r rune) bool { return r == '/' })
	last := len(segments) - 1
	switch {
	case last >= 1 && strings.EqualFold(segments[last-1], "r"):
	case last >= 0 && strings.EqualFold(segments[last], "r"):
		_, err := canonical("")
		return Link{}, true, err
	default:
		return Link{}, inRooms, errNoRoom
	}
	for _, segment := range segments[:last-1] {
		link.Server += "/" + url.PathEscape(segment)
	}
	link.Token = tokenOf(rest)
	link.Room, err = canonical(segments[last])
	return link, true, err
}

// tokenOf finds the token in the query and fragment of a link. A JWT never ends in ".", a sentence does.
func tokenOf(rest string) string {
	query, fragment := cutBefore(rest, "#")
	for _, part := range []string{fragment, query} {
		if found := regexp.MustCompile(`[#?&]token=([\w.~-]+)`).FindStringSubmatch(part); found != nil {
			return strings.TrimRight(found[1], ".")
		}
	}
	return ""
}

// canonical makes the room's name of a text whose escapes are decoded.
func canonical(text string) (string, error) {
	name := strings.TrimLeftFunc(trimEnd(text, isTrailing), isLeading)
	name = strings.Join(strings.FieldsFunc(name, isBlank), "-")
	name = strings.Map(func(r rune) rune {
		switch {
		case isDash(r):
			return '-'
		case r == escapedDot:
			return '.'
		case r == escapedSlash:
			return '/'
		}
		return r
	}, name)
	if name == "." || name == ".." { // which mean something else in a path
		return "", errors.New("no link can lead to a room whose name is '.' or '..'")
	}
	return protocol.CanonicalRoom(name, protocol.MaxRoomName)
}

// decode removes the percent-encoding, and what cannot be seen. It keeps apart what an escape has hidden from the
// rules for links.
func decode(text string) (string, error) {
	hide := strings.NewReplacer("%2E", string(escapedDot), "%2e", string(escapedDot),
		"%2F", string(escapedSlash), "%2f", string(escapedSlash),
		string(escapedDot), "\uFFFD", string(escapedSlash), "\uFFFD")
	decoded, err := url.PathUnescape(hide.Replace(text))
	if err != nil || !utf8.ValidString(decoded) {
		return "", errEncoding
	}
	return withoutFormat(decoded), nil
}

// cutBefore cuts text before the first of any chars.
func cutBefore(text, chars string) (before, after string) {
	if at := strings.IndexAny(text, chars); at >= 0 {
		return text[:at], text[at:]
	}
	return text, ""
}

func firstWord(text string) string {
	if at := strings.IndexFunc(text, isBlank); at >= 0 {
		return text[:at]
	}
	return text
}

// serverOf returns the address of a server whose link has no scheme, with the scheme that it is most likely reached by.
func serverOf(authority, base string) string {
	if at := strings.LastIndexAny(authority, `(<"'`); at >= 0 {
		authority = authority[at+1:]
	}
	if !strings.Contains(authority, "]") { // it is no IPv6 address
		authority = strings.TrimLeftFunc(authority, isLeading)
	}
	if authority == "" {
		return ""
	}
	host, _, err := net.SplitHostPort(authority)
	if err != nil {
		host = strings.Trim(authority, "[]")
	}
	if addr, err := netip.ParseAddr(host); strings.EqualFold(host, "localhost") || err == nil && addr.IsLoopback() {
		return "http://" + authority + base
	}
	return "https://" + authority + base
}

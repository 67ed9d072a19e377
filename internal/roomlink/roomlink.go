// Package roomlink parses links of rooms as people copy them from mails and chats, with punctuation, quotes and
// invisible characters attached, and creates links that survive being sent that way.
//
// A link is ORIGIN[BASE]/r/ROOM, with ROOM percent-encoded, and may end in #token=TOKEN. The name of a room has no
// punctuation except "-", "_" and ".", so any other punctuation at its ends belongs to the sentence. So does a "." at
// the end, unless it is written as %2E. The page parses links by the same rules (roomlink.js); both are tested with the
// examples in testdata/links.json.
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

// Link is a parsed link, or only the name of a room.
type Link struct {
	Server string // http(s)://HOST[:PORT][BASE]; "" = the text names none
	Room   string // canonical name
	Token  string // "" = none
}

// maxText is the longest text that is parsed, in bytes: longer than any message that people paste for the link in it.
const maxText = 16 << 10

var (
	errTooLong  = errors.New("the text is longer than a room's name or link ever is")
	errEncoding = errors.New("the link has a '%' that is not followed by two hexadecimal digits of UTF-8")
	errNoRoom   = errors.New("the link is not of the form https://HOST/r/ROOM")
)

// Parse parses the name or the link of a room, or a sentence that contains a link. The error is for people.
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

// Address returns the link of a room on the server at that address. token may be empty.
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

// parseTarget parses what follows the host in a link. The Server of the result is only the base path. found reports
// whether the target is meant to be that of a room, valid or not.
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

// tokenOf returns the token in the fragment or the query of a link. A trailing "." belongs to the sentence, because a
// JWT never ends in one.
func tokenOf(rest string) string {
	query, fragment := cutBefore(rest, "#")
	for _, part := range []string{fragment, query} {
		if found := regexp.MustCompile(`[#?&]token=([\w.~-]+)`).FindStringSubmatch(part); found != nil {
			return strings.TrimRight(found[1], ".")
		}
	}
	return ""
}

// canonical returns the canonical name of a room for a decoded text.
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
	if name == "." || name == ".." { // which have another meaning in a path
		return "", errors.New("no link can lead to a room whose name is '.' or '..'")
	}
	return protocol.CanonicalRoom(name, protocol.MaxRoomName)
}

// decode removes the percent-encoding and invisible characters. An encoded "." or "/" becomes escapedDot or escapedSlash,
// so that the rules for links do not apply to it.
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

// serverOf returns the address of a server whose link has no scheme, with the most likely scheme.
func serverOf(authority, base string) string {
	if at := strings.LastIndexAny(authority, `(<"'`); at >= 0 {
		authority = authority[at+1:]
	}
	if !strings.Contains(authority, "]") { // not an IPv6 address
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

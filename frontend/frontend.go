// Package frontend serves the call page: an HTML document with its modules, styles and texts, all
// embedded in the binary. The page consists of plain ES modules without a build step, and loads
// nothing from other servers.
//
// In static/js, main.js starts the page. machine.js and the other modules machine_*.js are a pure
// reducer that decides what happens in a call; call.js carries its commands out. link.js is one
// RTCPeerConnection, negotiation.js its descriptions and candidates, ctl.js its data channel, safety.js and
// safety_check.js the safety code (docs/call.md). talk.js loads conversation.js when the channel opens, which has the
// texts (chat.js) and files (files.js). signaling.js keeps the session with the server over
// transport_websocket.js or transport_sse.js. early_transport.js and ready_connection.js have both connections ready
// before they are needed. media.js has the devices, screens.js what each screen shows, and
// only ui/ touches the document. recording.js loads record/ with the first recording: session.js carries out what its
// machine.js decides. check/ is the page that checks a connection, which check/main.js starts.
package frontend

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

const (
	// assetsPrefix is followed by a hash of all files. So browsers may cache a file forever, and a new
	// version of the page never loads an old module.
	assetsPrefix = "/assets/"
	roomPrefix   = "/r/"
	checkPath    = "/check"
	// indexName is the page itself, checkName the page that checks a connection. They are never cached,
	// because they contain the hash.
	indexName = "index.html"
	checkName = "check.html"
	// deepest is the largest number of slashes in the path of a page, not counting the first.
	deepest = 1
	// mainModule and checkModule are the modules that the pages start with.
	mainModule  = "js/main.js"
	checkModule = "js/check/main.js"
	// textsFolder has a module for each language of the page, named by the language's BCP 47 tag.
	textsFolder = "js/i18n/"
	// workerSuffix ends the names of modules that run in a worker.
	workerSuffix = "_worker.js"
)

// contentSecurityPolicy allows the page to load files from this server and to talk to it, and nothing
// else. require-trusted-types-for keeps strings from becoming markup or code; the one policy (js/record/workers.js) lets
// two workers start.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; " + noFrames + "; " +
	"require-trusted-types-for 'script'; trusted-types callbox-workers"

// Config describes the program that serves the page. The zero value is valid.
type Config struct {
	// Version is written into the page's source, for bug reports.
	Version string
	// EmbedOrigins are the origins of the web sites that may show the page in a frame, at "/embed/<room>". Without any,
	// that path does not exist. They must be of the form https://host or https://host:port.
	EmbedOrigins []string
	// EchoRoom is the room for test calls; "" = there is none.
	EchoRoom string
}

type handler struct {
	*files
	pages []file // the page, by the depth of its path
	check file
	// framed is the page to embed in other sites, and embedders lists their origins; "" = none.
	framed    file
	embedders string
}

// Handler returns a handler that serves the page at "/" and at "/r/<room>", for frames of other sites at
// "/embed/<room>", the page that checks a connection at "/check", and their files under "/assets/".
// Other spellings of the path of a room or of the check are redirected there. Every other path gets 404, every method but GET
// and HEAD 405. The page expects the signaling server's /ws and /api/ beside it. All of them may be below
// a base path, which the handler need not know: the page's links are relative.
func Handler(config Config) http.Handler {
	h := handler{files: embedded()}
	h.embedders = strings.Join(config.EmbedOrigins, " ")
	h.framed = newFile(indexName, h.fill(indexName, mainModule, deepest, config, h.embedders))
	for depth := range deepest + 1 {
		h.pages = append(h.pages, newFile(indexName, h.fill(indexName, mainModule, depth, config, "")))
	}
	h.check = newFile(checkName, h.fill(checkName, checkModule, 0, config, ""))
	return h
}

// fill writes the hash, the languages and the list of modules into a page that starts with the module main, so that a
// browser fetches all modules at once instead of discovering one after the other. Links are relative to a page at the
// given depth. The page obeys the origins in embedders, which are separated by spaces.
func (f *files) fill(page, main string, depth int, config Config, embedders string) []byte {
	base := "./" + strings.Repeat("../", depth)
	var preload strings.Builder
	for _, name := range f.modules[main] {
		fmt.Fprintf(&preload, "<link rel=\"modulepreload\" href=\"%s%s%s/%s\" />\n    ", base, assetsPrefix[1:], f.hash, name)
	}
	return []byte(strings.NewReplacer(
		"{{base}}", base,
		"{{hash}}", f.hash,
		"{{languages}}", strings.Join(f.languages(), " "),
		"{{preload}}", strings.TrimSpace(preload.String()),
		"{{version}}", htmlAttribute(config.Version),
		"{{echo}}", htmlAttribute(config.EchoRoom),
		"{{test-path}}", testPath(config.EchoRoom),
		"{{embed}}", htmlAttribute(embedders),
		"{{embed-style}}", f.embedStyle(base, embedders),
	).Replace(f.documents[page]))
}

// embedStyle returns the link to the styles that only an embedded page needs.
func (f *files) embedStyle(base, embedders string) string {
	if embedders == "" {
		return ""
	}
	return fmt.Sprintf("<link rel=\"stylesheet\" href=\"%s%s%s/css/embed.css\" />", base, assetsPrefix[1:], f.hash)
}

// testPath returns the path of the room for test calls, below the home page; "" = there is no such room, and the page
// hides the link.
func testPath(room string) string {
	if room == "" {
		return ""
	}
	return htmlAttribute(roomPrefix[1:] + url.PathEscape(room))
}

// htmlAttribute escapes a text for an attribute in double quotes.
func htmlAttribute(text string) string {
	return strings.NewReplacer("&", "&amp;", `"`, "&quot;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// ServeHTTP implements [http.Handler].
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setSecurityHeaders(w.Header())
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	if r.URL.EscapedPath() == checkPath {
		w.Header().Set("Cache-Control", "no-store")
		h.check.serve(w, r, false)
		return
	}
	if escaped := r.URL.EscapedPath(); isPage(escaped) {
		w.Header().Set("Cache-Control", "no-store")
		h.pages[strings.Count(escaped, "/")-1].serve(w, r, false)
		return
	}
	if h.isEmbedded(r.URL.EscapedPath()) {
		h.serveEmbedded(w, r)
		return
	}
	name, ok := strings.CutPrefix(r.URL.Path, assetsPrefix+h.hash+"/")
	asset, found := h.assets[name]
	if !ok || !found {
		if target, ok := canonical(r.URL.EscapedPath()); ok {
			redirect(w, r, target)
			return
		}
		serveNothing(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	if !asset.isContext {
		dropContextHeaders(w.Header())
	}
	asset.serve(w, r, true)
}

// isPage reports whether a path shows the page: the root, or one segment after /r/. The signaling server
// decides which names are valid, and the page explains why one is not.
func isPage(escaped string) bool {
	room, ok := strings.CutPrefix(escaped, roomPrefix)
	return escaped == "/" || ok && room != "" && !strings.Contains(room, "/")
}

func setSecurityHeaders(header http.Header) {
	header.Set("Content-Security-Policy", contentSecurityPolicy)
	header.Set("Permissions-Policy", "camera=(self), microphone=(self), display-capture=(self), "+
		"screen-wake-lock=(self), speaker-selection=(self), geolocation=()")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("X-Robots-Tag", "noindex")
}

// dropContextHeaders removes the headers that govern a document or a worker. Browsers ignore them in a script or a style
// sheet, of which the page has a hundred: there they would cost more than the files do.
func dropContextHeaders(header http.Header) {
	for _, name := range []string{"Content-Security-Policy", "Permissions-Policy", "Cross-Origin-Opener-Policy", "X-Robots-Tag"} {
		header.Del(name)
	}
}

// serve sends the file, compressed if the client accepts that, or 304 if the client has it already.
func (f file) serve(w http.ResponseWriter, r *http.Request, tagged bool) {
	header := w.Header()
	header.Set("Content-Type", f.contentType)
	header.Add("Vary", "Accept-Encoding")
	body, etag := f.body, `"`+f.etag+`"`
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		if gzipped := f.gzipped(); len(gzipped) < len(f.body) && len(gzipped) > 0 {
			// Two representations, two strong tags (RFC 9110, section 8.8.3.3).
			body, etag = gzipped, `"`+f.etag+`-gzip"`
			header.Set("Content-Encoding", "gzip")
		}
	}
	if tagged {
		header.Set("ETag", etag)
		if matches(r.Header.Get("If-None-Match"), f.etag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	header.Set("Content-Length", fmt.Sprint(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // The client is gone if this fails.
}

// acceptsGzip reports whether an Accept-Encoding header (RFC 9110, section 12.5.3) allows gzip.
func acceptsGzip(accept string) bool {
	for coding := range strings.SplitSeq(accept, ",") {
		name, parameters, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if strings.EqualFold(name, "gzip") {
			weight := strings.ReplaceAll(parameters, " ", "")
			return weight != "q=0" && weight != "q=0.0" && weight != "q=0.00" && weight != "q=0.000"
		}
	}
	return false
}

// matches reports whether an If-None-Match header matches a tag, by weak comparison (RFC 9110, section 13.1.2).
func matches(header, etag string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.Trim(strings.TrimPrefix(strings.TrimSpace(tag), "W/"), `"`)
		if tag == "*" || strings.TrimSuffix(tag, "-gzip") == etag {
			return true
		}
	}
	return false
}

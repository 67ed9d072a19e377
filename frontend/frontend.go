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
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
)

//go:embed static
var static embed.FS

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
)

// importedModule matches a static import, with the path of the module. What is imported dynamically is loaded when it is needed.
var importedModule = regexp.MustCompile(`(?m)^(?:import|export)\b(?:[^'"();=]*\bfrom)?\s*['"](\.[^'"\n]+)['"]`)

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
}

// file is an embedded file, ready to be sent.
type file struct {
	contentType   string
	etag          string
	body, gzipped []byte
}

type handler struct {
	hash  string
	pages []file // the page, by the depth of its path
	check file
	// embedded is the page for frames, embedders who may show it; "" = nobody.
	embedded  file
	embedders string
	assets    map[string]file
}

// Handler returns a handler that serves the page at "/" and at "/r/<room>", for frames of other sites at
// "/embed/<room>", the page that checks a connection at "/check", and their files under "/assets/".
// Other spellings of a room's path are redirected there. Every other path gets 404, every method but GET
// and HEAD 405. The page expects the signaling server's /ws and /api/ beside it. All of them may be below
// a base path, which the handler need not know: the page's links are relative.
func Handler(config Config) http.Handler {
	h := handler{assets: map[string]file{}}
	sum := sha256.New()
	contents := map[string][]byte{}
	root, err := fs.Sub(static, "static")
	if err != nil {
		panic(fmt.Sprintf("frontend: %v", err)) // The files are embedded, so only a broken build gets here.
	}
	err = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		if path.Ext(name) != ".png" {
			body = []byte(strip(string(body)))
		}
		contents[name] = body
		_, err = fmt.Fprintf(sum, "%s %d\n%s", name, len(body), body)
		return err
	})
	if err != nil {
		panic(fmt.Sprintf("frontend: %v", err))
	}
	h.hash = hex.EncodeToString(sum.Sum(nil))[:12]
	for name, body := range contents {
		if name != indexName && name != checkName {
			h.assets[name] = newFile(name, body)
		}
	}
	h.embedders = strings.Join(config.EmbedOrigins, " ")
	h.embedded = newFile(indexName, h.fill(contents[indexName], mainModule, deepest, config.Version, h.embedders))
	for depth := range deepest + 1 {
		h.pages = append(h.pages, newFile(indexName, h.fill(contents[indexName], mainModule, depth, config.Version, "")))
	}
	h.check = newFile(checkName, h.fill(contents[checkName], checkModule, 0, config.Version, ""))
	return h
}

// fill writes the hash, the languages and the list of modules into a page that starts with the module main, so that a
// browser fetches all modules at once instead of discovering one after the other. Links are relative to a page at the
// given depth. The page obeys the origins in embedders, which are separated by spaces.
func (h handler) fill(page []byte, main string, depth int, version, embedders string) []byte {
	base := "./" + strings.Repeat("../", depth)
	var preload strings.Builder
	for _, name := range h.modules(main) {
		fmt.Fprintf(&preload, "<link rel=\"modulepreload\" href=\"%s%s%s/%s\" />\n    ", base, assetsPrefix[1:], h.hash, name)
	}
	return []byte(strings.NewReplacer(
		"{{base}}", base,
		"{{hash}}", h.hash,
		"{{languages}}", strings.Join(h.languages(), " "),
		"{{preload}}", strings.TrimSpace(preload.String()),
		"{{version}}", htmlAttribute(version),
		"{{embed}}", htmlAttribute(embedders),
	).Replace(string(page)))
}

// modules returns the modules that a page needs to start, in order: its main module, and those that this imports,
// directly or not.
func (h handler) modules(main string) []string {
	names := []string{main}
	for i := 0; i < len(names); i++ {
		for _, match := range importedModule.FindAllSubmatch(h.assets[names[i]].body, -1) {
			if name := path.Join(path.Dir(names[i]), string(match[1])); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// languages returns the tags of the languages that the page has texts in, in order.
func (h handler) languages() []string {
	var tags []string
	for name := range h.assets {
		if tag, ok := strings.CutPrefix(name, textsFolder); ok {
			tags = append(tags, strings.TrimSuffix(tag, ".js"))
		}
	}
	slices.Sort(tags)
	return tags
}

// htmlAttribute escapes a text for an attribute in double quotes.
func htmlAttribute(text string) string {
	return strings.NewReplacer("&", "&amp;", `"`, "&quot;", "<", "&lt;", ">", "&gt;").Replace(text)
}

func newFile(name string, body []byte) file {
	sum := sha256.Sum256(body)
	contentType := mime.TypeByExtension(path.Ext(name))
	// Browsers load a module only with the right type, so it must not depend on the system's table of types.
	switch path.Ext(name) {
	case ".js":
		contentType = "text/javascript; charset=utf-8"
	case ".css":
		contentType = "text/css; charset=utf-8"
	case ".html":
		contentType = "text/html; charset=utf-8"
	case ".svg":
		contentType = "image/svg+xml"
	case ".png":
		contentType = "image/png"
	case ".webmanifest":
		contentType = "application/manifest+json"
	}
	return file{
		contentType: contentType,
		etag:        base64.RawURLEncoding.EncodeToString(sum[:12]),
		body:        body,
		gzipped:     compress(body),
	}
}

func compress(body []byte) []byte {
	var buffer bytes.Buffer
	writer, err := gzip.NewWriterLevel(&buffer, gzip.BestCompression)
	if err != nil {
		return nil
	}
	if _, err := writer.Write(body); err != nil {
		return nil
	}
	if err := writer.Close(); err != nil {
		return nil
	}
	return buffer.Bytes()
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
		if target, ok := canonicalRoom(r.URL.EscapedPath()); ok {
			redirect(w, r, target)
			return
		}
		serveNothing(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
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

// serve sends the file, compressed if the client accepts that, or 304 if the client has it already.
func (f file) serve(w http.ResponseWriter, r *http.Request, tagged bool) {
	header := w.Header()
	header.Set("Content-Type", f.contentType)
	header.Add("Vary", "Accept-Encoding")
	body, etag := f.body, `"`+f.etag+`"`
	if acceptsGzip(r.Header.Get("Accept-Encoding")) && len(f.gzipped) < len(f.body) && len(f.gzipped) > 0 {
		// Two representations, two strong tags (RFC 9110, section 8.8.3.3).
		body, etag = f.gzipped, `"`+f.etag+`-gzip"`
		header.Set("Content-Encoding", "gzip")
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

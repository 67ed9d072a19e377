// Package frontend serves the call page: one HTML document and the modules, styles and texts it is
// made of, all embedded in the binary. The page is plain ES modules without a build step, and loads
// nothing from anywhere else.
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
	"slices"
	"strings"
)

//go:embed static
var static embed.FS

const (
	// assetsPrefix is followed by a hash of all files: what is once fetched never needs to be asked for
	// again, and a new version of the page never meets an old module.
	assetsPrefix = "/assets/"
	roomPrefix   = "/r/"
	// indexName is the page itself, which is never cached: it names the hash.
	indexName = "index.html"
	// deepest is how many slashes the path of a page has at most, beside the first one.
	deepest = 1
	// lazyPrefix holds the texts of the languages, of which the page loads one.
	lazyPrefix = "js/i18n/"
)

// contentSecurityPolicy lets the page load what this server serves, and talk to this server, and
// nothing else. require-trusted-types-for closes every way from a string to markup or code.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// Config says what the page needs to know of the program it is served by. The zero value is good.
type Config struct {
	// Version stands in the page's source, for whoever reports a fault.
	Version string
}

// file is one embedded file, ready to be sent.
type file struct {
	contentType   string
	etag          string
	body, gzipped []byte
}

type handler struct {
	hash   string
	pages  []file // the page, by the depth of its path
	assets map[string]file
}

// Handler serves the page at "/" and at "/r/<room>", and what it is made of under "/assets/". Other
// spellings of a room's path are redirected there. Every other path is 404, every method but GET and
// HEAD 405. The signaling server's /ws and /api/, which the page talks to, are expected beside it. All
// of them may be below a path, which the page finds out by itself: its links are relative.
func Handler(config Config) http.Handler {
	h := handler{assets: map[string]file{}}
	sum := sha256.New()
	contents := map[string][]byte{}
	root, err := fs.Sub(static, "static")
	if err != nil {
		panic(fmt.Sprintf("frontend: %v", err)) // The files are compiled in: only a broken build gets here.
	}
	err = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		body = []byte(strip(string(body)))
		contents[name] = body
		_, err = fmt.Fprintf(sum, "%s %d\n%s", name, len(body), body)
		return err
	})
	if err != nil {
		panic(fmt.Sprintf("frontend: %v", err))
	}
	h.hash = hex.EncodeToString(sum.Sum(nil))[:12]
	for name, body := range contents {
		if name != indexName {
			h.assets[name] = newFile(name, body)
		}
	}
	for depth := range deepest + 1 {
		h.pages = append(h.pages, newFile(indexName, h.fill(contents[indexName], depth, config)))
	}
	return h
}

// fill writes the hash and the list of modules into the page, so that a browser fetches them all at
// once instead of finding one after the other. Links lead up from a page at the given depth.
func (h handler) fill(page []byte, depth int, config Config) []byte {
	base := "./" + strings.Repeat("../", depth)
	var preload strings.Builder
	var modules []string
	for name := range h.assets {
		if strings.HasSuffix(name, ".js") && !strings.HasPrefix(name, lazyPrefix) {
			modules = append(modules, name)
		}
	}
	slices.Sort(modules)
	for _, name := range modules {
		fmt.Fprintf(&preload, "<link rel=\"modulepreload\" href=\"%s%s%s/%s\" />\n    ", base, assetsPrefix[1:], h.hash, name)
	}
	return []byte(strings.NewReplacer(
		"{{base}}", base,
		"{{hash}}", h.hash,
		"{{preload}}", strings.TrimSpace(preload.String()),
		"{{version}}", htmlAttribute(config.Version),
	).Replace(string(page)))
}

// htmlAttribute makes a text safe between double quotes.
func htmlAttribute(text string) string {
	return strings.NewReplacer("&", "&amp;", `"`, "&quot;", "<", "&lt;", ">", "&gt;").Replace(text)
}

func newFile(name string, body []byte) file {
	sum := sha256.Sum256(body)
	contentType := mime.TypeByExtension(path.Ext(name))
	// What a module is served as must not hang on the system's table of types: browsers insist.
	switch path.Ext(name) {
	case ".js":
		contentType = "text/javascript; charset=utf-8"
	case ".css":
		contentType = "text/css; charset=utf-8"
	case ".html":
		contentType = "text/html; charset=utf-8"
	case ".svg":
		contentType = "image/svg+xml"
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
	if escaped := r.URL.EscapedPath(); isPage(escaped) {
		w.Header().Set("Cache-Control", "no-store")
		h.pages[strings.Count(escaped, "/")-1].serve(w, r, false)
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

// isPage tells the paths that show the page: the root, and one segment after /r/. Which names are
// rooms is the signaling server's to say, and the page's to explain.
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

// serve sends the file, compressed where the client takes that, or says that it has it already.
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
	_, _ = w.Write(body) // The client went away: nobody is left to tell.
}

// acceptsGzip reads Accept-Encoding (RFC 9110, section 12.5.3) for the one coding there is.
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

// matches compares an If-None-Match header with a tag, weakly, as RFC 9110 section 13.1.2 says.
func matches(header, etag string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.Trim(strings.TrimPrefix(strings.TrimSpace(tag), "W/"), `"`)
		if tag == "*" || strings.TrimSuffix(tag, "-gzip") == etag {
			return true
		}
	}
	return false
}

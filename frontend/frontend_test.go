package frontend

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// response is a handler's response.
type response struct {
	status int
	header http.Header
	body   string
}

// get sends a GET request to a handler, with headers as name, value, name, value…
func get(h http.Handler, target string, headers ...string) response {
	return ask(h, http.MethodGet, target, headers...)
}

func ask(h http.Handler, method, target string, headers ...string) response {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return serve(h, r)
}

func serve(h http.Handler, r *http.Request) response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return response{w.Code, w.Header(), w.Body.String()}
}

var reference = regexp.MustCompile(`(?:href|src)="([^"#]+)"`)

// references returns the paths of all files that the page refers to.
func references(t *testing.T, h http.Handler) []string {
	t.Helper()
	return referencesAt(t, h, "/")
}

// referencesAt returns those of the page at a path, as a browser resolves them.
func referencesAt(t *testing.T, h http.Handler, at string) []string {
	t.Helper()
	base, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, match := range reference.FindAllStringSubmatch(get(h, at).body, -1) {
		target, err := base.Parse(match[1])
		if err != nil || strings.HasPrefix(match[1], "/") {
			t.Errorf("the page at %s names %q: %v; want it relative", at, match[1], err)
			continue
		}
		if target.Path != "/" && target.Path != "/check" { // which are pages
			paths = append(paths, target.Path)
		}
	}
	if len(paths) < 10 {
		t.Fatalf("the page names only %d files: %v", len(paths), paths)
	}
	return paths
}

func TestPagePaths(t *testing.T) {
	h := Handler(Config{Version: `1.2 "quoted" <x>`})
	for target, want := range map[string]int{
		"/":                          http.StatusOK,
		"/?lang=zh":                  http.StatusOK,
		"/r/quiet-river-lamp":        http.StatusOK,
		"/r/%E9%9D%99%E6%B2%B3":      http.StatusOK,
		"/check":                     http.StatusOK,
		"/check?lang=zh":             http.StatusOK,
		"/embed/quiet-river-lamp":    http.StatusNotFound, // unless a site is allowed to show it
		"/check/":                    http.StatusFound,
		"/check.html":                http.StatusNotFound,
		"/r/":                        http.StatusNotFound,
		"/r/a/b":                     http.StatusNotFound,
		"/r":                         http.StatusNotFound,
		"/index.html":                http.StatusNotFound,
		"/favicon.ico":               http.StatusNotFound,
		"/assets/":                   http.StatusNotFound,
		"/assets/x/js/main.js":       http.StatusNotFound,
		"/assets/../frontend.go":     http.StatusNotFound,
		"/js/main.js":                http.StatusNotFound,
		"/assets/0123456789ab/":      http.StatusNotFound,
		"/static/js/main.js":         http.StatusNotFound,
		"/r/%2e%2e%2fassets":         http.StatusOK,
		"/assets/0123456789ab/%00js": http.StatusNotFound,
	} {
		response := get(h, target)
		if response.status != want {
			t.Errorf("GET %s: status %d, want %d", target, response.status, want)
		}
		if want == http.StatusOK && response.header.Get("Cache-Control") != "no-store" {
			t.Errorf("GET %s: Cache-Control %q, want no-store", target, response.header.Get("Cache-Control"))
		}
	}
	page := get(h, "/").body
	if strings.Contains(page, "{{") {
		t.Errorf("a placeholder is left in the page:\n%s", page)
	}
	if !strings.Contains(page, `data-version="1.2 &quot;quoted&quot; &lt;x&gt;"`) {
		t.Error("the version is not in the page, or not escaped")
	}
}

// TestBelowAPath checks that the page refers to the same files wherever it is, so that it works below any path.
func TestBelowAPath(t *testing.T) {
	h := Handler(Config{})
	want := references(t, h)
	for _, at := range []string{"/r/quiet-river-lamp", "/r/%E9%9D%99%E6%B2%B3", "/r/%2e%2e%2fassets", "/r/lamp?lang=zh"} {
		if got := referencesAt(t, h, at); !slices.Equal(got, want) {
			t.Errorf("the page at %s names %q, want %q", at, got, want)
		}
	}
	absolute := regexp.MustCompile(`['"` + "`" + `]/(?:api|ws|assets)\b`)
	for name, asset := range h.(handler).assets {
		if found := absolute.Find(asset.body); found != nil {
			t.Errorf("%s names %s, which is not below a path", name, found)
		}
	}
}

func TestMethods(t *testing.T) {
	h := Handler(Config{})
	for method, want := range map[string]int{
		http.MethodHead: http.StatusOK, http.MethodPost: http.StatusMethodNotAllowed,
		http.MethodDelete: http.StatusMethodNotAllowed, http.MethodOptions: http.StatusMethodNotAllowed,
	} {
		response := ask(h, method, "/")
		if response.status != want {
			t.Errorf("%s /: status %d, want %d", method, response.status, want)
		}
		if method == http.MethodHead && (response.body != "" || response.header.Get("Content-Length") == "") {
			t.Errorf("HEAD /: %d bytes, Content-Length %q", len(response.body), response.header.Get("Content-Length"))
		}
		if want == http.StatusMethodNotAllowed && response.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s /: Allow %q", method, response.header.Get("Allow"))
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	h := Handler(Config{})
	for _, target := range []string{"/", "/r/lamp", "/check", "/nothing"} {
		header := get(h, target).header
		policy := header.Get("Content-Security-Policy")
		for _, part := range []string{
			"default-src 'none'", "script-src 'self'", "style-src 'self'",
			"connect-src 'self'", "base-uri 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
			"trusted-types callbox-workers",
		} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: the policy lacks %q: %s", target, part, policy)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") || strings.Contains(policy, "*") {
			t.Errorf("%s: the policy lets something in: %s", target, policy)
		}
		for name, want := range map[string]string{
			"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
			"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", target, name, got, want)
			}
		}
		for _, device := range []string{"camera=(self)", "microphone=(self)", "display-capture=(self)"} {
			if got := header.Get("Permissions-Policy"); !strings.Contains(got, device) {
				t.Errorf("%s: Permissions-Policy %q lacks %s", target, got, device)
			}
		}
	}
}

// TestScriptsAreLight checks that scripts and styles come without the headers of documents, and workers and pictures with them.
func TestScriptsAreLight(t *testing.T) {
	h := Handler(Config{})
	workers := regexp.MustCompile(`new URL\('\./([^']+)'`).FindAllStringSubmatch(string(embedded().assets["js/record/workers.js"].body), -1)
	if len(workers) != 2 {
		t.Fatalf("workers: %q", workers)
	}
	for target, whole := range map[string]bool{
		"js/main.js": false, "css/base.css": false, "icon.svg": true, "icon-192.png": true, "app.webmanifest": true,
		"js/record/" + workers[0][1]: true, "js/record/" + workers[1][1]: true,
	} {
		response := get(h, assetsPrefix+embedded().hash+"/"+target)
		if response.status != http.StatusOK {
			t.Fatalf("%s: status %d", target, response.status)
		}
		for _, name := range []string{"Content-Security-Policy", "Permissions-Policy", "Cross-Origin-Opener-Policy", "X-Robots-Tag"} {
			if has := response.header.Get(name) != ""; has != whole {
				t.Errorf("%s has %s: %t, want %t", target, name, has, whole)
			}
		}
		for _, name := range []string{"Referrer-Policy", "X-Content-Type-Options", "Cross-Origin-Resource-Policy"} {
			if response.header.Get(name) == "" {
				t.Errorf("%s lacks %s", target, name)
			}
		}
	}
}

// TestEmbedded checks the page for frames. It differs from the other one in who may show it, and knows it.
func TestEmbedded(t *testing.T) {
	h := Handler(Config{EmbedOrigins: []string{"https://example.org", "http://localhost:8000"}})
	for target, want := range map[string]int{
		"/embed/quiet-river-lamp": http.StatusOK, "/embed/%E9%9D%99%E6%B2%B3?lang=zh": http.StatusOK,
		"/embed/": http.StatusNotFound, "/embed": http.StatusNotFound, "/embed/a/b": http.StatusNotFound,
	} {
		if got := get(h, target); got.status != want {
			t.Errorf("GET %s: status %d, want %d", target, got.status, want)
		}
	}
	page, plain := get(h, "/embed/lamp"), get(h, "/r/lamp")
	policy := plain.header.Get("Content-Security-Policy")
	if want := strings.Replace(policy, "frame-ancestors 'none'", "frame-ancestors https://example.org http://localhost:8000", 1); page.header.Get("Content-Security-Policy") != want || want == policy {
		t.Errorf("the policy is %s, want %s", page.header.Get("Content-Security-Policy"), want)
	}
	if got := page.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
	want := strings.Replace(plain.body, `data-embed=""`, `data-embed="https://example.org http://localhost:8000"`, 1)
	style := regexp.MustCompile(`<link rel="stylesheet" href="[^"]+/css/embed.css" />`)
	if got := style.ReplaceAllString(page.body, ""); got != want || got == page.body || want == plain.body {
		t.Error("the page for frames differs in more than its styles and the sites that may show it")
	}
	for _, target := range []string{"/", "/r/lamp", "/check", "/nothing"} {
		if policy := get(h, target).header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s may be shown in frames: %s", target, policy)
		}
	}
}

// The page links to the room for test calls, if there is one.
func TestTestCallLink(t *testing.T) {
	for _, c := range []struct{ room, target, link, name string }{
		{"echo", "/", `href="./r/echo"`, `data-echo="echo"`},
		{"echo", "/r/lamp", `href="./../r/echo"`, `data-echo="echo"`},
		{`"说 &`, "/", `href="./r/%22%E8%AF%B4%20&amp;"`, `data-echo="&quot;说 &amp;"`},
		{"", "/", `href="./"`, `data-echo=""`},
	} {
		body := get(Handler(Config{EchoRoom: c.room}), c.target).body
		link := regexp.MustCompile(`<a[^>]*data-test-link[^>]*>`).FindString(body)
		if !strings.Contains(link, c.link) || !strings.Contains(body, c.name) {
			t.Errorf("room %q: the link on %s is %q, want %s, and %s in the page", c.room, c.target, link, c.link, c.name)
		}
	}
}

func TestEveryReferenceExists(t *testing.T) {
	h := Handler(Config{})
	anyImport := regexp.MustCompile(`(?:\bfrom |\bimport\(|\bnew URL\()'([^'\n]+[^/])'`) // a worker is named by its URL
	seen := map[string]bool{}
	var visit func(target string)
	visit = func(target string) {
		if seen[target] {
			return
		}
		seen[target] = true
		response := get(h, target)
		if response.status != http.StatusOK {
			t.Errorf("GET %s: status %d", target, response.status)
			return
		}
		if path.Ext(target) == ".webmanifest" {
			for _, match := range regexp.MustCompile(`"src": "([^"]+)"`).FindAllStringSubmatch(response.body, -1) {
				visit(path.Join(path.Dir(target), match[1]))
			}
		}
		if path.Ext(target) != ".js" {
			return
		}
		if got := response.header.Get("Content-Type"); got != "text/javascript; charset=utf-8" {
			t.Errorf("GET %s: Content-Type %q", target, got)
		}
		for _, match := range anyImport.FindAllStringSubmatch(response.body, -1) {
			if !strings.HasPrefix(match[1], ".") {
				t.Errorf("%s imports %q, which is not a file of the page", target, match[1])
				continue
			}
			visit(path.Join(path.Dir(target), match[1]))
		}
	}
	framed := Handler(Config{EmbedOrigins: []string{"https://example.org"}})
	for _, target := range slices.Concat(references(t, h), referencesAt(t, h, "/check"), referencesAt(t, framed, "/embed/lamp")) {
		visit(target)
	}
	for _, tag := range h.(handler).languages() {
		visit(assetsPrefix + h.(handler).hash + "/" + textsFolder + tag + ".js")
	}
	err := fs.WalkDir(static, "static", func(name string, entry fs.DirEntry, err error) error {
		served := strings.TrimPrefix(name, "static/")
		if err != nil || entry.IsDir() || served == indexName || served == checkName {
			return err
		}
		for target := range seen {
			if strings.HasSuffix(target, "/"+served) {
				return nil
			}
		}
		t.Errorf("nothing refers to %s", name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAssetsAreCachedForGood(t *testing.T) {
	h := Handler(Config{})
	target := references(t, h)[1]
	first := get(h, target)
	if got := first.header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("Cache-Control %q", got)
	}
	etag := first.header.Get("ETag")
	if len(etag) < 10 || strings.HasPrefix(etag, "W/") {
		t.Fatalf("ETag %q", etag)
	}
	for _, known := range []string{etag, `"other", ` + etag, "W/" + etag, "*"} {
		again := get(h, target, "If-None-Match", known)
		if again.status != http.StatusNotModified || again.body != "" {
			t.Errorf("If-None-Match %s: status %d", known, again.status)
		}
	}
	if again := get(h, target, "If-None-Match", `"other"`); again.status != http.StatusOK {
		t.Errorf("another ETag: status %d", again.status)
	}
}

func TestCompression(t *testing.T) {
	h := Handler(Config{})
	for accept, want := range map[string]string{
		"gzip": "gzip", "br, GZIP;q=0.5": "gzip", "": "", "br": "", "gzip;q=0": "", "gzip; q=0.0": "",
	} {
		response := get(h, "/", "Accept-Encoding", accept)
		if got := response.header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: Content-Encoding %q, want %q", accept, got, want)
		}
		if got := response.header.Get("Vary"); got != "Accept-Encoding" {
			t.Errorf("Vary %q", got)
		}
	}
	plain := get(h, "/").body
	packed, err := gzip.NewReader(strings.NewReader(get(h, "/", "Accept-Encoding", "gzip").body))
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := io.ReadAll(packed)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(unpacked, []byte(plain)) {
		t.Error("the compressed page is another one")
	}
	target := references(t, h)[1]
	zipped := get(h, target, "Accept-Encoding", "gzip").header.Get("ETag")
	if zipped == get(h, target).header.Get("ETag") {
		t.Error("one strong ETag for two representations")
	}
	if got := get(h, target, "Accept-Encoding", "gzip", "If-None-Match", zipped).status; got != http.StatusNotModified {
		t.Errorf("compressed and known: status %d", got)
	}
}

// TestPreload checks that a browser fetches at once all modules that the page starts with, and no others.
func TestPreload(t *testing.T) {
	h := Handler(Config{}).(handler)
	page := string(h.pages[0].body)
	for name, preloaded := range map[string]bool{
		mainModule: true, "js/machine_link.js": true, "js/ui/view.js": true, textsFolder + "en.js": false, "js/check/run.js": false, "js/vendor/uqr.js": false,
	} {
		if h.assets[name].body == nil {
			t.Errorf("there is no module %s", name)
		}
		if got := strings.Contains(page, h.hash+"/"+name+`" />`); got != preloaded {
			t.Errorf("%s is preloaded: %v", name, got)
		}
	}
	if check := h.modules[checkModule]; slices.Contains(check, "js/machine.js") || !slices.Contains(check, "js/i18n.js") {
		t.Errorf("the check starts with %q", check)
	}
	other := files{assets: map[string]file{
		mainModule:  {body: []byte("import {\na,\n} from './a.js';\nimport './b/b.js';\nexport const x = './no.js';\nawait import('./lazy.js');")},
		"js/a.js":   {body: []byte("export {y} from \"./b/c.js\";\nimport('./lazy.js');")},
		"js/b/b.js": {body: []byte("import {a} from '../a.js';\nexport default f('./no.js');")},
	}}
	want := []string{"js/a.js", "js/b/b.js", "js/b/c.js", mainModule}
	if got := other.modulesOf(mainModule); !slices.Equal(got, want) {
		t.Errorf("the page starts with %q, want %q", got, want)
	}
}

func TestLanguages(t *testing.T) {
	h := Handler(Config{}).(handler)
	if want := `data-languages="` + strings.Join(h.languages(), " ") + `"`; !strings.Contains(string(h.pages[1].body), want) {
		t.Errorf("the page lacks %s", want)
	}
	other := files{assets: map[string]file{textsFolder + "zh.js": {}, textsFolder + "pt-BR.js": {}, "js/main.js": {}}}
	if got, want := other.languages(), []string{"pt-BR", "zh"}; !slices.Equal(got, want) {
		t.Errorf("the languages are %q, want %q", got, want)
	}
}

// TestWeight limits the bytes that a browser loads over the wire to start the page: compressed, and in one language.
func TestWeight(t *testing.T) {
	h := Handler(Config{})
	weigh := func(target string) int { return len(get(h, target, "Accept-Encoding", "gzip").body) }
	total := weigh("/")
	for _, target := range references(t, h) {
		total += weigh(target)
	}
	texts := 0
	for name, asset := range h.(handler).assets {
		if strings.HasPrefix(name, textsFolder) {
			texts = max(texts, len(asset.gzipped())) // one language is loaded
		}
	}
	total += texts
	t.Logf("the page weighs %d bytes", total)
	if limit := 125_000; total > limit {
		t.Errorf("the page weighs %d bytes, more than %d", total, limit)
	}
}

func TestNothingForeign(t *testing.T) {
	h := Handler(Config{}).(handler)
	foreign := regexp.MustCompile(`(?:https?:)?//[a-z0-9-]+\.[a-z]{2,}`)
	licence := regexp.MustCompile(`(?s)/\*!.*?\*/`)
	for name, asset := range h.assets {
		if found := foreign.Find(licence.ReplaceAll(asset.body, nil)); found != nil && !bytes.Contains(found, []byte("www.w3.org")) {
			t.Errorf("%s names %s", name, found)
		}
	}
	for _, page := range []file{h.pages[0], h.check} {
		if found := foreign.Find(page.body); found != nil {
			t.Errorf("the page names %s", found)
		}
	}
}

func TestStrip(t *testing.T) {
	for name, test := range map[string]struct{ source, want string }{
		"indentation":       {"a {\n  b\n}", "a {\nb\n}"},
		"line comment":      {"a\n  // b\nc", "a\n\nc"},
		"block comment":     {"/**\n * a\n */\nb", "\n\n\nb"},
		"before code":       {"  /** @type {A} */ #a = 1;", "#a = 1;"},
		"code after block":  {"/* a\nb */ c\nd", "\nc\nd"},
		"two blocks":        {"/* a */\n/* b */\nc", "\n\nc"},
		"comment in code":   {"a(/* b */ c); // d", "a(/* b */ c); // d"},
		"address in string": {"a = 'https://b';", "a = 'https://b';"},
		"licence":           {"/*!\n * a\n */\nb", "/*!\n* a\n*/\nb"},
		"document":          {"<a>\n  <!-- b\n  c -->\n  <d>", "<a>\n\n\n<d>"},
	} {
		if got := strip(test.source); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// TestNoLiteralOfSeveralLines checks what strip relies on.
func TestNoLiteralOfSeveralLines(t *testing.T) {
	err := fs.WalkDir(static, "static/js", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		source, err := fs.ReadFile(static, name)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(strip(string(source)), "\n") {
			if strings.Count(line, "`")%2 != 0 || strings.HasSuffix(line, `\`) {
				t.Errorf("%s:%d: a literal goes on in the next line", name, i+1)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

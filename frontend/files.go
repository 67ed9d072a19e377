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
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

//go:embed static
var static embed.FS

// importedModule matches a static import, with the path of the module. What is imported dynamically is loaded when it is needed.
var importedModule = regexp.MustCompile(`(?m)^(?:import|export)\b(?:[^'"();=]*\bfrom)?\s*['"](\.[^'"\n]+)['"]`)

// file is an embedded file, ready to be sent.
type file struct {
	contentType string
	isContext   bool // a browser may open it as a document or a worker, not only load it into one
	etag        string
	body        []byte
	gzipped     func() []byte // compresses it when it is first needed
}

// files are the embedded files, without comments.
type files struct {
	hash      string              // of all of them
	documents map[string]string   // index.html and check.html, which fill fills in
	assets    map[string]file     // all others
	modules   map[string][]string // by the main module of a page, those that it needs to start
}

// embedded reads the embedded files once in a process, which takes longer than all else at the start of a server.
var embedded = sync.OnceValue(func() *files { //nolint:gochecknoglobals // it never changes
	f := &files{documents: map[string]string{}, assets: map[string]file{}, modules: map[string][]string{}}
	sum := sha256.New()
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
		if name == indexName || name == checkName {
			f.documents[name] = string(body)
		} else {
			f.assets[name] = newFile(name, body)
		}
		_, err = fmt.Fprintf(sum, "%s %d\n%s", name, len(body), body)
		return err
	})
	if err != nil {
		panic(fmt.Sprintf("frontend: %v", err))
	}
	f.hash = hex.EncodeToString(sum.Sum(nil))[:12]
	for _, main := range []string{mainModule, checkModule} {
		f.modules[main] = f.modulesOf(main)
	}
	return f
})

// modulesOf returns the modules that a page needs to start, in order: its main module, and those that this imports,
// directly or not.
func (f *files) modulesOf(main string) []string {
	names := []string{main}
	for i := 0; i < len(names); i++ {
		for _, match := range importedModule.FindAllSubmatch(f.assets[names[i]].body, -1) {
			if name := path.Join(path.Dir(names[i]), string(match[1])); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// languages returns the tags of the languages that the page has texts in, in order.
func (f *files) languages() []string {
	var tags []string
	for name := range f.assets {
		if tag, ok := strings.CutPrefix(name, textsFolder); ok {
			tags = append(tags, strings.TrimSuffix(tag, ".js"))
		}
	}
	slices.Sort(tags)
	return tags
}

func newFile(name string, body []byte) file {
	sum := sha256.Sum256(body)
	contentType, isContext := mime.TypeByExtension(path.Ext(name)), true
	// Browsers load a module only with the right type, so it must not depend on the system's table of types.
	switch path.Ext(name) {
	case ".js":
		contentType, isContext = "text/javascript; charset=utf-8", strings.HasSuffix(name, workerSuffix)
	case ".css":
		contentType, isContext = "text/css; charset=utf-8", false
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
		isContext:   isContext,
		etag:        base64.RawURLEncoding.EncodeToString(sum[:12]),
		body:        body,
		gzipped:     sync.OnceValue(func() []byte { return compress(body) }),
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

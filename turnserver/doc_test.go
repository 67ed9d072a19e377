package turnserver_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocNamesFunctions holds the package's documentation to the code: every function that
// the paths and the list of goroutines name must exist.
func TestDocNamesFunctions(t *testing.T) {
	functions := map[string]bool{}
	for _, dir := range []string{".", "datapath", "wire", "../internal/rawio"} {
		addFunctions(t, dir, functions)
	}
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, walk, found := strings.Cut(string(text), "# The path of a packet")
	if !found {
		t.Fatal("doc.go has no path of a packet")
	}
	names := regexp.MustCompile(`\b[A-Za-z]+\.[A-Za-z]+\b`).FindAllString(walk, -1)
	if len(names) < 40 {
		t.Errorf("only %d functions are named", len(names))
	}
	for _, name := range names {
		if !functions[name] {
			t.Errorf("there is no function %s", name)
		}
	}
}

// addFunctions adds the functions of a directory, for every system, as Type.method and
// package.function.
func addFunctions(t *testing.T, dir string, functions map[string]bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			if !ok {
				continue
			}
			owner := file.Name.Name
			if f.Recv != nil {
				owner = receiver(f.Recv.List[0].Type)
			}
			functions[owner+"."+f.Name.Name] = true
		}
	}
}

// receiver returns the name of a receiver's type.
func receiver(of ast.Expr) string {
	switch of := of.(type) {
	case *ast.StarExpr:
		return receiver(of.X)
	case *ast.IndexExpr:
		return receiver(of.X)
	case *ast.Ident:
		return of.Name
	default:
		return ""
	}
}

package signaling_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocNames parses the package and compares: each function, field and mutex
// that doc.go names must exist, and doc.go must name each mutex.
func TestDocNames(t *testing.T) {
	members := declared(t, ".")
	for name := range declared(t, "protocol") {
		members["protocol."+name] = true
	}
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	named := make(map[string]bool)
	for _, name := range regexp.MustCompile(`\b[a-zA-Z]\w*\.[a-zA-Z]\w*`).FindAllString(string(text), -1) {
		named[name] = true
		if !members[name] && name != "PROTOCOL.md" {
			t.Errorf("doc.go names %s, which does not exist", name)
		}
	}
	if len(named) < 50 {
		t.Errorf("doc.go names only %d functions and fields", len(named))
	}
	for name := range members {
		if (strings.HasSuffix(name, ".mu") || name == "kicks.saving") && !named[name] {
			t.Errorf("doc.go does not name the lock %s", name)
		}
	}
}

// declared returns the functions, methods and fields that a package declares on
// any system: F, T.M and T.f.
func declared(t *testing.T, dir string) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range files {
		if !strings.HasSuffix(each.Name(), ".go") || strings.HasSuffix(each.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), dir+"/"+each.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				names[receiver(n)+n.Name.Name] = true
			case *ast.TypeSpec:
				for _, member := range membersOf(n) {
					names[n.Name.Name+"."+member] = true
				}
			}
			return true
		})
	}
	return names
}

// receiver returns "T." for a method of T, and nothing for a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	of := f.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	if name, ok := of.(*ast.Ident); ok {
		return name.Name + "."
	}
	return ""
}

// membersOf returns the fields of a struct, or the methods of an interface.
func membersOf(spec *ast.TypeSpec) (names []string) {
	var list *ast.FieldList
	switch of := spec.Type.(type) {
	case *ast.StructType:
		list = of.Fields
	case *ast.InterfaceType:
		list = of.Methods
	default:
		return nil
	}
	for _, field := range list.List {
		for _, name := range field.Names {
			names = append(names, name.Name)
		}
	}
	return names
}

package main

import (
	"os"
	"os/exec"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the built program as a shell would. UPDATE=1 writes the current output
// into the scripts.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("COLUMNS", "100")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"callbox": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(ts.Exec(binary, args...))
			},
			// exits CODE ARGS… runs callbox and checks the exit code.
			"exits": func(ts *testscript.TestScript, _ bool, args []string) {
				err := ts.Exec(binary, args[1:]...)
				code := "0"
				if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Exec returns it as it is
					code = exit.String()
				} else {
					ts.Check(err)
				}
				if want := "exit status " + args[0]; code != want {
					ts.Fatalf("%s, want %s", code, want)
				}
			},
		},
	})
}

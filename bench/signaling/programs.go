package signaling

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"callbox/bench/process"
)

// programs is the folder with the programs of a run.
type programs struct {
	*process.Programs
	callbox   string
	node      string // folder of the Node.js servers
	cert, key string
}

func newPrograms(ctx context.Context, o *options) (p *programs, err error) {
	packages := []string{"callbox/bench/signaling/load", "callbox/bench/signaling/floor"}
	if o.callbox == "" {
		packages = append(packages, "callbox/cmd/callbox")
	}
	made, err := process.NewPrograms(ctx, packages...)
	if err != nil {
		return nil, err
	}
	p = &programs{Programs: made, callbox: cmp.Or(o.callbox, made.File("callbox"))}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Remove())
		}
	}()
	if o.tls {
		if p.cert, p.key, err = process.WriteCertificate(p.Dir); err != nil {
			return nil, err
		}
	}
	return p, p.installNode(ctx, o)
}

// installNode installs the packages of package-lock.json, unless they are installed.
func (p *programs) installNode(ctx context.Context, o *options) error {
	if !o.measures("socketio") && !o.measures("ws") {
		return nil
	}
	where, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", "callbox/bench/signaling").Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	p.node = filepath.Join(strings.TrimSpace(string(where)), "node")
	if _, err := os.Stat(filepath.Join(p.node, "node_modules", ".package-lock.json")); err == nil {
		return nil
	}
	install := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--silent")
	install.Dir = p.node
	return process.Run(install)
}

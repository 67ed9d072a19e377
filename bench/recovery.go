package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// recoveries has TestRecovery of the package e2e measure how long calls take to recover. It needs namespaces, and so root.
func recoveries(ctx context.Context, p *program, e effort) ([]figure, error) {
	if os.Geteuid() != 0 {
		return []figure{{name: "recovery of calls", value: "needs root"}}, nil
	}
	path := filepath.Join(p.dir, "recovery.json")
	//nolint:gosec // G204: the arguments are this program's own
	test := exec.CommandContext(ctx, "go", "test", "-count=1", "-timeout", "10m", "-run", "^TestRecovery$/"+e.recoveries, "callbox/e2e",
		"-recovery.full", "-recovery.figures", path)
	if out, err := test.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go test: %w\n%s", err, out)
	}
	lines, err := os.ReadFile(path) //nolint:gosec // G304: the path is this program's own
	if errors.Is(err, os.ErrNotExist) {
		return []figure{{name: "recovery of calls", value: "needs what make deps installs"}}, nil
	}
	if err != nil {
		return nil, err
	}
	return recoveryFigures(lines)
}

// recoveryFigures decodes the figures of TestRecovery: one JSON object a line.
func recoveryFigures(lines []byte) (figures []figure, err error) {
	decoder := json.NewDecoder(bytes.NewReader(lines))
	for {
		var row struct {
			Name, Unit      string
			Measured, Limit int64
		}
		if err := decoder.Decode(&row); errors.Is(err, io.EOF) {
			return figures, nil
		} else if err != nil {
			return nil, fmt.Errorf("figures of recovery: %w", err)
		}
		figures = append(figures, figure{
			name: row.Name, value: fmt.Sprintf("%d %s", row.Measured, row.Unit),
			target: fmt.Sprintf("<= %d %s", row.Limit, row.Unit), missed: row.Measured > row.Limit,
		})
	}
}

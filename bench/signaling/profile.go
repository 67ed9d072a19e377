package signaling

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
)

// startProfile takes a CPU profile of callbox while the load runs, and sends
// what came of it.
func (r *runner) startProfile(ctx context.Context, s *server) <-chan error {
	done := make(chan error, 1)
	if r.profile == "" || s.admin == "" {
		done <- nil
		return done
	}
	url := fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", s.admin, max(1, int((r.warm+r.measure).Seconds())))
	go func() { done <- fetch(ctx, url, r.profile) }()
	return done
}

func fetch(ctx context.Context, url, file string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	out, err := os.Create(file) //nolint:gosec // G304: where the user wants it
	if err != nil {
		return err
	}
	_, err = io.Copy(out, response.Body)
	return errors.Join(err, out.Close())
}

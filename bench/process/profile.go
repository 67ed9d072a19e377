package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// Profile takes a CPU profile of a server with net/http/pprof at the admin URL
// into file while during passes, and sends what came of it. Without a file or
// an admin URL nothing is taken, and nil is sent.
func Profile(ctx context.Context, admin, file string, during time.Duration) <-chan error {
	done := make(chan error, 1)
	if file == "" || admin == "" {
		done <- nil
		return done
	}
	url := fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", admin, max(1, int(during.Seconds())))
	go func() { done <- fetch(ctx, url, file) }()
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

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

// Profile writes a CPU profile of a server to file, for the time during, from
// net/http/pprof at the admin URL. It sends the error or nil when it is done. If file or
// the admin URL is empty, it takes no profile and sends nil.
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
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	out, err := os.Create(file) //nolint:gosec // G304: the user names it
	if err != nil {
		return err
	}
	_, err = io.Copy(out, response.Body)
	return errors.Join(err, out.Close())
}

package peer

import "context"

// EndedError is the error of methods of a call that has ended. It wraps ErrCallEnded.
type EndedError struct {
	Code   ExitCode
	Reason string // in plain words, as Report.Reason
}

// Error implements error.
func (e *EndedError) Error() string { return ErrCallEnded.Error() + ": " + e.Reason }

// Unwrap returns ErrCallEnded.
func (*EndedError) Unwrap() error { return ErrCallEnded }

// ended returns the error of methods after the end of the call. It may be called only
// when done is closed.
func (c *Call) ended() error { return &EndedError{Code: c.final.ExitCode, Reason: c.final.Reason} }

// WaitConnected waits until the call is connected: from then on, media can flow. The
// error is an [*EndedError] if the call ends before, or the cause of the end of ctx.
func (c *Call) WaitConnected(ctx context.Context) error {
	return c.await(ctx, c.connected)
}

// await waits until happened is closed. If it is already, the error is nil, even if the
// call has ended since.
func (c *Call) await(ctx context.Context, happened <-chan struct{}) error {
	select {
	case <-happened:
		return nil
	default:
	}
	select {
	case <-happened:
		return nil
	case <-c.done:
		return c.ended()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// do runs f in the goroutine of the call and returns what it returns. Otherwise the error
// is an [*EndedError], or the cause of the end of ctx.
func (c *Call) do(ctx context.Context, f func() error) error {
	result := make(chan error, 1)
	select {
	case c.callbacks <- func() { result <- f() }:
	case <-c.done:
		return c.ended()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-result:
		return err
	case <-c.done:
		return c.ended()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close hangs up and waits until the call and its goroutines have ended. It may be called
// more than once, and after the call has ended.
func (c *Call) Close() {
	c.Hangup()
	c.Wait()
}

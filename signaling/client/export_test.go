package client

import "time"

// WithWall returns config with a wall clock of the test's own.
func WithWall(config Config, wall func() time.Time) Config {
	config.wall = wall
	return config
}

package client

import "time"

// WithWall returns config with another wall clock.
func WithWall(config Config, wall func() time.Time) Config {
	config.wall = wall
	return config
}

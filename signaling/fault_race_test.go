//go:build race

package signaling_test

// raceFactor is by how much the race detector makes everything slower.
const raceFactor = 4

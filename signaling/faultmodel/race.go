//go:build race

package faultmodel

// raceFactor is by how much the race detector makes everything slower.
const raceFactor = 4

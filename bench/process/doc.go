// Package process builds, starts and watches the programs that are compared:
// one processor for each side, CPU time, resident memory, profiles.
package process

package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"gopkg.in/natefinch/lumberjack.v2"

	"callbox/internal/safefile"
)

const (
	// logFileMegabytes is the size at which a log file is rotated.
	logFileMegabytes = 100
	// logFileBackups is how many rotated files are kept, compressed.
	logFileBackups = 5
)

// logFlags holds the logging flags, which every command has.
type logFlags struct {
	LogLevel  string `default:"info" help:"Lowest level to log: debug, info, warn or error."`
	LogFormat string `default:"text" help:"Log format: text or json."`
	LogFile   string `placeholder:"FILE" help:"Log to this file instead of standard error. The file is rotated at 100 MB; the last five old files are kept, compressed."`
}

// open returns the logger that the flags describe, and its file, which is nil if there
// is none. The logger is usable even if there are faults.
func (f *logFlags) open(stderr io.Writer) (log *slog.Logger, file *logFile, faults faults) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.LogLevel)); err != nil {
		faults.addf("--log-level", "%q is not debug, info, warn or error", f.LogLevel)
	}
	out := stderr
	if f.LogFile != "" {
		var err error
		if file, err = openLogFile(f.LogFile, logFileMegabytes, stderr); err != nil {
			faults.add("--log-file", err)
		} else {
			out = file
		}
	}
	options := &slog.HandlerOptions{Level: level}
	switch f.LogFormat {
	case "text":
		return slog.New(slog.NewTextHandler(out, options)), file, faults
	case "json":
		return slog.New(slog.NewJSONHandler(out, options)), file, faults
	}
	faults.addf("--log-format", "%q is not text or json", f.LogFormat)
	return slog.New(slog.NewTextHandler(out, options)), file, faults
}

// logFile is a rotated file. Lines that cannot be written to it go to standard error,
// so that a full disk does not silence the program.
type logFile struct {
	rotated  *lumberjack.Logger
	fallback io.Writer

	mu sync.Mutex
	// mu guards the following.
	fault string // the last error, which has been reported
}

// openLogFile opens or creates a file of at most the given megabytes, and its folder.
// It makes sure now, and not at the first line, that the file can be written.
func openLogFile(name string, megabytes int, fallback io.Writer) (*logFile, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		return nil, err
	}
	if err := checkLogFile(name); err != nil {
		return nil, err
	}
	return &logFile{
		rotated:  &lumberjack.Logger{Filename: name, MaxSize: megabytes, MaxBackups: logFileBackups, Compress: true},
		fallback: fallback,
	}, nil
}

// checkLogFile makes sure that name is a regular file, or can be created as one:
// rotation renames it, and opening a pipe would block.
func checkLogFile(name string) error {
	file, err := safefile.Append(name)
	if err != nil {
		return err
	}
	return file.Close()
}

// reopen makes the next line go to the file that has the name then, after another
// program has rotated the old one.
func (f *logFile) reopen() error {
	if err := checkLogFile(f.rotated.Filename); err != nil {
		return err
	}
	return f.rotated.Close()
}

func (f *logFile) Write(line []byte) (int, error) {
	_, err := f.rotated.Write(line)
	if err == nil {
		return len(line), nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if fault := err.Error(); fault != f.fault {
		f.fault = fault
		_, _ = fmt.Fprintf(f.fallback, "callbox: --log-file: %v; logging to standard error\n", err) // the last resort
	}
	return f.fallback.Write(line)
}

// Close closes the file; a nil file is closed.
func (f *logFile) Close() error {
	if f == nil {
		return nil
	}
	return f.rotated.Close()
}

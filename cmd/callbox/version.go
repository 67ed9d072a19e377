package main

import "runtime/debug"

// version is set by the linker, which can set variables only: -ldflags "-X main.version=v1.2.3".
var version string

// programVersion returns the version of this binary: the one that the linker set, or
// else the module's version, or else the commit.
func programVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return "devel-" + setting.Value[:min(12, len(setting.Value))]
		}
	}
	return "devel"
}

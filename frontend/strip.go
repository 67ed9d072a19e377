package frontend

import "strings"

// strip takes the comments and the indentation out of a module, style or document: nearly half of its
// bytes, of no use to a browser. Every line stays where it is, so that positions in an error still
// say where to look.
//
// It knows no grammar. A comment is stripped only where it begins a line, which no string or template
// of the page does, and a test holds that no module has a literal of several lines.
func strip(source string) string {
	lines := strings.Split(source, "\n")
	end := "" // what ends the comment that the line before is in
	for i, line := range lines {
		line = strings.TrimLeft(line, " ")
		if end == "" {
			line, end = openComment(line)
		}
		if end != "" {
			_, after, closed := strings.Cut(line, end)
			line = strings.TrimLeft(after, " ")
			if closed {
				end = ""
			}
		}
		lines[i] = line
	}
	return strings.Join(lines, "\n")
}

// openComment cuts the beginning of a comment that a line begins with, and says what will end it.
func openComment(line string) (rest, end string) {
	switch {
	case strings.HasPrefix(line, "//"):
		return "", ""
	case strings.HasPrefix(line, "/*"):
		return line[len("/*"):], "*/"
	case strings.HasPrefix(line, "<!--"):
		return line[len("<!--"):], "-->"
	}
	return line, ""
}

package frontend

import "strings"

// strip removes the comments and the indentation from a module, style or document: nearly half of its
// bytes, which a browser does not need. Every line keeps its number, so that positions in errors stay
// right. A licence stays: a comment that begins with "/*!".
//
// It does not parse. A comment is removed only where it begins a line, which no string or template of
// the page looks like, and a test ensures that no module has a literal of several lines.
func strip(source string) string {
	lines := strings.Split(source, "\n")
	end := "" // of the comment that the line begins in
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

// openComment cuts off the opening of a comment at the start of a line, and returns what ends that comment.
func openComment(line string) (rest, end string) {
	switch {
	case strings.HasPrefix(line, "//"):
		return "", ""
	case strings.HasPrefix(line, "/*") && !strings.HasPrefix(line, "/*!"):
		return line[len("/*"):], "*/"
	case strings.HasPrefix(line, "<!--"):
		return line[len("<!--"):], "-->"
	}
	return line, ""
}

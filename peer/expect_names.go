package peer

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"callbox/internal/nearest"
)

// subject is what an expectation is about: a number if unit is set, otherwise a word.
type subject struct {
	name   string
	unit   *unit
	words  []string // the possible ones; nil = any
	number func(report any) (float64, bool)
	word   func(report any) (string, bool)
}

// subjectOf returns what a name stands for. The error says which name is the nearest.
func subjectOf(report any, name string) (*subject, error) {
	long := name
	if _, ok := report.(*Report); ok {
		for _, s := range shortNames() {
			if s.name == name {
				return s, nil
			}
		}
		long = longName(name)
	}
	path := strings.Split(long, ".")
	leaf, err := findType(reflect.TypeOf(report).Elem(), path)
	if err != nil {
		return nil, err
	}
	if leaf == nil {
		return nil, fmt.Errorf("there is no %q in a report; did you mean %q?", name, nearest.Word(name, ExpectationNamesOf(report)))
	}
	s := &subject{name: name}
	switch leaf.Kind() {
	case reflect.String, reflect.Bool:
		s.words = wordsOf(leaf)
		s.word = func(report any) (string, bool) {
			v, ok := findValue(reflect.ValueOf(report), path)
			return fmt.Sprint(v), ok
		}
	default:
		s.unit = unitOf(path)
		s.number = func(report any) (float64, bool) {
			v, ok := findValue(reflect.ValueOf(report), path)
			if !ok {
				return 0, false
			}
			return v.Convert(reflect.TypeFor[float64]()).Float(), true
		}
	}
	return s, nil
}

// shortNames returns what has a short name that is no path.
func shortNames() []*subject {
	return []*subject{
		{
			name: "connect", unit: timeUnit(time.Millisecond, false),
			number: ofCall(func(r *Report) (float64, bool) {
				d, ok := r.ConnectTime()
				return float64(d.Milliseconds()), ok
			}),
		},
		{name: "frames", unit: percentUnit(false), number: ofCall(receivedPercent)},
		{name: "intact", unit: percentUnit(false), number: ofCall(intactPercent)},
		{name: "loss", unit: percentUnit(false), number: ofCall(lossPercent)},
	}
}

// ofCall returns f for reports of calls.
func ofCall(f func(*Report) (float64, bool)) func(any) (float64, bool) {
	return func(report any) (float64, bool) {
		r, ok := report.(*Report)
		if !ok {
			return 0, false
		}
		return f(r)
	}
}

// longName returns the path that a short name stands for.
func longName(name string) string {
	switch name {
	case "path":
		return "path.type"
	case "mos":
		return "audio_quality.mos_estimate"
	}
	if rest, ok := strings.CutPrefix(name, "rtt."); ok {
		return "path.rtt_ms." + rest
	}
	return name
}

// media returns whether the path begins with a kind and a direction of media, such as
// video.recv.
func mediaOf(path []string) (kind, dir string, ok bool) {
	if len(path) < 3 || !slices.Contains([]string{"video", "audio"}, path[0]) || !slices.Contains([]string{"recv", "send"}, path[1]) {
		return "", "", false
	}
	return path[0], path[1], true
}

// findType returns the type of what path leads to: a number, a string or a boolean; nil if
// there is nothing. The error says that it leads to an object or a list.
func findType(t reflect.Type, path []string) (reflect.Type, error) {
	rest := path
	if _, _, ok := mediaOf(path); ok && t == reflect.TypeFor[Report]() {
		t, rest = reflect.TypeFor[Media](), path[2:]
	}
	for _, name := range rest {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		switch t.Kind() {
		case reflect.Struct:
			f, ok := fieldOf(t, name)
			if !ok {
				return nil, nil //nolint:nilnil // there is no such name, for which the caller finds the words
			}
			t = f.Type
		case reflect.Slice:
			if _, ok := indexOf(name); !ok {
				return nil, fmt.Errorf("%s is a list: after it comes the number of an element, from 0", strings.TrimSuffix(strings.Join(path, "."), "."+name))
			}
			t = t.Elem()
		default:
			return nil, nil //nolint:nilnil // as above
		}
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct && t.Kind() != reflect.Slice {
		return t, nil
	}
	inside := leavesOf(t, strings.Join(path, "."))
	return nil, fmt.Errorf("%s has several values; name one of them: %s", strings.Join(path, "."), strings.Join(inside[:min(len(inside), 8)], ", "))
}

// findValue returns the value that path leads to; false if it is null or not there.
func findValue(v reflect.Value, path []string) (reflect.Value, bool) {
	kind, dir, ofMedia := mediaOf(path)
	if r, ok := v.Interface().(*Report); ok && ofMedia {
		m := r.first(kind, dir)
		if m == nil {
			return v, false
		}
		v, path = reflect.ValueOf(m), path[2:]
	}
	for _, name := range path {
		if v = reflect.Indirect(v); !v.IsValid() {
			return v, false
		}
		if v.Kind() == reflect.Slice {
			i, ok := indexOf(name)
			if !ok || i >= v.Len() {
				return v, false
			}
			v = v.Index(i)
			continue
		}
		f, ok := fieldOf(v.Type(), name)
		if !ok {
			return v, false
		}
		v = v.FieldByIndex(f.Index)
	}
	v = reflect.Indirect(v)
	return v, v.IsValid()
}

// fieldOf returns the field that has a name in JSON.
func fieldOf(t reflect.Type, name string) (reflect.StructField, bool) {
	for _, f := range reflect.VisibleFields(t) {
		if f.IsExported() && !f.Anonymous && f.Tag.Get("json") == name {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

func indexOf(name string) (int, bool) {
	i, err := strconv.ParseUint(name, 10, 16)
	return int(i), err == nil && name == strconv.FormatUint(i, 10)
}

// wordsOf returns the words that a type of string can have; nil = any.
func wordsOf(t reflect.Type) []string {
	switch t {
	case reflect.TypeFor[bool]():
		return []string{"true", "false"}
	case reflect.TypeFor[PathType]():
		return []string{string(Direct), string(Relayed)}
	case reflect.TypeFor[Result]():
		return []string{string(Pass), string(Fail), string(Error)}
	case reflect.TypeFor[Role]():
		return []string{string(Caller), string(Callee)}
	case reflect.TypeFor[Clock]():
		return []string{string(SameClock), string(SyncedClock)}
	default:
		return nil
	}
}

// leavesOf returns the names of all values in a type, with 0 for the elements of lists.
func leavesOf(t reflect.Type, prefix string) []string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	join := func(name string) string { return strings.TrimPrefix(prefix+"."+name, ".") }
	switch t.Kind() {
	case reflect.Struct:
		var all []string
		for _, f := range reflect.VisibleFields(t) {
			if name := f.Tag.Get("json"); f.IsExported() && !f.Anonymous && name != "" {
				all = append(all, leavesOf(f.Type, join(name))...)
			}
		}
		return all
	case reflect.Slice:
		return leavesOf(t.Elem(), join("0"))
	default:
		return []string{prefix}
	}
}

// ExpectationNames returns every name that an expectation can have: of elements of lists
// the first, whose number is 0.
func ExpectationNames() []string {
	all := []string{"path", "mos"}
	for _, s := range shortNames() {
		all = append(all, s.name)
	}
	all = append(all, leavesOf(reflect.TypeFor[Distribution](), "rtt")...)
	for _, kind := range []string{"video", "audio"} {
		for _, dir := range []string{"recv", "send"} {
			all = append(all, leavesOf(reflect.TypeFor[Media](), kind+"."+dir)...)
		}
	}
	return append(all, leavesOf(reflect.TypeFor[Report](), "")...)
}

// ExpectationNamesOf is like ExpectationNames, for another report, as of ParseExpectationsOf.
func ExpectationNamesOf(report any) []string {
	if _, ok := report.(*Report); ok {
		return ExpectationNames()
	}
	return leavesOf(reflect.TypeOf(report).Elem(), "")
}

func receivedPercent(r *Report) (float64, bool) {
	if m := r.Received("video"); m != nil && m.Frames != nil && m.Frames.ReceivedPct != nil {
		return *m.Frames.ReceivedPct, true
	}
	return 0, false
}

func intactPercent(r *Report) (float64, bool) {
	m := r.Received("video")
	if m == nil || m.Frames == nil || m.Frames.Intact == nil || *m.Frames.Received == 0 {
		return 0, false
	}
	return 100 * float64(*m.Frames.Intact) / float64(*m.Frames.Received), true
}

// lossPercent returns the larger loss of audio and video that are received.
func lossPercent(r *Report) (percent float64, ok bool) {
	for i := range r.Media {
		if m := &r.Media[i]; m.Dir == "recv" && m.LossPct != nil {
			percent, ok = max(percent, *m.LossPct), true
		}
	}
	return percent, ok
}

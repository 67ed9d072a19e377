package nearest

import (
	"strings"
	"testing"
)

func TestWord(t *testing.T) {
	t.Parallel()
	words := []string{"chat", "wait", "join", "hang_up"}
	for typed, meant := range map[string]string{"wiat": "wait", "jion": "join", "hangup": "hang_up", "": "chat", strings.Repeat("x", 1<<16): "chat"} {
		if got := Word(typed, words); got != meant {
			t.Errorf("%.20q: %q, want %q", typed, got, meant)
		}
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for words, want := range map[[2]string]int{
		{"", ""}: 0, {"loss", "loss"}: 0, {"los", "loss"}: 1, {"kitten", "sitting"}: 3, {"", "abc"}: 3, {"flaw", "lawn"}: 2,
	} {
		if got := distance(words[0], words[1]); got != want || distance(words[1], words[0]) != want {
			t.Errorf("%q: %d, want %d", words, got, want)
		}
	}
}

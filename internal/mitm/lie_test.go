package mitm

import (
	"strings"
	"testing"
)

func TestLies(t *testing.T) {
	t.Parallel()
	const description = "v=0\r\na=fingerprint:sha-256 AA\r\nm=audio\r\na=mid:0\r\na=x\r\nm=video\r\na=mid:1\r\n"
	for lie, want := range map[Lie]string{
		None:    "v=0|m=audio|a=mid:0|OWN|a=x|m=video|a=mid:1|OWN|",
		Before:  "v=0|m=audio|a=mid:0|OTHER|OWN|a=x|m=video|a=mid:1|OTHER|OWN|",
		After:   "v=0|m=audio|a=mid:0|OWN|OTHER|a=x|m=video|a=mid:1|OWN|OTHER|",
		Session: "v=0|OTHER|m=audio|a=mid:0|OWN|a=x|m=video|a=mid:1|OWN|",
	} {
		want = strings.NewReplacer("|", "\r\n", "OWN", "a=fingerprint:sha-256 AA", "OTHER", "a=fingerprint:sha-256 BB").Replace(want)
		if got := lie.tell(description, "a=fingerprint:sha-256 BB"); got != want {
			t.Errorf("%s: %q, want %q", lie, got, want)
		}
	}
}

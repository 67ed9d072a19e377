package compare

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// figured returns figures with one median for each server in row "r".
func figured(medians map[string]float64) *Figures {
	f := NewFigures()
	for _, server := range []string{"callbox", "other", "third"} {
		if v, ok := medians[server]; ok {
			for _, each := range []float64{v / 2, v * 3, v} {
				f.Add("r", server, each)
			}
		}
	}
	return f
}

func TestMedian(t *testing.T) {
	for want, values := range map[float64][]float64{2: {3, 1, 2}, 2.5: {4, 1, 3, 2}, 7: {7}} {
		if got := median(values); got != want {
			t.Errorf("the median of %v is %v", values, got)
		}
	}
}

func TestFigures(t *testing.T) {
	f := figured(map[string]float64{"callbox": 3, "other": 2})
	if v, ok := f.Get("r", "other"); !ok || v != 2 {
		t.Errorf("the median of other is %v, %v", v, ok)
	}
	if _, ok := f.Get("r", "third"); ok {
		t.Error("got a figure of a server that was not measured")
	}
	if v, ok := f.Least("r"); !ok || v != 2 {
		t.Errorf("the smallest median is %v, %v", v, ok)
	}
	if _, ok := f.Least("s"); ok {
		t.Error("got a smallest median without figures")
	}
}

func TestJudge(t *testing.T) {
	f := figured(map[string]float64{"callbox": 60, "other": 20, "third": 30})
	f.Add("s", "callbox", 90)
	others := []string{"other", "third", "fourth"}
	for name, c := range map[string]struct {
		target        Target
		measured      float64
		reached, held bool
	}{
		"more":         {Target{Against: others, Limit: 2}, 2, true, true},
		"missed":       {Target{Against: others, Limit: 2.1}, 2, false, true},
		"floor":        {Target{Against: others, Limit: 2.5, Floor: 2}, 2, false, true},
		"under it":     {Target{Against: others, Limit: 2.5, Floor: 2.2}, 2, false, false},
		"most":         {Target{Against: others, Limit: 3, Most: true}, 3, true, true},
		"too much":     {Target{Against: others, Limit: 2, Floor: 2.5, Most: true}, 3, false, false},
		"excess":       {Target{Against: others, Limit: 0, Most: true, Excess: true}, 40, false, true},
		"alone":        {Target{Limit: 60}, 60, true, true},
		"beside":       {Target{Beside: "s", Limit: 1}, 60. / 90, false, true},
		"not measured": {Target{Against: []string{"fourth"}, Limit: 1}, 0, false, false},
		"beside none":  {Target{Beside: "t", Limit: 1}, 0, false, false},
	} {
		c.target.Row, c.target.Server = "r", "callbox"
		verdicts := f.Judge([]Target{c.target})
		if c.measured == 0 {
			if len(verdicts) > 0 {
				t.Errorf("%s: the verdicts are %+v", name, verdicts)
			}
			continue
		}
		if len(verdicts) != 1 || verdicts[0].Measured != c.measured || verdicts[0].Reached != c.reached || verdicts[0].Held != c.held {
			t.Errorf("%s: the verdicts are %+v", name, verdicts)
		}
	}
	if verdicts := f.Judge([]Target{{Row: "r", Server: "fourth", Limit: 1}}); len(verdicts) > 0 {
		t.Errorf("the verdicts on a server that was not measured are %+v", verdicts)
	}
}

func TestWrite(t *testing.T) {
	f := figured(map[string]float64{"callbox": 60, "other": 12.3})
	f.Add("loss", "callbox", 0)
	verdicts := f.Judge([]Target{
		{Row: "r", Server: "callbox", Against: []string{"other"}, Limit: 4},
		{Row: "r", Server: "callbox", Against: []string{"other"}, Limit: 5, Floor: 4.5},
		{Row: "r", Server: "callbox", Limit: 50, Most: true},
	})
	var text strings.Builder
	if err := f.Text(&text, []string{"other"}, verdicts, []string{"A note."}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"callbox  60.0  4.88 × other  rounds: 30.0 180 60.0", "r, × other  >= 4.00               4.88  reached",
		">= 5.00 (floor 4.50)  4.88  missed, above the floor", "<= 50.0               60.0  MISSED", "\nA note.\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, &text)
		}
	}
	text.Reset()
	if err := f.Markdown(&text, 3, []string{"callbox", "other"}, verdicts[:1]); err != nil {
		t.Fatal(err)
	}
	want := `| median of 3 | callbox | other |
| --- | --- | --- |
| r | 60.0 | 12.3 |
| loss | 0 | – |

| target |  | measured |  |
| --- | --- | --- | --- |
| r, × other | >= 4.00 | 4.88 | reached |
`
	if text.String() != want {
		t.Errorf("the text is\n%s", &text)
	}
	file := filepath.Join(t.TempDir(), "figures.json")
	if err := f.JSON(&text, file, verdicts, map[string]any{"pinned": true}); err != nil {
		t.Fatal(err)
	}
	var report struct {
		Pinned  bool
		Figures []Series
		Targets []Verdict
	}
	data, err := os.ReadFile(file)
	if err := json.Unmarshal(data, &report); err != nil || !report.Pinned || len(report.Figures) != 3 || len(report.Targets) != 3 {
		t.Errorf("the file holds %+v, %v", report, err)
	}
	if err != nil || !slices.Equal(report.Figures[0].Rounds, []float64{30, 180, 60}) {
		t.Errorf("%v; the first figures are %+v", err, report.Figures[0])
	}
}

func TestChoose(t *testing.T) {
	all := []string{"a", "b", "c"}
	if got, err := Choose("-x", "c,a", all); err != nil || !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("Choose returned %q, %v", got, err)
	}
	if got, err := Choose("-x", "", all); err != nil || len(got) != 3 {
		t.Errorf("Choose returned %q, %v for an empty text", got, err)
	}
	if _, err := Choose("-x", "a,d", all); err == nil {
		t.Error("Choose accepts an unknown name")
	}
}

package parse

import (
	"fmt"
	"strings"
	"testing"
	"testing/quick"
)

func TestTokens(t *testing.T) {
	const text = "SELECT `a b`, x, 'it''s' || 1.5e3 -- end\n/* more\n */ FROM t /*+ OPTIONS('k'='v') */ WHERE # 'open"
	var got []string
	for _, x := range Tokens(text) {
		got = append(got, fmt.Sprintf("%d:%s", x.Class, text[x.Start:x.End]))
	}
	want := "0:SELECT|1:`a b`|4:,|1:x|4:,|3:'it''s'|4:|||2:1.5e3|5:-- end|5:/* more\n */|0:FROM|1:t|4:/*+|0:OPTIONS|4:(|3:'k'|4:=|3:'v'|4:)|4:*/|0:WHERE|7:#|6:'open"
	if strings.Join(got, "|") != want {
		t.Errorf("\n%s\nwant\n%s", strings.Join(got, "|"), want)
	}
}

// TestTokensCover holds for any text that tokens lie in order, and that only white space is left out.
func TestTokensCover(t *testing.T) {
	f := func(s string, pick []uint8) bool {
		pieces := []string{s, "'", "`", "/*", "*/", "--", "\n", "SELECT", " ", "x", ";", "/*+", "1."}
		text := ""
		for _, p := range pick {
			text += pieces[int(p)%len(pieces)]
		}
		end := 0
		for _, x := range Tokens(text) {
			if x.Start < end || x.End <= x.Start || strings.TrimSpace(strings.ReplaceAll(text[end:x.Start], "\ufeff", "")) != "" {
				t.Logf("%q: %v", text, x)
				return false
			}
			end = x.End
		}
		return true
	}
	if err := quick.Check(f, nil); err != nil {
		t.Error(err)
	}
}

func TestEnded(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, " -- only a comment": true, "SELECT 1": false, "SELECT 1;": true, "SELECT ';": false, "SELECT 1; -- x": true, "SELECT 1; SELECT": false,
		"EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1;": false, "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END;": true,
		"BEGIN STATEMENT SET;": true, "SELECT CASE WHEN a THEN 1 END;": true, "/* open ;": false,
	} {
		if got := Ended(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

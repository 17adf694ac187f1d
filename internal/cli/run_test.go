package cli

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// command runs a command that must succeed.
func command(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := Run(args, &out, &errs); code != 0 {
		t.Fatalf("weir %s: exit code %d\n%s%s", strings.Join(args, " "), code, out.String(), errs.String())
	}
	return out.String()
}

// TestEarthquakes compares the result of the README's first command with that of plain loops over the same files.
func TestEarthquakes(t *testing.T) {
	t.Chdir("../..")
	type group struct {
		day, network     string
		quakes           int
		strongest, depth float64
	}
	groups := map[[2]string]*group{}
	for _, l := range lines(t, "examples/sql/data/earthquakes.csv") {
		if l[5] != "earthquake" {
			continue
		}
		day, network := l[1][:10], l[7]
		g := groups[[2]string{day, network}]
		if g == nil {
			g = &group{day: day, network: network, strongest: -10}
			groups[[2]string{day, network}] = g
		}
		magnitude, _ := strconv.ParseFloat(l[3], 64)
		depth, _ := strconv.ParseFloat(l[10], 64)
		g.quakes, g.strongest, g.depth = g.quakes+1, max(g.strongest, magnitude), g.depth+depth
	}
	networks := map[string][]string{}
	for _, l := range lines(t, "examples/sql/data/networks.csv") {
		networks[l[0]] = l
	}
	var all []*group
	for _, g := range groups {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b *group) int {
		return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(b.quakes, a.quakes), cmp.Compare(a.network, b.network))
	})
	want := "day,place,region,quakes,strongest,depth_km,network\n"
	place := 0
	for i, g := range all {
		if place++; i == 0 || all[i-1].day != g.day {
			place = 1
		}
		if n := networks[g.network]; place <= 3 {
			want += fmt.Sprintf("%s,%d,%s,%d,%v,%s,%s\n", g.day, place, n[2], g.quakes, g.strongest, strconv.FormatFloat(g.depth/float64(g.quakes), 'f', 1, 64), n[1])
		}
	}
	got := ""
	for _, l := range strings.SplitAfter(command(t, "run", "examples/sql/earthquakes.sql"), "\n") {
		got += strings.ReplaceAll(l, "\t", ",")
	}
	// Doubles are written with a point, as CAST does.
	got = strings.ReplaceAll(got, ".0,", ",")
	if want = strings.ReplaceAll(want, ".0,", ","); got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
}

func lines(t *testing.T, file string) [][]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestFormats(t *testing.T) {
	script := t.TempDir() + "/q.sql"
	if err := os.WriteFile(script, []byte("SELECT a, b FROM (VALUES (1, 'x y'), (20, CAST(NULL AS STRING))) AS t(a, b);"), 0o600); err != nil {
		t.Fatal(err)
	}
	for format, want := range map[string]string{
		"tsv":   "a\tb\n1\tx y\n20\tNULL\n",
		"csv":   "a,b\n1,\"x y\"\n20,\n",
		"json":  `{"a":1,"b":"x y"}` + "\n" + `{"a":20,"b":null}` + "\n",
		"table": " a  b\n──  ────\n 1  x y\n20  NULL\n2 rows\n",
	} {
		if got := command(t, "run", "--format", format, script); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", format, got, want)
		}
	}
	for _, args := range [][]string{{"--format", "xml"}, {"--format", "table", "--changelog"}} {
		var out, errs bytes.Buffer
		if Run(append([]string{"run", script}, args...), &out, &errs) == 0 || out.Len() > 0 || !strings.Contains(errs.String(), "--format") {
			t.Errorf("%v: %s%s", args, out.String(), errs.String())
		}
	}
}

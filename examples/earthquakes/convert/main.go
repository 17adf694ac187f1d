// Command convert makes the lines of the example from a feed of the USGS: GeoJSON on standard input, CSV on standard output, in the order in which the entries were last touched.
package main

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"
)

// entry is a feature of the feed: as much of it as the example needs.
type entry struct {
	ID         string
	Properties struct {
		Mag           float64
		Place, Type   string
		Time, Updated int64 // in milliseconds since the epoch
	}
}

func main() {
	if err := convert(); err != nil {
		fmt.Fprintln(os.Stderr, "convert:", err)
		os.Exit(1)
	}
}

func convert() error {
	var feed struct{ Features []entry }
	if err := json.NewDecoder(os.Stdin).Decode(&feed); err != nil {
		return err
	}
	slices.SortFunc(feed.Features, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.Properties.Updated, b.Properties.Updated), cmp.Compare(a.ID, b.ID))
	})
	w := csv.NewWriter(os.Stdout)
	for _, e := range feed.Features {
		p := e.Properties
		if err := w.Write([]string{stamp(p.Time), stamp(p.Updated), strconv.FormatFloat(p.Mag, 'f', -1, 64), p.Type, p.Place}); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

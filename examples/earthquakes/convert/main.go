// Command convert makes the lines of the examples from a feed of the USGS: GeoJSON on standard input, CSV on standard output. The lines of examples/earthquakes come in the order in which the
// entries were last touched; with -sql, the wider ones of examples/sql come in the order in which the earth shook.
package main

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"
)

// entry is a feature of the feed: as much of it as the examples need.
type entry struct {
	ID         string
	Properties struct {
		Mag                float64
		MagType, Net       string
		Place, Type        string
		Status             string
		Time, Updated, Sig int64 // times in milliseconds since the epoch
		Felt               *int64
	}
	Geometry struct {
		Coordinates [3]float64 // longitude, latitude in degrees, depth in km
	}
}

func main() {
	wide := flag.Bool("sql", false, "write the columns of examples/sql")
	flag.Parse()
	if err := convert(*wide); err != nil {
		fmt.Fprintln(os.Stderr, "convert:", err)
		os.Exit(1)
	}
}

func convert(wide bool) error {
	var feed struct{ Features []entry }
	if err := json.NewDecoder(os.Stdin).Decode(&feed); err != nil {
		return err
	}
	slices.SortFunc(feed.Features, func(a, b entry) int {
		if wide {
			return cmp.Or(cmp.Compare(a.Properties.Time, b.Properties.Time), cmp.Compare(a.ID, b.ID))
		}
		return cmp.Or(cmp.Compare(a.Properties.Updated, b.Properties.Updated), cmp.Compare(a.ID, b.ID))
	})
	w := csv.NewWriter(os.Stdout)
	for _, e := range feed.Features {
		line := e.line
		if wide {
			line = e.wideLine
		}
		if err := w.Write(line()); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

func (e entry) line() []string {
	const iso = "2006-01-02T15:04:05.000Z"
	p := e.Properties
	return []string{stamp(p.Time, iso), stamp(p.Updated, iso), number(p.Mag), p.Type, p.Place}
}

func (e entry) wideLine() []string {
	const sql = "2006-01-02 15:04:05.000"
	p, felt := e.Properties, ""
	if p.Felt != nil {
		felt = strconv.FormatInt(*p.Felt, 10)
	}
	at := e.Geometry.Coordinates
	return []string{e.ID, stamp(p.Time, sql), stamp(p.Updated, sql), number(p.Mag), p.MagType, p.Type, p.Status, p.Net, number(at[0]), number(at[1]), number(at[2]), felt, strconv.FormatInt(p.Sig, 10), p.Place}
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func stamp(ms int64, layout string) string { return time.UnixMilli(ms).UTC().Format(layout) }

package main

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/window"
)

// quake is an earthquake, as an entry of the feed tells of it.
type quake struct {
	At        int64 // in milliseconds since the epoch
	Magnitude float64
	Region    string
	Place     string
}

// tally is what there is to say of several earthquakes.
type tally struct {
	Quakes    int64
	Strongest quake
}

// daily is the tally of a region and day. When an entry comes that belongs to a day which has been told already, the day is told again.
type daily struct {
	Region string
	Day    int64 // its start, in milliseconds since the epoch
	tally
}

const (
	day = 24 * time.Hour
	// outOfOrder is how much older than the newest earthquake another may be before the day it belongs to is told.
	outOfOrder = 12 * time.Hour
	// patience is how long after that a day can still be corrected.
	patience = 36 * time.Hour
)

// lateQuakes is where earthquakes go whose day cannot be corrected any more.
var lateQuakes = weir.NewOutputTag[quake]("late")

// results are the streams that the job ends in.
type results struct {
	Days *weir.Stream[daily]
	Late *weir.Stream[quake]
}

// build tells of the earthquakes in lines, of the form time,updated,magnitude,type,place. Whether one is late depends on those that came before it, so lines are read and timed by one
// subtask; the days are kept in as many as there are.
func build(lines *weir.Stream[string]) results {
	quakes := weir.Process(lines, parse).Name("parse").Parallelism(1)
	timed := quakes.AssignTimestampsAndWatermarks(
		eventtime.ForBoundedOutOfOrderness[quake](outOfOrder).WithTimestampAssigner(func(q quake, _ int64) int64 { return q.At }),
	).Name("event time").Parallelism(1)

	days := weir.KeyBy(timed, func(q quake) string { return q.Region }).
		Window(window.TumblingEventTime[quake](day)).
		AllowedLateness(patience).
		SideOutputLateData(lateQuakes)
	told := weir.AggregateWindowWith(days, tallying, func(ctx *weir.WindowContext[string], t tally, out *weir.Collector[daily]) error {
		out.Collect(daily{ctx.Key(), ctx.Window().Start, t})
		return nil
	}).Name("days").UID("days")
	return results{Days: told, Late: weir.SideOutput(told, lateQuakes)}
}

// tallying counts earthquakes and keeps the strongest, of equal ones the earliest.
var tallying = weir.Aggregator[quake, tally, tally]{
	Create: func() tally { return tally{} },
	Add: func(t tally, q quake) tally {
		if s := t.Strongest; t.Quakes == 0 || q.Magnitude > s.Magnitude || q.Magnitude == s.Magnitude && q.At < s.At {
			t.Strongest = q
		}
		t.Quakes++
		return t
	},
	Result: func(t tally) tally { return t },
}

// parse emits the earthquake of a line. What shook the ground otherwise is counted; a line that is no entry fails the job.
func parse(ctx *weir.Context, line string, out *weir.Collector[quake]) error {
	q, kind, err := parseLine(line)
	if err != nil {
		return err
	}
	if kind != "earthquake" {
		ctx.Counter("no earthquakes").Add(1)
		return nil
	}
	out.Collect(q)
	return nil
}

func parseLine(line string) (q quake, kind string, err error) {
	f, err := csv.NewReader(strings.NewReader(line)).Read()
	if err != nil || len(f) != 5 {
		return q, "", fmt.Errorf("%q is not time,updated,magnitude,type,place", line)
	}
	at, err := time.Parse(time.RFC3339, f[0])
	if err != nil {
		return q, "", err
	}
	magnitude, err := strconv.ParseFloat(f[2], 64)
	if err != nil {
		return q, "", err
	}
	return quake{at.UnixMilli(), magnitude, regionOf(f[4]), f[4]}, f[3], nil
}

// regionOf returns the region that a place is in, which stands behind the last comma: "4km W of Castaic, CA". A place without one, as "Banda Sea", is a region.
func regionOf(place string) string {
	region := place[strings.LastIndex(place, ",")+1:]
	switch region = strings.TrimSpace(region); region {
	case "CA":
		return "California"
	case "MX":
		return "Mexico"
	}
	return region
}

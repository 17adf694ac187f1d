package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/window"
)

// request is a line of the log, as far as it matters here.
type request struct {
	At      int64 // in milliseconds since the epoch
	Section string
	Status  int
	Bytes   int64
}

// String is a request in a line.
func (r request) String() string {
	return fmt.Sprintf("%s %d %s", time.UnixMilli(r.At).UTC().Format(time.DateTime), r.Status, r.Section)
}

// figures are those of a section of the site in an hour.
type figures struct {
	Hour                    int64
	Section                 string
	Requests, Errors, Bytes int64
}

// String is the figures in a line.
func (f figures) String() string {
	return fmt.Sprintf("%s %-12s %6d requests %5d errors %12d bytes", time.UnixMilli(f.Hour).UTC().Format("2006-01-02 15h"), f.Section, f.Requests, f.Errors, f.Bytes)
}

// outOfOrder is how far lines may be from the order of time: servers write a line when the response has been sent.
const outOfOrder = time.Minute

// build sums up the lines of a log by section and hour, and picks the requests that the server failed to answer.
func build(lines *weir.Stream[string]) (hours *weir.Stream[figures], failures *weir.Stream[request]) {
	requests := weir.Process(lines, parse).Name("parse").UID("parse").Parallelism(1)
	timed := requests.AssignTimestampsAndWatermarks(
		eventtime.ForBoundedOutOfOrderness[request](outOfOrder).WithTimestampAssigner(func(r request, _ int64) int64 { return r.At }),
	).Name("event time").UID("event-time").Parallelism(1)

	hourly := weir.KeyBy(timed, func(r request) string { return r.Section }).Window(window.TumblingEventTime[request](time.Hour))
	hours = weir.AggregateWindowWith(hourly, summing, func(ctx *weir.WindowContext[string], f figures, out *weir.Collector[figures]) error {
		f.Hour, f.Section = ctx.Window().Start, ctx.Key()
		out.Collect(f)
		return nil
	}).Name("by hour").UID("by-hour")
	failures = timed.Filter(func(r request) bool { return r.Status >= 500 }).Name("server errors").UID("server-errors")
	return hours, failures
}

var summing = weir.Aggregator[request, figures, figures]{
	Create: func() figures { return figures{} },
	Add: func(f figures, r request) figures {
		f.Requests++
		f.Bytes += r.Bytes
		if r.Status >= 400 {
			f.Errors++
		}
		return f
	},
	Result: func(f figures) figures { return f },
	Merge: func(a, b figures) figures {
		return figures{Requests: a.Requests + b.Requests, Errors: a.Errors + b.Errors, Bytes: a.Bytes + b.Bytes}
	},
}

// parse emits the request of a line, and counts lines that hold none.
func parse(ctx *weir.Context, line string, out *weir.Collector[request]) error {
	r, err := parseLine(line)
	if err != nil {
		ctx.Counter("malformed").Add(1)
		return nil
	}
	out.Collect(r)
	return nil
}

// logLine is the common log format, with or without what the combined format adds.
var logLine = regexp.MustCompile(`^\S+ \S+ \S+ \[([^\]]+)\] "[A-Z]+ ([^ "]+)[^"]*" (\d{3}) (\d+|-)`)

var errNoRequest = errors.New("not a line of the log")

func parseLine(line string) (r request, err error) {
	m := logLine.FindStringSubmatch(line)
	if m == nil {
		return r, errNoRequest
	}
	at, err := time.Parse("02/Jan/2006:15:04:05 -0700", m[1])
	if err != nil {
		return r, err
	}
	r.At = at.UnixMilli()
	section, _, _ := strings.Cut(strings.TrimPrefix(m[2], "/"), "/")
	r.Section = "/" + section
	if i := strings.IndexByte(r.Section, '?'); i >= 0 {
		r.Section = r.Section[:i]
	}
	r.Status, _ = strconv.Atoi(m[3])
	if m[4] != "-" {
		r.Bytes, err = strconv.ParseInt(m[4], 10, 64)
	}
	return r, err
}

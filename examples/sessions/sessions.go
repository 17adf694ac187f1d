package main

import (
	"cmp"
	"errors"
	"iter"
	"path"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/window"
)

// request is a line of the log, as far as it matters here.
type request struct {
	Visitor string
	At      int64 // in milliseconds since the epoch
	Path    string
	Status  int
	Bytes   int64
}

// page reports whether the request was for a page, rather than for what a page is made of, and got one.
func (r request) page() bool { return path.Ext(r.Path) == "" && r.Status < 400 }

// visit is what is known of a session while it goes on.
type visit struct {
	Requests, Pages, Bytes int64
	First, Last            request // of the pages, if there are any
}

// session is what there is to say of one when it is over.
type session struct {
	Visitor    string
	Start, End int64 // of the first and the last request, in milliseconds since the epoch
	visit
}

func (s session) duration() time.Duration { return time.Duration(s.End-s.Start) * time.Millisecond }

// daily sums up the sessions that were over on a day.
type daily struct {
	Day                        int64 // its start, in milliseconds since the epoch
	Sessions, Visitors, Single int   // Single sessions saw one page at most
	Pages, Bytes               int64
	Top                        []session
}

const (
	// gap is how long a visitor must be silent for the session to be over.
	gap = 30 * time.Minute
	// outOfOrder is how far lines may be from the order of time: servers write a line when the response has been sent.
	outOfOrder = time.Minute
	day        = 24 * time.Hour
)

// build finds the sessions in the lines of a log, and sums up each day with its top sessions. Lines are read and timed by one subtask, sessions are kept in as many as there are.
func build(lines *weir.Stream[string], top int) (sessions *weir.Stream[session], days *weir.Stream[daily]) {
	requests := weir.Process(lines, parse).Name("parse").Parallelism(1)
	timed := requests.AssignTimestampsAndWatermarks(
		eventtime.ForBoundedOutOfOrderness[request](outOfOrder).WithTimestampAssigner(func(r request, _ int64) int64 { return r.At }),
	).Name("event time").Parallelism(1)

	visits := weir.KeyBy(timed, func(r request) string { return r.Visitor }).Window(window.EventTimeSession[request](gap))
	sessions = weir.AggregateWindowWith(visits, visiting, func(ctx *weir.WindowContext[string], v visit, out *weir.Collector[session]) error {
		w := ctx.Window()
		out.Collect(session{ctx.Key(), w.Start, w.End - gap.Milliseconds(), v})
		return nil
	}).Name("sessions").UID("sessions")

	// A session has the time at which it was over: half an hour after its last request.
	days = weir.ApplyWindow(sessions.WindowAll(window.TumblingEventTime[session](day)),
		func(ctx *weir.WindowContext[struct{}], all iter.Seq[session], out *weir.Collector[daily]) error {
			out.Collect(sumUp(ctx.Window().Start, all, top))
			return nil
		}).Name("days").UID("days")
	return sessions, days
}

// visiting takes in the requests of a session. Sessions that a request joins are merged.
var visiting = weir.Aggregator[request, visit, visit]{
	Create: func() visit { return visit{} },
	Add: func(v visit, r request) visit {
		one := visit{Requests: 1, Bytes: r.Bytes}
		if r.page() {
			one.Pages, one.First, one.Last = 1, r, r
		}
		return merge(v, one)
	},
	Result: func(v visit) visit { return v },
	Merge:  merge,
}

// merge joins two parts of a session. Of pages at the same time the one that was merged first counts as the first, and the other as the last.
func merge(a, b visit) visit {
	sum := visit{Requests: a.Requests + b.Requests, Pages: a.Pages + b.Pages, Bytes: a.Bytes + b.Bytes, First: a.First, Last: a.Last}
	if b.Pages > 0 && (a.Pages == 0 || b.First.At < a.First.At) {
		sum.First = b.First
	}
	if b.Pages > 0 && (a.Pages == 0 || b.Last.At >= a.Last.At) {
		sum.Last = b.Last
	}
	return sum
}

// sumUp sums up the sessions of a day. The top ones saw the most pages.
func sumUp(start int64, all iter.Seq[session], top int) daily {
	d := daily{Day: start}
	visitors := map[string]bool{}
	for s := range all {
		d.Sessions++
		visitors[s.Visitor] = true
		if s.Pages <= 1 {
			d.Single++
		}
		d.Pages += s.Pages
		d.Bytes += s.Bytes
		d.Top = append(d.Top, s)
	}
	d.Visitors = len(visitors)
	slices.SortFunc(d.Top, func(a, b session) int {
		return cmp.Or(cmp.Compare(b.Pages, a.Pages), cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Start, b.Start), cmp.Compare(a.Visitor, b.Visitor))
	})
	d.Top = d.Top[:min(top, len(d.Top))]
	return d
}

// parse emits the request of a line, and counts lines that hold none.
func parse(ctx *weir.Context, line string, out *weir.Collector[request]) error {
	r, err := parseLine(line)
	if err != nil {
		ctx.Counter("malformed").Add(1)
		return nil
	}
	ctx.Counter("requests").Add(1)
	out.Collect(r)
	return nil
}

// combined is the beginning of a line in the combined log format: client ident user [time] "method path protocol" status bytes.
var combined = regexp.MustCompile(`^(\S+) \S+ \S+ \[([^\]]+)\] "[A-Z]+ (/[^ ?"]*)(?:\?\S*)? [^" ]+" ([1-5]\d\d) (\d+|-) "`)

var errMalformed = errors.New("not a line in the combined log format")

func parseLine(line string) (r request, err error) {
	m := combined.FindStringSubmatch(line)
	if m == nil {
		return r, errMalformed
	}
	at, err := time.Parse("02/Jan/2006:15:04:05 -0700", m[2])
	if err != nil {
		return r, errMalformed
	}
	status, err := strconv.Atoi(m[4])
	if err != nil {
		return r, errMalformed
	}
	var size int64
	if m[5] != "-" { // as servers write 0
		if size, err = strconv.ParseInt(m[5], 10, 64); err != nil {
			return r, errMalformed
		}
	}
	return request{Visitor: m[1], At: at.UnixMilli(), Path: m[3], Status: status, Bytes: size}, nil
}

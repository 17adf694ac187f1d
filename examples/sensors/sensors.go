package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir"
)

// reading is what a sensor measured. Temperatures are whole thousandths of a degree, whose sums do not depend on the order in which they are added.
type reading struct {
	Sensor string
	At     int64 // in milliseconds since the epoch
	Milli  int64
}

// limits says which temperatures are allowed.
type limits struct{ Low, High int64 }

// rules holds the limits of each sensor. They travel as one record, so that a subtask knows either all of them or none.
type rules map[string]limits

// judged is a reading and whether it keeps to the limits.
type judged struct {
	reading
	Alarm bool
}

// site is where a sensor stands.
type site struct{ Sensor, Place string }

// summary is what there is to say of a sensor at the end.
type summary struct {
	Sensor, Place string
	Readings      int64
	Sum           int64
	Min, Max      int64
	Alarms        int64
	FirstAlarm    int64 // in event time; only with Alarms
}

// String is how a summary is printed.
func (s summary) String() string {
	if s.Readings == 0 {
		return fmt.Sprintf("%s\t%s\t0 readings\t\t", s.Sensor, s.Place)
	}
	alarms := "no alarm"
	if s.Alarms > 0 {
		alarms = fmt.Sprintf("%d alarms, the first at %s", s.Alarms, time.UnixMilli(s.FirstAlarm).UTC().Format(time.TimeOnly))
	}
	return fmt.Sprintf("%s\t%s\t%d readings\t%s to %s, mean %s\t%s", s.Sensor, s.Place, s.Readings, degrees(s.Min), degrees(s.Max), degrees(s.Sum/s.Readings), alarms)
}

func degrees(milli int64) string { return strconv.FormatFloat(float64(milli)/1000, 'f', 1, 64) }

// outOfOrder is how much older than the newest reading another may be without being late.
const outOfOrder = 5 * time.Second

// lateReadings is where readings go that come too late.
var lateReadings = weir.NewOutputTag[reading]("late")

// results are the streams that the job ends in.
type results struct {
	Summaries *weir.Stream[summary]
	Late      *weir.Stream[reading]
}

// build watches the readings in lines, of the form time,sensor,degrees. Whether a reading is late depends on which readings came before it, so lines are read, timed and sorted out
// by one subtask; all else runs in as many as there are.
func build(lines *weir.Stream[string], allowed *weir.Stream[rules], sites *weir.Stream[site]) results {
	readings := weir.MapFunc(lines, parse).Name("parse").Parallelism(1)
	timed := readings.WithTimestamps(func(r reading) int64 { return r.At }, outOfOrder).Name("event time").Parallelism(1)
	punctual := weir.Process(timed, sortOut).Name("sort out late ones").Parallelism(1)

	judge := weir.Connect(punctual.Rebalance(), allowed.Broadcast())
	verdicts := weir.CoProcessWith(judge, func() weir.CoProcessFunction[reading, rules, judged] { return new(judgement) }).Name("judge").UID("judge")

	bySensor := weir.ConnectKeyed(
		weir.KeyBy(verdicts, func(j judged) string { return j.Sensor }),
		weir.KeyBy(sites, func(s site) string { return s.Sensor }),
	)
	summaries := weir.CoProcessWith(bySensor, func() weir.CoProcessFunction[judged, site, summary] { return &summing{of: map[string]*summary{}} })

	return results{Summaries: summaries.Name("sum up").UID("sum-up"), Late: weir.SideOutput(punctual, lateReadings)}
}

// parse makes a reading of a line. One that is no reading fails the job.
func parse(_ *weir.Context, line string) (r reading, err error) {
	f := strings.Split(line, ",")
	if len(f) != 3 {
		return r, fmt.Errorf("%q is not time,sensor,degrees", line)
	}
	at, err := time.Parse(time.RFC3339, f[0])
	if err != nil {
		return r, err
	}
	v, err := strconv.ParseFloat(f[2], 64)
	if err != nil {
		return r, err
	}
	return reading{Sensor: f[1], At: at.UnixMilli(), Milli: int64(math.Round(v * 1000))}, nil
}

// sortOut passes readings on, and late ones aside. A reading is late when the watermark, which says that no older ones are expected, has reached its time.
func sortOut(ctx *weir.Context, r reading, out *weir.Collector[reading]) error {
	if ctx.Timestamp() <= ctx.Watermark() {
		ctx.Counter("late").Add(1)
		lateReadings.Emit(ctx, r)
		return nil
	}
	out.Collect(r)
	return nil
}

// judgement compares readings with the rules. Between the two inputs there is no order: readings that come before the rules wait for them.
type judgement struct {
	allowed rules
	waiting []waiting
}

type waiting struct {
	reading reading
	at      int64
}

func (j *judgement) Process1(ctx *weir.Context, r reading, out *weir.Collector[judged]) error {
	if j.allowed == nil {
		j.waiting = append(j.waiting, waiting{r, ctx.Timestamp()})
		return nil
	}
	out.Collect(j.judge(r))
	return nil
}

func (j *judgement) Process2(_ *weir.Context, allowed rules, out *weir.Collector[judged]) error {
	j.allowed = allowed
	j.release(out)
	return nil
}

// Finish lets go of the readings of a job without rules.
func (j *judgement) Finish(_ *weir.Context, out *weir.Collector[judged]) error {
	j.release(out)
	return nil
}

func (j *judgement) release(out *weir.Collector[judged]) {
	for _, w := range j.waiting {
		out.CollectAt(j.judge(w.reading), w.at)
	}
	j.waiting = nil
}

func (j *judgement) judge(r reading) judged {
	l, ok := j.allowed[r.Sensor]
	return judged{r, ok && (r.Milli < l.Low || r.Milli > l.High)}
}

// summing sums up the verdicts on the sensors of its subtask, and says so when all input has ended.
type summing struct{ of map[string]*summary }

func (s *summing) sensor(name string) *summary {
	if s.of[name] == nil {
		s.of[name] = &summary{Sensor: name, Place: "?"}
	}
	return s.of[name]
}

func (s *summing) Process1(_ *weir.Context, j judged, _ *weir.Collector[summary]) error {
	sum := s.sensor(j.Sensor)
	if sum.Readings == 0 {
		sum.Min, sum.Max = j.Milli, j.Milli
	}
	sum.Readings++
	sum.Sum += j.Milli
	sum.Min, sum.Max = min(sum.Min, j.Milli), max(sum.Max, j.Milli)
	if j.Alarm {
		if sum.Alarms == 0 || j.At < sum.FirstAlarm {
			sum.FirstAlarm = j.At
		}
		sum.Alarms++
	}
	return nil
}

func (s *summing) Process2(_ *weir.Context, at site, _ *weir.Collector[summary]) error {
	s.sensor(at.Sensor).Place = at.Place
	return nil
}

func (s *summing) Finish(_ *weir.Context, out *weir.Collector[summary]) error {
	for _, sum := range slices.SortedFunc(maps.Values(s.of), func(a, b *summary) int { return cmp.Compare(a.Sensor, b.Sensor) }) {
		out.Collect(*sum)
	}
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/weirstream/weir"
)

// request is a line of the log, as far as it matters here.
type request struct {
	Client string
	Bytes  int64
}

// located is a request with the network that its client is in, or one of the words below.
type located struct {
	request
	Network string
}

const (
	unknown     = "(unknown)"     // the registry knows no such network
	unavailable = "(unavailable)" // the registry was asked several times, and refused
	noAnswer    = "(no answer)"   // the registry did not answer in time
)

// traffic is what a network got.
type traffic struct {
	Network         string
	Requests, Bytes int64
}

// options say how the registry is asked.
type options struct {
	Capacity int           // lookups at the same time, in each subtask
	Timeout  time.Duration // for a request, with all lookups that are made for it
	Retries  int           // lookups after the first
	Ordered  bool          // keep the order of the requests
}

// build looks up the network of each request in the lines of a log, and sums up what each network got. create makes the function that looks up, for each subtask.
func build(lines *weir.Stream[string], create func() weir.AsyncFunction[request, located], o options) (*weir.Stream[located], *weir.Stream[traffic]) {
	requests := weir.Process(lines, parse).Name("parse")
	wait := weir.UnorderedWaitWith[request, located]
	if o.Ordered {
		wait = weir.OrderedWaitWith[request, located]
	}
	found := wait(requests, create, weir.AsyncOptions[request, located]{
		Capacity:  o.Capacity,
		Timeout:   o.Timeout,
		OnTimeout: func(r request) ([]located, error) { return []located{{r, noAnswer}}, nil },
		Retry: weir.AsyncRetry[located]{
			Retries: o.Retries, Delay: 2 * time.Millisecond, Multiplier: 2, MaxDelay: 50 * time.Millisecond,
			IfResult: func(found []located) bool { return found[0].Network == unavailable },
		},
	}).Name("look up").UID("look-up")

	// A window that ends with the input: each network is told once.
	byNetwork := weir.KeyBy(found, func(l located) string { return l.Network }).FullWindowPartition()
	sums := weir.AggregateWindow(byNetwork, weir.Aggregator[located, traffic, traffic]{
		Create: func() traffic { return traffic{} },
		Add: func(t traffic, l located) traffic {
			return traffic{l.Network, t.Requests + 1, t.Bytes + l.Bytes}
		},
		Result: func(t traffic) traffic { return t },
	}).Name("traffic").UID("traffic")
	return found, sums
}

// lookup asks a registry over HTTP. It is called from several goroutines at the same time.
type lookup struct {
	base   string
	client *http.Client
}

func newLookup(base string, connections int) *lookup {
	return &lookup{base, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}}
}

// Invoke returns the request with its network. A registry that refuses for now gives a result, too, which is the reason to ask again: the last one counts, so that the job goes on without.
// Any other answer fails the job.
func (l *lookup) Invoke(ctx context.Context, r request) ([]located, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.base+"/network?address="+url.QueryEscape(r.Client), nil)
	if err != nil {
		return nil, err
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		var found struct{ Network string }
		if err := json.Unmarshal(body, &found); err != nil {
			return nil, fmt.Errorf("%s: the registry said %q: %w", r.Client, body, err)
		}
		return []located{{r, found.Network}}, nil
	case http.StatusNotFound:
		return []located{{r, unknown}}, nil
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return []located{{r, unavailable}}, nil
	}
	return nil, fmt.Errorf("%s: the registry said %s", r.Client, resp.Status)
}

// Close lets go of the connections of a subtask.
func (l *lookup) Close() error {
	l.client.CloseIdleConnections()
	return nil
}

// parse emits the request of a line, and counts lines that hold none.
func parse(ctx *weir.Context, line string, out *weir.Collector[request]) error {
	r, ok := parseLine(line)
	if !ok {
		ctx.Counter("malformed").Add(1)
		return nil
	}
	out.Collect(r)
	return nil
}

// answered finds the client and the size of the response in a line of the combined log format.
var answered = regexp.MustCompile(`^(\S+) .*" [1-5]\d\d (\d+|-) "`)

func parseLine(line string) (r request, ok bool) {
	m := answered.FindStringSubmatch(line)
	if m == nil {
		return r, false
	}
	if _, err := netip.ParseAddr(m[1]); err != nil {
		return r, false
	}
	if m[2] == "-" { // as servers write 0
		m[2] = "0"
	}
	size, err := strconv.ParseInt(m[2], 10, 64)
	return request{m[1], size}, err == nil
}

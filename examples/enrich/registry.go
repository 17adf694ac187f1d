package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"
)

// networks is what the registry knows. The addresses are from the ranges reserved for documentation, the names are made up.
var networks = []struct {
	prefix netip.Prefix
	name   string
}{
	{netip.MustParsePrefix("192.0.2.0/25"), "Ashfield Broadband"},
	{netip.MustParsePrefix("192.0.2.128/25"), "Ashfield Mobile"},
	{netip.MustParsePrefix("198.51.100.0/26"), "Brook University"},
	{netip.MustParsePrefix("198.51.100.128/25"), "Carrow Hosting"},
	{netip.MustParsePrefix("2001:db8::/113"), "Dene Fibre"},
	{netip.MustParsePrefix("2001:db8::8000/113"), "Dene Wireless"},
}

// networkOf returns the network that an address is in.
func networkOf(address netip.Addr) (name string, ok bool) {
	for _, n := range networks {
		if n.prefix.Contains(address) {
			return n.name, true
		}
	}
	return "", false
}

// answer writes what is known of the address that a request asks for.
func answer(w http.ResponseWriter, r *http.Request) {
	address, err := netip.ParseAddr(r.URL.Query().Get("address"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	name, ok := networkOf(address)
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"network": name}) // the client has gone if it fails
}

// registry is a service as one meets them: it takes some milliseconds, and now and then it refuses.
type registry struct{ lookups, refused, now, most atomic.Int64 }

func (g *registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, now := g.lookups.Add(1), g.now.Add(1)
	defer g.now.Add(-1)
	for most := g.most.Load(); now > most && !g.most.CompareAndSwap(most, now); most = g.most.Load() {
	}
	time.Sleep(time.Duration(1+n%5) * time.Millisecond)
	if n%7 == 0 {
		g.refused.Add(1)
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	answer(w, r)
}

// serve starts a server on this machine. stop ends it, and returns when it has ended.
func serve(h http.Handler) (base string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			slog.Error("the registry has ended", "error", err)
		}
	}()
	return "http://" + listener.Addr().String(), func() {
		server.Close()
		<-ended
	}, nil
}

package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/access.log again")

// generate makes up a log: a day of a small site, with what servers see besides requests. All addresses are from the blocks kept for documentation.
func generate() string {
	rng := rand.New(rand.NewPCG(2025, 3))
	paths := []struct {
		path   string
		size   int
		weight int
	}{
		{"/", 5316, 30}, {"/about", 2210, 8}, {"/blog", 8120, 14}, {"/blog/on-light", 24510, 10}, {"/blog/on-colours", 31877, 6}, {"/feed.xml", 14002, 9},
		{"/login", 1804, 6}, {"/search", 6400, 9}, {"/static/site.css", 9120, 20}, {"/static/app.js", 48211, 18}, {"/images/prism.png", 183220, 10},
		{"/download/opticks.pdf", 2_411_520, 2}, {"/wp-login.php", 312, 4}, {"/favicon.ico", 1150, 10},
	}
	total := 0
	for _, p := range paths {
		total += p.weight
	}
	var clients []string
	for i := range 40 {
		switch {
		case i < 15:
			clients = append(clients, fmt.Sprintf("192.0.2.%d", 1+rng.IntN(254)))
		case i < 30:
			clients = append(clients, fmt.Sprintf("198.51.100.%d", 1+rng.IntN(254)))
		default:
			clients = append(clients, fmt.Sprintf("2001:db8::%x", 1+rng.IntN(65535)))
		}
	}
	agents := []string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
		"curl/8.5.0", "feedreader/2.1 (+https://reader.example/bot)", `a \"quoted\" agent`,
	}
	referers := []string{"-", "-", "-", "https://weir.example/", "https://search.example/?q=opticks"}

	at := time.Date(2025, 3, 3, 0, 0, 4, 0, time.UTC)
	var b strings.Builder
	for range 2000 {
		at = at.Add(time.Duration(rng.IntN(86)) * time.Second)
		pick := rng.IntN(total)
		i := 0
		for pick >= paths[i].weight {
			pick -= paths[i].weight
			i++
		}
		p := paths[i]
		path, method, status, size := p.path, "GET", 200, fmt.Sprint(p.size+rng.IntN(p.size/4+1))
		switch {
		case path == "/wp-login.php":
			method, status = "POST", 404
		case path == "/search":
			path += fmt.Sprintf("?q=%s&page=%d", []string{"light", "ray", "refraction"}[rng.IntN(3)], rng.IntN(4))
			if rng.IntN(9) == 0 {
				status, size = 503, "190"
			}
		case path == "/login":
			method = "POST"
			if rng.IntN(3) == 0 {
				status = 401
			} else {
				status, size = 302, "-"
			}
		case rng.IntN(6) == 0:
			status, size = 304, "-"
		case rng.IntN(90) == 0:
			status, size = 500, "512"
		}
		client := clients[min(rng.IntN(len(clients)), rng.IntN(len(clients)))]
		stamp := at.Format("02/Jan/2006:15:04:05 -0700")
		line := fmt.Sprintf(`%s - - [%s] "%s %s HTTP/1.1" %d %s "%s" "%s"`, client, stamp, method, path, status, size,
			referers[rng.IntN(len(referers))], agents[rng.IntN(len(agents))])
		switch rng.IntN(400) {
		case 0:
			line = line[:len(line)/2] // the disk was full
		case 1:
			line = fmt.Sprintf(`%s - - [%s] "\x16\x03\x01\x02" 400 226 "-" "-"`, client, stamp) // TLS on the port without
		case 2:
			line = ""
		case 3:
			line = strings.Replace(line, fmt.Sprint(" ", status, " "), " - ", 1)
		case 4:
			line = "[error] " + line
		case 5:
			line = strings.Replace(line, "/Mar/", "/Mrz/", 1)
		case 6:
			line = line[:strings.LastIndex(line, ` "`)]
		case 7:
			line = strings.Replace(line, " "+size+` "`, ` 12k "`, 1)
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String()
}

// TestCarriedLog holds the carried log to the program that made it.
func TestCarriedLog(t *testing.T) {
	want := generate()
	if *rewrite {
		if err := os.WriteFile("testdata/access.log", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if carried != want {
		t.Error("testdata/access.log is not what generate makes: run go test -rewrite")
	}
}

// Command socketlatency measures how soon the word count answers: it serves lines on a loopback socket to the built command, and takes the time from a line's first byte sent until
// all its counts have come out of the command's standard output.
//
//	go run ./tests/socketlatency -lines 5000
//
// The next line is sent when the last one has been answered, or, with -rate, at its time; the time of a line that the lines before it made late counts from when it was due.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	lines := flag.Int("lines", 2000, "lines to measure")
	warm := flag.Int("warm", 200, "lines before that")
	parallelism := flag.Int("parallelism", 1, "parallelism of the word count")
	rate := flag.Float64("rate", 0, "lines a second; 0 sends a line when the last one has been answered")
	flag.Parse()
	if err := run(*lines, *warm, *parallelism, *rate); err != nil {
		fmt.Fprintln(os.Stderr, "socketlatency:", err)
		os.Exit(1)
	}
}

func run(lines, warm, parallelism int, rate float64) (err error) {
	dir, err := os.MkdirTemp("", "weir-latency-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	command := filepath.Join(dir, "wordcount")
	if out, err := exec.Command("go", "build", "-o", command, "github.com/weirstream/weir/examples/wordcount").CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	server, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	defer server.Close()

	cmd := exec.Command(command, "-socket", server.Addr().String(), "-parallelism", fmt.Sprint(parallelism))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		_ = cmd.Process.Kill()
		if waitErr := cmd.Wait(); err != nil && waitErr != nil {
			err = fmt.Errorf("%w\nwordcount: %w\n%s", err, waitErr, stderr.Bytes())
		}
	}()
	if err := server.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	conn, err := server.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()

	took, err := measure(conn, bufio.NewReader(stdout), lines+warm, rate)
	if err != nil {
		return err
	}
	took = took[warm:]
	slices.Sort(took)
	at := func(q float64) time.Duration {
		return took[min(int(q*float64(len(took))), len(took)-1)].Round(time.Microsecond)
	}
	fmt.Printf("socket latency: %d lines, parallelism %d, p50 %v, p99 %v, p99.9 %v, max %v\n", lines, parallelism, at(.5), at(.99), at(.999), at(1))
	return nil
}

// measure sends lines and waits for the counts of each.
func measure(conn io.Writer, counts *bufio.Reader, lines int, rate float64) (took []time.Duration, err error) {
	rng := rand.New(rand.NewPCG(1, 2))
	vocabulary := strings.Fields("light rays colours refraction reflexion glass prism white red blue of the to in and which are be by from")
	start := time.Now()
	for i := range lines {
		n := 1 + rng.IntN(12)
		words := make([]string, n)
		for k := range words {
			words[k] = vocabulary[rng.IntN(len(vocabulary))]
		}
		sent := time.Now()
		if rate > 0 {
			due := start.Add(time.Duration(float64(i) / rate * float64(time.Second)))
			time.Sleep(due.Sub(sent))
			sent = time.Now()
			if sent.Sub(due) > 2*time.Millisecond { // the job is behind, not the timer
				sent = due
			}
		}
		if _, err := io.WriteString(conn, strings.Join(words, " ")+"\n"); err != nil {
			return nil, err
		}
		for range n {
			if _, err := counts.ReadSlice('\n'); err != nil {
				if errors.Is(err, io.EOF) {
					err = errors.New("the word count has ended")
				}
				return nil, err
			}
		}
		took = append(took, time.Since(sent))
	}
	return took, nil
}

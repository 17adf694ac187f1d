package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/socket"
	"github.com/weirstream/weir/fault"
)

// TestSocketAnswersAtOnce is a server that says a line and waits for its counts before it says the next. A job that held records back, in a buffer or until a timer,
// would be slow; one that never let go of them would not end this test. How fast it is, the command in tests/socketlatency measures.
func TestSocketAnswersAtOnce(t *testing.T) {
	for _, parallelism := range []int{1, 2} {
		t.Run(fmt.Sprintf("parallelism=%d", parallelism), func(t *testing.T) {
			server, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			r, w := io.Pipe()
			env := weir.NewEnvironment(weir.Options{Parallelism: parallelism, Logger: slog.New(slog.DiscardHandler), FlushTimeout: time.Hour})
			build(weir.FromSocket(env, socket.Options{Address: server.Addr().String()})).PrintTo(w, "").Parallelism(1)
			client, err := env.ExecuteAsync(context.Background(), t.Name())
			if err != nil {
				t.Fatal(err)
			}
			conn, err := server.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()

			const lines = 300
			var took []time.Duration
			counts := bufio.NewReader(r)
			for i := range lines {
				sent := time.Now()
				fmt.Fprintf(conn, "To be, or not to be: line%d\n", i)
				var got []string
				for range 7 {
					line, err := counts.ReadString('\n')
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, line)
				}
				took = append(took, time.Since(sent))
				// Among keys there is no order.
				want := []string{
					fmt.Sprintf("be %d\n", 2*i+1), fmt.Sprintf("be %d\n", 2*i+2), fmt.Sprintf("line%d 1\n", i), fmt.Sprintf("not %d\n", i+1),
					fmt.Sprintf("or %d\n", i+1), fmt.Sprintf("to %d\n", 2*i+1), fmt.Sprintf("to %d\n", 2*i+2),
				}
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Fatalf("line %d: got %q, want %q", i, got, want)
				}
			}
			slices.Sort(took)
			t.Logf("p50 %v, p99 %v", took[lines/2], took[lines*99/100])
			if took[lines/2] > time.Second {
				t.Errorf("half of the lines took more than %v", took[lines/2])
			}

			client.Cancel()
			if _, err := client.Wait(context.Background()); fault.CodeOf(err) != fault.JobCanceled {
				t.Errorf("got error %v, want one of cancellation", err)
			}
		})
	}
}

// TestSocketThatCloses ends the job with what stands behind the last line end.
func TestSocketThatCloses(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	env := weir.NewEnvironment(weir.Options{Parallelism: 2, Logger: slog.New(slog.DiscardHandler)})
	got := ranking{}
	build(weir.FromSocket(env, socket.Options{Address: server.Addr().String()})).ForEach(func(c count, _ int64) error {
		got.add(c)
		return nil
	}).Parallelism(1)
	client, err := env.ExecuteAsync(context.Background(), t.Name())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "a b\r\na")
	conn.Close()
	if _, err := client.Wait(context.Background()); err != nil {
		t.Fatal(err)
	}
	check(t, got, ranking{"a": 2, "b": 1})
}

// Package flinksql talks to the SQL gateway of a running Apache Flink, for tests that are run by hand.
package flinksql

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir/internal/sql/oracle"
)

// Session is one of Flink's SQL gateway. It belongs to one goroutine.
type Session struct {
	gateway, url string
}

// Open begins a session with some options of Flink.
func Open(ctx context.Context, gateway string, options map[string]string) (*Session, error) {
	var out struct {
		SessionHandle string `json:"sessionHandle"`
	}
	s := &Session{gateway: strings.TrimRight(gateway, "/")}
	if err := s.call(ctx, http.MethodPost, s.gateway+"/v1/sessions", map[string]any{"properties": options}, &out); err != nil {
		return nil, err
	}
	s.url = s.gateway + "/v1/sessions/" + out.SessionHandle
	return s, nil
}

// Close ends it.
func (s *Session) Close(ctx context.Context) error {
	return s.call(ctx, http.MethodDelete, s.url, nil, &struct{}{})
}

// Refusal is what the gateway says of a statement that does not work.
type Refusal struct {
	// Causes are the innermost causes of Java's trace, the innermost first, one a line.
	Causes string
	// Job tells that a job was started, and failed.
	Job bool
}

func (r *Refusal) Error() string { return r.Causes }

func (s *Session) call(ctx context.Context, method, url string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		var said struct {
			Errors []string `json:"errors"`
		}
		if err := json.Unmarshal(text, &said); err != nil {
			return fmt.Errorf("%s %s: %s", method, url, resp.Status)
		}
		trace := strings.Join(said.Errors, "\n")
		return &Refusal{innermost(trace), strings.Contains(trace, "JobExecutionException") || strings.Contains(trace, "JobException")}
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return dec.Decode(out)
}

// innermost are the last causes in a trace, the innermost first.
func innermost(trace string) string {
	var causes []string
	for line := range strings.Lines(trace) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "Caused by: "); ok {
			causes = append(causes, text[:min(len(text), 300)])
		}
	}
	if len(causes) == 0 {
		return trace[:min(len(trace), 300)]
	}
	slices.Reverse(causes)
	return strings.Join(causes[:min(len(causes), 3)], "\n")
}

// logical is a type as the gateway writes it.
type logical struct {
	Type      string `json:"type"`
	Nullable  bool   `json:"nullable"`
	Length    int    `json:"length"`
	Precision int    `json:"precision"`
	Scale     int    `json:"scale"`
}

// SQL is the type as it is written in a statement.
func (l logical) SQL() string {
	name := l.Type
	switch l.Type {
	case "INTEGER":
		name = "INT"
	case "VARCHAR":
		name = "STRING"
		if l.Length < 1<<31-1 {
			name = fmt.Sprintf("VARCHAR(%d)", l.Length)
		}
	case "CHAR":
		name = fmt.Sprintf("CHAR(%d)", l.Length)
	case "DECIMAL":
		name = fmt.Sprintf("DECIMAL(%d, %d)", l.Precision, l.Scale)
	case "TIMESTAMP_WITHOUT_TIME_ZONE":
		name = fmt.Sprintf("TIMESTAMP(%d)", l.Precision)
	}
	if !l.Nullable {
		name += " NOT NULL"
	}
	return name
}

// value turns one of JSON into one of the oracle.
func (l logical) value(v any) (any, error) {
	switch l.Type {
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT":
		if n, ok := v.(json.Number); ok {
			return n.Int64()
		}
	case "DECIMAL":
		if n, ok := v.(json.Number); ok {
			if r, ok := new(big.Rat).SetString(n.String()); ok {
				return r, nil
			}
		}
	case "FLOAT", "DOUBLE":
		return strconv.ParseFloat(fmt.Sprint(v), 64)
	case "TIMESTAMP_WITHOUT_TIME_ZONE":
		if text, ok := v.(string); ok {
			t, err := time.Parse("2006-01-02T15:04:05.999999999", text)
			return oracle.Time(t.UnixNano()), err
		}
	case "VARCHAR", "CHAR", "BOOLEAN":
		return v, nil
	}
	return nil, fmt.Errorf("%v is no %s that is known", v, l.Type)
}

// cancel stops a statement that runs.
func (s *Session) cancel(operation string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return s.call(ctx, http.MethodPost, operation+"/cancel", nil, &struct{}{})
}

// Result is the table that the changelog of a statement makes.
type Result struct {
	// Types are those of the columns, as they are written in a statement.
	Types []string
	// Rows are sorted texts: values with commas, as the oracle writes them. One that was taken back more often than it came has a minus before it.
	Rows []string
}

// Run runs a statement to its end.
func (s *Session) Run(ctx context.Context, statement string) (*Result, error) {
	var begun struct {
		OperationHandle string `json:"operationHandle"`
	}
	if err := s.call(ctx, http.MethodPost, s.url+"/statements", map[string]any{"statement": statement}, &begun); err != nil {
		return nil, err
	}
	operation := s.url + "/operations/" + begun.OperationHandle
	next := operation + "/result/0?rowFormat=JSON"
	out := &Result{}
	count := map[string]int{}
	for {
		var page struct {
			ResultType    string `json:"resultType"`
			NextResultURI string `json:"nextResultUri"`
			Results       struct {
				Columns []struct {
					LogicalType logical `json:"logicalType"`
				} `json:"columns"`
				Data []struct {
					Kind   string `json:"kind"`
					Fields []any  `json:"fields"`
				} `json:"data"`
			} `json:"results"`
		}
		if err := s.call(ctx, http.MethodGet, next, nil, &page); err != nil {
			if ctx.Err() != nil {
				err = errors.Join(err, s.cancel(operation))
			}
			return nil, err
		}
		if out.Types == nil {
			for _, c := range page.Results.Columns {
				out.Types = append(out.Types, c.LogicalType.SQL())
			}
		}
		for _, change := range page.Results.Data {
			row := make(oracle.Row, len(change.Fields))
			for i, v := range change.Fields {
				if v == nil {
					continue
				}
				var err error
				if row[i], err = page.Results.Columns[i].LogicalType.value(v); err != nil {
					return nil, err
				}
			}
			if change.Kind == "INSERT" || change.Kind == "UPDATE_AFTER" {
				count[row.Text()]++
			} else {
				count[row.Text()]--
			}
		}
		if page.ResultType == "EOS" || page.NextResultURI == "" {
			break
		}
		next = s.gateway + page.NextResultURI
		if len(page.Results.Data) == 0 {
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	out.Rows = table(count)
	// What is kept of the statement is not needed any more; a session has room for some only.
	return out, s.call(ctx, http.MethodDelete, operation+"/close", nil, &struct{}{})
}

// table are the rows that some changes make, sorted. One that was taken back more often than it came is told with a minus.
func table(count map[string]int) (rows []string) {
	for text, n := range count {
		for range n {
			rows = append(rows, text)
		}
		for range -n {
			rows = append(rows, "- "+text)
		}
	}
	slices.Sort(rows)
	return rows
}

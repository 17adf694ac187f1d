package s3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/internal/checkpoint/storage/storagetest"
	"github.com/weirstream/weir/internal/testkit/leak"
)

func TestMain(m *testing.M) {
	for k, v := range map[string]string{
		"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "", "AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "",
	} {
		if err := os.Setenv(k, v); err != nil {
			panic(err)
		}
	}
	leak.Main(m)
}

var ctx = context.Background()

// serve starts a store with an empty bucket behind middle, which may be nil, and returns the storage of a prefix in it.
func serve(t *testing.T, middle func(store http.Handler) http.Handler) *store {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("checkpoints"); err != nil {
		t.Fatal(err)
	}
	handler := gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	if middle != nil {
		handler = middle(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return connect(t, strings.TrimPrefix(server.URL, "http://"), "checkpoints")
}

func connect(t *testing.T, host, bucket string) *store {
	t.Helper()
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	s, err := open(&url.URL{Scheme: "s3", Host: bucket, Path: "/jobs/wörd count", RawQuery: "insecure=true&endpoint=" + host}, transport, 3)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSuite(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Storage { return serve(t, nil) })
}

// lost lets the first request that matches do its work, and cuts the connection instead of answering.
func lost(matches func(*http.Request) bool) (func(http.Handler) http.Handler, *atomic.Int32) {
	var cut atomic.Int32
	return func(store http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !matches(r) || !cut.CompareAndSwap(0, 1) {
				store.ServeHTTP(w, r)
				return
			}
			store.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		})
	}, &cut
}

// The answer to the request that makes an object is lost. The client repeats the request, which is refused because of the first; the writer must know the object for its own.
func TestLostAnswer(t *testing.T) {
	for _, c := range []struct {
		name    string
		size    int
		matches func(*http.Request) bool
	}{
		{"small", 100, func(r *http.Request) bool { return r.Method == http.MethodPut }},
		{"large", 9 << 20, func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Query().Has("uploadId") }},
		{"part", 9 << 20, func(r *http.Request) bool { return r.Method == http.MethodPut && r.URL.Query().Has("partNumber") }},
	} {
		for _, fresh := range []bool{true, false} {
			t.Run(c.name, func(t *testing.T) {
				middle, cut := lost(c.matches)
				s := serve(t, middle)
				b := bytes.Repeat([]byte("x"), c.size)
				write := storage.WriteAll
				if fresh {
					write = storage.WriteNew
				}
				if err := write(ctx, s, "a", b); err != nil {
					t.Fatal(err)
				}
				if cut.Load() != 1 {
					t.Fatal("no answer was lost")
				}
				got, err := storage.ReadAll(ctx, s, "a")
				if err != nil || !bytes.Equal(got, b) {
					t.Fatalf("read %d bytes, %v", len(got), err)
				}
				if err := storage.WriteNew(ctx, s, "a", nil); fault.CodeOf(err) != fault.StorageExists {
					t.Fatalf("another writer got %v", err)
				}
			})
		}
	}
}

// A conflict of two conditional writes says nothing about who won.
func TestConflict(t *testing.T) {
	var n atomic.Int32
	s := serve(t, func(store http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && n.Add(1) <= 2 {
				refuse(w, http.StatusConflict, "ConditionalRequestConflict")
				return
			}
			store.ServeHTTP(w, r)
		})
	})
	if err := storage.WriteNew(ctx, s, "a", nil); err != nil || n.Load() != 3 {
		t.Fatalf("%v after %d requests", err, n.Load())
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>`+code+`</Code><Message>refused by the test</Message></Error>`)
}

// halved cuts every answer to a GET of an object in its middle.
type halved struct {
	http.ResponseWriter
	left int
}

func (h *halved) Write(p []byte) (int, error) {
	if len(p) > h.left {
		_, _ = h.ResponseWriter.Write(p[:h.left])
		_ = http.NewResponseController(h.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	h.left -= len(p)
	return h.ResponseWriter.Write(p)
}

func TestBrokenBody(t *testing.T) {
	var n atomic.Int32
	s := serve(t, func(store http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && r.Header.Get("Range") != "" {
				n.Add(1)
				w = &halved{w, 400_000}
			}
			store.ServeHTTP(w, r)
		})
	})
	b := bytes.Repeat([]byte("0123456789"), 100_000)
	if err := storage.WriteAll(ctx, s, "a", b); err != nil {
		t.Fatal(err)
	}
	got, err := storage.ReadAll(ctx, s, "a")
	if err != nil || !bytes.Equal(got, b) {
		t.Fatalf("read %d bytes, %v", len(got), err)
	}
	if n.Load() < 3 {
		t.Errorf("%d requests, so no body broke", n.Load())
	}
}

func TestReplacedWhileRead(t *testing.T) {
	s := serve(t, nil)
	for _, b := range []string{"before", "behind"} {
		if err := storage.WriteAll(ctx, s, "a", []byte(b)); err != nil {
			t.Fatal(err)
		}
		if b == "behind" {
			break
		}
		r, err := s.Open(ctx, "a")
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			p := make([]byte, 3)
			if n, err := r.ReadAt(p, 3); n != 0 || fault.CodeOf(err) != fault.StorageFailed || !strings.Contains(err.Error(), "replaced") {
				t.Errorf("read %q, %v", p[:n], err)
			}
		}()
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
		want   fault.Code
	}{
		{403, "AccessDenied", fault.StorageDenied},
		{403, "InvalidAccessKeyId", fault.StorageDenied},
		{403, "SignatureDoesNotMatch", fault.StorageDenied},
		{404, "NoSuchBucket", fault.StorageGone},
		{507, "XMinioStorageFull", fault.StorageFull},
		{400, "XMinioAdminBucketQuotaExceeded", fault.StorageFull},
		{400, "Strange", fault.StorageFailed},
	} {
		s := serve(t, func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { refuse(w, c.status, c.code) })
		})
		errs := []error{storage.WriteAll(ctx, s, "a", nil), storage.WriteNew(ctx, s, "a", nil), storage.WriteAll(ctx, s, "a", make([]byte, 9<<20)), s.Remove(ctx, "a")}
		_, err := s.List(ctx, "")
		errs = append(errs, err)
		_, err = storage.Clean(ctx, s, time.Now())
		for i, err := range append(errs, err) {
			if fault.CodeOf(err) != c.want {
				t.Errorf("%s: call %d returned %v, want code %s", c.code, i, err, c.want)
			}
		}
	}
}

func TestNoServer(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	s := connect(t, strings.TrimPrefix(server.URL, "http://"), "checkpoints")
	if err := storage.WriteAll(ctx, s, "a", nil); fault.CodeOf(err) != fault.StorageFailed || !strings.Contains(err.Error(), "s3://checkpoints/jobs/") {
		t.Errorf("got %v", err)
	}
}

func TestNoBucket(t *testing.T) {
	s := serve(t, nil)
	s.bucket = "elsewhere"
	if err := storage.WriteAll(ctx, s, "a", nil); fault.CodeOf(err) != fault.StorageGone {
		t.Errorf("got %v", err)
	}
}

// A request that hangs ends with the context, and the abort of the upload that follows does not hang with it.
func TestCanceledWhileUploading(t *testing.T) {
	why := errors.New("enough")
	c, cancel := context.WithCancelCause(ctx)
	var aborted atomic.Bool
	s := serve(t, func(store http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("partNumber") == "2" {
				_, _ = io.Copy(io.Discard, r.Body)
				cancel(why)
				<-r.Context().Done()
				return
			}
			store.ServeHTTP(w, r)
			if r.Method == http.MethodDelete {
				aborted.Store(true)
			}
		})
	})
	err := storage.WriteAll(c, s, "a", make([]byte, 20<<20))
	if !errors.Is(err, why) || fault.CodeOf(err) != "" {
		t.Errorf("got %v", err)
	}
	if !aborted.Load() {
		t.Error("the upload was not given up")
	}
	if list, err := s.List(ctx, ""); err != nil || len(list) != 0 {
		t.Errorf("List = %v, %v", list, err)
	}
}

// A writer that dies leaves an upload, which is not listed, and which Clean removes once it is old enough.
func TestClean(t *testing.T) {
	s := serve(t, nil)
	dead := func(s storage.Storage, name string) storage.Writer {
		w, err := s.Create(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, 9<<20)); err != nil {
			t.Fatal(err)
		}
		return w
	}
	w := dead(s.Sub("chk-1"), "a")
	other := *s
	other.prefix = "jobs/another/"
	alive := dead(&other, "b")
	if list, err := s.List(ctx, ""); err != nil || len(list) != 0 {
		t.Fatalf("List = %v, %v", list, err)
	}
	for _, c := range []struct {
		before time.Time
		want   int
	}{{time.Now().Add(-time.Hour), 0}, {time.Now().Add(time.Hour), 1}, {time.Now().Add(time.Hour), 0}} {
		if n, err := storage.Clean(ctx, s, c.before); n != c.want || err != nil {
			t.Fatalf("Clean = %d, %v; want %d", n, err, c.want)
		}
	}
	if err := w.Close(); err == nil {
		t.Error("Close of an upload that is gone returned nil")
	}
	if err := alive.Close(); err != nil {
		t.Errorf("the upload of another prefix: %v", err)
	}
}

// A large object that may not be made leaves no upload that is paid for.
func TestRefusedUploadIsGivenUp(t *testing.T) {
	s := serve(t, nil)
	if err := storage.WriteAll(ctx, s, "a", nil); err != nil {
		t.Fatal(err)
	}
	w, err := s.CreateNew(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 9<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); fault.CodeOf(err) != fault.StorageExists {
		t.Fatalf("Close returned %v", err)
	}
	if n, err := storage.Clean(ctx, s, time.Now().Add(time.Hour)); n != 0 || err != nil {
		t.Errorf("Clean = %d, %v", n, err)
	}
}

func TestMemoryOfWriter(t *testing.T) {
	s := serve(t, nil)
	for _, size := range []int{100, 20 << 20} {
		sw, err := s.Create(ctx, "a")
		if err != nil {
			t.Fatal(err)
		}
		w := sw.(*writer)
		for range size / 100 {
			if _, err := w.Write(make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
		}
		if c := cap(w.part); c > partSize || size == 100 && c > 4096 {
			t.Errorf("after %d bytes a writer holds %d", size, c)
		}
		w.Abort()
	}
}

func TestURL(t *testing.T) {
	Register()
	for _, c := range []struct{ url, want string }{
		{"s3://checkpoints", "s3://checkpoints/"},
		{"s3://checkpoints/", "s3://checkpoints/"},
		{"s3://checkpoints/a/b/?endpoint=localhost:9000&insecure=true", "s3://checkpoints/a/b"},
		{"s3://checkpoints/a?endpoint=http://localhost:9000/&region=eu-central-1", "s3://checkpoints/a"},
		{"S3://checkpoints/a%20b", "s3://checkpoints/a%20b"},
		{"s3://my.bucket/a?region=us-west-2", "s3://my.bucket/a"},
	} {
		s, err := storage.Open(c.url)
		if err != nil || s.String() != c.want {
			t.Errorf("%s: %v, %v; want %s", c.url, s, err, c.want)
		}
	}
	for _, bad := range []string{
		"s3://", "s3:///prefix", "s3://ab", "s3://Under_Score", "s3://bucket/a//b", "s3://bucket/../b", "s3://bucket/a?insecure=perhaps", "s3://bucket/a?endpoint=", "s3://bucket/a?region=a&region=b",
		"s3://bucket/a?end-point=x", "s3://bucket/a?endpoint=local host", "s3://bucket/a?endpoint=host/path", "s3://key:secret@bucket/a", "s3://bucket/a?x=%zz", "s3://bucket/a#b", "s3://bucket:9000/a",
	} {
		_, err := storage.Open(bad)
		if fault.CodeOf(err) != fault.StorageURL {
			t.Errorf("%s: got %v", bad, err)
		} else if strings.Contains(err.Error(), "secret@") {
			t.Errorf("the message shows a password: %v", err)
		}
	}
}

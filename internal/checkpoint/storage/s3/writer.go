package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/storage"
)

const (
	// partSize is the size of every part of an upload but the last; stores want at least 5 MiB.
	partSize = 8 << 20
	// maxParts is how many parts an upload may have.
	maxParts = 10_000
	// writerID is the header, after x-amz-meta-, that tells which Writer made an object.
	writerID = "Weir-Writer"
	// patience is how long Abort waits for the store.
	patience = 10 * time.Second
)

// writer gathers a part and uploads it when it is full and more comes.
type writer struct {
	ctx    context.Context
	s      *store
	key    string
	fresh  bool
	id     string
	part   []byte
	upload string // "" until a part has been uploaded
	parts  []minio.CompletePart
	done   bool
	err    error // of the first call that failed; after done, what Close returns
}

func (s *store) begin(ctx context.Context, name string, fresh bool) (storage.Writer, error) {
	full, err := storage.Under(s.dir, name)
	if err != nil {
		return nil, err
	}
	key := s.prefix + full
	if len(key) > 1024 {
		return nil, fault.New(fault.StorageName, "%s: a key has at most 1024 bytes", s.show(key))
	}
	if err := storage.Ended(ctx, "create", s.show(key)); err != nil {
		return nil, err
	}
	return &writer{ctx: ctx, s: s, key: key, fresh: fresh, id: rand.Text()}, nil
}

func (w *writer) Write(p []byte) (int, error) {
	if w.done {
		return 0, storage.Closed(w.s.show(w.key))
	}
	if w.err == nil {
		w.err = storage.Ended(w.ctx, "write", w.s.show(w.key))
	}
	n := 0
	for w.err == nil && len(p) > 0 {
		if len(w.part) == partSize {
			if w.err = w.flush(); w.err != nil {
				break
			}
		}
		k := min(len(p), partSize-len(w.part))
		w.grow(k)
		w.part = append(w.part, p[:k]...)
		p, n = p[k:], n+k
	}
	return n, w.err
}

// grow makes room for k more bytes: most objects are much smaller than a part.
func (w *writer) grow(k int) {
	if need := len(w.part) + k; need > cap(w.part) {
		w.part = append(make([]byte, 0, min(max(2*cap(w.part), need, 4096), partSize)), w.part...)
	}
}

// flush uploads a part.
func (w *writer) flush() error {
	if w.upload == "" {
		id, err := w.s.core.NewMultipartUpload(w.ctx, w.s.bucket, w.key, w.options(false))
		if err != nil {
			return w.failed(err)
		}
		w.upload = id
	}
	number := len(w.parts) + 1
	if number > maxParts {
		return fault.New(fault.StorageFailed, "write %s: it is larger than the %d GiB that an object may have", w.s.show(w.key), partSize/1024*maxParts>>20)
	}
	part, err := w.s.core.PutObjectPart(w.ctx, w.s.bucket, w.key, w.upload, number, bytes.NewReader(w.part), int64(len(w.part)),
		minio.PutObjectPartOptions{Sha256Hex: sum(w.part), DisableContentSha256: true})
	if err != nil {
		return w.failed(err)
	}
	w.parts = append(w.parts, minio.CompletePart{PartNumber: number, ETag: part.ETag})
	w.part = w.part[:0]
	return nil
}

// sum is part of what the request signs, so that the store refuses other bytes.
func sum(b []byte) string {
	m := sha256.Sum256(b)
	return hex.EncodeToString(m[:])
}

func (w *writer) options(last bool) minio.PutObjectOptions {
	// What is disabled is the sum of every 64 KiB within the body: that of the whole is in the header.
	o := minio.PutObjectOptions{DisableContentSha256: true, UserMetadata: map[string]string{writerID: w.id}}
	if last && w.fresh {
		o.SetMatchETagExcept("*")
	}
	return o
}

func (w *writer) failed(err error) error { return w.s.failed(w.ctx, "write", w.key, err) }

func (w *writer) Close() error {
	if w.done {
		return w.err
	}
	if w.err == nil {
		w.err = storage.Ended(w.ctx, "write", w.s.show(w.key))
	}
	if w.err == nil {
		w.err = w.commit()
	}
	if w.err != nil {
		w.giveUp()
	}
	w.done, w.part = true, nil
	return w.err
}

func (w *writer) commit() error {
	if w.upload == "" {
		return w.putWhole()
	}
	if err := w.flush(); err != nil {
		return err
	}
	if w.fresh { // for stores that know the condition only in a single request; S3 is kept by the condition, not by this
		if _, there, err := w.owner(); there || err != nil {
			return w.exists(err)
		}
	}
	o := w.options(true)
	o.UserMetadata = nil // it was sent when the upload began
	_, err := w.s.core.CompleteMultipartUpload(w.ctx, w.s.bucket, w.key, w.upload, w.parts, o)
	if err = w.settle(err); err == nil {
		w.upload = ""
	}
	return err
}

func (w *writer) putWhole() error {
	for try := 1; ; try++ {
		_, err := w.s.core.PutObject(w.ctx, w.s.bucket, w.key, bytes.NewReader(w.part), int64(len(w.part)), "", sum(w.part), w.options(true))
		// A conflict says that another conditional write was under way: whether it made the object is known by the next try.
		if try < 5 && minio.ToErrorResponse(err).StatusCode == http.StatusConflict && w.ctx.Err() == nil {
			continue
		}
		return w.settle(err)
	}
}

// settle judges the answer to the request that makes the object visible. The story behind it: the request arrives, the object is made, the answer is lost, the client repeats the request and hears that the
// object exists, or that the upload does not. Then the object carries our number.
func (w *writer) settle(err error) error {
	if err == nil {
		return nil
	}
	r := minio.ToErrorResponse(err)
	refused := w.fresh && (r.StatusCode == http.StatusPreconditionFailed || r.Code == minio.PreconditionFailed)
	if !refused && r.Code != minio.NoSuchUpload {
		return w.failed(err)
	}
	switch id, there, errStat := w.owner(); {
	case errStat != nil:
		return errStat
	case there && id == w.id:
		return nil
	case refused:
		return w.exists(nil)
	}
	return w.failed(err)
}

func (w *writer) exists(err error) error {
	if err != nil {
		return err
	}
	return storage.Exists(w.s.show(w.key))
}

// owner returns the number of the writer that made the object, and whether there is one.
func (w *writer) owner() (id string, there bool, err error) {
	info, err := w.s.core.StatObject(w.ctx, w.s.bucket, w.key, minio.StatObjectOptions{})
	if err != nil {
		if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
			return "", false, nil
		}
		return "", false, w.failed(err)
	}
	return info.UserMetadata[writerID], true, nil
}

func (w *writer) Abort() {
	if !w.done {
		w.done, w.part, w.err = true, nil, storage.Closed(w.s.show(w.key))
		w.giveUp()
	}
}

// giveUp ends the upload, also when the context has ended. If that fails, Clean does it later.
func (w *writer) giveUp() {
	if w.upload == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), patience)
	defer cancel()
	_ = w.s.core.AbortMultipartUpload(ctx, w.s.bucket, w.key, w.upload)
	w.upload = ""
}

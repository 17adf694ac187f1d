package s3

import (
	"context"
	"errors"
	"io"

	"github.com/minio/minio-go/v7"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/storage"
)

// reader reads ranges of an object with one tag.
type reader struct {
	ctx    context.Context // ends with Close
	cancel context.CancelCauseFunc
	s      *store
	key    string
	tag    string
	size   int64
}

// errClosed is the cause of the end of a closed reader's context.
var errClosed = errors.New("the reader was closed")

func (s *store) Open(ctx context.Context, name string) (storage.Reader, error) {
	full, err := storage.Under(s.dir, name)
	if err != nil {
		return nil, err
	}
	key := s.prefix + full
	info, err := s.core.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{})
	if err != nil {
		return nil, s.failed(ctx, "open", key, err)
	}
	r := &reader{s: s, key: key, tag: info.ETag, size: info.Size}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	return r, nil
}

func (r *reader) Size() int64 { return r.size }

// attempts is how often a body that breaks off is asked for again without a byte in between.
const attempts = 3

func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	if err := storage.Ended(r.ctx, "read", r.s.show(r.key)); err != nil {
		return 0, err
	}
	q, end, err := storage.Clip(r.s.show(r.key), p, off, r.size)
	if err != nil {
		return 0, err
	}
	n, tries := 0, 0
	for n < len(q) {
		k, again, err := r.request(q[n:], off+int64(n))
		if n += k; k > 0 {
			tries = 0
		}
		if tries++; err != nil && (!again || tries >= attempts || r.ctx.Err() != nil) {
			return n, r.s.failed(r.ctx, "read", r.key, err)
		}
	}
	return n, end
}

// request reads as much of the range as one answer has. again says that the rest may be asked for.
func (r *reader) request(p []byte, off int64) (n int, again bool, err error) {
	var o minio.GetObjectOptions
	if err := o.SetRange(off, off+int64(len(p))-1); err != nil {
		return 0, false, err
	}
	if err := o.SetMatchETag(r.tag); err != nil {
		return 0, false, err
	}
	body, info, _, err := r.s.core.GetObject(r.ctx, r.s.bucket, r.key, o)
	if minio.ToErrorResponse(err).Code == minio.PreconditionFailed || err == nil && info.ETag != r.tag {
		if err == nil {
			body.Close()
		}
		return 0, false, fault.New(fault.StorageFailed, "%s was replaced while it was read", r.s.show(r.key))
	}
	if err != nil {
		return 0, false, err // the client has repeated the request where that could help
	}
	defer body.Close()
	n, err = io.ReadFull(body, p)
	return n, true, err
}

func (r *reader) Close() error {
	r.cancel(errClosed)
	return nil
}

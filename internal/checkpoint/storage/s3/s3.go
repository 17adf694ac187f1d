package s3

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/storage"
)

// Register makes storage.Open understand URLs that begin with s3://. It may be called several times.
func Register() { storage.Register("s3", Open) }

// store is a folder of a bucket.
type store struct {
	core   minio.Core
	bucket string
	prefix string // of the keys: "" or with a slash at the end
	dir    string // what Sub added, unchecked
}

var (
	_ storage.Storage = (*store)(nil)
	_ storage.Cleaner = (*store)(nil)
)

// Open returns the storage of a URL. It does not ask the server.
func Open(u *url.URL) (storage.Storage, error) {
	transport, err := minio.DefaultTransport(true)
	if err != nil {
		return nil, fault.New(fault.StorageURL, "%s: %w", u.Redacted(), err)
	}
	return open(u, transport, 0)
}

// open takes the transport and the number of tries of a request, 0 for the default of the client.
func open(u *url.URL, transport http.RoundTripper, tries int) (*store, error) {
	bad := func(format string, args ...any) (*store, error) {
		return nil, fault.New(fault.StorageURL, "%s: "+format, append([]any{u.Redacted()}, args...)...)
	}
	if u.User != nil {
		return bad("credentials do not belong into the URL; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	if err := s3utils.CheckValidBucketNameStrict(u.Host); err != nil {
		return bad("%q is not the name of a bucket: %w", u.Host, err)
	}
	prefix := strings.Trim(u.Path, "/")
	if storage.CheckDir(prefix) != nil {
		return bad("%q cannot be a prefix", prefix)
	}
	endpoint := cmp.Or(os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"), "s3.amazonaws.com")
	region := cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), "us-east-1")
	insecure, told := false, false
	for k, v := range u.Query() {
		var err error
		switch k {
		case "endpoint":
			endpoint = v[0]
		case "region":
			region = v[0]
		case "insecure":
			told = true
			insecure, err = strconv.ParseBool(v[0])
		default:
			return bad("the parameter %s is not known; there are endpoint, region and insecure", k)
		}
		if err != nil || len(v) > 1 || v[0] == "" {
			return bad("%s=%s is not understood", k, strings.Join(v, ","))
		}
	}
	if host, ok := strings.CutPrefix(endpoint, "http://"); ok {
		endpoint, insecure = host, insecure || !told
	} else if host, ok := strings.CutPrefix(endpoint, "https://"); ok {
		endpoint = host
	}
	endpoint = strings.TrimSuffix(endpoint, "/")
	core, err := minio.NewCore(endpoint, &minio.Options{
		Creds: provide(endpoint), Secure: !insecure, Region: region, Transport: transport, BucketLookup: lookup(endpoint), MaxRetries: tries,
	})
	if err != nil {
		return bad("endpoint %q: %w", endpoint, err)
	}
	if prefix != "" {
		prefix += "/"
	}
	return &store{core: *core, bucket: u.Host, prefix: prefix}, nil
}

// lookup says where the bucket stands in a request: in the host at Amazon, in the path elsewhere, where hosts seldom have a name for each bucket.
func lookup(endpoint string) minio.BucketLookupType {
	if s3utils.IsAmazonEndpoint(url.URL{Host: endpoint}) {
		return minio.BucketLookupAuto
	}
	return minio.BucketLookupPath
}

// provide returns where credentials come from. The server of roles is asked only where there is one: elsewhere it would be waited for.
func provide(endpoint string) *credentials.Credentials {
	from := []credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}}
	role := s3utils.IsAmazonEndpoint(url.URL{Host: endpoint})
	for _, v := range []string{"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} {
		role = role || os.Getenv(v) != ""
	}
	if role {
		from = append(from, &credentials.IAM{})
	}
	return credentials.NewChainCredentials(from)
}

func (s *store) String() string {
	u := url.URL{Scheme: "s3", Host: s.bucket, Path: "/" + storage.Join(strings.TrimSuffix(s.prefix, "/"), s.dir)}
	return u.String()
}

func (s *store) Sub(dir string) storage.Storage {
	sub := *s
	sub.dir = storage.Join(s.dir, dir)
	return &sub
}

// show is the URL of a key, for messages.
func (s *store) show(key string) string { return "s3://" + s.bucket + "/" + key }

func (s *store) Create(ctx context.Context, name string) (storage.Writer, error) {
	return s.begin(ctx, name, false)
}

func (s *store) CreateNew(ctx context.Context, name string) (storage.Writer, error) {
	return s.begin(ctx, name, true)
}

// List follows the pages of the answer.
func (s *store) List(ctx context.Context, dir string) ([]storage.Object, error) {
	full, err := storage.UnderDir(s.dir, dir)
	if err != nil {
		return nil, err
	}
	prefix := s.prefix
	if full != "" {
		prefix += full + "/"
	}
	var list []storage.Object
	for o := range s.core.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			return nil, s.failed(ctx, "list", prefix, o.Err)
		}
		if strings.HasSuffix(o.Key, "/") {
			continue // what some tools make to show a folder
		}
		name := strings.TrimPrefix(o.Key, s.prefix)
		if s.dir != "" {
			name = strings.TrimPrefix(name, s.dir+"/")
		}
		list = append(list, storage.Object{Name: name, Size: o.Size, Modified: o.LastModified})
	}
	if err := storage.Ended(ctx, "list", s.show(prefix)); err != nil {
		return nil, err // the iterator just ends then
	}
	slices.SortFunc(list, func(a, b storage.Object) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// batch is how many objects one request removes.
const batch = 1000

func (s *store) Remove(ctx context.Context, names ...string) error {
	var errs []error
	var objects []minio.ObjectInfo
	for _, name := range names {
		full, err := storage.Under(s.dir, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		objects = append(objects, minio.ObjectInfo{Key: s.prefix + full})
	}
	for part := range slices.Chunk(objects, batch) {
		if err := s.removeBatch(ctx, part); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// removeBatch returns the first error; of a request that failed they are all the same.
func (s *store) removeBatch(ctx context.Context, objects []minio.ObjectInfo) error {
	results, err := s.core.RemoveObjectsWithIter(ctx, s.bucket, slices.Values(objects), minio.RemoveObjectsOptions{})
	if err != nil {
		return s.failed(ctx, "remove", objects[0].Key, err)
	}
	var first error
	for r := range results {
		if r.Err != nil && minio.ToErrorResponse(r.Err).Code != minio.NoSuchKey && first == nil {
			first = s.failed(ctx, "remove", r.ObjectName, r.Err)
		}
	}
	if first != nil {
		return first
	}
	return storage.Ended(ctx, "remove", s.show(objects[0].Key))
}

// Clean gives up the uploads that were begun before a time and not completed.
func (s *store) Clean(ctx context.Context, before time.Time) (int, error) {
	dir, err := storage.UnderDir(s.dir, "")
	if err != nil {
		return 0, err
	}
	prefix := s.prefix
	if dir != "" {
		prefix += dir + "/"
	}
	n, key, id := 0, "", ""
	for {
		page, err := s.core.ListMultipartUploads(ctx, s.bucket, prefix, key, id, "", batch)
		if err != nil {
			return n, s.failed(ctx, "list uploads of", prefix, err)
		}
		for _, u := range page.Uploads {
			if !u.Initiated.Before(before) || !strings.HasPrefix(u.Key, prefix) {
				continue // a store that overlooks the prefix must not cost other jobs their uploads
			}
			err := s.core.AbortMultipartUpload(ctx, s.bucket, u.Key, u.UploadID)
			if err != nil && minio.ToErrorResponse(err).Code != minio.NoSuchUpload {
				return n, s.failed(ctx, "give up an upload of", u.Key, err)
			}
			n++
		}
		if !page.IsTruncated || page.NextKeyMarker == key && page.NextUploadIDMarker == id {
			return n, nil
		}
		key, id = page.NextKeyMarker, page.NextUploadIDMarker
	}
}

// failed gives an error of the client its code, or returns that of the context if it has ended.
func (s *store) failed(ctx context.Context, verb, key string, err error) error {
	if ended := storage.Ended(ctx, verb, s.show(key)); ended != nil {
		return ended
	}
	if fault.CodeOf(err) != "" {
		return err
	}
	r := minio.ToErrorResponse(err)
	code := fault.StorageFailed
	switch {
	case r.Code == minio.NoSuchKey:
		code = fault.StorageNotFound
	case r.Code == minio.NoSuchBucket:
		code = fault.StorageGone
	case isFull(r):
		code = fault.StorageFull
	case r.StatusCode == http.StatusForbidden, r.StatusCode == http.StatusUnauthorized, r.Code == minio.AccessDenied, r.Code == minio.InvalidAccessKeyID, r.Code == minio.SignatureDoesNotMatch,
		r.Code == minio.MethodNotAllowed:
		code = fault.StorageDenied
	}
	return fault.New(code, "%s %s: %w", verb, s.show(key), err)
}

func isFull(r minio.ErrorResponse) bool {
	switch r.Code {
	case "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded", "InsufficientStorage":
		return true
	}
	return r.StatusCode == http.StatusInsufficientStorage
}

// Package s3 keeps checkpoints in a bucket of an S3-compatible store. [Register] makes storage.Open understand
//
//	s3://bucket/prefix?endpoint=host:port&region=eu-central-1&insecure=true
//
// The prefix may be empty. Without an endpoint it is AWS_ENDPOINT_URL_S3, else AWS_ENDPOINT_URL, else Amazon's; insecure=true means http. Without a region it is AWS_REGION, else AWS_DEFAULT_REGION, else
// us-east-1. Credentials are those of AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, else of the file ~/.aws/credentials (AWS_SHARED_CREDENTIALS_FILE, AWS_PROFILE), else, where AWS_ variables
// point to a role or the store is Amazon's, of the role of the machine or container.
//
// # How it keeps what package storage promises
//
// An object of up to 8 MiB is one request. A larger one is uploaded in parts of 8 MiB, one after another, and becomes visible when the upload is completed; a Writer so needs 8 MiB and no more.
// Each request carries the SHA-256 of its body, which the store checks. The client repeats requests that fail in passing.
//
// CreateNew is a conditional request (If-None-Match: *), which the store must support: Amazon S3, MinIO, Ceph, R2 and others do. When a request was repeated since its answer was lost, the second
// finds the object of the first in its way; so each object carries the random number of its writer, which tells these cases apart.
//
// A reader notices by the object's tag when the object has been replaced.
package s3

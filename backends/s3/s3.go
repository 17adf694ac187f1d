// Package s3 keeps checkpoints and savepoints in S3 and in stores that speak its protocol. A program that calls [Register] can give a URL for Checkpoints.Dir:
//
//	s3://bucket/prefix?endpoint=host:port&region=eu-central-1&insecure=true
//
// Without endpoint it is Amazon's; insecure talks HTTP instead of HTTPS. Credentials come from where the AWS tools look for them: the environment, the shared credentials file, the role of the machine.
//
// It is a package of its own so that programs that keep checkpoints on disks do not carry the client.
package s3

import "github.com/weirstream/weir/internal/checkpoint/storage/s3"

// Register makes s3:// known. It may be called more than once, before jobs start.
func Register() { s3.Register() }

package storage

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/weirstream/weir/fault"
)

// Closed is the error of a Write or Close after Abort, or a Write after Close.
func Closed(name string) error {
	return fault.New(fault.StorageFailed, "%s: the writer was closed or aborted before", name)
}

// Exists is the error of Close when CreateNew was too late.
func Exists(name string) error {
	return fault.New(fault.StorageExists, "%s exists", name)
}

// diskError gives an error of the operating system its code. What is not known of it is a failure that may pass.
func diskError(verb, path string, err error) error {
	code := fault.StorageFailed
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG): // the last is a quota, too
		code = fault.StorageFull
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		code = fault.StorageDenied
	case errors.Is(err, fs.ErrNotExist):
		code = fault.StorageNotFound
	case errors.Is(err, syscall.ENOTDIR):
		code = fault.StorageNotDirectory
	case errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.EISDIR):
		code = fault.StorageName
	}
	// The path is in the message once: errors of package os repeat it.
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fault.New(code, "%s %s: %w", verb, path, err)
}

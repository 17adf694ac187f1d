package storage

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/xsync"
)

// Opener opens the storage that a URL of its scheme names. It looks at the URL alone: it asks no server.
type Opener func(u *url.URL) (Storage, error)

var registry struct {
	mu      xsync.Mutex
	openers map[string]Opener
}

// Register makes Open understand a scheme. A second registration of a scheme replaces the first.
func Register(scheme string, open Opener) {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	if registry.openers == nil {
		registry.openers = map[string]Opener{}
	}
	registry.openers[scheme] = open
}

func opener(scheme string) Opener {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	return registry.openers[scheme]
}

// packages are the public packages whose Register makes a scheme known.
var packages = map[string]string{"s3": "github.com/weirstream/weir/backends/s3"}

// Open returns the storage at a path or URL: see the package comment. Nothing is written yet; a local directory is looked at, a server is not asked.
// A URL that is not understood, or whose scheme is not registered, is an error with code [fault.StorageURL].
func Open(location string) (Storage, error) {
	if location == "" {
		return nil, fault.New(fault.StorageURL, "the location of a storage is empty")
	}
	scheme, _, isURL := strings.Cut(location, "://")
	if !isURL {
		if rest, ok := strings.CutPrefix(location, "file:"); ok && strings.HasPrefix(rest, "/") {
			return openFile("file://" + rest)
		}
		return OpenLocal(location)
	}
	scheme = strings.ToLower(scheme)
	if scheme == "file" {
		return openFile(location)
	}
	open := opener(scheme)
	if open == nil {
		if p := packages[scheme]; p != "" {
			return nil, fault.New(fault.StorageURL, "%s: programs that use %s:// call Register of package %q, which this one does not", redacted(location), scheme, p)
		}
		return nil, fault.New(fault.StorageURL, "%s: there is no storage for %s://", redacted(location), scheme)
	}
	u, err := parse(location)
	if err != nil {
		return nil, err
	}
	return open(u)
}

// Parameters cuts a location, as Open takes it, in front of a URL's parameters, which begin with a question mark, if there are any. In a path a question mark is like any other character.
func Parameters(location string) (where, parameters string) {
	if i := strings.IndexByte(location, '?'); i >= 0 && (strings.Contains(location[:i], "://") || strings.HasPrefix(location, "file:/")) {
		return location[:i], location[i:]
	}
	return location, ""
}

// Below is the location of a folder of another one, with the same parameters.
func Below(location, folder string) string {
	where, parameters := Parameters(location)
	return strings.TrimSuffix(where, "/") + "/" + folder + parameters
}

func openFile(location string) (Storage, error) {
	u, err := parse(location)
	if err != nil {
		return nil, err
	}
	if u.Host != "" && u.Host != "localhost" {
		return nil, fault.New(fault.StorageURL, "%s: %q is taken for a host; a local path has three slashes, as file:///%s%s", location, u.Host, u.Host, u.Path)
	}
	if u.Path == "" {
		return nil, fault.New(fault.StorageURL, "%s has no path", location)
	}
	var o LocalOptions
	for k, v := range u.Query() {
		on, err := strconv.ParseBool(v[0])
		switch {
		case len(v) == 1 && err == nil && k == "sync":
			o.NoSync = !on
		case len(v) == 1 && err == nil && k == "direct":
			o.NoDirect = !on
		default:
			return nil, fault.New(fault.StorageURL, "%s: %s=%s is not understood; the parameters of file:// are sync and direct, true or false", location, k, strings.Join(v, ","))
		}
	}
	return OpenLocalWith(u.Path, o)
}

func parse(location string) (*url.URL, error) {
	u, err := url.Parse(location)
	if err == nil {
		_, err = url.ParseQuery(u.RawQuery)
	}
	if err != nil {
		return nil, fault.New(fault.StorageURL, "%s is not a URL: %s", redacted(location), cause(err))
	}
	if u.Fragment != "" {
		return nil, fault.New(fault.StorageURL, "%s: write %%23 for # in a URL", redacted(location))
	}
	return u, nil
}

// cause leaves out the location, which errors of package url repeat.
func cause(err error) error {
	if e, ok := err.(*url.Error); ok {
		return e.Err
	}
	return err
}

// redacted hides what might be a password: all in front of an @.
func redacted(location string) string {
	scheme, rest, _ := strings.Cut(location, "://")
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = "***" + rest[i:]
	}
	return scheme + "://" + rest
}

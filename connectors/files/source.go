package files

import (
	"context"
	"os"

	"github.com/weirstream/weir/connector"
)

// Lines returns a source of the lines of files.
func Lines(o Options) connector.Source[string] { return source{o.filled()} }

type source struct{ o Options }

var _ connector.Checker = source{}

func (s source) Boundedness() connector.Boundedness {
	if s.o.Watch {
		return connector.ContinuousUnbounded
	}
	return connector.Bounded
}

// checkOpen is how many files Check opens to see whether they can be read: enough to find a wrong owner, few enough to start at once on a large directory.
const checkOpen = 1000

// Check reports a malformed glob, what does not exist, and files that cannot be opened.
func (s source) Check(ctx context.Context) error {
	if err := s.o.validate(); err != nil {
		return err
	}
	all, err := list(ctx, s.o)
	if err != nil {
		return err
	}
	for _, f := range all[:min(len(all), checkOpen)] {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		file, err := os.Open(f.path)
		if err != nil {
			return unreadable(f.path, err)
		}
		if err := file.Close(); err != nil {
			return unreadable(f.path, err)
		}
	}
	return nil
}

func (s source) NewEnumerator(ctx connector.EnumeratorContext, restored []byte) (connector.Enumerator, error) {
	if err := s.o.validate(); err != nil {
		return nil, err
	}
	return newEnumerator(s.o, ctx, restored)
}

func (s source) NewReader(ctx connector.ReaderContext) (connector.Reader[string], error) {
	return &reader{intake: intake{ctx: ctx}, o: s.o}, nil
}

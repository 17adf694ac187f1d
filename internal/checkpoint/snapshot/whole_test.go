package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/pages"
)

// evenFile is a file that notes what it is given, and which of it was a whole block.
type evenFile struct {
	bytes.Buffer
	uneven int // writes of anything else
	fails  int // the write, from 1, that fails; 0 for none
	writes int
}

func (f *evenFile) Write(p []byte) (int, error) {
	if f.writes++; f.writes == f.fails {
		return 0, errors.New("disk full")
	}
	if len(p) != blockBytes || uintptr(unsafe.Pointer(unsafe.SliceData(p)))%(64<<10) != 0 {
		f.uneven++
	}
	return f.Buffer.Write(p)
}

func (f *evenFile) Close() error { return nil }
func (f *evenFile) Abort()       {}

// TestWholeBlocks writes segments of all sizes beside a slice: they are found where their offsets say, the file gets whole blocks and one rest, and no page is left, also when a write fails.
func TestWholeBlocks(t *testing.T) {
	for seed := range uint64(24) {
		for _, compress := range []bool{false, true} {
			t.Run(fmt.Sprintf("seed=%d/compress=%v", seed, compress), func(t *testing.T) { testWholeBlocks(t, seed, compress) })
		}
	}
}

func testWholeBlocks(t *testing.T, seed uint64, compress bool) {
	before := pages.Stats().InUse
	defer func() {
		if after := pages.Stats().InUse; after != before {
			t.Errorf("%d bytes of pages are in use after the test, %d before it", after, before)
		}
	}()
	rng := rand.New(rand.NewPCG(seed, 1))
	f := &evenFile{}
	if seed%4 == 3 {
		f.fails = 1 + rng.IntN(4)
	}
	inline := []int{0, 1000, 3 * blockBytes}[rng.IntN(3)]
	w := NewWriter(t.Context(), Options{Name: "f", Inline: inline, Compress: compress, Create: func(context.Context, string) (File, error) { return f, nil }})
	var segments []*manifest.Segment
	var contents [][]byte
	total := int64(0)
	err := func() error {
		for range 1 + rng.IntN(40) {
			p := make([]byte, rng.IntN(1+3*blockBytes>>rng.IntN(22)))
			if rng.IntN(8) == 0 && total < blockBytes { // to the end of the block, or nearly so
				p = make([]byte, max(blockBytes-len(header)-int(total)+rng.IntN(3)-1, 0))
			}
			for i := 0; i < len(p); i += 1 + rng.IntN(16) {
				p[i] = byte(rng.Int())
			}
			s, err := w.Chunks(p, 1)
			if err != nil {
				return err
			}
			segments, contents = append(segments, s), append(contents, p)
			total += s.Length
		}
		return nil
	}()
	written, isFile := int64(0), false
	if err == nil {
		written, isFile, err = w.Close()
	}
	if w.Abort(); err != nil {
		if f.fails == 0 || f.writes < f.fails {
			t.Fatal(err)
		}
		return
	}
	if isFile != (total > int64(inline)) {
		t.Fatalf("%d bytes are in a file: %v", total, isFile)
	}
	if isFile {
		total += int64(len(header))
	}
	if written != total || isFile && int64(f.Len()) != total || isFile && string(f.Bytes()[:len(header)]) != header {
		t.Fatalf("%d bytes were written, the file has %d, want %d", written, f.Len(), total)
	}
	if f.uneven > 1 {
		t.Errorf("%d of %d writes were no whole blocks", f.uneven, f.writes)
	}
	var u unpacker
	defer u.close()
	for i, s := range segments {
		data := s.Data
		if isFile {
			data = f.Bytes()[s.Offset:][:s.Length]
		}
		got, err := u.unpack(s, data)
		if err != nil || !bytes.Equal(got, contents[i]) {
			t.Fatalf("segment %d: %d bytes, want %d: %v", i, len(got), len(contents[i]), err)
		}
	}
}

package sequence

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
)

// span is a share of the numbers: base, base+step and so on, total of them, of which the first done were emitted.
type span struct {
	id          string
	base, step  int64
	done, total uint64
}

func (s *span) at(n uint64) int64 { return s.base + int64(n)*s.step }

const spanVersion = 1

func (s *span) encode() connector.Split {
	b := []byte{spanVersion}
	b = binary.AppendVarint(b, s.base)
	b = binary.AppendVarint(b, s.step)
	b = binary.AppendUvarint(b, s.done)
	b = binary.AppendUvarint(b, s.total)
	return connector.Split{ID: s.id, State: b}
}

func decodeSpan(c connector.Split) (*span, error) {
	b := c.State
	damaged := fault.New(fault.TypeDecode, "the state of sequence split %q is damaged", c.ID)
	if len(b) == 0 || b[0] != spanVersion {
		return nil, damaged
	}
	b = b[1:]
	s := &span{id: c.ID}
	for _, v := range []*int64{&s.base, &s.step} {
		x, n := binary.Varint(b)
		if n <= 0 {
			return nil, damaged
		}
		*v, b = x, b[n:]
	}
	for _, v := range []*uint64{&s.done, &s.total} {
		x, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, damaged
		}
		*v, b = x, b[n:]
	}
	if s.step <= 0 || s.done > s.total || len(b) > 0 {
		return nil, damaged
	}
	return s, nil
}

// contiguous cuts the numbers from first to last into n spans of nearly the same size, leaving out empty ones.
func contiguous(first, last int64, n int) []connector.Split {
	if first > last {
		return nil
	}
	if first == math.MinInt64 && last == math.MaxInt64 && n == 1 {
		n = 2 // one number more than a uint64 counts
	}
	size := uint64(last) - uint64(first) // one less than there are
	var splits []connector.Split
	for k := range uint64(n) {
		from, to := portion(size, k, uint64(n)), portion(size, k+1, uint64(n))
		if k == uint64(n)-1 {
			to = size + 1
		}
		// In the one case where size+1 is 2^64, to is 0, and the difference right all the same.
		if from != to {
			s := span{id: "part-" + strconv.FormatUint(k, 10), base: int64(uint64(first) + from), step: 1, total: to - from}
			splits = append(splits, s.encode())
		}
	}
	return splits
}

// portion returns (size+1)*k/n for k < n, without overflow.
func portion(size, k, n uint64) uint64 {
	if k >= n {
		return 0
	}
	hi, lo := bits.Mul64(size, k)
	lo, carry := bits.Add64(lo, k, 0)
	q, _ := bits.Div64(hi+carry, lo, n)
	return q
}

// dealt deals count numbers from 0 on out to n spans in turn.
func dealt(count int64, n int) []connector.Split {
	var splits []connector.Split
	for k := range int64(n) {
		if k < count {
			s := span{id: "share-" + strconv.FormatInt(k, 10), base: k, step: int64(n), total: uint64((count-1-k)/int64(n) + 1)}
			splits = append(splits, s.encode())
		}
	}
	return splits
}

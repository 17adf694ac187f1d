package pages

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/weirstream/weir/internal/buildtags"
	"github.com/weirstream/weir/internal/invariants"
)

// vecModel is a Vec beside a slice that has the first and the last word of each row.
type vecModel struct {
	t     *testing.T
	v     *Vec
	rows  [][2]uint64
	snaps []vecFrozen
	// base is what the pool had in use before.
	base    int64
	account *Account
}

type vecFrozen struct {
	s    *VecSnapshot
	rows [][2]uint64
}

func words(b []byte) [2]uint64 {
	return [2]uint64{binary.NativeEndian.Uint64(b), binary.NativeEndian.Uint64(b[len(b)-8:])}
}

func (m *vecModel) write(i uint32, x uint64) {
	b := bytesAt(m.v.Edit(i), m.v.Width())
	if got := words(b); got != m.rows[i] {
		m.t.Fatalf("row %d is %d before it is written, want %d", i, got, m.rows[i])
	}
	binary.NativeEndian.PutUint64(b, x)
	binary.NativeEndian.PutUint64(b[len(b)-8:], ^x)
	m.rows[i] = words(b)
}

func (m *vecModel) append() {
	i := m.v.Append()
	if int(i) != len(m.rows) || int(m.v.Len()) != len(m.rows)+1 {
		m.t.Fatalf("append gives row %d of %d, want %d", i, m.v.Len(), len(m.rows))
	}
	if !allZero(bytesAt(m.v.At(i), m.v.Width())) {
		m.t.Fatalf("row %d is not zero", i)
	}
	m.rows = append(m.rows, [2]uint64{})
}

func (m *vecModel) check() {
	for i, want := range m.rows {
		if got := words(bytesAt(m.v.At(uint32(i)), m.v.Width())); got != want {
			m.t.Fatalf("row %d is %d, want %d", i, got, want)
		}
	}
	// Pages are the only thing in use, so that both counts agree at all times.
	if used, inUse := m.account.Used(), Stats().InUse-m.base; used != inUse {
		m.t.Fatalf("%d bytes counted, %d in use", used, inUse)
	}
	var snaps []*frozen
	for _, f := range m.snaps {
		snaps = append(snaps, &f.s.frozen)
	}
	checkRetired(m.t, &m.v.table, snaps)
	live := int64(0)
	for p := range m.v.pages {
		live += int64(m.v.pageBytes(p))
	}
	if retired := m.account.Retired(); retired != m.account.Used()-live {
		m.t.Fatalf("%d bytes retired of %d, %d are live", retired, m.account.Used(), live)
	}
}

func (f vecFrozen) check(t *testing.T, width int) {
	if int(f.s.Len()) != len(f.rows) {
		t.Errorf("a snapshot has %d rows, want %d", f.s.Len(), len(f.rows))
		return
	}
	for i, want := range f.rows {
		if got := words(bytesAt(f.s.At(uint32(i)), width)); got != want {
			t.Errorf("row %d of a snapshot is %d, want %d", i, got, want)
			return
		}
	}
}

func (m *vecModel) release(k int) {
	f := m.snaps[k]
	f.check(m.t, m.v.Width())
	f.s.Release()
	f.s.Release()
	m.snaps = slices.Delete(m.snaps, k, k+1)
}

func TestVec(t *testing.T) {
	for _, width := range []int{8, 24, 40, 56, 1000, 5000, 16384, 20000, 32768, 40008, 300000} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("width=%d/seed=%d", width, seed), func(t *testing.T) { testVec(t, width, seed) })
		}
	}
}

func testVec(t *testing.T, width int, seed uint64) {
	returned(t)
	r := newRand(seed)
	m := &vecModel{t: t, base: Stats().InUse, account: NewAccount("test", 0, nil)}
	m.v = NewVec(width, m.account)
	if seed%2 == 1 {
		m.v.gen = math.MaxUint32 - 5 // generations run out
	}
	burst := 2*vecPage/width + 3
	rounds := 400
	if buildtags.Race {
		rounds = 100
	}
	for range rounds {
		switch n, op := len(m.rows), r.IntN(20); {
		case op < 5 && n*width < 1<<20:
			for range r.IntN(burst) + 1 {
				m.append()
				if r.IntN(2) == 0 {
					m.write(uint32(len(m.rows)-1), r.Uint64())
				}
			}
		case op < 12 && n > 0:
			for range r.IntN(5) + 1 {
				m.write(uint32(r.IntN(n)), r.Uint64())
			}
		case op < 15 && len(m.snaps) < 6:
			m.snaps = append(m.snaps, vecFrozen{s: m.v.Freeze(), rows: slices.Clone(m.rows)})
		case op < 18 && len(m.snaps) > 0:
			m.release(r.IntN(len(m.snaps)))
		case op == 19 && r.IntN(10) == 0:
			m.v.Reset()
			m.rows = m.rows[:0]
		}
		if r.IntN(8) == 0 {
			m.check()
		}
	}
	for _, f := range m.snaps {
		f.check(t, width)
	}
	m.check()
	m.v.Close()
	m.v.Close()
	for len(m.snaps) > 0 {
		m.release(r.IntN(len(m.snaps)))
	}
	if used, retired := m.account.Used(), m.account.Retired(); used != 0 || retired != 0 {
		t.Errorf("%d bytes are counted at the end, %d retired", used, retired)
	}
}

// TestVecEditStays holds the address of one row while its neighbour is edited after a snapshot.
func TestVecEditStays(t *testing.T) {
	returned(t)
	v := NewVec(8, nil)
	defer v.Close()
	v.Append()
	s := v.Freeze()
	defer s.Release()
	a := v.Edit(v.Append())
	v.Edit(0)
	*(*uint64)(a) = 7
	if got := *(*uint64)(v.At(1)); got != 7 {
		t.Errorf("the row is %d, want 7", got)
	}
}

// TestVecCopies counts pages: only what is written while a snapshot needs it is copied, and only once.
func TestVecCopies(t *testing.T) {
	returned(t)
	a := NewAccount("test", 0, nil)
	v := NewVec(24, a)
	for range 10 * 1024 {
		v.Append()
	}
	const page = 24 << 10
	want := func(pages int64, when string) {
		t.Helper()
		if a.Used() != pages*page {
			t.Errorf("%s: %d bytes, want %d pages of %d", when, a.Used(), pages, page)
		}
	}
	want(10, "filled")
	s1 := v.Freeze()
	v.At(0)
	want(10, "frozen and read")
	for range 3 {
		v.Edit(0)
		v.Edit(1023)
	}
	want(11, "one page edited")
	s2 := v.Freeze()
	s3 := v.Freeze()
	if &s2.pages[0] != &s3.pages[0] {
		t.Error("two equal snapshots have two tables")
	}
	v.Edit(0)
	want(12, "the page edited again")
	s2.Release()
	want(12, "the middle snapshot released")
	s1.Release()
	want(11, "the old snapshot released")
	v.Edit(2000)
	want(12, "another page edited")
	s3.Release()
	want(10, "all snapshots released")
	s4 := v.Freeze()
	s4.Release()
	v.Edit(0)
	want(10, "edited after a released snapshot")
	v.Append()
	want(11, "a page added")
	v.Close()
	want(0, "closed")
}

// TestVecSmall says what few rows cost.
func TestVecSmall(t *testing.T) {
	returned(t)
	a := NewAccount("test", 0, nil)
	v := NewVec(24, a)
	defer v.Close()
	if a.Used() != 0 {
		t.Errorf("no row costs %d bytes", a.Used())
	}
	for n := int64(1); n <= 1024; n++ {
		v.Append()
		if used := a.Used(); used > max(256, 2*24*n+256) {
			t.Errorf("%d rows cost %d bytes", n, used)
		}
	}
}

// TestVecReaders reads snapshots in other goroutines while the owner goes on.
func TestVecReaders(t *testing.T) {
	returned(t)
	r := newRand(1)
	v := NewVec(24, nil)
	var rows [][2]uint64
	var wg sync.WaitGroup
	for range 30 {
		for range 200 {
			i := v.Append()
			rows = append(rows, [2]uint64{uint64(i), 0})
			*(*uint64)(v.Edit(i)) = uint64(i)
		}
		f := vecFrozen{s: v.Freeze(), rows: slices.Clone(rows)}
		wg.Go(func() {
			f.check(t, 24)
			f.s.Release()
		})
		for range 300 {
			i := uint32(r.IntN(len(rows)))
			x := r.Uint64()
			*(*uint64)(v.Edit(i)) = x
			rows[i][0] = x
		}
	}
	v.Close()
	wg.Wait()
}

func TestVecMisuse(t *testing.T) {
	mustPanic(t, "width 0", func() { NewVec(0, nil) })
	mustPanic(t, "width 12", func() { NewVec(12, nil) })
	mustPanic(t, "width of 2 GiB", func() { NewVec(maxObject+8, nil) })
	v := NewVec(8, nil)
	v.Append()
	s := v.Freeze()
	s.Release()
	mustPanic(t, "read after release", func() { s.At(0) })
	if invariants.Enabled {
		mustPanic(t, "behind the last row", func() { v.At(1) })
	}
	v.Close()
	mustPanic(t, "read after close", func() { v.At(0) })
}

package codec

import (
	"reflect"
	"time"
	"unsafe"
)

var timeType = reflect.TypeFor[time.Time]()

// zones are the zones of whole quarters of an hour that lie within 15 hours of UTC, so that decoding need not make one.
var zones = func() (z [121]*time.Location) {
	for i := range z {
		z[i] = time.FixedZone("", (i-60)*900)
	}
	return z
}()

// zone returns the zone so many seconds east of UTC.
func zone(offset int) *time.Location {
	switch {
	case offset == 0:
		return time.UTC
	case offset%900 == 0 && -60*900 <= offset && offset <= 60*900:
		return zones[offset/900+60]
	}
	return time.FixedZone("", offset)
}

// time compiles time.Time: seconds since 1970, nanoseconds, and the offset of the zone in seconds, which is 0 in keys.
func (c *compiler) time(n *node) {
	n.least = 3
	key := c.key
	n.enc = func(dst []byte, p unsafe.Pointer, _ int) ([]byte, error) {
		t := (*time.Time)(p)
		dst = appendVarint(dst, t.Unix())
		dst = appendUvarint(dst, uint64(t.Nanosecond()))
		offset := 0
		if !key && t.Location() != time.UTC {
			if _, offset = t.Zone(); int(int32(offset)) != offset {
				offset = 0 // no zone on earth: only the instant is kept
			}
		}
		return appendVarint(dst, int64(offset)), nil
	}
	n.dec = func(src []byte, p unsafe.Pointer, _ int) ([]byte, error) {
		sec, rest, err := varint(src)
		if err != nil {
			return nil, err
		}
		nano, rest, err := uvarint(rest)
		if err != nil {
			return nil, err
		}
		if nano >= 1e9 {
			return nil, corrupt(src, "a time has more than 999999999 nanoseconds")
		}
		offset, rest, err := varint(rest)
		if err != nil {
			return nil, err
		}
		if int64(int32(offset)) != offset {
			return nil, corrupt(src, "the zone of a time is out of range")
		}
		*(*time.Time)(p) = time.Unix(sec, int64(nano)).In(zone(int(offset)))
		return rest, nil
	}
}

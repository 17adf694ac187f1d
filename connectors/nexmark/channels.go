package nexmark

import (
	"encoding/binary"
	"strconv"

	"github.com/weirstream/weir/column"
)

// channelTable is the channels with their urls, the hot ones first, in 8 bytes each: half of all bids take any of them, so the table should leave the caches to others.
type channelTable struct {
	packed [hotChannels + cold]packedChannel
	// names are the views of the hot channels' names but for their lengths, and of what the names of all cold ones begin with.
	names [hotChannels + 1]column.View
	// url is the view of an url but for its length and its offset.
	url     column.View
	buffers [][]byte
}

// packedChannel is what tells a channel from others: the digits of a cold one, as text, and in url the length of the name in 4 bits, the length of the url in 7 and above that the offset of the url.
type packedChannel struct{ digits, url uint32 }

const hotChannels = 4

// views returns the views of a channel's name and url.
func (t *channelTable) views(channel uint32) (name, url column.View) {
	p, kind := t.packed[channel], min(channel, hotChannels)
	name, url = t.names[kind], t.url
	name.Head |= uint64(p.url & 15)
	name.Tail |= uint64(p.digits) << 32
	url.Head |= uint64(p.url >> 4 & 127)
	url.Tail |= uint64(p.url>>11) << 32
	return name, url
}

// channels are drawn once, from a generator seeded with the number of channels' seeds.
var channels = makeChannels()

func makeChannels() *channelTable {
	const coldName, begin = "channel-", "https://www.nexmark.com/"
	t := new(channelTable)
	r := seeded(channelSeed)
	var urls []byte
	for i, name := range [...]string{"Google", "Facebook", "Baidu", "Apple", coldName} {
		t.names[i] = column.MakeView([]byte(name), 0, 0)
		t.names[i].Head &^= 1<<32 - 1
	}
	for i := range t.packed {
		from := len(urls)
		urls = append(urls, begin...)
		for range 3 {
			urls = append(r.text(urls, 5, '_'), '/')
		}
		urls = append(urls, "item.htm?query=1"...)
		p := &t.packed[i]
		if i < hotChannels {
			p.url = uint32([...]int{len("Google"), len("Facebook"), len("Baidu"), len("Apple")}[i])
		} else {
			if r.below(10) > 0 {
				urls = append(urls, "&channel_id="...)
				urls = strconv.AppendInt(urls, int64(reversed(int32(i-hotChannels))), 10)
			}
			var digits [4]byte
			n := copy(digits[:], strconv.Itoa(i-hotChannels))
			p.digits, p.url = binary.LittleEndian.Uint32(digits[:]), uint32(len(coldName)+n)
		}
		p.url |= uint32(len(urls)-from)<<4 | uint32(from)<<11
	}
	t.url = column.MakeView([]byte(begin), 0, 0)
	t.url.Head &^= 1<<32 - 1
	t.buffers = [][]byte{urls}
	return t
}

// reversed is the absolute value of i with its bits in reverse order; that of the least number is itself, as in Java.
func reversed(i int32) int32 {
	var out int32
	for range 32 {
		out = out<<1 | i&1
		i >>= 1
	}
	if out < 0 {
		out = -out
	}
	return out
}

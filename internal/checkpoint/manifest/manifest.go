package manifest

import (
	"encoding/binary"
	"slices"

	"github.com/zeebo/xxh3"
	"google.golang.org/protobuf/proto"

	"github.com/weirstream/weir/fault"
)

// A manifest's file is: "WEIRCKPT", the version as 4 bytes, the length of the message as 8 bytes and its XXH3 checksum as 8 bytes, all little-endian, and the message.
const (
	magic      = "WEIRCKPT"
	version    = 3 // 1 has no tables, 1 and 2 no channels with segments
	headerSize = len(magic) + 4 + 8 + 8
)

// FileName is the name of a manifest's file in the folder of its checkpoint, as Flink has it.
const FileName = "_metadata"

// Encode returns the content of the manifest's file.
func Encode(m *Manifest) ([]byte, error) {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fault.New(fault.InternalInvariant, "a manifest cannot be encoded: %w", err)
	}
	b := make([]byte, 0, headerSize+len(body))
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint32(b, m.version())
	b = binary.LittleEndian.AppendUint64(b, uint64(len(body)))
	b = binary.LittleEndian.AppendUint64(b, xxh3.Hash(body))
	return append(b, body...), nil
}

// version is the lowest that has all that is in the manifest, so that programs of before read what they can.
func (m *Manifest) version() uint32 {
	lowest := uint32(1)
	for _, op := range m.Operators {
		for _, sub := range op.Subtasks {
			if sub.inFlight() {
				return version
			}
			for _, sp := range sub.Spaces {
				if len(sp.Tables) > 0 {
					lowest = 2
				}
			}
		}
	}
	return lowest
}

// inFlight reports whether records were on their way to the subtask.
func (s *Subtask) inFlight() bool {
	return slices.ContainsFunc(s.Channels, func(c *Channel) bool { return len(c.Segments) > 0 })
}

// Decode is the inverse of Encode. name is that of the file, for errors: checkpoint.damaged, or checkpoint.newer-version.
func Decode(name string, b []byte) (*Manifest, error) {
	damaged := func(format string, args ...any) error {
		return fault.New(fault.CheckpointDamaged, "%s: "+format, append([]any{name}, args...)...)
	}
	if len(b) < headerSize || string(b[:len(magic)]) != magic {
		return nil, damaged("this is not the manifest of a checkpoint, or it is cut short")
	}
	if v := binary.LittleEndian.Uint32(b[len(magic):]); v > version {
		return nil, fault.New(fault.CheckpointNewer, "%s is of version %d, this program reads up to %d", name, v, version)
	} else if v == 0 {
		return nil, damaged("the version is 0")
	}
	size, sum := binary.LittleEndian.Uint64(b[len(magic)+4:]), binary.LittleEndian.Uint64(b[len(magic)+12:])
	body := b[headerSize:]
	if uint64(len(body)) != size {
		return nil, damaged("%d bytes are there, %d were written", len(body), size)
	}
	if got := xxh3.Hash(body); got != sum {
		return nil, damaged("the checksum is %016x, and was %016x when it was written", got, sum)
	}
	m := &Manifest{}
	if err := proto.Unmarshal(body, m); err != nil {
		return nil, damaged("%w", err)
	}
	if v := binary.LittleEndian.Uint32(b[len(magic):]); v < m.version() {
		return nil, damaged("the version is %d, and something in it is of version %d", v, m.version())
	}
	return m, nil
}

// EncodeTask and DecodeTask are for the state of a task on its way to the job manager and back.
func EncodeTask(t *TaskState) ([]byte, error) { return proto.Marshal(t) }

// DecodeTask is the inverse of EncodeTask.
func DecodeTask(b []byte) (*TaskState, error) {
	t := &TaskState{}
	if err := proto.Unmarshal(b, t); err != nil {
		return nil, fault.New(fault.InternalInvariant, "the state of a task cannot be read: %w", err)
	}
	return t, nil
}

// EachFile calls yield for each data file of the job's storage that the manifest refers to, once for each segment.
func (m *Manifest) EachFile(yield func(file string)) {
	if m.Root != "" {
		return
	}
	segment := func(all []*Segment) {
		for _, s := range all {
			if s.File != "" {
				yield(s.File)
			}
		}
	}
	for _, op := range m.Operators {
		for _, sub := range op.Subtasks {
			for _, sp := range sub.Spaces {
				for _, g := range sp.Groups {
					segment(g.Segments)
				}
				for _, t := range sp.Tables {
					yield(t.File)
				}
			}
			for _, c := range sub.Channels {
				segment(c.Segments)
			}
		}
	}
}

// Empty reports whether the operator has no state that a program without it would lose.
func (o *Operator) Empty() bool {
	if o.HasEnumerator {
		return false
	}
	for _, s := range o.Subtasks {
		for _, sp := range s.Spaces {
			if len(sp.Groups)+len(sp.Tables) > 0 {
				return false
			}
		}
		for _, l := range s.Lists {
			if len(l.Elements) > 0 {
				return false
			}
		}
		if len(s.Splits)+len(s.WriterStates)+len(s.Committables) > 0 || s.inFlight() {
			return false
		}
	}
	return true
}

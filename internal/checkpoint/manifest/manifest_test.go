package manifest

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/weirstream/weir/fault"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

// small is a manifest with something in each message and field.
func small() *Manifest {
	return &Manifest{
		Id: 7, Kind: "checkpoint", Job: "job-1", JobName: "words", Created: 1700000000000, GraphHash: "abc", WeirVersion: "0.1",
		Operators: []*Operator{
			{Uid: "src", Name: "Source: lines", Parallelism: 1, MaxParallelism: 128, Enumerator: []byte{1, 2}, HasEnumerator: true, Subtasks: []*Subtask{{
				Splits: []*Split{{Id: "a.txt", State: []byte("off=12")}}, Watermark: -5, EmittedWatermark: -6, HasWatermark: true,
			}}},
			{Uid: "sum", Name: "sum", Parallelism: 2, MaxParallelism: 128, Subtasks: []*Subtask{
				{
					Spaces: []*Space{{
						Name: "keyed", Words: 1, Bytes: true, KeySchema: "string",
						Cells: []*Cell{{Name: "n", Kind: "map", Schema: "int64", KeySchema: "string", Ttl: true, KeyWords: 1, KeyBytes: true}},
						Groups: []*Group{{Group: 3, Segments: []*Segment{
							{File: "chk-6/sum-0", Offset: 16, Length: 30, Checksum: 0x0123456789abcdef, Entries: 2, Compression: "zstd", RawLength: 40, Checkpoint: 6},
							{Data: []byte("inline"), Length: 6, Entries: 1, Changes: true, Checkpoint: 7},
						}}},
					}},
					Lists:    []*OperatorList{{Name: "seen", Mode: "union", Schema: "string", Elements: [][]byte{[]byte("x"), {}}}},
					Channels: []*Channel{{Input: 1, From: 2, Segments: []*Segment{{File: "chk-7/sum-0"}}, Watermark: 9, Idle: true, HasWatermark: true}},
				},
				{Index: 1, Finished: true, WriterStates: [][]byte{{8}}, Committables: [][]byte{{9}}},
			}},
		},
	}
}

func encoded(t *testing.T, m *Manifest) []byte {
	t.Helper()
	b, err := Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeIsTheInverseOfEncode(t *testing.T) {
	for _, m := range []*Manifest{{}, {Id: 1}, small()} {
		b := encoded(t, m)
		got, err := Decode("chk-7/_metadata", b)
		if err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(got, m) {
			t.Errorf("decoded\n%v\nfrom\n%v", got, m)
		}
		if !bytes.Equal(encoded(t, got), b) {
			t.Errorf("the bytes are not the same the second time")
		}
	}
}

// A program must go on reading what earlier ones have written: a change of this file needs another version, or fields that old manifests do not have.
func TestGolden(t *testing.T) {
	const file = "testdata/small.hex"
	if *rewrite {
		if err := os.WriteFile(file, []byte(hex.Dump(encoded(t, small()))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.Dump(encoded(t, small())); got != string(want) {
		t.Errorf("%s has\n%s\nbut a manifest is written as\n%s", file, want, got)
	}
	m, err := Decode(file, undump(t, string(want)))
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(m, small()) {
		t.Errorf("%s is read as\n%v", file, m)
	}
}

// undump is the inverse of hex.Dump.
func undump(t *testing.T, text string) []byte {
	t.Helper()
	var all []byte
	for line := range strings.Lines(text) {
		digits, _, _ := strings.Cut(line, "|")
		for _, f := range strings.Fields(digits)[1:] {
			b, err := hex.DecodeString(f)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b...)
		}
		if len(all)%16 != 0 {
			break
		}
	}
	return all
}

func TestDamageIsRefused(t *testing.T) {
	whole := encoded(t, small())
	refused := func(what string, b []byte, code fault.Code) {
		t.Helper()
		m, err := Decode("chk-7/_metadata", b)
		if m != nil || fault.CodeOf(err) != code {
			t.Errorf("%s: %v, want the code %s", what, err, code)
		} else if !strings.Contains(err.Error(), "chk-7/_metadata") {
			t.Errorf("%s: the file is not named: %v", what, err)
		}
	}
	for n := range whole {
		refused("cut", whole[:n], fault.CheckpointDamaged)
	}
	refused("a byte more", append(slices.Clone(whole), 0), fault.CheckpointDamaged)
	for bit := range 8 * len(whole) {
		b := slices.Clone(whole)
		b[bit/8] ^= 1 << (bit % 8)
		code := fault.CheckpointDamaged
		if i := bit / 8; i >= len(magic) && i < len(magic)+4 && bit > 8*len(magic)+1 { // version 3 becomes a higher one, or by its lowest bits 2 or 1, which do not know all that is in it
			code = fault.CheckpointNewer
		}
		refused("a flipped bit", b, code)
	}
}

func TestEachFile(t *testing.T) {
	var got []string
	small().EachFile(func(file string) { got = append(got, file) })
	if want := []string{"chk-6/sum-0", "chk-7/sum-0"}; !slices.Equal(got, want) {
		t.Errorf("the files are %q, want %q", got, want)
	}
}

func TestEmpty(t *testing.T) {
	for _, c := range []struct {
		what  string
		op    *Operator
		empty bool
	}{
		{"nothing", &Operator{}, true},
		{"an enumerator without state", &Operator{HasEnumerator: true}, false},
		{"a finished subtask", &Operator{Subtasks: []*Subtask{{Finished: true, HasWatermark: true, Watermark: 3}}}, true},
		{"declared states", &Operator{Subtasks: []*Subtask{{Spaces: []*Space{{Name: "s"}}, Lists: []*OperatorList{{Name: "l"}}}}}, true},
		{"keys", &Operator{Subtasks: []*Subtask{{Spaces: []*Space{{Groups: []*Group{{}}}}}}}, false},
		{"elements", &Operator{Subtasks: []*Subtask{{Lists: []*OperatorList{{Elements: [][]byte{{}}}}}}}, false},
		{"splits", &Operator{Subtasks: []*Subtask{{}, {Splits: []*Split{{}}}}}, false},
		{"writer states", &Operator{Subtasks: []*Subtask{{WriterStates: [][]byte{{}}}}}, false},
		{"committables", &Operator{Subtasks: []*Subtask{{Committables: [][]byte{{}}}}}, false},
		{"records on their way", &Operator{Subtasks: []*Subtask{{Channels: []*Channel{{Segments: []*Segment{{}}}}}}}, false},
		{"channels with nothing on its way", &Operator{Subtasks: []*Subtask{{Channels: []*Channel{{HasWatermark: true}}}}}, true},
	} {
		if got := c.op.Empty(); got != c.empty {
			t.Errorf("%s: Empty is %v", c.what, got)
		}
	}
}

func TestTaskState(t *testing.T) {
	s := &TaskState{Operators: []*TaskOperator{{Uid: "u", Parts: []*Subtask{{Index: 2}}}}, Finished: true, Written: 3, Files: []string{"f"}, Root: "file:///r"}
	b, err := EncodeTask(s)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeTask(b)
	if err != nil || !proto.Equal(got, s) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := DecodeTask([]byte{0xff}); fault.CodeOf(err) != fault.InternalInvariant {
		t.Errorf("damage is %v", err)
	}
}

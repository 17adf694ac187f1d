package cli

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/statebackend"
)

// stateOf is one state of an operator: a cell of a space, or its keys if it has no cells. parts are the space in each subtask.
type stateOf struct {
	space  string
	cell   *manifest.Cell
	first  *manifest.Space
	parts  []*manifest.Space
	groups int32
}

func statesOf(op *manifest.Operator) (all []stateOf) {
	for _, sub := range op.GetSubtasks() {
		for _, sp := range sub.GetSpaces() {
			cells := sp.GetCells()
			if len(cells) == 0 {
				cells = []*manifest.Cell{nil}
			}
			for _, c := range cells {
				i := slices.IndexFunc(all, func(s stateOf) bool { return s.space == sp.GetName() && s.cell.GetName() == c.GetName() })
				if i < 0 {
					all = append(all, stateOf{space: sp.GetName(), cell: c, first: sp, groups: op.GetMaxParallelism()})
					i = len(all) - 1
				}
				all[i].parts = append(all[i].parts, sp)
			}
		}
	}
	return all
}

// listsOf are the operator lists with the elements of all subtasks; of broadcast state, which is the same in all, those of one.
func listsOf(op *manifest.Operator) (all []*manifest.OperatorList) {
	for _, sub := range op.GetSubtasks() {
		for _, l := range sub.GetLists() {
			i := slices.IndexFunc(all, func(o *manifest.OperatorList) bool { return o.Name == l.GetName() })
			switch {
			case i < 0:
				all = append(all, &manifest.OperatorList{Name: l.GetName(), Mode: l.GetMode(), Schema: l.GetSchema(), Elements: slices.Clone(l.GetElements())})
			case l.GetMode() != statebackend.Broadcast.String() || len(all[i].Elements) == 0:
				all[i].Elements = append(all[i].Elements, l.GetElements()...)
			}
		}
	}
	return all
}

func (s stateOf) kind() string {
	switch {
	case s.cell != nil:
		return s.cell.GetKind()
	case slices.Contains(s.first.GetNamespace(), "time"):
		return "timers"
	}
	return "keys"
}

func (s stateOf) name() string {
	if s.cell == nil {
		return s.space
	}
	return s.cell.GetName()
}

func (s stateOf) label() string {
	if s.cell == nil {
		return s.space
	}
	return s.space + "/" + s.cell.GetName()
}

func (s stateOf) types() string {
	var b strings.Builder
	for _, n := range s.first.GetNamespace() {
		b.WriteString(n + ", ")
	}
	key := s.first.GetKeySchema()
	if key == "" {
		key = "unknown"
	}
	b.WriteString("key " + key)
	if s.cell.GetKeySchema() != "" {
		b.WriteString(", by " + s.cell.GetKeySchema())
	}
	if s.cell != nil {
		b.WriteString(", value " + s.cell.GetSchema())
	}
	if s.cell.GetTtl() {
		b.WriteString(", with a time to live")
	}
	return b.String()
}

// only is a space of a savepoint with the tables of one state.
func only(sp *manifest.Space, state string) *manifest.Space {
	one := &manifest.Space{Name: sp.Name, Words: sp.Words, Bytes: sp.Bytes, KeySchema: sp.KeySchema, Namespace: sp.Namespace, Cells: sp.Cells, Groups: sp.Groups}
	for _, t := range sp.Tables {
		if t.GetState() == state {
			one.Tables = append(one.Tables, t)
		}
	}
	return one
}

// view reads the entries of a state.
type view struct {
	space    *manifest.Space
	cells    []statebackend.StoredCell
	cell     int // -1 for keys alone
	key      *codec.Schema
	keyForm  *codec.SchemaWords // nil if the keys are not known
	mapKey   *codec.Schema
	mapForm  *codec.SchemaWords
	lastKey  string
	lastSeen int
}

func newView(sp *manifest.Space, cell *manifest.Cell) (*view, error) {
	v := &view{space: sp, cell: -1}
	for i, c := range sp.GetCells() {
		kind, ok := statebackend.KindOf(c.GetKind())
		if !ok {
			return nil, fault.New(fault.CheckpointNewer, "state %q is of the unknown kind %q", c.GetName(), c.GetKind())
		}
		v.cells = append(v.cells, statebackend.StoredCell{Name: c.GetName(), Kind: kind, Schema: c.GetSchema(), KeyWords: int(c.GetKeyWords()), KeyBytes: c.GetKeyBytes()})
		if c.GetName() == cell.GetName() {
			v.cell = i
		}
	}
	var err error
	if sp.GetKeySchema() != "" {
		if v.key, v.keyForm, err = keyForm(sp.GetKeySchema()); err != nil {
			return nil, err
		}
		if v.keyForm.N+len(sp.GetNamespace()) != int(sp.GetWords()) {
			v.keyForm = nil
		}
	}
	if cell.GetKeySchema() != "" {
		v.mapKey, v.mapForm, err = keyForm(cell.GetKeySchema())
	}
	return v, err
}

func keyForm(schema string) (*codec.Schema, *codec.SchemaWords, error) {
	s, err := codec.ParseSchema(schema)
	if err != nil {
		return nil, nil, err
	}
	w, err := codec.WordsOf(s)
	return s, w, err
}

// entry is one entry of a state; its slices are good until the next one.
type entry struct {
	view  *view
	group int
	key   []byte
	index int
	part  statebackend.StoredPart
	size  int
}

func (v *view) each(group int, key, payload []byte, yield func(entry) error) error {
	if v.cell < 0 {
		return yield(entry{view: v, group: group, key: key})
	}
	return statebackend.EachPart(v.cells, payload, func(p statebackend.StoredPart) error {
		if p.Cell != v.cell {
			return nil
		}
		if v.lastSeen++; v.lastKey != string(key) {
			v.lastKey, v.lastSeen = string(key), 0
		}
		return yield(entry{v, group, key, v.lastSeen, p, len(p.MapKey) + len(p.Value)})
	})
}

// json returns the entry as a line, and its key.
func (e entry) json() (line []byte, key string, err error) {
	v := e.view
	line = fmt.Appendf(nil, `{"key_group":%d`, e.group)
	rest := e.key
	if v.keyForm != nil {
		for _, n := range v.space.GetNamespace() {
			if len(rest) < 8 {
				return nil, "", fault.New(fault.CheckpointDamaged, "a key of state %q is cut short", v.space.GetName())
			}
			line = fmt.Appendf(line, ",%q:%d", n, int64(binary.BigEndian.Uint64(rest)))
			rest = rest[8:]
		}
	}
	b, err := wordsJSON(v.key, v.keyForm, rest)
	if err != nil {
		return nil, "", err
	}
	line = append(append(line, `,"key":`...), b...)
	if v.cell >= 0 {
		c := v.cells[v.cell]
		if c.Kind == statebackend.ListKind {
			line = fmt.Appendf(line, `,"index":%d`, e.index)
		}
		if c.Kind == statebackend.MapKind {
			mk, err := wordsJSON(v.mapKey, v.mapForm, e.part.MapKey)
			if err != nil {
				return nil, "", err
			}
			line = append(append(line, `,"map_key":`...), mk...)
		}
		if e.part.Timed {
			line = fmt.Appendf(line, `,"renewed":%d`, e.part.Time)
		}
		line = append(line, `,"value":`...)
		if c.Kind == statebackend.RowsKind || c.Kind == statebackend.OrderedKind {
			line = strconv.AppendQuote(line, fmt.Sprintf("%x", e.part.Value))
		} else if line, err = valueJSON(line, c.Schema, e.part.Value); err != nil {
			return nil, "", err
		}
	}
	return append(line, '}', '\n'), string(b), nil
}

// wordsJSON is a key in the form of a store; one that is not known is its bytes.
func wordsJSON(s *codec.Schema, form *codec.SchemaWords, key []byte) ([]byte, error) {
	if form == nil {
		return strconv.AppendQuote(nil, fmt.Sprintf("%x", key)), nil
	}
	damaged := fault.New(fault.CheckpointDamaged, "a key is not of the type %s", s)
	if len(key) < 8*form.N {
		return nil, damaged
	}
	words := make([]uint64, form.N)
	for i := range words {
		words[i] = binary.BigEndian.Uint64(key[8*i:])
	}
	key = key[8*form.N:]
	if form.Bytes {
		n, used := binary.Uvarint(key)
		if used <= 0 || n != uint64(len(key)-used) {
			return nil, damaged
		}
		key = key[used:]
	}
	enc, err := form.Encode(nil, words, key)
	if err != nil {
		return nil, damaged
	}
	b, _, err := codec.AppendJSON(nil, s, enc)
	return b, err
}

func valueJSON(dst []byte, schema string, value []byte) ([]byte, error) {
	s, err := codec.ParseSchema(schema)
	if err != nil {
		return dst, err
	}
	dst, _, err = codec.AppendJSON(dst, s, value)
	return dst, err
}

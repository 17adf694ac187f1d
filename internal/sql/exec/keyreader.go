package exec

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/statebackend"
)

// keyReader reads the keys of a table's groups, whose columns from the given one on are those that stored has.
type keyReader struct {
	table  *statebackend.GroupTable
	stored *Stored
	from   int
	place  column.Vector
}

// read makes v the flat vector of key i of the groups.
func (k *keyReader) read(i int, refs []statebackend.Ref, v *column.Vector) {
	n, form := len(refs), k.stored.shapes[i].Form
	out := v
	if form > column.Text {
		out, form = &k.place, column.Text
	}
	out.Reset(form, n)
	switch col := k.from + i; form {
	case column.Word:
		k.table.ReadKeyWords(col, refs, out.Words[:n])
	case column.Wide:
		k.table.ReadKeyWide(col, refs, out.Wide[:n])
	default:
		own, number := out.Room()
		out.SetRoom(k.table.ReadKeyStrings(col, refs, out.Views[:n], own, number))
	}
	if k.stored.specs[i].Nullable {
		valid := out.AllValid(n)
		if !k.table.ReadKeyValid(k.from+i, refs, valid) {
			out.Valid = nil
		}
	}
	if out != v {
		k.stored.decode(i, out, n, v)
	}
}

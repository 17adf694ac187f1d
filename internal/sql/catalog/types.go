package catalog

import (
	"strconv"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/sqlerr"
	"github.com/weirstream/weir/types"
)

// TypeOf returns the type that a data type of a statement means. What Flink's SQL does not say is as there: nullable, VARCHAR and VARBINARY of any length, CHAR and BINARY of
// one, DECIMAL(10, 0), TIME(0), TIMESTAMP(6). The error is a *sqlerr.Error.
func TypeOf(src *ast.Source, d *ast.DataType) (types.Type, error) {
	t, err := baseType(src, d)
	if err != nil {
		return types.Type{}, err
	}
	if d.Null == ast.NotNull {
		t = t.NotNull()
	}
	return t, nil
}

var plainTypes = map[ast.TypeKind]types.Kind{
	ast.TypeBoolean: types.Boolean, ast.TypeTinyint: types.TinyInt, ast.TypeSmallint: types.SmallInt, ast.TypeInt: types.Int, ast.TypeBigint: types.BigInt,
	ast.TypeFloat: types.Float, ast.TypeDouble: types.Double, ast.TypeDate: types.Date, ast.TypeNull: types.Null, ast.TypeVariant: types.Variant, ast.TypeBitmap: types.Bitmap,
	ast.TypeDescriptor: types.Descriptor,
}

var lengthTypes = map[ast.TypeKind]types.Kind{ast.TypeChar: types.Char, ast.TypeVarchar: types.Varchar, ast.TypeBinary: types.Binary, ast.TypeVarbinary: types.Varbinary}

var timeTypes = map[ast.TypeKind]types.Kind{
	ast.TypeTime: types.Time, ast.TypeTimestamp: types.Timestamp, ast.TypeTimestampLTZ: types.TimestampLTZ, ast.TypeTimestampTZ: types.TimestampTZ,
}

func baseType(src *ast.Source, d *ast.DataType) (types.Type, error) {
	if k, ok := plainTypes[d.Kind]; ok {
		return types.New(k), nil
	}
	if k, ok := lengthTypes[d.Kind]; ok {
		length := 1
		if k == types.Varchar || k == types.Varbinary {
			length = types.MaxLength
		}
		length, err := param(src, d, 0, length, 1, types.MaxLength, "length")
		return types.Of(k, length, 0), err
	}
	if k, ok := timeTypes[d.Kind]; ok {
		precision := 6
		if k == types.Time {
			precision = 0
		}
		precision, err := param(src, d, 0, precision, 0, 9, "precision")
		return types.Of(k, precision, 0), err
	}
	switch d.Kind {
	case ast.TypeString:
		return types.String(), nil
	case ast.TypeBytes:
		return types.Bytes(), nil
	case ast.TypeDecimal:
		precision, err := param(src, d, 0, 10, 1, types.MaxDecimal, "precision")
		if err != nil {
			return types.Type{}, err
		}
		scale, err := param(src, d, 1, 0, 0, precision, "scale")
		return types.DecimalOf(precision, scale), err
	case ast.TypeInterval:
		return IntervalType(d.Interval), nil
	case ast.TypeArray, ast.TypeMultiset:
		elem, err := TypeOf(src, d.Elem)
		if d.Kind == ast.TypeArray {
			return types.ArrayOf(elem), err
		}
		return types.MultisetOf(elem), err
	case ast.TypeMap:
		key, err := TypeOf(src, d.Key)
		if err != nil {
			return types.Type{}, err
		}
		elem, err := TypeOf(src, d.Elem)
		return types.MapOf(key, elem), err
	case ast.TypeRow, ast.TypeStructured:
		fields := make([]types.Field, len(d.Fields))
		seen := map[string]bool{}
		for i, f := range d.Fields {
			t, err := TypeOf(src, f.Type)
			if err != nil {
				return types.Type{}, err
			}
			if seen[f.Name.Name] {
				return types.Type{}, sqlerr.New(fault.SQLSchema, src, f.Name.Span, "two fields of the row are called %q", f.Name.Name)
			}
			seen[f.Name.Name] = true
			fields[i] = types.Field{Name: f.Name.Name, Type: t}
			if f.Comment != nil {
				fields[i].Comment = f.Comment.Value
			}
		}
		if d.Kind == ast.TypeStructured {
			return types.StructuredOf(d.Class.Value, fields...), nil
		}
		return types.RowOf(fields...), nil
	case ast.TypeRaw:
		return types.RawOf(d.Class.Value), nil
	}
	name := string(d.Kind)
	if d.Name != nil {
		name = d.Name.String()
	}
	return types.Type{}, sqlerr.New(fault.SQLUnsupported, src, d.Span, "there is no data type %s", name)
}

// IntervalType is the type of intervals with a qualifier. As in Flink there are only two: months, and seconds with milliseconds.
func IntervalType(q *ast.IntervalQualifier) types.Type {
	if q.From == ast.UnitYear || q.From == ast.UnitMonth || q.From == ast.UnitQuarter {
		return types.IntervalOf(types.Month, 2, 0)
	}
	return types.IntervalOf(types.Second, 2, 3)
}

// param is the number in a place of a type's parentheses.
func param(src *ast.Source, d *ast.DataType, place, missing, from, to int, what string) (int, error) {
	if place >= len(d.Params) {
		return missing, nil
	}
	p := d.Params[place]
	n, err := strconv.Atoi(p.Text)
	if err != nil || n < from || n > to {
		return 0, sqlerr.New(fault.SQLSchema, src, p.Span, "the %s of %s must be between %d and %d", what, d.Kind, from, to)
	}
	return n, nil
}

package types

import "testing"

func TestString(t *testing.T) {
	row := RowOf(Field{Name: "a", Type: New(Int).NotNull()}, Field{Name: "b`c", Type: String(), Comment: "it's"})
	for want, typ := range map[string]Type{
		"BIGINT NOT NULL":                      New(BigInt).NotNull(),
		"STRING":                               String(),
		"VARCHAR(10)":                          Of(Varchar, 10, 0),
		"BYTES NOT NULL":                       Bytes().NotNull(),
		"DECIMAL(10, 2)":                       DecimalOf(10, 2),
		"TIMESTAMP(3) *ROWTIME*":               TimestampOf(3).WithAttribute(Rowtime),
		"TIMESTAMP_LTZ(3) NOT NULL *PROCTIME*": TimestampLTZOf(3).NotNull().WithAttribute(Proctime),
		"ARRAY<INT NOT NULL>":                  ArrayOf(New(Int).NotNull()),
		"MAP<STRING, INT>":                     MapOf(String(), New(Int)),
		"MULTISET<STRING>":                     MultisetOf(String()),
		"ROW<`a` INT NOT NULL, `b``c` STRING 'it''s'>": row,
		"INTERVAL DAY(2) TO SECOND(6)":                 IntervalOf(DayToSecond, 2, 6),
		"INTERVAL YEAR(2) TO MONTH":                    IntervalOf(YearToMonth, 2, 0),
		"TIMESTAMP(6) WITH TIME ZONE":                  Of(TimestampTZ, 6, 0),
	} {
		if typ.String() != want {
			t.Errorf("%s, want %s", typ, want)
		}
	}
	if TimestampOf(3).WithAttribute(Rowtime).SQL() != "TIMESTAMP(3)" {
		t.Error("SQL has the attribute")
	}
}

func TestEqual(t *testing.T) {
	a := RowOf(Field{Name: "a", Type: New(Int)}, Field{Name: "b", Type: ArrayOf(String())})
	b := RowOf(Field{Name: "a", Type: New(Int)}, Field{Name: "b", Type: ArrayOf(String())})
	c := RowOf(Field{Name: "a", Type: New(Int)}, Field{Name: "c", Type: ArrayOf(String())})
	d := RowOf(Field{Name: "a", Type: New(Int)}, Field{Name: "b", Type: ArrayOf(String().NotNull())})
	switch {
	case !a.Equal(b), !a.Same(b.NotNull()), a.Equal(b.NotNull()):
		t.Error("equal types")
	case a.Equal(c), !a.Alike(c):
		t.Error("names of fields")
	case a.Same(d), New(Int).Equal(New(BigInt)), DecimalOf(4, 2).Equal(DecimalOf(4, 3)), ArrayOf(a).Equal(ArrayOf(d)):
		t.Error("different types")
	}
}

func TestChangelog(t *testing.T) {
	if Retracts.String() != "I,UB,UA,D" || AppendOnly.String() != "I" || Upserts.Has(UpdateBefore) || !Retracts.Contains(Upserts) || AppendOnly.Updates() || !Upserts.Updates() {
		t.Error("changelogs")
	}
	if Insert.String()+UpdateBefore.String()+UpdateAfter.String()+Delete.String() != "+I-U+U-D" {
		t.Error("kinds")
	}
}

package fn_test

import (
	"strings"
	"testing"

	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/types"
)

// TestAggregateTypes has the types that Flink 2.3 gives to views of aggregates.
func TestAggregateTypes(t *testing.T) {
	i, ni := types.New(types.Int).NotNull(), types.New(types.Int)
	c, nc := types.DecimalOf(10, 2).NotNull(), types.DecimalOf(20, 8)
	f, d := types.New(types.Float).NotNull(), types.New(types.Double)
	s, v := types.String().NotNull(), types.Of(types.Varchar, 7, 0).NotNull()
	for _, x := range []struct {
		name    string
		args    []types.Type
		grouped string
		alone   string
	}{
		{"COUNT", nil, "BIGINT NOT NULL", "BIGINT NOT NULL"}, {"COUNT", []types.Type{ni, s}, "BIGINT NOT NULL", "BIGINT NOT NULL"},
		{"SUM", []types.Type{i}, "INT NOT NULL", "INT"}, {"SUM", []types.Type{ni}, "INT", "INT"}, {"SUM", []types.Type{types.New(types.TinyInt).NotNull()}, "TINYINT NOT NULL", "TINYINT"},
		{"SUM", []types.Type{f}, "FLOAT NOT NULL", "FLOAT"}, {"SUM", []types.Type{c}, "DECIMAL(38, 2) NOT NULL", "DECIMAL(38, 2)"}, {"SUM", []types.Type{nc}, "DECIMAL(38, 8)", "DECIMAL(38, 8)"},
		{"AVG", []types.Type{i}, "INT NOT NULL", "INT"}, {"AVG", []types.Type{c}, "DECIMAL(38, 6) NOT NULL", "DECIMAL(38, 6)"}, {"AVG", []types.Type{nc}, "DECIMAL(38, 8)", "DECIMAL(38, 8)"},
		{"MIN", []types.Type{v}, "VARCHAR(7) NOT NULL", "VARCHAR(7)"}, {"MAX", []types.Type{types.TimestampOf(3).NotNull().WithAttribute(types.Rowtime)}, "TIMESTAMP(3) NOT NULL", "TIMESTAMP(3)"},
		{"MAX", []types.Type{types.ArrayOf(i)}, "no order", "no order"}, {"SUM", []types.Type{s}, "must be a number", "must be a number"}, {"SUM", nil, "takes 1", "takes 1"},
		{"FIRST_VALUE", []types.Type{i}, "INT NOT NULL", "INT"}, {"LAST_VALUE", []types.Type{s}, "STRING NOT NULL", "STRING"},
		{"LISTAGG", []types.Type{v}, "VARCHAR(7) NOT NULL", "VARCHAR(7) NOT NULL"}, {"LISTAGG", []types.Type{types.String(), s}, "STRING", "STRING"},
		{"COLLECT", []types.Type{i}, "MULTISET<INT NOT NULL> NOT NULL", "MULTISET<INT NOT NULL> NOT NULL"}, {"ARRAY_AGG", []types.Type{ni}, "ARRAY<INT>", "ARRAY<INT>"},
		{"ARRAY_AGG", []types.Type{i}, "ARRAY<INT NOT NULL> NOT NULL", "ARRAY<INT NOT NULL> NOT NULL"}, {"STDDEV_POP", []types.Type{i}, "INT NOT NULL", "INT"}, {"VAR_POP", []types.Type{c}, "DECIMAL(38, 6) NOT NULL", "DECIMAL(38, 6)"},
		{"VARIANCE", []types.Type{d}, "DOUBLE", "DOUBLE"}, {"ROW_NUMBER", nil, "BIGINT NOT NULL", "BIGINT NOT NULL"}, {"LAG", []types.Type{i}, "INT", "INT"}, {"LAG", []types.Type{ni, i, i}, "INT NOT NULL", "INT NOT NULL"},
		{"PERCENTILE", []types.Type{i, types.ArrayOf(d.NotNull()).NotNull()}, "ARRAY<DOUBLE>", "ARRAY<DOUBLE>"}, {"PERCENTILE", []types.Type{s, d}, "takes numbers", "takes numbers"},
		{"PERCENTILE", []types.Type{i, i, ni}, "DOUBLE", "DOUBLE"}, {"PERCENTILE", []types.Type{i, d}, "NOT NULL number", "NOT NULL number"}, {"PERCENTILE", []types.Type{i, types.ArrayOf(d).NotNull()}, "NOT NULL number", "NOT NULL number"},
		{"PERCENTILE", []types.Type{i, types.ArrayOf(i)}, "array of percentages must be NOT NULL", "array of percentages must be NOT NULL"}, {"PERCENTILE", []types.Type{i, i, s}, "frequency", "frequency"},
		{"BITMAP_BUILD_AGG", []types.Type{i}, "BITMAP", "BITMAP"}, {"BITMAP_BUILD_AGG", []types.Type{s}, "must be INT", "must be INT"}, {"BITMAP_OR_AGG", []types.Type{i}, "must be BITMAP", "must be BITMAP"},
		{"BITMAP_XOR_CARDINALITY_AGG", []types.Type{types.New(types.Bitmap).NotNull()}, "BIGINT", "BIGINT"},
	} {
		a := fn.Builtin.Aggregate(x.name)
		args := make([]fn.Arg, len(x.args))
		for k, t := range x.args {
			args[k].Type = t
		}
		for k, want := range []string{x.grouped, x.alone} {
			sig, err := a.Infer(&fn.Session{}, args, k == 0)
			got := sig.Result.String()
			if err != nil {
				got = err.Error()
			}
			if got != want && (err == nil || !strings.Contains(got, want)) {
				t.Errorf("%s%v, grouped %v: %s, want %s", x.name, x.args, k == 0, got, want)
			}
		}
	}
	for _, name := range fn.Builtin.Names() {
		if a := fn.Builtin.Aggregate(name); a != nil && (a.Doc == "" || a.Infer == nil) {
			t.Errorf("%s lacks a doc line or its inference", name)
		}
	}
}

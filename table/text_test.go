package table_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/weirstream/weir/table"
)

func TestWriters(t *testing.T) {
	const query = "SELECT id, name, price, tags, ok FROM (VALUES (1, 'tab\there, \"x\"', CAST(100.50 AS DECIMAL(8, 2)), ARRAY['a', 'b'], TRUE), (2, CAST(NULL AS STRING), CAST(7 AS DECIMAL(8, 2)), ARRAY['c'], FALSE)) AS v(id, name, price, tags, ok)"
	for _, c := range []struct {
		name      string
		statement string
		write     func(*table.Result, io.Writer) error
		want      string
	}{
		{"tsv", query, func(r *table.Result, w io.Writer) error { return r.WriteTSV(context.Background(), w, false) }, "id\tname\tprice\ttags\tok\n1\ttab\\there, \"x\"\t100.50\t[a, b]\tTRUE\n2\tNULL\t7.00\t[c]\tFALSE\n"},
		{"csv", query, func(r *table.Result, w io.Writer) error { return r.WriteCSV(context.Background(), w, true) }, "op,id,name,price,tags,ok\n+I,1,\"tab\there, \"\"x\"\"\",100.5,a;b,true\n+I,2,,7,c,false\n"},
		{"json", query, func(r *table.Result, w io.Writer) error { return r.WriteJSON(context.Background(), w, true) }, `{"op":"+I","id":1,"name":"tab\there, \"x\"","price":100.50,"tags":["a","b"],"ok":true}` + "\n" + `{"op":"+I","id":2,"name":null,"price":7.00,"tags":["c"],"ok":false}` + "\n"},
		{"json of a statement", "SHOW CURRENT DATABASE", func(r *table.Result, w io.Writer) error { return r.WriteJSON(context.Background(), w, false) }, `{"current database name":"default_database"}` + "\n"},
		{"csv of a statement", "SHOW TABLES", func(r *table.Result, w io.Writer) error { return r.WriteCSV(context.Background(), w, false) }, "table name\n"},
	} {
		r, err := table.NewEnvironment(table.Options{}).ExecuteSQL(context.Background(), c.statement)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var b strings.Builder
		if err := c.write(r, &b); err != nil || b.String() != c.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", c.name, err, b.String(), c.want)
		}
	}
}

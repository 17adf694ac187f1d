// Command files measures how fast tables over files are read: a filter and a count over CSV, JSON lines and Parquet with `weir run`, beside the best Go parser of each format alone and, where there is one,
// DuckDB on the same files. All figures are in processor time, user and system, of the whole process; the input is made first and is in the page cache.
//
//	cd bench && go run ./files -rows 12000000 -duckdb DIR
//
// DIR is one in which `npm install @duckdb/node-api` was run.
package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/valyala/fastjson"
)

func main() {
	rows := flag.Int("rows", 3_000_000, "rows of the input; 12 million are 1 GB of CSV")
	duckdb := flag.String("duckdb", "", "a directory with node_modules/@duckdb/node-api")
	weir := flag.String("weir", "", "the program weir; built from .. if it is not given")
	alone := flag.String("alone", "", "used by the program itself: measure a parser on a file")
	flag.Parse()
	var err error
	if *alone != "" {
		err = parse(*alone, flag.Arg(0))
	} else {
		err = run(*rows, *duckdb, *weir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "files:", err)
		os.Exit(1)
	}
}

const columns = "id BIGINT, user_id BIGINT, name STRING, price DECIMAL(10, 2), ts TIMESTAMP(0), quantity INT, channel STRING, ok BOOLEAN"

func run(rows int, duckdb, weir string) error {
	dir, err := os.MkdirTemp("", "weir-files")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if weir == "" {
		weir = filepath.Join(dir, "weir")
		build := exec.Command("go", "build", "-o", weir, "./cmd/weir")
		build.Dir, build.Stderr = "..", os.Stderr
		if err := build.Run(); err != nil {
			return err
		}
	}
	if err := makeFiles(dir, rows); err != nil {
		return err
	}
	table := func(name, file, form, more string) string {
		return fmt.Sprintf("CREATE TABLE %s (%s) WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = '%s'%s);\n", name, columns, filepath.Join(dir, file), form, more)
	}
	batch := "SET 'execution.runtime-mode' = 'batch';\n"
	if _, err := measure(exec.Command(weir, "run", "-"), batch+table("c", "sales.csv", "csv", "")+table("p", "sales.parquet", "parquet", ", 'parquet.write.int64.timestamp' = 'true', 'sink.rolling-policy.file-size' = '10 gb'")+
		"INSERT INTO p SELECT * FROM c;"); err != nil {
		return err
	}
	parts, err := filepath.Glob(filepath.Join(dir, "sales.parquet", "*"))
	if err != nil || len(parts) != 1 {
		return errors.Join(err, fmt.Errorf("%d files of Parquet", len(parts)))
	}
	fmt.Printf("%d rows of 8 columns; SELECT COUNT(*), SUM(price) FROM sales WHERE quantity > 50 reads two of them\n\n", rows)
	fmt.Println("file      MB     weir               parser alone              DuckDB")
	for _, f := range []struct{ file, form, parser string }{{"sales.csv", "csv", "encoding/csv"}, {"sales.json", "json", "fastjson"}, {parts[0], "parquet", "parquet-go"}} {
		path := f.file
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		amount, unit := float64(info.Size())/1e6, "MB/s"
		if f.form == "parquet" {
			amount, unit = 2*float64(rows)/1e6, "M values/s"
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		own, err := measure(exec.Command(weir, "run", "-"), batch+table("sales", rel, f.form, "")+"SELECT COUNT(*), SUM(price) FROM sales WHERE quantity > 50;")
		if err != nil {
			return err
		}
		self, err := os.Executable()
		if err != nil {
			return err
		}
		other, err := measure(exec.Command(self, "-alone", f.parser, path), "")
		if err != nil {
			return err
		}
		duck := "-"
		if duckdb != "" {
			took, err := runDuckDB(duckdb, f.form, path)
			if err != nil {
				return err
			}
			duck = fmt.Sprintf("%.0f %s", amount/took, unit)
		}
		fmt.Printf("%-8s %4.0f     %-18s %-25s %s\n", f.form, float64(info.Size())/1e6, fmt.Sprintf("%.0f %s", amount/own, unit), fmt.Sprintf("%.0f %s %s", amount/other, unit, f.parser), duck)
	}
	return nil
}

// measure runs a program and returns its processor time in seconds.
func measure(cmd *exec.Cmd, input string) (float64, error) {
	var out bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(input), &out
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", cmd, err, out.String())
	}
	return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), nil
}

// runDuckDB measures DuckDB with one thread. Its start is taken off.
func runDuckDB(dir, form, path string) (float64, error) {
	reader := map[string]string{
		"csv":     "read_csv('%s', header = false, columns = {'id':'BIGINT','user_id':'BIGINT','name':'VARCHAR','price':'DECIMAL(10,2)','ts':'TIMESTAMP','quantity':'INTEGER','channel':'VARCHAR','ok':'BOOLEAN'})",
		"json":    "read_json('%s', format = 'newline_delimited', columns = {'id':'BIGINT','user_id':'BIGINT','name':'VARCHAR','price':'DECIMAL(10,2)','ts':'TIMESTAMP','quantity':'INTEGER','channel':'VARCHAR','ok':'BOOLEAN'})",
		"parquet": "read_parquet('%s')",
	}[form]
	script := `const { DuckDBInstance } = require('@duckdb/node-api');
(async () => {
  const c = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
  const sql = process.argv[2];
  if (sql) await c.runAndReadAll(sql);
})();`
	file := filepath.Join(dir, "weir-files.js")
	if err := os.WriteFile(file, []byte(script), 0o666); err != nil {
		return 0, err
	}
	defer os.Remove(file)
	start, err := measure(exec.Command("node", file), "")
	if err != nil {
		return 0, err
	}
	took, err := measure(exec.Command("node", file, "SELECT COUNT(*), SUM(price) FROM "+fmt.Sprintf(reader, path)+" WHERE quantity > 50"), "")
	return took - start, err
}

// parse goes through a file with a parser, and makes nothing of it but a number that has to be right.
func parse(parser, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	rows := 0
	switch parser {
	case "encoding/csv":
		r := csv.NewReader(bufio.NewReaderSize(f, 1<<20))
		r.ReuseRecord = true
		for {
			_, err := r.Read()
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			rows++
		}
	case "fastjson":
		s := bufio.NewScanner(f)
		s.Buffer(make([]byte, 1<<20), 1<<20)
		var p fastjson.Parser
		for s.Scan() {
			v, err := p.ParseBytes(s.Bytes())
			if err != nil {
				return err
			}
			if v.GetInt("quantity") >= 0 && v.Exists("price") {
				rows++
			}
		}
		if s.Err() != nil {
			return s.Err()
		}
	case "parquet-go":
		info, err := f.Stat()
		if err != nil {
			return err
		}
		file, err := parquet.OpenFile(f, info.Size(), parquet.SkipPageIndex(true))
		if err != nil {
			return err
		}
		values := make([]parquet.Value, 1024)
		for _, g := range file.RowGroups() {
			for _, name := range []string{"quantity", "price"} {
				pages := g.ColumnChunks()[file.Root().Column(name).Index()].Pages()
				for {
					page, err := pages.ReadPage()
					if err == io.EOF {
						break
					}
					if err != nil {
						return err
					}
					for r := page.Values(); ; {
						n, err := r.ReadValues(values)
						rows += n
						if err == io.EOF {
							break
						}
						if err != nil {
							return err
						}
					}
					parquet.Release(page)
				}
				if err := pages.Close(); err != nil {
					return err
				}
			}
		}
	}
	if rows == 0 {
		return errors.New("nothing was read")
	}
	return nil
}

func makeFiles(dir string, rows int) error {
	r := rand.New(rand.NewPCG(1, 1))
	var files [2]*os.File
	var to [2]*bufio.Writer
	for i, name := range []string{"sales.csv", "sales.json"} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		defer f.Close()
		files[i], to[i] = f, bufio.NewWriterSize(f, 1<<20)
	}
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range rows {
		user, name, price, quantity, channel := r.IntN(1e6), r.IntN(1000), float64(r.IntN(1e5))/100, r.IntN(100), r.IntN(20)
		at := start.Add(time.Duration(r.IntN(365*86400)) * time.Second).Format(time.DateTime)
		fmt.Fprintf(to[0], "%d,%d,alpha%d,%.2f,%s,%d,channel-%d-of-the-shop,%t\n", i, user, name, price, at, quantity, channel, i%2 == 0)
		fmt.Fprintf(to[1], `{"id":%d,"user_id":%d,"name":"alpha%d","price":%.2f,"ts":"%s","quantity":%d,"channel":"channel-%d-of-the-shop","ok":%t}`+"\n", i, user, name, price, at, quantity, channel, i%2 == 0)
	}
	for i, w := range to {
		if err := errors.Join(w.Flush(), files[i].Close()); err != nil {
			return err
		}
	}
	return nil
}

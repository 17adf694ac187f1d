// Package duckdb has a test that another tool reads what a savepoint keeps: DuckDB queries the Parquet files of a running job's state. It is a module of its own, as DuckDB comes as a library in C: `make duckdb` runs the test where there is a C compiler.
package duckdb

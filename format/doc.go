// Package format turns the rows of tables into bytes and back: CSV, JSON lines and raw texts, in the form that Flink gives them, and the text of values as Flink's print connector shows them.
//
// A [Format] is a value that says which options it has, and makes decoders and encoders. A decoder writes what it reads straight into the vectors of a batch, and an encoder appends rows of a
// batch to a buffer; neither allocates for a row.
package format

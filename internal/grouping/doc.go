// Package grouping gathers records and hands them out again group by group: all records of a hash after one another, in the order of their times or as they came. What does not fit into the memory it is given goes to a temporary
// file, as sorted runs that are merged at the end, so that neither the number of records nor the size of a group is bounded by memory.
//
// Records are bytes here: see operator.Grouping for how values become bytes. A sorter belongs to one goroutine.
package grouping

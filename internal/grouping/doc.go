// Package grouping gathers records and hands them out again group by group: all records of a hash after one another, in the order of their times or as they came. What does not fit into the memory it is given goes to a temporary
// file, so that neither the number of records nor the size of a group is bounded by memory.
//
// Records are dealt to parts by their hashes as they come. A part whose records have been put is grouped in memory by a hash table and handed out, one part after the other: records are not compared, but where those of a hash did not come in their order. When memory is full, whole parts go to disk, as they are, and come back
// when it is their turn: each record is written and read once at most. A part that is larger than memory by itself is written once more, as sorted runs that are merged.
//
// Records are bytes here: see operator.Grouping for how values become bytes. A sorter belongs to one goroutine.
package grouping

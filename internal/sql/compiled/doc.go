// Package compiled is the form in which a physical plan is kept: a text of JSON with a node for each operator, from which the same plan is made again, also by a later version of the planner, whose own plan of the
// statement may be another one. COMPILE PLAN writes it, EXECUTE PLAN reads it, and checkpoints have it beside the state, which belongs to the operators of just this plan.
//
// # The form
//
// The text is the same for the same plan. "version" is that of the form; a node has a "type" with a "version" of its own, and "config", which are the fields of the node in package physical by their names. Columns are meant
// by their numbers in the input, from 0; in a join, and where a condition reads both sides, those of the left side come first. Some members are for readers alone: "description", "state", and the "literal" of a constant.
// A "ttl" may be changed by hand, as in Flink; what else is changed is checked as far as can be, so that an operator never reads a column that is not there, or one of another type.
//
// What a node has is read and written by reflection, so that a field that is added to one is part of the form at once. A field that is added, or means something else, makes another version of its node, unless it may be missing:
// truth values, texts, lists, pointers and expressions may, as they are left out where they are false, empty or nil. TestCompiledForm of package table has plans of all nodes as a golden file, which tells when the form has changed.
//
// Tables are kept by their path, with columns, keys and options as far as [Detail] asks for them; functions by name. Functions that are not those of SQL have the program: in front of theirs.
package compiled

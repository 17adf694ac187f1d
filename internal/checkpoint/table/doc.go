// Package table writes the state of a savepoint as Parquet, one file for each state of an operator in a subtask, with a row for each entry, and reads it back.
//
// The columns of a file are, in this order and as far as the state has them:
//
//	key_group            the key group, by which the rows are ordered
//	window_start, ...    the namespace: what stands in front of the key, in milliseconds since the epoch; of timers first their time
//	key                  the key; a struct is a group with a column for each field
//	index                of a list: which element it is, from 0
//	map_key              of a map
//	renewed              of a state with a time to live: when the entry was last written, in milliseconds since the epoch
//	value                the value; a struct is a group with a column for each field
//
// Types become columns as follows.
//
//	bool, numbers             their own type; a complex number is a group of re and im
//	string                    STRING; BYTE_ARRAY where some string of the file is not UTF-8
//	[]byte                    BYTE_ARRAY, null for nil; [n]byte is FIXED_LEN_BYTE_ARRAY
//	[]T, [n]T, map[K]V        LIST and MAP, null for nil
//	*T                        null for nil; a group with a column "value" where T itself may be null
//	time.Time                 a group: at (TIMESTAMP, as far as it fits), and, from which it is restored, seconds, nanos, zone
//	what marshals itself      BYTE_ARRAY; its type is in the schema
//	a type within itself      BYTE_ARRAY, encoded as package codec does; so are rows of SQL state, and what is nested very deep
//	nothing, as struct{}      a BOOLEAN that is true
//
// The metadata of a file has weir.key, weir.value and weir.map_key, the schemas as package codec writes them, weir.kind and weir.codec, the version of these rules. The manifest has the checksum of each MiB of the file, which is
// compared before anything in it is read: a file that was written by something else is refused.
package table

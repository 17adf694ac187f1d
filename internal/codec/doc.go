// Package codec encodes Go values of any type that a program sends between tasks, keeps in state or uses as keys.
//
// [For] compiles the codec of a type once, by reflection, into functions that work on memory; after that no record is looked at
// through reflection, but for maps of unusual types and for the memory of new slices and pointers. [KeyFor] adds what keys need: a
// stable hash and a normal form.
//
// # The encoding
//
// Data has no header and no types in it: a reader needs the type that the data was written with, see Schema. One value always has one
// encoding, and no encoding is the start of another one of the same type.
//
//	bool               one byte, 0 or 1
//	uint, uint8..64    the number, 7 bits a byte, low ones first, the high bit set in all bytes but the last
//	int, int8..64      as uint64, of (v << 1) ^ (v >> 63): 0, -1, 1, -2 are 0, 1, 2, 3
//	float32, float64   IEEE 754 bits in 4 or 8 bytes, low ones first
//	complex64, 128     the real and the imaginary part as floats
//	string             the number of bytes as uint, the bytes
//	[]byte             0 for nil, else the number of bytes plus 1 as uint, the bytes
//	[n]byte            the bytes
//	[n]T               the elements
//	[]T                0 for nil, else the number of elements plus 1 as uint, the elements
//	map[K]V            0 for nil, else the number of entries plus 1 as uint, the entries: key, value, in the order of their bytes
//	*T                 0 for nil, else 1 and the value
//	struct             the fields in order, exported or not, except blank ones and those tagged weir:"-"
//	time.Time          seconds since 1970-01-01 UTC as int64, nanoseconds as uint, seconds east of UTC as int
//	self-marshalling   the number of bytes as uint, the bytes that the value's own method returns
//
// A named type is encoded as what it consists of, so time.Duration is an int64. []byte and [n]byte stand for all types whose kind is
// uint8. An element, key or value of a type that is encoded as nothing, such as struct{}, takes one zero byte in slices and maps; so
// the number of elements is bounded by the length of the data.
//
// Every number is in its shortest form. Decode refuses all else, so for types without maps, and without parts that marshal
// themselves, there is exactly one encoding for a value. (A map may hold keys that differ in Go but not encoded, as two NaNs: they become one.)
//
// A time keeps its instant and the offset of its zone, not the zone's name or rules, nor a monotonic clock reading. One whose offset
// is 0 decodes in UTC.
//
// A type marshals itself if it declares MarshalBinary or AppendBinary and its pointer UnmarshalBinary, else the same with Text. A
// struct that has such a method only from an embedded field is encoded as a struct, since the method would leave the other fields out.
//
// Pointers are followed, and what two of them share is encoded twice. A value within more than [MaxDepth] pointers, slices and maps
// is refused, so a cycle ends in an error.
//
// A field tagged weir:"-" may be of any type. It is not stored, and zero in what was read; values that are passed on without being encoded keep it.
//
// Functions, channels, interfaces, uintptr and unsafe.Pointer cannot be encoded, and the types of the packages sync, sync/atomic,
// unique and weak neither, since a copy of one is another thing.
//
// # Keys
//
// Keys are booleans, numbers, strings, times, types that marshal themselves, and arrays and structs of these. Two keys are equal if
// their encodings are, where the encoding of a key is that of the value in its normal form: -0 becomes 0, every NaN the one of bits
// 7ff8000000000000 (7fc00000 for float32), every time UTC. Package base defines the hash; a part that marshals itself is hashed as
// its bytes. A key has no fields that are not stored, nor has the key of a map.
//
// Tables keep keys as 64-bit words and bytes, see [Words].
//
// # Schemas
//
// The schema of a type is its form as text, as in
//
//	struct{Word string; Count int64; Tags []string; At time; Raw []byte; Price binary(example.com/money.Price)}
//
// Names of types do not appear, but for those that marshal themselves, by what they are. A type that contains itself has a number, and
// refers to itself by it: #1=struct{Value int64; Next *#1}. A field has its Go name, or the one that the tag weir:"name=Total" gives it.
//
// # Evolution
//
// [Migrate] reads data that was written with another schema. These differences are read across, at any depth, within slices, arrays of equal length, the
// elements of maps, pointers, and types that contain themselves:
//
//	a field was added              it is zero
//	a field was removed            it is skipped
//	fields are in another order
//	a field was renamed            it has the tag weir:"was=Old", or weir:"was=Older,was=Old"
//	a number was widened           intN to a larger intN, uintN to a larger uintN or intN, float32 to float64, 8- to 32-bit integers to float64
//	T became *T                    it is never nil
//
// Here int and uint count as 64 bits, so that int and int64 are alike; where int is smaller, a number that does not fit is refused when it is read. A stored field
// is found by its name, and only if there is none, by a former name. Two fields of a struct cannot have a stored or former name in common, so a new field
// cannot take the name of a renamed one while data may be older than the renaming.
//
// Everything else is refused with [fault.StateSchema]: other types, narrowed numbers, *T that became T, another length of an array, another key of a map, another
// package or name of a type that marshals itself, and two stored fields that both became one. The keys of maps must be as they were. So must keys of state: they
// decide where it lies.
//
// What is read so has the same errors, bounds and costs as what a codec reads. [Explain] lists the differences of two schemas.
package codec

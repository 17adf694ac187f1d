// Package windowed tests one program of windows and joins as a whole: events that come out of order within a bound, over several channels that fall silent for a while, give the results of a slow and
// obvious version, whatever the parallelism, the size of chunks, the order in which tasks run, and which channels are idle meanwhile.
package windowed

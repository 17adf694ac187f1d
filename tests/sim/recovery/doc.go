// Package recovery tests one program of windows, joins, timers and state of all kinds as a whole, under crashes, failures, a slow storage that fails, lost messages and another parallelism in each life:
// what its sink in two phases has committed at the end is what a slow and obvious version gives, each result once.
package recovery

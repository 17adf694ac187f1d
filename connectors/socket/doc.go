// Package socket reads lines from a TCP server, such as nc -lk 9999.
//
// The source is at most once: a socket cannot be read again, so lines that were received but not processed when the job failed or was restored are lost. There is one
// connection, whatever the parallelism: one reader has it, and the others end at once.
//
// A line is emitted as soon as its end has arrived. When the server closes the connection, text behind the last delimiter is emitted as a line, and the
// stream ends, or, with Reconnect, goes on with a new connection.
package socket

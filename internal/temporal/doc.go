// Package temporal combines the watermarks of several inputs. Timers and windows will stand here too.
package temporal

// Package compat holds savepoints and checkpoints that earlier builds of Weir have taken, and restores them with this one.
package compat

// Package storagetest is the suite that every storage for checkpoints passes: see [Run].
package storagetest

// Package smalldisk gives tests a real disk that is soon full, where the system lets them mount one: on Linux.
package smalldisk

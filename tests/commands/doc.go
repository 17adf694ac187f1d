// Package commands tests commands that run jobs as their users run them: built, as processes, by what they print, how they exit, and how they take signals.
package commands

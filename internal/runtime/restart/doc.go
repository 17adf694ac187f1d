// Package restart decides whether and when a job that has failed is started again.
//
// A [Strategy] is told each failure and answers with a delay, or that the job has failed for good. It is a pure value: time is given to it in
// nanoseconds of any clock that does not go back, chance as a function. The strategies and their defaults are Flink's.
//
// # Failures of one restart
//
// A failure that comes before the delay of the restart under way has passed belongs to that restart: it counts no further, and the answer is what is
// left of the delay. So a task manager that is lost with a hundred tasks uses up one attempt. Flink does this for the exponential delay only; here all
// strategies do, since what a user means by three attempts does not depend on how many tasks fail at once. A failure at the very moment the delay ends is a
// new one: a strategy without delay would else never count further under a clock that stands still.
package restart

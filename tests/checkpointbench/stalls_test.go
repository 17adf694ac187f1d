package main

import (
	"slices"
	"testing"
)

func TestBoth(t *testing.T) {
	a := []span{{0, 10}, {20, 30}, {40, 50}, {60, 61}}
	b := []span{{5, 25}, {28, 45}, {61, 70}}
	want := []span{{5, 10}, {20, 25}, {28, 30}, {40, 45}}
	if got := both(a, b); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := both(b, a); !slices.Equal(got, want) {
		t.Errorf("the other way round: %v, want %v", got, want)
	}
	s := &stalls{a}
	if got := s.within(span{8, 41}); got != 2+10+1 {
		t.Error(got)
	}
	if got := (*stalls)(nil).within(span{0, 9}); got != 0 {
		t.Error(got)
	}
}

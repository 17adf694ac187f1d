package codec

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

func TestAppendJSON(t *testing.T) {
	type inner struct {
		N *int
		B []byte
	}
	type outer struct {
		S string
		F []float64
		M map[string]inner
		K map[int8]struct{}
		T time.Time
		A [2]uint16
		R [3]byte
		C complex64
		E []struct{}
		P money
		O bool
	}
	n := -5
	check := func(v outer, want string) {
		t.Helper()
		cd, err := For[outer]()
		if err != nil {
			t.Fatal(err)
		}
		b, err := cd.Encode(nil, &v)
		if err != nil {
			t.Fatal(err)
		}
		s, _ := ParseSchema(cd.Schema())
		got, rest, err := AppendJSON(nil, s, append(b, 9))
		if err != nil || len(rest) != 1 || string(got) != want {
			t.Errorf("%s\nis not\n%s (%v)", got, want, err)
		}
		if !json.Valid(got) {
			t.Errorf("%s is not JSON", got)
		}
		for i := range b {
			if _, _, err := AppendJSON(nil, s, b[:i]); err == nil {
				t.Errorf("%d of %d bytes are taken for a value", i, len(b))
			}
		}
	}
	check(outer{T: time.Unix(0, 0).UTC()}, `{"S":"","F":null,"M":null,"K":null,"T":"1970-01-01T00:00:00Z","A":[0,0],"R":"AAAA","C":[0,0],"E":null,"P":"MCA=","O":false}`)
	check(outer{S: "a\"\xff", F: []float64{1.5, math.Inf(1)}, M: map[string]inner{"x": {&n, []byte("hi")}, "y": {}}, K: map[int8]struct{}{1: {}, 2: {}},
		T: time.Unix(1, 5).UTC(), A: [2]uint16{1, 2}, C: 2, E: make([]struct{}, 2), O: true},
		`{"S":"a\"\ufffd","F":[1.5,"+Inf"],"M":{"x":{"N":-5,"B":"aGk="},"y":{"N":null,"B":null}},"K":[[1,{}],[2,{}]],"T":"1970-01-01T00:00:01.000000005Z","A":[1,2],"R":"AAAA","C":[2,0],"E":[{},{}],"P":"MCA=","O":true}`)
}

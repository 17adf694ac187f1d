package main
import ("github.com/weirstream/weir"; "github.com/weirstream/weir/window"; "github.com/weirstream/weir/internal/testkit/windoworacle"; "github.com/weirstream/weir/weirtest"; "iter")
var _ = windoworacle.Evaluate
var _ window.Window
var _ iter.Seq[int]
var _ *weirtest.Sim
type ev struct{ A, B int64 }
type f struct{}
func (f) Process(ctx *weir.WindowContext[int64], elements iter.Seq[ev], out *weir.Collector[ev]) error {return nil}
func main(){ var s *weir.Stream[ev]; w:= weir.KeyBy(s, func(r ev) int64 { return r.A }).Window(window.TumblingEventTime[ev](1)); weir.ProcessWindowWith(w, func() weir.ProcessWindowFunction[int64, ev, ev] { return f{} }) }

package window

// EventTimeTrigger fires when the watermark reaches the end of the window, and again at once for each record that comes later and is not too late. It is the default of
// event-time windows.
func EventTimeTrigger[T any]() Trigger[T] { return eventTimeTrigger[T]{} }

type eventTimeTrigger[T any] struct{ passive[T] }

func (eventTimeTrigger[T]) OnElement(_ T, _ int64, w Window, ctx TriggerContext[T]) Result {
	end := w.MaxTimestamp()
	if end <= ctx.CurrentWatermark() {
		return Fire
	}
	ctx.RegisterEventTimeTimer(end)
	return Continue
}

func (eventTimeTrigger[T]) OnEventTime(t int64, w Window, _ TriggerContext[T]) Result {
	if t == w.MaxTimestamp() {
		return Fire
	}
	return Continue
}

func (eventTimeTrigger[T]) CanMerge() bool { return true }

// OnMerge does not wait for a watermark that has passed: the record that made the windows merge fires.
func (eventTimeTrigger[T]) OnMerge(w Window, ctx TriggerContext[T]) {
	if end := w.MaxTimestamp(); end > ctx.CurrentWatermark() {
		ctx.RegisterEventTimeTimer(end)
	}
}

func (eventTimeTrigger[T]) Clear(w Window, ctx TriggerContext[T]) {
	ctx.DeleteEventTimeTimer(w.MaxTimestamp())
}

func (eventTimeTrigger[T]) String() string { return "EventTimeTrigger()" }

// ProcessingTimeTrigger fires when the processing time reaches the end of the window. It is the default of processing-time windows.
func ProcessingTimeTrigger[T any]() Trigger[T] { return processingTimeTrigger[T]{} }

type processingTimeTrigger[T any] struct{ passive[T] }

func (processingTimeTrigger[T]) OnElement(_ T, _ int64, w Window, ctx TriggerContext[T]) Result {
	ctx.RegisterProcessingTimeTimer(w.MaxTimestamp())
	return Continue
}

func (processingTimeTrigger[T]) OnProcessingTime(int64, Window, TriggerContext[T]) Result {
	return Fire
}

func (processingTimeTrigger[T]) CanMerge() bool { return true }

func (processingTimeTrigger[T]) OnMerge(w Window, ctx TriggerContext[T]) {
	if end := w.MaxTimestamp(); end > ctx.CurrentProcessingTime() {
		ctx.RegisterProcessingTimeTimer(end)
	}
}

func (processingTimeTrigger[T]) Clear(w Window, ctx TriggerContext[T]) {
	ctx.DeleteProcessingTimeTimer(w.MaxTimestamp())
}

func (processingTimeTrigger[T]) String() string { return "ProcessingTimeTrigger()" }

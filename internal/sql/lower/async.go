package lower

import (
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/sql/exec"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/physical"
)

// correlate makes the operator of a table function.
func (l *lowering) correlate(n *physical.Correlate) (operator.Factory, error) {
	if n.Ordinality {
		return nil, fault.New(fault.SQLUnsupported, "WITH ORDINALITY is only for UNNEST")
	}
	in := n.Inputs[0].Of().Fields
	columns := n.Fields[len(in):]
	if n.Fn.Async == nil {
		return &exec.Correlate{Session: l.Session, Input: in, Fn: n.Fn, Args: n.Args, Columns: columns, Kind: n.Kind, Residual: n.Cond}, nil
	}
	limits, err := asyncLimits(l.Session, "table.exec.async-table", "max-retries")
	return &exec.Async{
		Session: l.Session, Input: in, Args: n.Args, Columns: columns, Kind: n.Kind, Residual: n.Cond, AsyncLimits: limits,
		Call: func() (fn.AsyncKernel, error) {
			return n.Fn.Async(l.Session, expr.Args(n.Args))
		},
	}, err
}

// asyncLimits reads the session's options of asynchronous functions, which begin with prefix. Without them there are 10 calls at a time, each of 3 minutes with 3 retries 100 ms apart.
func asyncLimits(s *fn.Session, prefix, retries string) (limits exec.AsyncLimits, err error) {
	limits = exec.AsyncLimits{Capacity: 10, Timeout: 3 * time.Minute, Retries: 3, Delay: 100 * time.Millisecond}
	count := func(name string, into *int, least int) {
		v, ok := s.Options[prefix+"."+name]
		if !ok || err != nil {
			return
		}
		n, bad := strconv.Atoi(v)
		if bad != nil || n < least {
			err = fault.New(fault.OptionInvalid, "the option %s.%s is a whole number of at least %d, not %q", prefix, name, least, v)
		}
		*into = n
	}
	duration := func(name string, into *time.Duration) {
		if v, ok := s.Options[prefix+"."+name]; ok && err == nil {
			if *into, err = tables.ParseDuration(v); err != nil {
				err = fault.New(fault.OptionInvalid, "the option %s.%s is a duration, not %q", prefix, name, v)
			}
		}
	}
	count("buffer-capacity", &limits.Capacity, 1)
	count("max-concurrent-operations", &limits.Capacity, 1)
	count(retries, &limits.Retries, 0)
	duration("timeout", &limits.Timeout)
	duration("retry-delay", &limits.Delay)
	switch v := s.Options[prefix+".retry-strategy"]; {
	case strings.EqualFold(v, "NO_RETRY"):
		limits.Retries = 0
	case v != "" && !strings.EqualFold(v, "FIXED_DELAY"):
		err = fault.New(fault.OptionInvalid, "the option %s.retry-strategy is FIXED_DELAY or NO_RETRY, not %q", prefix, v)
	}
	return limits, err
}

package physical

import "github.com/weirstream/weir/column"

func intValue(v int64) column.Value { return column.IntValue(v) }

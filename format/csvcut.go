package format

import "bytes"

// Cutter finds places in a text at which records begin, so that it can be read in parts. It is given the text from its start, in pieces that end anywhere.
type Cutter interface {
	// Feed appends to cuts offsets of the text at which a record begins: the first at or behind each multiple of the step with which it was made, but for the start.
	Feed(cuts []int64, piece []byte) []int64
}

// csvState is where in a record the last piece ended.
type csvState uint8

const (
	csvPlain  csvState = iota // in a field without quotes, or in front of one
	csvQuoted                 // within quotes
	csvQuote                  // behind a quote within quotes: the last one, or the first of two
	csvAfter                  // behind the last quote, where only blanks may be
	csvBad                    // behind what must not be there: the record ends with the line
)

// csvCutter goes from quote to quote.
type csvCutter struct {
	delimiter, quote byte
	step             int64
	state            csvState
	last             byte  // in front of the piece
	off              int64 // of the piece
	target           int64
}

// newCSVCutter returns nil where the meaning of a line's end cannot be told from quotes alone.
func newCSVCutter(s *Schema, step int64) (Cutter, error) {
	o, err := csvOptionsOf(s)
	if err != nil || o.escape != 0 || o.comments || o.quote == 0 {
		return nil, err
	}
	return &csvCutter{delimiter: o.delimiter, quote: o.quote, step: step, last: '\n', target: step}, nil
}

func (c *csvCutter) Feed(cuts []int64, piece []byte) []int64 {
	for i := 0; i < len(piece); {
		switch c.state {
		case csvPlain:
			end := len(piece)
			for q := i; ; q++ {
				n := bytes.IndexByte(piece[q:], c.quote)
				if n < 0 {
					break
				}
				q += n
				before := c.last
				if q > 0 {
					before = piece[q-1]
				}
				if before == c.delimiter || before == '\n' {
					end = q
					break
				}
			}
			cuts = c.cut(cuts, piece, i, end)
			if i = end; i < len(piece) {
				c.state = csvQuoted
				i++
			}
		case csvQuoted:
			n := bytes.IndexByte(piece[i:], c.quote)
			if n < 0 {
				i = len(piece)
				break
			}
			i += n + 1
			c.state = csvQuote
		case csvQuote:
			if piece[i] == c.quote {
				c.state = csvQuoted
				i++
			} else {
				c.state = csvAfter
			}
		case csvAfter:
			switch b := piece[i]; {
			case b == c.delimiter || b == '\n':
				c.state = csvPlain
				cuts = c.cut(cuts, piece, i, i+1)
				i++
			case b == ' ' || b == '\r' || b == '\t':
				i++
			default:
				c.state = csvBad
			}
		case csvBad:
			n := bytes.IndexByte(piece[i:], '\n')
			if n < 0 {
				i = len(piece)
				break
			}
			c.state = csvPlain
			cuts = c.cut(cuts, piece, i+n, i+n+1)
			i += n + 1
		}
	}
	if len(piece) > 0 {
		c.last = piece[len(piece)-1]
	}
	c.off += int64(len(piece))
	return cuts
}

// cut looks for ends of records in a range of the piece that is outside of quotes.
func (c *csvCutter) cut(cuts []int64, piece []byte, from, to int) []int64 {
	for {
		i := max(from, int(min(c.target-1-c.off, int64(to))))
		if i >= to {
			return cuts
		}
		n := bytes.IndexByte(piece[i:to], '\n')
		if n < 0 {
			return cuts
		}
		at := c.off + int64(i+n+1)
		cuts = append(cuts, at)
		c.target = (at/c.step + 1) * c.step
		from = i + n + 1
	}
}

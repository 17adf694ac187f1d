package fn

import (
	"strings"
	"time"
	"unicode/utf8"
)

// timeFormat is a pattern of Java's DateTimeFormatter, or of its SimpleDateFormat, compiled.
type timeFormat struct {
	of     []element
	lax    bool  // SimpleDateFormat: values that are too great go on counting, and text may be left over
	finest int64 // milliseconds within which the result does not change
}

// element is a letter of the pattern with its count, or text (letter 0).
type element struct {
	letter byte
	n      int
	text   string
	// tail is how many digits the numbers have that follow without anything between.
	tail int
}

var (
	months    = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	weekdays  = [...]string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}
	knownTime = "GyuYQqMLwWdDFEeuaHhKkmsSAnNzZXxVO"
)

// newTimeFormat compiles a pattern; lax is for SimpleDateFormat.
func newTimeFormat(pattern string, lax bool) (*timeFormat, error) {
	f := &timeFormat{lax: lax, finest: dayMillis}
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			n := i
			for n < len(pattern) && pattern[n] == c {
				n++
			}
			if !strings.ContainsRune(knownTime, rune(c)) {
				return nil, badValue("the pattern %q has the letter %c, which is not known", pattern, c)
			}
			if n-i > 19 || n-i > 9 && (c == 'S' || c == 'n') && !lax {
				return nil, badValue("the pattern %q has too many letters %c", pattern, c)
			}
			f.of = append(f.of, element{letter: c, n: n - i})
			i = n
			switch c {
			case 'H', 'h', 'K', 'k', 'a', 'z', 'Z', 'X', 'x', 'V', 'O':
				f.finest = min(f.finest, 3_600_000)
				if strings.IndexByte("zZXxVO", c) >= 0 {
					f.finest = 1
				}
			case 'm':
				f.finest = min(f.finest, 60_000)
			case 's':
				f.finest = min(f.finest, 1000)
			case 'S', 'A', 'n', 'N':
				f.finest = 0 // even within a millisecond
			}
		case c == '\'':
			end := i + 1
			var b strings.Builder
			for ; ; end++ {
				if end >= len(pattern) {
					return nil, badValue("the pattern %q has a quote that is not closed", pattern)
				}
				if pattern[end] == '\'' {
					if end+1 < len(pattern) && pattern[end+1] == '\'' {
						end++
					} else {
						break
					}
				}
				b.WriteByte(pattern[end])
			}
			text := b.String()
			if end == i+1 {
				text = "'"
			}
			f.literal(text)
			i = end + 1
		case (c == '[' || c == ']' || c == '{' || c == '}' || c == '#') && !lax:
			return nil, badValue("the pattern %q has %c, which is not supported", pattern, c)
		default:
			f.literal(pattern[i : i+1])
			i++
		}
	}
	for i := len(f.of) - 1; i > 0; i-- {
		e, before := f.of[i], &f.of[i-1]
		if e.isNumber() && before.isNumber() {
			before.tail = e.tail + e.width()
			if e.width() == 0 {
				before.tail = 0
			}
		}
	}
	return f, nil
}

func (f *timeFormat) literal(text string) {
	if n := len(f.of); n > 0 && f.of[n-1].letter == 0 {
		f.of[n-1].text += text
		return
	}
	f.of = append(f.of, element{text: text})
}

func (e element) isNumber() bool {
	switch e.letter {
	case 'M', 'L', 'Q', 'q', 'e':
		return e.n < 3
	}
	return e.letter != 0 && strings.IndexByte("yuYwWdDFHhKkmsSAnN", e.letter) >= 0
}

// width is the number of digits, if that is fixed.
func (e element) width() int {
	if e.letter == 'S' || e.n >= 2 {
		return e.n
	}
	return 0
}

// append appends a local time: milliseconds since the epoch, with the nanoseconds of its second. zone is the zone that it is in.
func (f *timeFormat) append(b []byte, ms, nanos int64, zone *clock) []byte {
	day := floorDiv(ms, dayMillis)
	y, m, d := civil(day)
	rest := ms - day*dayMillis
	hour, minute, second := rest/3_600_000, rest/60_000%60, rest/1000%60
	for _, e := range f.of {
		switch e.letter {
		case 0:
			b = append(b, e.text...)
		case 'y', 'u', 'Y':
			year := y
			switch {
			case e.letter == 'u' && f.lax:
				b = appendNumber(b, weekday(day), e.n)
				continue
			case e.letter == 'Y':
				year, _ = localWeek(day)
			case e.letter == 'y' && y <= 0:
				year = 1 - y
			}
			if e.n == 2 {
				b = appendDigits(b, floorMod(year, 100), 2)
				continue
			}
			if year > 9999 && e.n >= 4 && !f.lax {
				b = append(b, '+')
			}
			b = appendNumber(b, year, e.n)
		case 'G':
			era := "AD"
			if y <= 0 {
				era = "BC"
			}
			b = append(b, era...)
		case 'M', 'L':
			b = appendNamed(b, months[m-1], int64(m), e.n)
		case 'Q', 'q':
			q := int64(m+2) / 3
			if e.n >= 3 {
				b = append(b, 'Q')
				b = appendNumber(b, q, 1)
				continue
			}
			b = appendNumber(b, q, e.n)
		case 'w':
			_, week := localWeek(day)
			b = appendNumber(b, week, e.n)
		case 'W':
			b = appendNumber(b, int64(d+int(weekday(day-int64(d)+1)%7)-1)/7+1, e.n)
		case 'd':
			b = appendNumber(b, int64(d), e.n)
		case 'D':
			b = appendNumber(b, day-dayOf(y, 1, 1)+1, e.n)
		case 'F':
			if f.lax {
				b = appendNumber(b, int64(d-1)/7+1, e.n)
			} else {
				b = appendNumber(b, int64(d-1)%7+1, e.n)
			}
		case 'E', 'e':
			if e.letter == 'e' && e.n < 3 {
				b = appendNumber(b, weekday(day)%7+1, e.n)
				continue
			}
			name := weekdays[weekday(day)-1]
			if e.n < 4 {
				name = name[:3]
			}
			b = append(b, name...)
		case 'a':
			half := "AM"
			if hour >= 12 {
				half = "PM"
			}
			b = append(b, half...)
		case 'H':
			b = appendNumber(b, hour, e.n)
		case 'k':
			b = appendNumber(b, (hour+23)%24+1, e.n)
		case 'K':
			b = appendNumber(b, hour%12, e.n)
		case 'h':
			b = appendNumber(b, (hour+11)%12+1, e.n)
		case 'm':
			b = appendNumber(b, minute, e.n)
		case 's':
			b = appendNumber(b, second, e.n)
		case 'S':
			if f.lax {
				b = appendNumber(b, nanos/1_000_000, e.n)
				continue
			}
			b = appendDigits(b, nanos/int64(pow10[9-e.n]), e.n)
		case 'A':
			b = appendNumber(b, rest, e.n)
		case 'n':
			b = appendNumber(b, nanos, e.n)
		case 'N':
			b = appendNumber(b, rest/1000*1_000_000_000+nanos, e.n)
		default:
			b = appendZone(b, e, time.UnixMilli(zone.instant(ms)).In(zone.zone))
		}
	}
	return b
}

// localWeek is the week as in the United States: it begins on Sunday, and the first is that of January 1.
func localWeek(day int64) (year, week int64) {
	saturday := day - weekday(day)%7 + 6
	year, _, _ = civil(saturday)
	return year, (saturday-dayOf(year, 1, 1))/7 + 1
}

func appendZone(b []byte, e element, at time.Time) []byte {
	name, offset := at.Zone()
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	h, m := int64(offset/3600), int64(offset/60%60)
	colon := func() []byte {
		b = append(appendDigits(append(b, sign), h, 2), ':')
		return appendDigits(b, m, 2)
	}
	switch {
	case e.letter == 'V':
		return append(b, at.Location().String()...)
	case e.letter == 'z' && offset == 0 && at.Location() == time.UTC:
		return append(b, "UTC"...)
	case e.letter == 'z':
		return append(b, name...)
	case e.letter == 'X' && offset == 0:
		return append(b, 'Z')
	case e.letter == 'O':
		b = append(b, "GMT"...)
		if offset == 0 {
			return b
		}
		return colon()
	case e.letter == 'Z' && e.n > 3 || (e.letter == 'X' || e.letter == 'x') && e.n >= 3:
		return colon()
	}
	b = appendDigits(append(b, sign), h, 2)
	if e.n > 1 || m > 0 || e.letter == 'Z' {
		b = appendDigits(b, m, 2)
	}
	return b
}

func appendNumber(b []byte, x int64, width int) []byte {
	if x < 0 {
		b, x = append(b, '-'), -x
	}
	for limit := int64(10); width > 1 && width < 19 && x < int64(pow10[width-1]) && limit > 0; width-- {
		b = append(b, '0')
	}
	var room [20]byte
	i := len(room)
	for {
		i--
		room[i] = byte('0' + x%10)
		if x /= 10; x == 0 {
			return append(b, room[i:]...)
		}
	}
}

func appendNamed(b []byte, name string, x int64, n int) []byte {
	switch {
	case n < 3:
		return appendNumber(b, x, n)
	case n == 3:
		return append(b, name[:3]...)
	}
	return append(b, name...)
}

// parsed is what a text says.
type parsed struct {
	year, month, day, doy, hour, minute, second, nanos int64
	half                                               int64 // 1 for AM, 2 for PM
	hasDOY, hasZone                                    bool
	offset                                             int64 // of the zone, in milliseconds
	zone                                               *time.Location
}

// parse reads a text as a local time in milliseconds and the nanoseconds of its second. If the text names a zone, zoned is set and the time is in UTC.
func (f *timeFormat) parse(s string) (ms, nanos int64, zoned, ok bool) {
	p := parsed{year: 1970, month: 1, day: 1}
	for _, e := range f.of {
		if e.letter == 0 {
			if !strings.HasPrefix(s, e.text) {
				return 0, 0, false, false
			}
			s = s[len(e.text):]
			continue
		}
		if s, ok = f.element(&p, e, s); !ok {
			return 0, 0, false, false
		}
	}
	if s != "" && !f.lax {
		return 0, 0, false, false
	}
	switch p.half {
	case 1:
		p.hour %= 12
	case 2:
		p.hour = p.hour%12 + 12
	}
	if !f.lax && (p.month < 1 || p.month > 12 || p.day < 1 || p.day > 31 || p.hour > 23 || p.minute > 59 || p.second > 59 || p.hasDOY && (p.doy < 1 || p.doy > 366)) {
		return 0, 0, false, false
	}
	if p.year > 1_000_000 || p.month > 1_000_000 || p.day > 1_000_000_000 || p.hour > 1_000_000_000 || p.minute > 1_000_000_000 || p.second > 1_000_000_000_000 {
		return 0, 0, false, false
	}
	months := p.year*12 + p.month - 1
	year, month := floorDiv(months, 12), int(floorMod(months, 12))+1
	day := dayOf(year, month, 1) + p.day - 1
	if !f.lax && p.day > int64(daysIn(year, month)) {
		day = dayOf(year, month, daysIn(year, month))
	}
	if p.hasDOY {
		day = dayOf(p.year, 1, 1) + p.doy - 1
	}
	ms = day*dayMillis + p.hour*3_600_000 + p.minute*60_000 + p.second*1000 + p.nanos/1_000_000
	if p.zone != nil {
		ms, p.hasZone = newClock(p.zone).instant(ms), true
	} else {
		ms -= p.offset
	}
	return ms, p.nanos % 1_000_000_000, p.hasZone, true
}

func (f *timeFormat) element(p *parsed, e element, s string) (string, bool) {
	if !e.isNumber() {
		return f.word(p, e, s)
	}
	least, most := 1, 19
	switch {
	case f.lax:
		if e.tail > 0 {
			most = e.n
		}
	case e.letter == 'S':
		least, most = e.n, e.n
	case e.letter == 'y' || e.letter == 'u' || e.letter == 'Y':
		if e.n == 2 {
			least, most = 2, 2
		} else {
			least = e.n
		}
	case e.n >= 2:
		least, most = e.n, e.n
	}
	negative, plus := false, false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') && (e.letter == 'y' || e.letter == 'u') {
		negative, plus = s[0] == '-', s[0] == '+'
		s = s[1:]
	}
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' && digits < 19 {
		digits++
	}
	if !f.lax || e.tail > 0 {
		if over := digits - e.tail; e.tail > 0 && over < most {
			most = max(least, over)
		}
	}
	n := min(digits, most)
	if n < least {
		return s, false
	}
	if !f.lax && least >= 3 && !negative && plus != (n > least) {
		return s, false // a year of more digits than its pattern has a sign, and no other has
	}
	x := int64(0)
	for _, c := range []byte(s[:n]) {
		x = x*10 + int64(c-'0')
		if x > 1<<58 {
			return s, false
		}
	}
	s = s[n:]
	switch e.letter {
	case 'y', 'u', 'Y':
		if e.n == 2 && n == 2 {
			if x += 2000; f.lax && x > 2045 {
				x -= 100
			}
		}
		if negative {
			x = -x
		}
		if x <= 0 && e.letter == 'y' && !f.lax {
			return s, false // years of an era begin with 1
		}
		p.year = x
	case 'M', 'L':
		p.month = x
	case 'Q', 'q':
		p.month = x*3 - 2
	case 'd':
		p.day = x
	case 'D':
		p.doy, p.hasDOY = x, true
	case 'H':
		p.hour = x
	case 'k':
		p.hour = x % 24
	case 'h', 'K':
		p.hour = x % 12
		if p.half == 0 {
			p.half = 1
		}
	case 'm':
		p.minute = x
	case 's':
		p.second = x
	case 'S':
		if f.lax {
			p.nanos = x * 1_000_000
			if p.nanos >= 1_000_000_000 {
				p.second, p.nanos = p.second+x/1000, x%1000*1_000_000
			}
		} else {
			p.nanos = x * int64(pow10[9-e.n])
		}
	case 'n':
		p.nanos = x
	case 'A':
		p.hour, p.minute, p.second, p.nanos = x/3_600_000, x/60_000%60, x/1000%60, x%1000*1_000_000
	}
	return s, true
}

// word reads what is no number.
func (f *timeFormat) word(p *parsed, e element, s string) (string, bool) {
	names := func(all []string, short int) (int, bool) {
		for i, name := range all {
			if len(s) >= len(name) && (e.n >= 4 || f.lax) && strings.EqualFold(s[:len(name)], name) {
				s = s[len(name):]
				return i, true
			}
		}
		for i, name := range all {
			if len(s) >= short && (e.n <= short || f.lax) && strings.EqualFold(s[:short], name[:short]) {
				s = s[short:]
				return i, true
			}
		}
		return 0, false
	}
	switch e.letter {
	case 'M', 'L':
		i, ok := names(months[:], 3)
		p.month = int64(i) + 1
		return s, ok
	case 'E', 'e':
		_, ok := names(weekdays[:], 3)
		return s, ok
	case 'a':
		i, ok := names([]string{"AM", "PM"}, 2)
		p.half = int64(i) + 1
		return s, ok
	case 'G':
		i, ok := names([]string{"AD", "BC"}, 2)
		if i == 1 {
			p.year = 1 - p.year
		}
		return s, ok
	case 'Z', 'X', 'x', 'z', 'V', 'O':
		return p.readZone(s)
	}
	return s, false
}

func (p *parsed) readZone(s string) (string, bool) {
	if strings.HasPrefix(s, "Z") {
		p.hasZone = true
		return s[1:], true
	}
	end := 0
	for end < len(s) && (s[end] == '+' || s[end] == '-' || s[end] == ':' || s[end] == '/' || s[end] == '_' || s[end] >= '0' && s[end] <= '9' || s[end] >= 'A' && s[end] <= 'Z' || s[end] >= 'a' && s[end] <= 'z') {
		end++
	}
	zone, err := Zone(s[:end])
	if end == 0 || err != nil {
		return s, false
	}
	p.zone = zone
	return s[end:], true
}

// formats keeps the compiled form of a pattern while it stays the same.
type formats struct {
	lax  bool
	last string
	f    *timeFormat
	err  error
}

func (k *formats) get(pattern []byte) (*timeFormat, error) {
	if k.f == nil && k.err == nil || string(pattern) != k.last {
		k.last = string(pattern)
		if !utf8.ValidString(k.last) {
			k.f, k.err = nil, badValue("the pattern is no text")
			return nil, k.err
		}
		k.f, k.err = newTimeFormat(k.last, k.lax)
	}
	return k.f, k.err
}

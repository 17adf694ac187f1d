package regex

import "bytes"

// rarest returns the place of the byte of a literal that texts have least of, as far as one knows without having seen them; -1 if all are common.
func rarest(literal []byte) int {
	best, at := 150, -1
	for i, c := range literal {
		rank := 40 // what is not in plain text, and most signs
		switch {
		case c == 'j' || c == 'q' || c == 'x' || c == 'z':
			rank = 100
		case c == ' ' || c == 'e' || c == 't' || c == 'a' || c == 'o' || c == 'i' || c == 'n' || c == 's' || c == 'r':
			rank = 250
		case c >= 'a' && c <= 'z':
			rank = 200
		case c >= '0' && c <= '9' || c == '.' || c == '/' || c == ',' || c == '-' || c == '"':
			rank = 180
		case c >= 'A' && c <= 'Z' || c == ':' || c == '&' || c == '\'':
			rank = 120
		}
		if rank < best {
			best, at = rank, i
		}
	}
	return at
}

// search returns where the literal that is in every match is in text, or -1: its rarest byte is looked for.
func (r *Regexp) search(text []byte) int {
	if r.rare < 0 {
		return bytes.Index(text, r.literal)
	}
	sought := r.literal[r.rare]
	for at := r.rare; at < len(text); {
		k := bytes.IndexByte(text[at:], sought)
		if k < 0 {
			return -1
		}
		at += k
		if bytes.HasPrefix(text[at-r.rare:], r.literal) {
			return at - r.rare
		}
		at++
	}
	return -1
}

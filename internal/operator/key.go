package operator

import (
	"reflect"
	"unsafe"

	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/statebackend"
)

// KeyCursor holds the key that an operator with keyed state is working on, as a Go value and in the form of its store.
type KeyCursor[K comparable] struct {
	// Scope points at the key's state.
	Scope *statebackend.Scope
	words *codec.Words[K]
	text  bool // K is a string
	hash  func(K) uint64
	key   K
	keyed bool
	// current is the hash of the key.
	current uint64
	// set tells that the scope points at the key.
	set bool
}

// keySchema is the schema of keys of K, whose type has been checked.
func keySchema[K comparable]() string {
	kc, err := codec.KeyFor[K]()
	if err != nil {
		return ""
	}
	return kc.Codec.Schema()
}

// KeyLayout is how keys of K are kept.
func KeyLayout[K comparable]() (statebackend.KeyLayout, *codec.Words[K], error) {
	w, err := codec.WordsFor[K]()
	if err != nil {
		return statebackend.KeyLayout{}, nil, err
	}
	return statebackend.KeyLayout{Words: w.N, Bytes: w.Bytes}, w, nil
}

// NewKeyCursor makes the space of an operator's keyed state in its store.
func NewKeyCursor[K comparable](s *statebackend.Store, name string) (*KeyCursor[K], error) {
	layout, words, err := KeyLayout[K]()
	if err != nil {
		return nil, err
	}
	kc, err := codec.KeyFor[K]()
	if err != nil {
		return nil, err
	}
	sp := s.Space(name, layout)
	sp.DescribeKey(kc.Codec.Schema())
	rehash := func(w []uint64, b []byte) (uint64, uint64) {
		var k K
		words.Get(w, b, &k)
		h := kc.Hash(k)
		return h, h
	}
	if layout == (statebackend.KeyLayout{Words: 1}) && isWord(reflect.TypeFor[K]()) {
		rehash = func(w []uint64, _ []byte) (uint64, uint64) { // without a key on the heap
			h := kc.Hash(*(*K)(unsafe.Pointer(&w[0])))
			return h, h
		}
	}
	sp.Rehash(rehash)
	_, isText := any(*new(K)).(string)
	return &KeyCursor[K]{Scope: statebackend.NewScope(sp), words: words, text: isText, hash: kc.Hash}, nil
}

// isWord is whether a value of a type is the word that keys of it are kept as.
func isWord(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Int, reflect.Int64, reflect.Uint, reflect.Uint64:
		return t.Size() == 8
	}
	return false
}

// Aim is Set for an operator that asks the cursor for no key.
func (c *KeyCursor[K]) Aim(k K, hash uint64) {
	c.set = false
	if c.text {
		c.Scope.SetString(hash, *(*string)(unsafe.Pointer(&k)))
		return
	}
	c.key = k
	c.Scope.Set(hash, c.words.Put(&c.key, c.Scope.Words(), c.Scope.Buffer()))
}

// HashOf is the hash of a key.
func (c *KeyCursor[K]) HashOf(k K) uint64 { return c.hash(k) }

// Set points at a key of the given hash.
func (c *KeyCursor[K]) Set(k K, hash uint64) {
	if hash == c.current && c.set && k == c.key {
		c.Scope.Again()
		return
	}
	c.key, c.keyed, c.current, c.set = k, true, hash, true
	if c.text {
		c.Scope.SetString(hash, *(*string)(unsafe.Pointer(&c.key)))
		return
	}
	c.Scope.Set(hash, c.words.Put(&c.key, c.Scope.Words(), c.Scope.Buffer()))
}

// SetWords points at the key of the given words and bytes, which are copied.
func (c *KeyCursor[K]) SetWords(words []uint64, bytes []byte) {
	c.set = false
	c.words.Get(words, bytes, &c.key)
	c.Set(c.key, c.hash(c.key))
}

// Unset points at no key.
func (c *KeyCursor[K]) Unset() {
	c.keyed, c.set = false, false
	c.Scope.Unset()
}

// Key returns the key, and whether there is one.
func (c *KeyCursor[K]) Key() (K, bool) { return c.key, c.keyed }

// Hash is the hash of the key.
func (c *KeyCursor[K]) Hash() uint64 { return c.current }

// Name sets the key for those who ask for it, without pointing the scope at it.
func (c *KeyCursor[K]) Name(k K) { c.key, c.keyed, c.set = k, true, false }

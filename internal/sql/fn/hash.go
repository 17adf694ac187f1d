package fn

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// hashes are the hash functions, whose results are hexadecimal digits.
func hashes() []*Function {
	all := []*Function{{
		Name: "SHA2", Doc: "the SHA-2 hash with that many bits: 224, 256, 384 or 512", Fails: true, Infer: takes("XI", strict(types.Of(types.Varchar, 128, 0))),
		Bind: bound(func() Kernel {
			known := map[int64]func() hash.Hash{224: sha256.New224, 256: sha256.New, 384: sha512.New384, 512: sha512.New}
			made := map[int64]hash.Hash{}
			var sum []byte
			return func(c *Call, args []*column.Vector, sel []int32, n int, out *column.Vector) error {
				for i := range size(sel, n) {
					row := at(sel, i)
					bits := args[1].Int(row)
					h := made[bits]
					if h == nil {
						if known[bits] == nil {
							return badValue("SHA2 has no hash of %d bits: use 224, 256, 384 or 512", bits)
						}
						h = known[bits]()
						made[bits] = h
					}
					sum = digest(h, args[0].Bytes(row), sum)
					out.SetBytes(row, sum)
				}
				return nil
			}
		}), Examples: [][2]string{{"SHA2('test', 224)", "90a3ed9e32b2aaf4c61c410eb925426119e1a9dc53d4286ade99a809"}},
	}}
	for _, h := range []struct {
		name, example string
		bytes         int
		make          func() hash.Hash
	}{
		{"MD5", "098f6bcd4621d373cade4e832627b4f6", md5.Size, md5.New}, {"SHA1", "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3", sha1.Size, sha1.New},
		{"SHA224", "90a3ed9e32b2aaf4c61c410eb925426119e1a9dc53d4286ade99a809", sha256.Size224, sha256.New224},
		{"SHA256", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", sha256.Size, sha256.New},
		{"SHA384", "768412320f7b0aa5812fce428dc4706b3cae50e02a64caa16a782249bfe8efc4b7ef1ccb126255d196047dfedf17a0a9", sha512.Size384, sha512.New384},
		{"SHA512", "ee26b0dd4af7e749aa1a8ee3c10ae9923f618980772e473f8819a5d4940e0db27ac185f8a0e1d5f84f88bc887fd67b143732c304cc5fa9ad8e6f57f50028a8ff", sha512.Size, sha512.New},
	} {
		all = append(all, &Function{
			Name: h.name, Doc: "the " + h.name + " hash", Infer: takes("X", strict(types.Of(types.Char, 2*h.bytes, 0))), Examples: [][2]string{{h.name + "('test')", h.example}},
			Bind: bound(func() Kernel {
				made := h.make()
				var sum []byte
				return texts(func(b []byte, args []*column.Vector, row int) ([]byte, bool) {
					sum = digest(made, args[0].Bytes(row), sum)
					return append(b, sum...), true
				})
			}),
		})
	}
	return all
}

// digest returns the hash of b in hexadecimal, in the memory of sum.
func digest(h hash.Hash, b, sum []byte) []byte {
	h.Reset()
	h.Write(b)
	sum = h.Sum(sum[:0])
	// The digits replace the bytes, from the last.
	n := len(sum)
	sum = append(sum, sum...)
	for i := n - 1; i >= 0; i-- {
		c := sum[i]
		sum[2*i], sum[2*i+1] = hexDigits[c>>4], hexDigits[c&15]
	}
	return sum
}

const hexDigits = "0123456789abcdef"

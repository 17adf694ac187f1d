package manifest

import (
	"github.com/klauspost/compress/zstd"

	"github.com/weirstream/weir/fault"
)

// mostPlan is how large a compiled plan may be, in bytes of JSON.
const mostPlan = 256 << 20

// PackPlan returns a compiled plan as manifests have it. The same plan gives the same bytes.
func PackPlan(json []byte) ([]byte, error) {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fault.New(fault.InternalInvariant, "a compiled plan cannot be compressed: %w", err)
	}
	defer w.Close()
	return w.EncodeAll(json, nil), nil
}

// UnpackPlan is the inverse of PackPlan.
func UnpackPlan(packed []byte) ([]byte, error) {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(mostPlan))
	if err != nil {
		return nil, fault.New(fault.InternalInvariant, "a compiled plan cannot be read: %w", err)
	}
	defer r.Close()
	b, err := r.DecodeAll(packed, nil)
	if err != nil {
		return nil, fault.New(fault.CheckpointDamaged, "a compiled plan in the manifest cannot be read: %w", err)
	}
	return b, nil
}

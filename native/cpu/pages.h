// Where things lie in a page of the `cpu` tier. Widths are padded to 16 with zeros.
//
// KV part of a layer: per group keys [8][E/4][16][4] with 128 added (int8) or [8][E][16] (bf16,
// fp32), values [128/4][E][4] (int8) or [128][E], then key scales and value scales [128] (int8).
// Index part, bf16 and fp32: keys as above. int8: the high plane of the keys with 128 added
// (KeyPlanes), fp32 scales [128], rests [128], the low plane. So a scan that looks at high planes
// alone reads one stretch of a little more than half.
//
// int8 keys, index keys among them, are turned by a Hadamard matrix first: a few large channels
// (Qwen's key biases) would else take the range of a token's one scale. Queries are turned alike,
// which leaves dot products as they were up to the matrix's norm, and that is taken out of the
// query.
#pragma once

#include "kernels.h"
#include "op_table.h"

namespace blocksight::cpu {

inline int64_t padded_width(int64_t width) { return (width + 15) / 16 * 16; }
// Rows of the Hadamard matrix have this squared length.
inline int64_t hadamard_run(int64_t width) { return padded_width(width) & -padded_width(width); }
inline size_t element_bytes(KvType kv) { return kv == KvType::i8 ? 1 : kv == KvType::bf16 ? 2 : 4; }

// Bytes of 128 keys or values of a width, without scales.
inline size_t tokens_bytes(KvType kv, int64_t width) {
  return static_cast<size_t>(kBlockTokens * padded_width(width)) * element_bytes(kv);
}
// Has memory begin to come to the second-level cache (docs/decisions/index-scan.md).
inline void fetch(const void* from, size_t bytes) {
  const auto* const at = static_cast<const std::byte*>(from);
  for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(at + i, 0, 2);
}

inline size_t scales_bytes(KvType kv) {
  return kv == KvType::i8 ? kBlockTokens * sizeof(float) : 0;
}

// Parts of a layer. Scales stand behind what they belong to; null where there are none.
struct KeyPart {
  std::byte* keys;
  float* scale;
};
KeyPart index_part(const Page&, int64_t layer);  // bf16 and fp32
struct PlanesPart {
  uint8_t* high;
  float* scale;
  uint8_t *rest, *low;

  KeyPlanes keys(const PlanesPart& next) const {
    return {.high = high, .scale = scale, .rest = rest, .low = low, .next = next.high};
  }
};
PlanesPart planes_part(const PageShape&, const Page&, int64_t layer);  // int8
// Bytes of a plane of 128 index keys, and of what a scan of high planes reads.
inline size_t plane_bytes(int64_t width) { return tokens_bytes(KvType::i8, width) / 2; }
inline size_t high_bytes(int64_t width) {
  return plane_bytes(width) + kBlockTokens * (sizeof(float) + 1);
}
struct KvPart {
  std::byte* keys;
  std::byte* values;
  float *key_scale, *value_scale;
};
KvPart kv_part(const PageShape&, const Page&, int64_t layer, int64_t group);

}  // namespace blocksight::cpu

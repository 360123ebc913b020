#include "pages.h"

#include <algorithm>
#include <cstring>

#include "cpu.h"
#include "error.h"
#include "half.h"
#include "thread_pool.h"

namespace blocksight::cpu {

namespace {
// Bounds the stack of `store`; no model is near it.
constexpr int64_t kMostWidth = 1024;
}  // namespace

PageFormat page_format(const PageShape& shape) {
  if (std::max(shape.head_dim, shape.index_dim) > kMostWidth) {
    throw Error(BS_UNSUPPORTED_ARCHITECTURE,
                "Heads of width " + std::to_string(std::max(shape.head_dim, shape.index_dim)) +
                    " are not supported; the widest is " + std::to_string(kMostWidth) + ".");
  }
  const size_t scales = scales_bytes(shape.kv);
  return {.index_bytes_per_layer =
              shape.index_dim ? tokens_bytes(shape.kv, shape.index_dim) + scales : 0,
          .kv_bytes_per_layer = static_cast<size_t>(shape.groups) * 2 *
                                (tokens_bytes(shape.kv, shape.head_dim) + scales)};
}

KeyPart index_part(const PageShape& shape, const Page& page, int64_t layer) {
  std::byte* const at =
      page.index + static_cast<size_t>(layer) * page_format(shape).index_bytes_per_layer;
  float* const scale = reinterpret_cast<float*>(at + tokens_bytes(shape.kv, shape.index_dim));
  return {at, shape.kv == KvType::i8 ? scale : nullptr};
}

KvPart kv_part(const PageShape& shape, const Page& page, int64_t layer, int64_t group) {
  const size_t bytes = page_format(shape).kv_bytes_per_layer;
  const size_t each = tokens_bytes(shape.kv, shape.head_dim);
  std::byte* const at = page.kv + static_cast<size_t>(layer) * bytes +
                        static_cast<size_t>(group) * (bytes / static_cast<size_t>(shape.groups));
  KvPart part = {at, at + each, nullptr, nullptr};
  if (shape.kv == KvType::i8) {
    part.key_scale = reinterpret_cast<float*>(at + 2 * each);
    part.value_scale = part.key_scale + kBlockTokens;
  }
  return part;
}

namespace {

// A vector with zeros behind it up to the padded width.
void pad(const float* x, int64_t width, float* out) {
  std::copy_n(x, width, out);
  std::fill(out + width, out + padded_width(width), 0.0f);
}

void store_key(const Kernels& kernels, KvType kv, const float* x, int64_t width, uint32_t slot,
               std::byte* keys, float* scale) {
  const int64_t padded = padded_width(width);
  const auto tile = static_cast<int64_t>(slot / kPanel), lane = static_cast<int64_t>(slot % kPanel);
  alignas(64) float row[kMostWidth];
  pad(x, width, row);
  if (kv == KvType::i8) {
    alignas(64) int8_t bytes[kMostWidth];
    kernels.hadamard(row, padded);
    scale[slot] = kernels.quantize(row, padded, bytes, nullptr);
    auto* const to = reinterpret_cast<uint8_t*>(keys) + tile * padded * kPanel + lane * 4;
    for (int64_t e = 0; e < padded; e++) {
      to[e / 4 * 64 + e % 4] = static_cast<uint8_t>(bytes[e] + 128);
    }
    return;
  }
  for (int64_t e = 0; e < padded; e++) {
    const int64_t at = (tile * padded + e) * kPanel + lane;
    if (kv == KvType::bf16) {
      reinterpret_cast<uint16_t*>(keys)[at] = float_to_bf16(row[e]);
    } else {
      reinterpret_cast<float*>(keys)[at] = row[e];
    }
  }
}

void store_value(const Kernels& kernels, KvType kv, const float* x, int64_t width, uint32_t slot,
                 std::byte* values, float* scale) {
  const int64_t padded = padded_width(width);
  alignas(64) float row[kMostWidth];
  pad(x, width, row);
  if (kv == KvType::i8) {
    alignas(64) int8_t bytes[kMostWidth];
    scale[slot] = kernels.quantize(row, padded, bytes, nullptr);
    auto* const to = reinterpret_cast<int8_t*>(values) + slot / 4 * padded * 4 + slot % 4;
    for (int64_t e = 0; e < padded; e++) to[e * 4] = bytes[e];
    return;
  }
  for (int64_t e = 0; e < padded; e++) {
    const int64_t at = slot * padded + e;
    if (kv == KvType::bf16) {
      reinterpret_cast<uint16_t*>(values)[at] = float_to_bf16(row[e]);
    } else {
      reinterpret_cast<float*>(values)[at] = row[e];
    }
  }
}

// Copies or clears one token's key: element e of a key lies at e * stride + lane in its tile.
void copy_key(KvType kv, int64_t width, std::byte* keys, float* scale, uint32_t from, uint32_t to) {
  const int64_t padded = padded_width(width);
  const size_t unit = kv == KvType::i8 ? 4 : element_bytes(kv);
  const size_t units = static_cast<size_t>(padded) * element_bytes(kv) / unit;
  const size_t tile = tokens_bytes(kv, width) / (kBlockTokens / kPanel);
  const auto place = [&](uint32_t slot, size_t i) {
    return keys + slot / kPanel * tile + (i * kPanel + slot % kPanel) * unit;
  };
  for (size_t i = 0; i < units; i++) std::memcpy(place(to, i), place(from, i), unit);
  if (scale) scale[to] = scale[from];
}

}  // namespace

void store(const Kernels& kernels, const StoreArgs& args, ThreadPool& pool) {
  const PageShape& shape = *args.shape;
  pool.parallel_for(args.m, args.m <= 4 ? args.m : 32, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const RowPlace& place = args.rows[i];
      const Page& page = *place.timeline->pages[place.block];
      for (int64_t g = 0; g < shape.groups; g++) {
        const KvPart part = kv_part(shape, page, args.layer, g);
        const int64_t at = (i * shape.groups + g) * shape.head_dim;
        store_key(kernels, shape.kv, args.k + at, shape.head_dim, place.offset, part.keys,
                  part.key_scale);
        store_value(kernels, shape.kv, args.v + at, shape.head_dim, place.offset, part.values,
                    part.value_scale);
      }
      if (!shape.index_dim) continue;
      const KeyPart part = index_part(shape, page, args.layer);
      store_key(kernels, shape.kv, args.index_k + i * shape.index_dim, shape.index_dim,
                place.offset, part.keys, part.scale);
    }
  });
}

// A page's bytes must not depend on what lay in its memory before: unused slots hold zero.
void seal(const PageShape& shape, const Page& page, uint32_t valid) {
  const int64_t padded = padded_width(shape.head_dim);
  for (int64_t layer = 0; layer < shape.layers; layer++) {
    for (int64_t g = 0; g < shape.groups; g++) {
      const KvPart part = kv_part(shape, page, layer, g);
      for (uint32_t slot = valid; slot < kBlockTokens; slot++) {
        const size_t tile = tokens_bytes(shape.kv, shape.head_dim) / (kBlockTokens / kPanel);
        const size_t unit = shape.kv == KvType::i8 ? 4 : element_bytes(shape.kv);
        const size_t units = static_cast<size_t>(padded) * element_bytes(shape.kv) / unit;
        for (size_t i = 0; i < units; i++) {
          std::memset(part.keys + slot / kPanel * tile + (i * kPanel + slot % kPanel) * unit,
                      shape.kv == KvType::i8 ? 0x80 : 0, unit);
        }
        if (shape.kv == KvType::i8) {
          std::byte* const to = part.values + slot / 4 * padded * 4 + slot % 4;
          for (int64_t e = 0; e < padded; e++) to[e * 4] = std::byte{0};
          part.key_scale[slot] = part.value_scale[slot] = 0;
        } else {
          const size_t row = static_cast<size_t>(padded) * element_bytes(shape.kv);
          std::memset(part.values + slot * row, 0, row);
        }
      }
    }
    if (!shape.index_dim || !valid) continue;
    const KeyPart part = index_part(shape, page, layer);
    for (uint32_t slot = valid; slot < kBlockTokens; slot++) {
      copy_key(shape.kv, shape.index_dim, part.keys, part.scale, valid - 1, slot);
    }
  }
}

}  // namespace blocksight::cpu

#include "pages.h"

#include <algorithm>
#include <cmath>
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
  const size_t index = shape.kv == KvType::i8
                           ? high_bytes(shape.index_dim) + plane_bytes(shape.index_dim)
                           : tokens_bytes(shape.kv, shape.index_dim);
  return {.index_bytes_per_layer = shape.index_dim ? index : 0,
          .kv_bytes_per_layer = static_cast<size_t>(shape.groups) * 2 *
                                (tokens_bytes(shape.kv, shape.head_dim) + scales),
          .kv_pieces_per_layer = static_cast<size_t>(shape.groups)};
}

namespace {
std::byte* index_bytes(const Page& page, int64_t layer) {
  return page.index + static_cast<size_t>(layer) * page.index_stride;
}
}  // namespace

KeyPart index_part(const Page& page, int64_t layer) {
  return {index_bytes(page, layer), nullptr};
}

PlanesPart planes_part(const PageShape& shape, const Page& page, int64_t layer) {
  std::byte* const at = index_bytes(page, layer);
  std::byte* const scale = at + plane_bytes(shape.index_dim);
  std::byte* const rest = scale + scales_bytes(shape.kv);
  return {.high = reinterpret_cast<uint8_t*>(at),
          .scale = reinterpret_cast<float*>(scale),
          .rest = reinterpret_cast<uint8_t*>(rest),
          .low = reinterpret_cast<uint8_t*>(rest + kBlockTokens)};
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

// The smallest r with r sqrt(width) / 32 >= |low - 7.5|, from the same integers everywhere: `twice`
// is the squared length of 2 low - 15.
uint8_t rest_of(int64_t twice, int64_t width) {
  const int64_t units = kRestUnits * kRestUnits * twice;
  auto rest = static_cast<int64_t>(
      std::sqrt(static_cast<double>(units) / static_cast<double>(4 * width)));
  while (4 * width * rest * rest < units) rest++;
  while (rest && 4 * width * (rest - 1) * (rest - 1) >= units) rest--;
  return static_cast<uint8_t>(rest);
}

void store_planes(const Kernels& kernels, const float* x, int64_t width, uint32_t slot,
                  const PlanesPart& part) {
  const int64_t padded = padded_width(width);
  const auto tile = static_cast<int64_t>(slot / kPanel), lane = static_cast<int64_t>(slot % kPanel);
  alignas(64) float row[kMostWidth];
  alignas(64) int8_t bytes[kMostWidth];
  pad(x, width, row);
  kernels.hadamard(row, padded);
  part.scale[slot] = kernels.quantize(row, padded, bytes, nullptr);
  const int64_t first = tile * padded / 2 * kPanel + lane * 4;
  int64_t twice = 0;
  for (int64_t e = 0; e < padded; e += 8) {
    for (int64_t j = 0; j < 4; j++) {
      const int below = bytes[e + j] + 128, above = bytes[e + 4 + j] + 128;
      const int64_t at = first + e / 8 * 64 + j;
      part.high[at] = static_cast<uint8_t>(below >> 4 | (above & 0xF0));
      part.low[at] = static_cast<uint8_t>((below & 15) | (above & 15) << 4);
      for (const int byte : {below, above}) {
        const int off = 2 * (byte & 15) - 15;
        twice += off * off;
      }
    }
  }
  part.rest[slot] = rest_of(twice, padded);
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

// Copies one token's key: element e lies at e * 16 + lane in its tile.
void copy_key(KvType kv, int64_t width, std::byte* keys, uint32_t from, uint32_t to) {
  const size_t unit = element_bytes(kv), tile = tokens_bytes(kv, width) / (kBlockTokens / kPanel);
  const auto place = [&](uint32_t slot, size_t e) {
    return keys + slot / kPanel * tile + (e * kPanel + slot % kPanel) * unit;
  };
  const auto padded = static_cast<size_t>(padded_width(width));
  for (size_t e = 0; e < padded; e++) std::memcpy(place(to, e), place(from, e), unit);
}

void copy_planes(int64_t width, const PlanesPart& part, uint32_t from, uint32_t to) {
  const int64_t padded = padded_width(width);
  const auto place = [&](uint8_t* plane, uint32_t slot, int64_t unit) {
    const int64_t tile = slot / kPanel, lane = slot % kPanel;
    return plane + tile * padded / 2 * kPanel + unit * 64 + lane * 4;
  };
  for (uint8_t* plane : {part.high, part.low}) {
    for (int64_t unit = 0; unit < padded / 8; unit++) {
      std::memcpy(place(plane, to, unit), place(plane, from, unit), 4);
    }
  }
  part.scale[to] = part.scale[from];
  part.rest[to] = part.rest[from];
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
      const float* const key = args.index_k + i * shape.index_dim;
      if (shape.kv == KvType::i8) {
        store_planes(kernels, key, shape.index_dim, place.offset,
                     planes_part(shape, page, args.layer));
      } else {
        store_key(kernels, shape.kv, key, shape.index_dim, place.offset,
                  index_part(page, args.layer).keys, nullptr);
      }
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
    for (uint32_t slot = valid; slot < kBlockTokens; slot++) {
      if (shape.kv == KvType::i8) {
        copy_planes(shape.index_dim, planes_part(shape, page, layer), valid - 1, slot);
      } else {
        copy_key(shape.kv, shape.index_dim, index_part(page, layer).keys, valid - 1, slot);
      }
    }
  }
}

}  // namespace blocksight::cpu

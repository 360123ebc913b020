#include <algorithm>

#include "ref.h"

namespace blocksight::ref {

PageFormat page_format(const PageShape& shape) {
  constexpr size_t kFloat = sizeof(float);
  return {.index_bytes_per_layer = kBlockTokens * static_cast<size_t>(shape.index_dim) * kFloat,
          .kv_bytes_per_layer =
              2 * kBlockTokens * static_cast<size_t>(shape.groups * shape.head_dim) * kFloat};
}

float* index_rows(const Page& page, int64_t layer) {
  return reinterpret_cast<float*>(page.index + static_cast<size_t>(layer) * page.index_stride);
}

float* key_rows(const PageShape& shape, const Page& page, int64_t layer, int64_t group) {
  const size_t at = static_cast<size_t>(layer) * page_format(shape).kv_bytes_per_layer;
  return reinterpret_cast<float*>(page.kv + at) + group * kBlockTokens * shape.head_dim;
}

float* value_rows(const PageShape& shape, const Page& page, int64_t layer, int64_t group) {
  return key_rows(shape, page, layer, shape.groups + group);
}

void store(const StoreArgs& args, ThreadPool&) {
  const PageShape& shape = *args.shape;
  const int64_t width = shape.head_dim;
  for (int64_t row = 0; row < args.m; row++) {
    const RowPlace& place = args.rows[row];
    const Page& page = *place.timeline->pages[place.block];
    for (int64_t g = 0; g < shape.groups; g++) {
      const int64_t from = (row * shape.groups + g) * width, to = place.offset * width;
      std::copy_n(args.k + from, width, key_rows(shape, page, args.layer, g) + to);
      std::copy_n(args.v + from, width, value_rows(shape, page, args.layer, g) + to);
    }
    if (shape.index_dim) {
      std::copy_n(args.index_k + row * shape.index_dim, shape.index_dim,
                  index_rows(page, args.layer) + place.offset * shape.index_dim);
    }
  }
}

// Index rows that hold no token repeat the last key; K and V of such slots are zero. This tier
// looks at neither: a page's bytes must not depend on what lay in its memory before.
void seal(const PageShape& shape, const Page& page, uint32_t valid) {
  for (int64_t layer = 0; layer < shape.layers; layer++) {
    for (int64_t g = 0; g < 2 * shape.groups; g++) {
      float* const rows = key_rows(shape, page, layer, g);
      std::fill(rows + valid * shape.head_dim, rows + kBlockTokens * shape.head_dim, 0.0f);
    }
    if (!shape.index_dim || !valid) continue;
    float* const rows = index_rows(page, layer);
    for (uint32_t slot = valid; slot < kBlockTokens; slot++) {
      std::copy_n(rows + (valid - 1) * shape.index_dim, shape.index_dim,
                  rows + slot * shape.index_dim);
    }
  }
}

}  // namespace blocksight::ref

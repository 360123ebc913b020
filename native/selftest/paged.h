// A timeline of pages filled by hand, for tests of the operations that read pages. What was never
// written is NaN, so that a kernel which looks there gives itself away.
#pragma once

#include <random>
#include <vector>

#include "op_table.h"
#include "thread_pool.h"

namespace blocksight::check {

inline std::vector<float> random_floats(uint32_t seed, int64_t count) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(static_cast<size_t>(count));
  for (float& x : out) x = normal(random);
  return out;
}

struct PagedRows {
  struct Slot {
    std::vector<float> k, v, index_k;  // [G * E], [G * E], [I]
  };

  PageShape shape;
  const OpTable& table;
  std::vector<std::vector<std::byte>> memory;  // per block: index part, then KV part
  std::vector<Page> pages;
  std::vector<const Page*> pointers;
  std::vector<uint8_t> valid;
  std::vector<Slot> slots;  // what was put into layer 0
  Timeline timeline;

  PagedRows(const OpTable& with, const PageShape& of, uint32_t blocks,
            std::byte unwritten = std::byte{0xFF})
      : shape(of),
        table(with),
        memory(blocks),
        pages(blocks),
        valid(blocks, kBlockTokens),
        slots(blocks * kBlockTokens) {
    const PageFormat format = table.page_format(shape);
    const size_t layers = static_cast<size_t>(shape.layers);
    const size_t index = (layers * format.index_bytes_per_layer + 63) / 64 * 64;
    for (uint32_t b = 0; b < blocks; b++) {
      memory[b].assign(index + layers * format.kv_bytes_per_layer + 64, unwritten);
      const auto at = reinterpret_cast<uintptr_t>(memory[b].data());
      std::byte* const aligned = memory[b].data() + ((at + 63) / 64 * 64 - at);
      pages[b] = {.index = aligned,
                  .index_stride = format.index_bytes_per_layer,
                  .kv = aligned + index};
      pointers.push_back(&pages[b]);
    }
    timeline = {.pages = pointers.data(), .valid = valid.data(), .blocks = blocks};
  }
  PagedRows(const PagedRows&) = delete;
  PagedRows& operator=(const PagedRows&) = delete;

  void put(uint32_t block, uint32_t offset, const Slot& slot, int64_t layer = 0) {
    const RowPlace place = {.timeline = &timeline, .block = block, .offset = offset};
    ThreadPool pool(1);
    table.store({.shape = &shape,
                 .layer = layer,
                 .m = 1,
                 .rows = &place,
                 .k = slot.k.data(),
                 .v = slot.v.data(),
                 .index_k = shape.index_dim ? slot.index_k.data() : nullptr},
                pool);
    if (layer == 0) slots[block * kBlockTokens + offset] = slot;
  }

  // Random values in every valid slot of layer 0.
  void fill_random(uint32_t seed) {
    const int64_t width = shape.groups * shape.head_dim;
    for (uint32_t slot = 0; slot < slots.size(); slot++) {
      if (slot % kBlockTokens >= valid[slot / kBlockTokens]) continue;
      put(slot / kBlockTokens, slot % kBlockTokens,
          {random_floats(seed + 3 * slot, width), random_floats(seed + 3 * slot + 1, width),
           random_floats(seed + 3 * slot + 2, shape.index_dim)});
    }
  }
};

}  // namespace blocksight::check

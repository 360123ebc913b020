// Selection and attention of the `cpu` tier against `ref`, and against themselves by other paths.
#include <algorithm>
#include <cmath>
#include <memory>

#include "check.h"
#include "cpu_tables.h"
#include "paged.h"

namespace blocksight {
namespace {

using check::NamedTable;
using check::PagedRows;

constexpr KvType kKvTypes[] = {KvType::i8, KvType::bf16, KvType::f32};

PageShape shape_of(KvType kv, int64_t groups = 2, int64_t head_dim = 64, int64_t index_dim = 64) {
  return {.layers = 1, .groups = groups, .head_dim = head_dim, .index_dim = index_dim, .kv = kv};
}

struct Chosen {
  std::vector<uint32_t> blocks;
  std::vector<float> score;
};
Chosen select(const PagedRows& pack, const std::vector<RowPlace>& rows,
              const std::vector<float>& index_q, const std::vector<uint32_t>& forced,
              int threads = 2) {
  ThreadPool pool(threads);
  const size_t entries = rows.size() * static_cast<size_t>(pack.shape.groups) * kSelected;
  Chosen out = {std::vector<uint32_t>(entries, 7), std::vector<float>(entries, 7.0f)};
  pack.table.select({.shape = &pack.shape,
                     .layer = 0,
                     .m = static_cast<int64_t>(rows.size()),
                     .rows = rows.data(),
                     .index_q = index_q.data(),
                     .forced = forced.data(),
                     .forced_count = static_cast<int64_t>(forced.size() / rows.size()),
                     .blocks = out.blocks.data(),
                     .score = out.score.data()},
                    pool);
  return out;
}

struct Attended {
  std::vector<float> out, mass;
};
Attended attend(const PagedRows& pack, const std::vector<RowPlace>& rows,
                const std::vector<float>& q, int64_t heads, const uint32_t* blocks,
                int threads = 2) {
  ThreadPool pool(threads);
  Attended result;
  result.out.resize(q.size());
  result.mass.resize(rows.size() * static_cast<size_t>(pack.shape.groups) * kSelected);
  pack.table.attend({.shape = &pack.shape,
                     .layer = 0,
                     .m = static_cast<int64_t>(rows.size()),
                     .heads = heads,
                     .rows = rows.data(),
                     .q = q.data(),
                     .blocks = blocks,
                     .out = result.out.data(),
                     .mass = result.mass.data()},
                    pool);
  return result;
}

// Rows of the last blocks of a pack: first and last slots, and some between.
std::vector<RowPlace> some_rows(const PagedRows& pack) {
  std::vector<RowPlace> rows;
  const uint32_t last = pack.timeline.blocks - 1;
  for (const uint32_t offset : {0u, 1u, 15u, 16u, 17u, 63u, 100u, 127u}) {
    rows.push_back({.timeline = &pack.timeline, .block = last, .offset = offset});
  }
  if (last) rows.push_back({.timeline = &pack.timeline, .block = last - 1, .offset = 127});
  return rows;
}

std::vector<uint32_t> all_blocks(const std::vector<RowPlace>& rows, int64_t groups) {
  std::vector<uint32_t> blocks(rows.size() * static_cast<size_t>(groups) * kSelected, kNoBlock);
  for (size_t i = 0; i < rows.size(); i++) {
    for (int64_t g = 0; g < groups; g++) {
      uint32_t* to =
          blocks.data() + (i * static_cast<size_t>(groups) + static_cast<size_t>(g)) * kSelected;
      for (uint32_t b = 0; b <= rows[i].block; b++) {
        if (visible_slots(rows[i], b)) *to++ = b;
      }
    }
  }
  return blocks;
}

double relative_error(const std::vector<float>& got, const std::vector<float>& want) {
  double error = 0, size = 0;
  for (size_t i = 0; i < got.size(); i++) {
    error += (double{got[i]} - want[i]) * (double{got[i]} - want[i]);
    size += double{want[i]} * want[i];
  }
  return std::sqrt(error / size);
}

TEST("cpu attention over selected blocks agrees with ref, mass too") {
  for (const NamedTable& named : check::cpu_tables()) {
    for (const KvType kv : kKvTypes) {
      for (const auto& [head_dim, heads] :
           std::initializer_list<std::pair<int64_t, int64_t>>{{64, 6}, {128, 12}, {80, 2}}) {
        PagedRows ref(ref_table(), shape_of(KvType::f32, 2, head_dim), 9);
        PagedRows cpu(*named.table, shape_of(kv, 2, head_dim), 9);
        for (PagedRows* pack : {&ref, &cpu}) {
          pack->valid = {128, 128, 0, 1, 127, 128, 17, 128, 128};
          pack->fill_random(3);
        }
        const std::vector<float> q = check::random_floats(4, 9 * heads * head_dim);
        const std::vector<RowPlace> of_ref = some_rows(ref), of_cpu = some_rows(cpu);
        const std::vector<uint32_t> blocks = all_blocks(of_ref, 2);
        const Attended want = attend(ref, of_ref, q, heads, blocks.data());
        const Attended got = attend(cpu, of_cpu, q, heads, blocks.data());
        // int8: 1/127/sqrt(12) of a vector's largest, on each of K, V, q and weights.
        const double bound = kv == KvType::i8 ? 0.02 : kv == KvType::bf16 ? 0.004 : 2e-6;
        CHECK(relative_error(got.out, want.out) < bound);
        CHECK(relative_error(got.mass, want.mass) < bound);
      }
    }
  }
}

TEST("cpu attention over all blocks of a segment is bit for bit the sparse one given all blocks") {
  for (const NamedTable& named : check::cpu_tables()) {
    for (const KvType kv : kKvTypes) {
      for (const uint32_t blocks : {1u, 2u, 16u}) {
        PagedRows pack(*named.table, shape_of(kv), blocks);
        if (blocks == 16) pack.valid[7] = 33;
        pack.fill_random(5);
        std::vector<RowPlace> rows;
        for (uint32_t slot = 0; slot < blocks * kBlockTokens; slot += blocks == 16 ? 37 : 3) {
          if (slot % kBlockTokens >= pack.valid[slot / kBlockTokens]) continue;
          rows.push_back({.timeline = &pack.timeline,
                          .block = slot / kBlockTokens,
                          .offset = slot % kBlockTokens});
        }
        const auto m = static_cast<int64_t>(rows.size());
        const std::vector<float> q = check::random_floats(6, m * 6 * 64);
        const std::vector<uint32_t> given = all_blocks(rows, 2);
        const Attended dense = attend(pack, rows, q, 6, nullptr);
        const Attended sparse = attend(pack, rows, q, 6, given.data());
        CHECK(dense.out == sparse.out);
        CHECK(dense.mass == sparse.mass);
        // Nor do the rows beside it, or threads, matter to a row.
        CHECK(dense.out == attend(pack, rows, q, 6, nullptr, 1).out);
        const std::vector<RowPlace> one = {rows[rows.size() / 2]};
        const auto from = q.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2 * 6 * 64);
        const Attended alone = attend(pack, one, {from, from + 6 * 64}, 6, nullptr);
        CHECK(
            std::equal(alone.out.begin(), alone.out.end(),
                       dense.out.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2 * 6 * 64)));
      }
    }
  }
}

TEST("cpu pages, selection and attention are bit for bit the same on every instruction set") {
  const std::vector<NamedTable> tables = check::cpu_tables();
  for (const KvType kv : kKvTypes) {
    std::vector<std::unique_ptr<PagedRows>> packs;
    for (const NamedTable& named : tables) {
      packs.push_back(std::make_unique<PagedRows>(*named.table, shape_of(kv), 20));
      packs.back()->valid[3] = 5;
      packs.back()->fill_random(8);
      for (uint32_t b = 0; b < 20; b++) {
        named.table->seal(packs.back()->shape, packs.back()->pages[b], packs.back()->valid[b]);
      }
      const PageFormat format = named.table->page_format(packs.back()->shape);
      for (uint32_t b = 0; b < 20; b++) {
        const Page &one = packs[0]->pages[b], &other = packs.back()->pages[b];
        CHECK(std::equal(one.index, one.index + format.index_bytes_per_layer, other.index));
        CHECK(std::equal(one.kv, one.kv + format.kv_bytes_per_layer, other.kv));
      }
    }
    const std::vector<float> q = check::random_floats(9, 9 * 6 * 64);
    const std::vector<float> index_q = check::random_floats(10, 9 * 2 * 64);
    const std::vector<uint32_t> forced(9, 0);
    Chosen first;
    Attended first_out;
    for (const auto& pack : packs) {
      const std::vector<RowPlace> rows = some_rows(*pack);
      const Chosen chosen = select(*pack, rows, index_q, forced);
      const Attended out = attend(*pack, rows, q, 6, chosen.blocks.data());
      if (pack == packs[0]) {
        first = chosen;
        first_out = out;
      }
      CHECK(chosen.blocks == first.blocks);
      CHECK(chosen.score == first.score);
      CHECK(out.out == first_out.out);
      CHECK(out.mass == first_out.mass);
    }
  }
}

// Small integers in fp32 and bf16 pages; in int8 pages integers that a Hadamard matrix makes of
// integers up to 127 with 127 among them, so that nothing is rounded there either.
std::vector<float> exact_vector(uint32_t seed, int64_t width, bool turned) {
  std::mt19937 random(seed);
  std::vector<float> x(static_cast<size_t>(width));
  for (float& v : x) v = static_cast<float>(static_cast<int>(random() % 7) - 3);
  if (!turned) return x;
  x[random() % x.size()] = 127;
  for (size_t stride = 1; stride < x.size(); stride *= 2) {
    for (size_t base = 0; base < x.size(); base += 2 * stride) {
      for (size_t i = base; i < base + stride; i++) {
        const float a = x[i], b = x[i + stride];
        x[i] = a + b;
        x[i + stride] = a - b;
      }
    }
  }
  return x;
}

TEST("cpu selection equals ref exactly on integer-valued inputs, ties and forced blocks included") {
  for (const NamedTable& named : check::cpu_tables()) {
    for (const KvType kv : kKvTypes) {
      for (const int64_t index_dim : {int64_t{64}, int64_t{0}}) {
        for (const uint32_t blocks : {1u, 16u, 17u, 80u}) {
          const bool turned = kv == KvType::i8;
          PagedRows ref(ref_table(), shape_of(KvType::f32, 2, 64, index_dim), blocks);
          PagedRows cpu(*named.table, shape_of(kv, 2, 64, index_dim), blocks);
          for (PagedRows* pack : {&ref, &cpu}) {
            if (blocks > 16) {
              pack->valid[2] = 1;
              pack->valid[3] = 127;
              pack->valid[5] = 0;
            }
            for (uint32_t slot = 0; slot < blocks * kBlockTokens; slot++) {
              if (slot % kBlockTokens >= pack->valid[slot / kBlockTokens]) continue;
              // A third of the blocks repeat another's keys: ties.
              const uint32_t seed = slot / kBlockTokens % 3 == 2 ? slot % kBlockTokens : slot;
              std::vector<float> k = exact_vector(seed, 64, turned);
              const std::vector<float> second = exact_vector(seed + 1, 64, turned);
              k.insert(k.end(), second.begin(), second.end());
              pack->put(slot / kBlockTokens, slot % kBlockTokens,
                        {k, std::vector<float>(128, 1.0f),
                         exact_vector(seed + 2, index_dim, turned && index_dim)});
            }
          }
          const std::vector<RowPlace> of_ref = some_rows(ref), of_cpu = some_rows(cpu);
          std::vector<float> index_q;
          for (uint32_t i = 0; i < of_ref.size() * 2; i++) {
            const std::vector<float> one = exact_vector(1000 + i, 64, turned);
            index_q.insert(index_q.end(), one.begin(), one.end());
          }
          std::vector<uint32_t> forced;
          for (const RowPlace& row : of_ref) {
            forced.insert(forced.end(), {0, kNoBlock, row.block / 2, row.block});
          }
          const Chosen want = select(ref, of_ref, index_q, forced);
          const Chosen got = select(cpu, of_cpu, index_q, forced);
          CHECK(want.blocks == got.blocks);
          CHECK(want.score == got.score);
          CHECK(got.blocks == select(cpu, of_cpu, index_q, forced, 1).blocks);
        }
      }
    }
  }
}

TEST("cpu selection never takes a block out of sight, nor counts what a row cannot see") {
  for (const NamedTable& named : check::cpu_tables()) {
    for (const KvType kv : kKvTypes) {
      PagedRows pack(*named.table, shape_of(kv), 40);
      for (uint32_t b = 4; b < 30; b++) pack.valid[b] = 0;
      pack.fill_random(11);
      // The best key of all lies behind the row, in the row's own block.
      const std::vector<float> big(64, 100.0f), kv_values(128, 1.0f);
      pack.put(39, 90, {kv_values, kv_values, big});
      const std::vector<RowPlace> rows = {{.timeline = &pack.timeline, .block = 39, .offset = 89},
                                          {.timeline = &pack.timeline, .block = 39, .offset = 90}};
      const std::vector<float> index_q(2 * 2 * 64, 1.0f);
      const Chosen chosen = select(pack, rows, index_q, {39, 39});
      for (size_t i = 0; i < chosen.blocks.size(); i++) {
        const uint32_t block = chosen.blocks[i];
        CHECK(block < 4 || block >= 30 || block == kNoBlock);
        if (block != 39) continue;
        CHECK_EQ(chosen.score[i] > 6000, i >= chosen.blocks.size() / 2);
      }
      // 4 + 10 blocks are in sight: the tail is empty.
      CHECK_EQ(chosen.blocks[13], 39u);
      CHECK_EQ(chosen.blocks[14], kNoBlock);
      CHECK_EQ(chosen.score[15], 0.0f);
    }
  }
}

TEST("cpu selection of int8 keys keeps the exact ranking wherever rounding cannot change it") {
  for (const NamedTable& named : check::cpu_tables()) {
    PagedRows ref(ref_table(), shape_of(KvType::f32), 300),
        cpu(*named.table, shape_of(KvType::i8), 300);
    ref.fill_random(13);
    cpu.fill_random(13);
    const std::vector<RowPlace> of_ref = {{.timeline = &ref.timeline, .block = 299, .offset = 64}};
    const std::vector<RowPlace> of_cpu = {{.timeline = &cpu.timeline, .block = 299, .offset = 64}};
    const std::vector<float> index_q = check::random_floats(14, 2 * 64);
    const Chosen want = select(ref, of_ref, index_q, {299}),
                 got = select(cpu, of_cpu, index_q, {299});
    // Vectors of norm 8: a dot product is off by about 8 * 8 * sqrt(2) / (127 / 3 * sqrt(12)).
    for (size_t g = 0; g < 2; g++) {
      float least = INFINITY;
      for (size_t j = 0; j < kSelected; j++) {
        if (want.blocks[g * kSelected + j] != 299)
          least = std::min(least, want.score[g * kSelected + j]);
      }
      for (size_t j = 0; j < kSelected; j++) {
        if (got.blocks[g * kSelected + j] == 299) continue;
        CHECK(got.score[g * kSelected + j] > least - 2.5f);
      }
    }
  }
}

TEST("a sealed cpu page holds nothing of what lay in its memory before") {
  for (const NamedTable& named : check::cpu_tables()) {
    for (const KvType kv : kKvTypes) {
      PagedRows one(*named.table, shape_of(kv), 1, std::byte{0xFF});
      PagedRows two(*named.table, shape_of(kv), 1, std::byte{0x5A});
      const PageFormat format = named.table->page_format(one.shape);
      for (PagedRows* pack : {&one, &two}) {
        pack->valid[0] = 77;
        pack->fill_random(17);
        named.table->seal(pack->shape, pack->pages[0], 77);
      }
      CHECK(std::equal(one.pages[0].index, one.pages[0].index + format.index_bytes_per_layer,
                       two.pages[0].index));
      CHECK(std::equal(one.pages[0].kv, one.pages[0].kv + format.kv_bytes_per_layer,
                       two.pages[0].kv));
    }
  }
}

}  // namespace
}  // namespace blocksight

// The index in planes against the whole of it: the same selection for fewer bytes.
#include <algorithm>
#include <cmath>
#include <vector>

#include "check.h"
#include "cpu_tables.h"
#include "paged.h"

namespace blocksight {
namespace {

using check::NamedTable;
using check::PagedRows;

// The smallest heads: only index keys matter here.
PageShape shape_of(int64_t index_dim) {
  return {
      .layers = 1, .groups = 2, .head_dim = 16, .index_dim = index_dim, .kv = KvType::i8};
}

struct Chosen {
  std::vector<uint32_t> blocks;
  std::vector<float> score;
  ScanCount count;

  bool operator==(const Chosen& other) const {
    return blocks == other.blocks && score == other.score;
  }
};

struct Asked {
  std::vector<RowPlace> rows;
  std::vector<float> index_q;
  std::vector<uint32_t> forced;
};

Chosen select(const PagedRows& pack, const Asked& asked, Scan scan, int threads = 1) {
  ThreadPool pool(threads);
  const size_t entries = asked.rows.size() * static_cast<size_t>(pack.shape.groups) * kSelected;
  Chosen out = {std::vector<uint32_t>(entries, 7), std::vector<float>(entries, 7.0f), {}};
  pack.table.select(
      {.shape = &pack.shape,
       .layer = 0,
       .m = static_cast<int64_t>(asked.rows.size()),
       .rows = asked.rows.data(),
       .index_q = asked.index_q.data(),
       .forced = asked.forced.data(),
       .forced_count = static_cast<int64_t>(asked.forced.size() / asked.rows.size()),
       .blocks = out.blocks.data(),
       .score = out.score.data(),
       .scan = scan,
       .count = &out.count},
      pool);
  return out;
}

// Stores the first `valid` index keys of a block, [valid][I].
void put_keys(PagedRows& pack, uint32_t block, const std::vector<float>& keys) {
  static const std::vector<float> heads(kBlockTokens * 32, 1.0f);
  std::vector<RowPlace> places;
  for (uint32_t slot = 0; slot < pack.valid[block]; slot++) {
    places.push_back({.timeline = &pack.timeline, .block = block, .offset = slot});
  }
  ThreadPool pool(1);
  pack.table.store({.shape = &pack.shape,
                    .layer = 0,
                    .m = static_cast<int64_t>(places.size()),
                    .rows = places.data(),
                    .k = heads.data(),
                    .v = heads.data(),
                    .index_k = keys.data()},
                   pool);
}

// The rows at these offsets of the last block, with what every row must read.
Asked rows_of(const PagedRows& pack, const std::vector<uint32_t>& offsets,
              std::vector<float> index_q) {
  Asked asked = {.rows = {}, .index_q = std::move(index_q), .forced = {}};
  const uint32_t last = pack.timeline.blocks - 1;
  for (const uint32_t offset : offsets) {
    asked.rows.push_back({.timeline = &pack.timeline, .block = last, .offset = offset});
    asked.forced.insert(asked.forced.end(), {0, kNoBlock, last / 2, last});
  }
  return asked;
}

constexpr int64_t kWidth = 64;
constexpr uint32_t kMillionBlocks = 7813;  // 1,000,064 keys

// Every key is one of 512, scaled. Each 97th block holds a key that points along each query, and
// five lengths of these take turns: so the best score comes sixteen times, and there is room for
// thirteen. Each 101st holds one of them but for its smallest steps, which only low planes tell.
void fill_million(PagedRows& pack, const std::vector<float>& index_q) {
  const std::vector<float> some = check::random_floats(21, 512 * kWidth);
  std::vector<float> keys(kBlockTokens * kWidth);
  uint32_t state = 7;
  const auto next = [&] { return (state = state * 1'664'525u + 1'013'904'223u) >> 8; };
  for (uint32_t block = 0; block < kMillionBlocks; block++) {
    for (uint32_t slot = 0; slot < kBlockTokens; slot++) {
      const float* const from = some.data() + next() % 512 * kWidth;
      const float size = 0.5f + 0.25f * static_cast<float>(slot % 3);
      for (int64_t e = 0; e < kWidth; e++) keys[slot * kWidth + e] = size * from[e];
    }
    const bool same = block % 97 == 5, near = block % 101 == 5;
    for (uint32_t i = 0; (same || near) && i < 4; i++) {
      const uint32_t which = block % 5, slot = (block + 31 * i) % kBlockTokens;
      const float* const query = index_q.data() + i * kWidth;
      for (int64_t e = 0; e < kWidth; e++) {
        const float step = near && e == block % kWidth ? 0.01f : 0.0f;
        keys[slot * kWidth + e] =
            (2.0f + 0.1f * static_cast<float>(which)) * query[e] + some[e] + step;
      }
    }
    put_keys(pack, block, keys);
  }
}

TEST("index planes: selections from a million keys are the whole scan's, for fewer bytes") {
  for (const NamedTable& named : check::cpu_tables()) {
    const std::vector<float> index_q = check::random_floats(22, 4 * kWidth);
    PagedRows pack(*named.table, shape_of(kWidth), kMillionBlocks);
    fill_million(pack, index_q);
    const Asked asked = rows_of(pack, {70, 127}, index_q);
    const Chosen whole = select(pack, asked, Scan::whole);
    const Chosen planes = select(pack, asked, Scan::planes);
    CHECK(planes == whole);
    CHECK(select(pack, asked, Scan::planes, 2) == whole);
    CHECK(select(pack, asked, Scan::by_size, 2) == whole);
    // Some of what is selected is equal to others, in score and beyond the last place.
    std::vector<float> scores = whole.score;
    std::ranges::sort(scores);
    CHECK(std::unique(scores.begin(), scores.end()) != scores.end());
    CHECK_EQ(whole.count.panels, uint64_t{kMillionBlocks} * 8);
    CHECK_EQ(whole.count.whole, whole.count.panels);
    CHECK_EQ(planes.count.panels, whole.count.panels);
    CHECK(planes.count.whole * 10 < planes.count.panels);
    CHECK(planes.count.bytes * 10 < whole.count.bytes * 6);
  }
}

TEST("index planes: where every block holds the same keys, all of them are read") {
  for (const NamedTable& named : check::cpu_tables()) {
    PagedRows pack(*named.table, shape_of(kWidth), 100);
    const std::vector<float> one = check::random_floats(31, kWidth);
    std::vector<float> keys;
    for (uint32_t i = 0; i < kBlockTokens; i++) keys.insert(keys.end(), one.begin(), one.end());
    for (uint32_t block = 0; block < 100; block++) put_keys(pack, block, keys);
    const Asked asked = rows_of(pack, {127}, check::random_floats(32, 2 * kWidth));
    const Chosen planes = select(pack, asked, Scan::planes);
    CHECK(planes == select(pack, asked, Scan::whole));
    CHECK_EQ(planes.count.whole, planes.count.panels);
    // Of equal scores the lower ids, beside what is forced.
    for (uint32_t j = 0; j < 14; j++) CHECK_EQ(planes.blocks[j], j);
    CHECK_EQ(planes.blocks[14], 49u);
    CHECK_EQ(planes.blocks[15], 99u);
  }
}

TEST("index planes: the same selection for any width, short and empty blocks, and many rows") {
  for (const NamedTable& named : check::cpu_tables()) {
    for (const int64_t width : {8, 16, 32, 48, 64, 80, 128, 1024}) {
      PagedRows pack(*named.table, shape_of(width), 60);
      for (uint32_t b = 0; b < 60; b += 7) pack.valid[b] = static_cast<uint8_t>(b);
      for (uint32_t b = 0; b < 60; b++) {
        put_keys(pack, b, check::random_floats(40 + b, kBlockTokens * width));
      }
      const std::vector<uint32_t> offsets = {0, 1, 15, 16, 17, 63, 64, 100, 127};
      for (size_t count = 1; count <= offsets.size(); count++) {
        const Asked asked =
            rows_of(pack, {offsets.end() - static_cast<std::ptrdiff_t>(count), offsets.end()},
                    check::random_floats(41, static_cast<int64_t>(count) * 2 * width));
        const Chosen whole = select(pack, asked, Scan::whole);
        CHECK(select(pack, asked, Scan::planes) == whole);
        // Few queries join planes in registers, many share joined bytes.
        const Asked alone = rows_of(
            pack, {offsets[offsets.size() - count]},
            {asked.index_q.begin(), asked.index_q.begin() + 2 * static_cast<std::ptrdiff_t>(width)});
        const Chosen one = select(pack, alone, Scan::whole);
        CHECK(std::ranges::equal(one.blocks, std::span(whole.blocks).first(one.blocks.size())));
        CHECK(std::ranges::equal(one.score, std::span(whole.score).first(one.score.size())));
      }
    }
  }
}

// What a Hadamard matrix makes of these bytes; it makes the bytes of it again, times the width.
std::vector<float> turned(std::vector<float> x) {
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

// The bound of such a key is its score. All blocks but thirty are one step of one byte worse, so a
// bound that were a step of `rest` less would leave these out (at widths of 64 and 512).
TEST("index planes: a key whose low half points along the query is not missed") {
  for (const NamedTable& named : check::cpu_tables()) {
    for (const int64_t width : {16, 64, 512}) {
      PagedRows pack(*named.table, shape_of(width), 200);
      std::mt19937 random(51);
      std::vector<float> signs(static_cast<size_t>(width), 127.0f);
      for (size_t e = 1; e < signs.size(); e++) signs[e] = random() % 2 ? 127.0f : -127.0f;
      for (uint32_t block = 0; block < 200; block++) {
        const bool best = block >= 150 && block < 180;
        std::vector<float> keys;
        for (uint32_t slot = 0; slot < kBlockTokens; slot++) {
          std::vector<float> bytes(signs.size());
          for (size_t e = 0; e < signs.size(); e++) {
            const bool up = signs[e] > 0;
            const int high = e == 0 ? 15 : up ? 9 : 7, low = up ? 15 : 0;
            bytes[e] = static_cast<float>(16 * high + low - 128);
          }
          const size_t worse = 1 + slot % (bytes.size() - 1);
          if (!best) bytes[worse] -= signs[worse] / 127.0f;
          const std::vector<float> key = turned(bytes);
          keys.insert(keys.end(), key.begin(), key.end());
        }
        put_keys(pack, block, keys);
      }
      std::vector<float> index_q = turned(signs);
      index_q.insert(index_q.end(), index_q.begin(), index_q.end());
      const Asked asked = rows_of(pack, {127}, index_q);
      const Chosen planes = select(pack, asked, Scan::planes);
      CHECK(planes == select(pack, asked, Scan::whole));
      for (uint32_t j = 0; j < 13; j++) CHECK_EQ(planes.blocks[j + 2], 150 + j);
    }
  }
}

}  // namespace
}  // namespace blocksight

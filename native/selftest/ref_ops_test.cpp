// The `ref` tier against definitions written a second time, as plainly as possible.
#include <cmath>
#include <cstring>

#include "check.h"
#include "op_table.h"
#include "paged.h"
#include "thread_pool.h"

using namespace blocksight;
using blocksight::check::PagedRows;
using blocksight::check::random_floats;

namespace {

// softmax(q k / sqrt(E)) v over one list of slots, one head, fp64, without blocks.
std::vector<double> dense_attention(const PagedRows& rows, int64_t group, const float* q,
                                    const std::vector<uint32_t>& slots) {
  const int64_t width = rows.shape.head_dim;
  std::vector<double> weights;
  double sum = 0;
  for (const uint32_t slot : slots) {
    double logit = 0;
    for (int64_t e = 0; e < width; e++)
      logit += double{q[e]} * double{rows.slots[slot].k[static_cast<size_t>(group * width + e)]};
    weights.push_back(std::exp(logit / std::sqrt(static_cast<double>(width))));
    sum += weights.back();
  }
  std::vector<double> out(static_cast<size_t>(width));
  for (size_t s = 0; s < slots.size(); s++) {
    for (int64_t e = 0; e < width; e++) {
      out[static_cast<size_t>(e)] +=
          weights[s] / sum * double{rows.slots[slots[s]].v[static_cast<size_t>(group * width + e)]};
    }
  }
  return out;
}

}  // namespace

TEST("ref: selection keeps the best blocks, forced ones counted, ties to the lower id") {
  const PageShape shape = {.layers = 1, .groups = 1, .head_dim = 2, .index_dim = 1};
  PagedRows rows(ref_table(), shape, 24);
  for (uint32_t block = 0; block < 24; block++) {
    for (uint32_t offset = 0; offset < kBlockTokens; offset++) {
      const float key = block == 20 && offset > 5 ? 99.0f : static_cast<float>(block / 2);
      rows.put(block, offset, {{0, 0}, {0, 0}, {key}});
    }
  }
  rows.valid[19] = 0;  // out of sight
  const RowPlace place = {.timeline = &rows.timeline, .block = 20, .offset = 5};
  const float query = 1;
  const uint32_t forced[4] = {0, kNoBlock, 19, 20};
  uint32_t blocks[6];
  float score[6];
  ThreadPool pool(1);
  ref_table().select({.shape = &rows.shape,
                      .layer = 0,
                      .m = 1,
                      .rows = &place,
                      .index_q = &query,
                      .forced = forced,
                      .forced_count = 4,
                      .k = 6,
                      .blocks = blocks,
                      .score = score},
                     pool);
  // 0 and 20 are forced; 18 and 16, 17 score best; of the tied 14 and 15 the lower wins. Slots of
  // block 20 behind the row are not seen; block 19 is not in sight, forced or not.
  const uint32_t expected[6] = {0, 14, 16, 17, 18, 20};
  const float expected_score[6] = {0, 7, 8, 8, 9, 10};
  for (int j = 0; j < 6; j++) {
    CHECK_EQ(blocks[j], expected[j]);
    CHECK_EQ(score[j], expected_score[j]);
  }
}

TEST("ref: an early row selects what there is and fills the tail") {
  const PageShape shape = {.layers = 1, .groups = 1, .head_dim = 2, .index_dim = 1};
  PagedRows rows(ref_table(), shape, 2);
  for (uint32_t slot = 0; slot < 2 * kBlockTokens; slot++) {
    rows.put(slot / kBlockTokens, slot % kBlockTokens, {{0, 0}, {0, 0}, {-1.0f}});
  }
  const RowPlace place = {.timeline = &rows.timeline, .block = 1, .offset = 0};
  const float query = 3;
  const uint32_t forced = 1;
  uint32_t blocks[16];
  float score[16];
  ThreadPool pool(1);
  ref_table().select({.shape = &rows.shape,
                      .layer = 0,
                      .m = 1,
                      .rows = &place,
                      .index_q = &query,
                      .forced = &forced,
                      .forced_count = 1,
                      .blocks = blocks,
                      .score = score},
                     pool);
  CHECK_EQ(blocks[0], 0u);
  CHECK_EQ(blocks[1], 1u);
  CHECK_EQ(score[1], -3.0f);
  for (int j = 2; j < 16; j++) {
    CHECK_EQ(blocks[j], kNoBlock);
    CHECK_EQ(score[j], 0.0f);
  }
}

TEST("ref: attention over all blocks equals dense attention, and blocks given or not is the same") {
  const PageShape shape = {.layers = 1, .groups = 2, .head_dim = 16, .index_dim = 4};
  PagedRows rows(ref_table(), shape, 5);
  rows.valid[1] = 40;
  rows.fill_random(7);
  const int64_t heads = 6;
  const std::vector<float> q = random_floats(8, 2 * heads * shape.head_dim);
  const RowPlace places[2] = {{&rows.timeline, 4, 17}, {&rows.timeline, 1, 39}};
  ThreadPool one(1), three(3);
  std::vector<float> all(q.size()), given(q.size()), mass(2 * 2 * 16), mass_given(mass.size());
  AttendArgs args = {.shape = &rows.shape,
                     .layer = 0,
                     .m = 2,
                     .heads = heads,
                     .rows = places,
                     .q = q.data(),
                     .out = all.data(),
                     .mass = mass.data()};
  ref_table().attend(args, one);
  std::vector<uint32_t> blocks(mass.size(), kNoBlock);
  for (size_t g = 0; g < 2; g++) {
    for (uint32_t b = 0; b < 5; b++) blocks[g * 16 + b] = b;
    for (uint32_t b = 0; b < 2; b++) blocks[(2 + g) * 16 + b] = b;
  }
  args.blocks = blocks.data();
  args.out = given.data();
  args.mass = mass_given.data();
  ref_table().attend(args, three);
  CHECK(all == given);
  CHECK(mass == mass_given);

  for (int64_t row = 0; row < 2; row++) {
    std::vector<uint32_t> slots;
    for (uint32_t block = 0; block <= places[row].block; block++) {
      for (uint32_t s = 0; s < visible_slots(places[row], block); s++) {
        slots.push_back(block * kBlockTokens + s);
      }
    }
    for (int64_t h = 0; h < heads; h++) {
      const int64_t at = (row * heads + h) * shape.head_dim;
      const std::vector<double> expected = dense_attention(rows, h / 3, q.data() + at, slots);
      for (int64_t e = 0; e < shape.head_dim; e++) {
        CHECK_NEAR(double{all[static_cast<size_t>(at + e)]}, expected[static_cast<size_t>(e)],
                   1e-6);
      }
    }
  }
  for (size_t pair = 0; pair < 4; pair++) {
    double sum = 0;
    for (size_t j = 0; j < 16; j++) sum += double{mass[pair * 16 + j]};
    CHECK_NEAR(sum, 1.0, 1e-6);
  }
}

TEST("ref: index source `keys` scores a group's own keys") {
  const PageShape shape = {.layers = 1, .groups = 2, .head_dim = 2, .index_dim = 0};
  PagedRows rows(ref_table(), shape, 3);
  for (uint32_t slot = 0; slot < 3 * kBlockTokens; slot++) {
    const float b = static_cast<float>(slot / kBlockTokens);
    rows.put(slot / kBlockTokens, slot % kBlockTokens, {{b, 0, 0, -b}, {0, 0, 0, 0}, {}});
  }
  const RowPlace place = {.timeline = &rows.timeline, .block = 2, .offset = 0};
  const float query[4] = {1, 5, 5, 1};
  const uint32_t forced = 2;
  uint32_t blocks[4];
  float score[4];
  ThreadPool pool(1);
  ref_table().select({.shape = &rows.shape,
                      .layer = 0,
                      .m = 1,
                      .rows = &place,
                      .index_q = query,
                      .forced = &forced,
                      .forced_count = 1,
                      .k = 2,
                      .blocks = blocks,
                      .score = score},
                     pool);
  CHECK_EQ(blocks[0], 1u);
  CHECK_EQ(blocks[2], 0u);
  CHECK_EQ(score[0], 1.0f);
  CHECK_EQ(score[3], -2.0f);
}

TEST("ref: products add the bias and the low-rank delta, whatever the rows beside them") {
  const int64_t rows = 5, cols = 11, m = 3;
  const std::vector<float> w = random_floats(1, rows * cols), x = random_floats(2, m * cols);
  Linear linear;
  linear.weight = {.type = WeightType::f32,
                   .rows = rows,
                   .cols = cols,
                   .data = reinterpret_cast<const std::byte*>(w.data()),
                   .row_bytes = cols * sizeof(float)};
  linear.bias = random_floats(3, rows);
  linear.low_rank = LowRank{
      .rank = 2, .scale = 0.5f, .a = random_floats(4, 2 * cols), .b = random_floats(5, rows * 2)};
  ThreadPool pool(2);
  std::vector<float> y(m * rows), last(rows);
  const Linear* linears[1] = {&linear};
  float* outputs[1] = {y.data()};
  ref_table().matmul({.x = x.data(), .m = m, .linears = linears, .y = outputs}, pool);
  float* last_output[1] = {last.data()};
  ref_table().matmul({.x = x.data() + 2 * cols,
                      .m = 1,
                      .linears = linears,
                      .y = last_output,
                      .phase = Phase::decode},
                     pool);
  for (int64_t r = 0; r < rows; r++) {
    CHECK_EQ(y[static_cast<size_t>(2 * rows + r)], last[static_cast<size_t>(r)]);
    double expected = double{linear.bias[static_cast<size_t>(r)]};
    for (int64_t c = 0; c < cols; c++) {
      double weight = double{w[static_cast<size_t>(r * cols + c)]};
      for (int64_t k = 0; k < 2; k++) {
        weight += 0.5 * double{linear.low_rank->b[static_cast<size_t>(r * 2 + k)]} *
                  double{linear.low_rank->a[static_cast<size_t>(k * cols + c)]};
      }
      expected += weight * double{x[static_cast<size_t>(2 * cols + c)]};
    }
    CHECK_NEAR(double{last[static_cast<size_t>(r)]}, expected, 1e-5);
  }
}

TEST("ref: rotary pairs that a llama file interleaves come out as halves") {
  StoredMatrix matrix = {.rows = 8, .cols = 1, .interleave_heads = 2};
  const int64_t expected[8] = {0, 2, 1, 3, 4, 6, 5, 7};
  for (int64_t r = 0; r < 8; r++) CHECK_EQ(stored_row(matrix, r), expected[r]);
  matrix.interleave_heads = 0;
  CHECK_EQ(stored_row(matrix, 5), 5);
}

TEST("ref: sealing makes a short page the same whatever its memory held") {
  const PageShape shape = {.layers = 1, .groups = 1, .head_dim = 2, .index_dim = 3};
  PagedRows poisoned(ref_table(), shape, 1), zeroed(ref_table(), shape, 1, std::byte{0});
  const PageFormat format = ref_table().page_format(shape);
  for (PagedRows* rows : {&poisoned, &zeroed}) {
    rows->put(0, 0, {{1, 2}, {3, 4}, {5, 6, 7}});
    ref_table().seal(shape, rows->pages[0], 1);
  }
  CHECK_EQ(
      std::memcmp(poisoned.pages[0].index, zeroed.pages[0].index, format.index_bytes_per_layer), 0);
  CHECK_EQ(std::memcmp(poisoned.pages[0].kv, zeroed.pages[0].kv, format.kv_bytes_per_layer), 0);
  float last[3];
  std::memcpy(last, poisoned.pages[0].index + 127 * sizeof last, sizeof last);
  CHECK_EQ(last[2], 7.0f);
}

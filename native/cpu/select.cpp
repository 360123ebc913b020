#include <algorithm>
#include <limits>
#include <vector>

#include "buffer.h"
#include "cpu.h"
#include "pages.h"
#include "thread_pool.h"

namespace blocksight::cpu {

namespace {

constexpr float kNotVisible = -std::numeric_limits<float>::infinity();
// Rows scored together: a block's keys are read once for all of them.
constexpr int64_t kRowBatch = 64;

// Index queries of a batch of rows, [rows][G][width], as the keys' element type wants them.
struct Queries {
  int64_t width = 0;
  std::vector<float> values;
  Buffer bytes;  // int8
  std::vector<int32_t> sum;
  std::vector<float> scale;
};

void read_queries(const Kernels& kernels, const SelectArgs& args, int64_t first, int64_t rows,
                  Queries& out) {
  const PageShape& shape = *args.shape;
  const int64_t width = shape.index_dim ? shape.index_dim : shape.head_dim;
  const int64_t count = rows * shape.groups, padded = padded_width(width);
  out.width = padded;
  out.values.assign(static_cast<size_t>(count * padded), 0.0f);
  for (int64_t i = 0; i < count; i++) {
    std::copy_n(args.index_q + (first * shape.groups + i) * width, width,
                out.values.begin() + i * padded);
  }
  if (shape.kv != KvType::i8) return;
  out.bytes.reserve(static_cast<size_t>(count * padded));
  out.sum.resize(static_cast<size_t>(count));
  out.scale.resize(static_cast<size_t>(count));
  const float norm = 1.0f / static_cast<float>(hadamard_run(width));
  for (int64_t i = 0; i < count; i++) {
    float* const q = out.values.data() + i * padded;
    kernels.hadamard(q, padded);
    const auto at = static_cast<size_t>(i);
    out.scale[at] =
        norm * kernels.quantize(q, padded, out.bytes.as<int8_t>() + i * padded, &out.sum[at]);
  }
}

// Scores of one block for the queries [begin, begin + count).
void score_block(const Kernels& kernels, const PageShape& shape, const KeyPart& part,
                 const Queries& q, int64_t begin, const int* visible, int64_t count, float* out) {
  const float* const values = q.values.data() + begin * q.width;
  switch (shape.kv) {
    case KvType::i8:
      return kernels.score_i8(reinterpret_cast<const uint8_t*>(part.keys), part.scale, q.width,
                              q.bytes.as<int8_t>() + begin * q.width, q.sum.data() + begin,
                              q.scale.data() + begin, visible, count, out);
    case KvType::bf16:
      return kernels.score_bf16(reinterpret_cast<const uint16_t*>(part.keys), q.width, values,
                                visible, count, out);
    case KvType::f32:
      return kernels.score_f32(reinterpret_cast<const float*>(part.keys), q.width, values, visible,
                               count, out);
  }
}

struct Scored {
  uint32_t block;
  float score;
};

// scores[block * stride] of one row and group; kNotVisible where there is nothing to see.
void choose(const SelectArgs& args, int64_t row, int64_t group, const float* scores,
            int64_t stride) {
  const RowPlace& place = args.rows[row];
  const uint32_t* const forced = args.forced + row * args.forced_count;
  const uint32_t* const forced_end = forced + args.forced_count;
  const auto score_of = [&](uint32_t block) {
    return scores[static_cast<int64_t>(block) * stride];
  };

  std::vector<Scored> chosen;
  chosen.reserve(args.k + static_cast<size_t>(args.forced_count));
  for (const uint32_t* f = forced; f != forced_end; f++) {
    if (*f == kNoBlock || !visible_slots(place, *f) || std::find(forced, f, *f) != f) continue;
    chosen.push_back({*f, score_of(*f)});
  }
  const size_t forced_count = chosen.size();
  const size_t room = args.k > forced_count ? args.k - forced_count : 0;
  float worst = kNotVisible;  // of the chosen, once there is no room
  for (uint32_t block = 0; room && block <= place.block; block++) {
    const float score = score_of(block);
    // Ascending ids: a later block with the same score never takes an earlier one's place.
    if (!(score > worst)) continue;
    if (std::find(forced, forced_end, block) != forced_end) continue;
    if (chosen.size() == forced_count + room) chosen.pop_back();
    const auto at = std::find_if(chosen.begin() + static_cast<std::ptrdiff_t>(forced_count),
                                 chosen.end(), [&](const Scored& s) { return score > s.score; });
    chosen.insert(at, {block, score});
    if (chosen.size() == forced_count + room) worst = chosen.back().score;
  }
  std::sort(chosen.begin(), chosen.end(),
            [](const Scored& a, const Scored& b) { return a.block < b.block; });

  const int64_t pair = row * args.shape->groups + group;
  for (uint32_t j = 0; j < args.k; j++) {
    const bool used = j < chosen.size();
    args.blocks[pair * args.k + j] = used ? chosen[j].block : kNoBlock;
    args.score[pair * args.k + j] = used ? chosen[j].score : 0.0f;
  }
}

// Rows [first, first + rows) of one timeline.
void select_rows(const Kernels& kernels, const SelectArgs& args, int64_t first, int64_t rows,
                 ThreadPool& pool) {
  const PageShape& shape = *args.shape;
  const int64_t groups = shape.groups, count = rows * groups;
  const Timeline& timeline = *args.rows[first].timeline;
  uint32_t last = 0;
  for (int64_t i = 0; i < rows; i++) last = std::max(last, args.rows[first + i].block);
  const int64_t blocks = int64_t{last} + 1;

  thread_local Queries queries;
  Queries& q = queries;
  read_queries(kernels, args, first, rows, q);
  thread_local Buffer kept;
  kept.reserve(static_cast<size_t>(blocks * count) * sizeof(float));
  float* const scores = kept.as<float>();  // [blocks][rows][G]

  pool.parallel_for(blocks, 8, [&](int64_t begin, int64_t end) {
    std::vector<int> visible(static_cast<size_t>(count));
    for (int64_t b = begin; b < end; b++) {
      const auto block = static_cast<uint32_t>(b);
      float* const out = scores + b * count;
      int most = 0;
      for (int64_t i = 0; i < count; i++) {
        const auto sees = static_cast<int>(visible_slots(args.rows[first + i / groups], block));
        visible[static_cast<size_t>(i)] = sees;
        most = std::max(most, sees);
      }
      if (!most) {
        std::fill(out, out + count, kNotVisible);
        continue;
      }
      const Page& page = *timeline.pages[block];
      if (shape.index_dim) {
        score_block(kernels, shape, index_part(shape, page, args.layer), q, 0, visible.data(),
                    count, out);
        continue;
      }
      // `keys`: a group's queries against its own keys, one row at a time.
      for (int64_t g = 0; g < groups; g++) {
        const KvPart part = kv_part(shape, page, args.layer, g);
        for (int64_t i = 0; i < rows; i++) {
          score_block(kernels, shape, {part.keys, part.key_scale}, q, i * groups + g,
                      &visible[static_cast<size_t>(i * groups + g)], 1, out + i * groups + g);
        }
      }
    }
  });
  pool.parallel_for(count, 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      choose(args, first + i / groups, i % groups, scores + i, count);
    }
  });
}

}  // namespace

void select(const Kernels& kernels, const SelectArgs& args, ThreadPool& pool) {
  for (int64_t first = 0; first < args.m;) {
    int64_t rows = 1;
    while (first + rows < args.m && rows < kRowBatch &&
           args.rows[first + rows].timeline == args.rows[first].timeline) {
      rows++;
    }
    select_rows(kernels, args, first, rows, pool);
    first += rows;
  }
}

}  // namespace blocksight::cpu

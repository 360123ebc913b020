#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "buffer.h"
#include "cpu.h"
#include "pages.h"
#include "thread_pool.h"

namespace blocksight::cpu {

namespace {

// Working memory of one task; one a thread. A task is up to kAttendRows (row, head) pairs of one
// group: several rows where all read the same blocks, else one.
struct Work {
  alignas(64) float largest[kAttendRows], sum[kAttendRows], q_scale[kAttendRows];
  float block_largest[kAttendRows], block_sum[kAttendRows];
  int32_t q_sum[kAttendRows];
  int visible[kAttendRows];
  Buffer q_bytes, q_values, out;
  // [pair][k], and how many blocks each pair has read; for mass.
  std::vector<float> blocks_largest, blocks_sum;
  uint32_t read[kAttendRows];
};
thread_local Work work;

struct Task {
  int64_t first, rows;         // rows of the call
  int64_t group, head, heads;  // heads [head, head + heads) of the group
};

int64_t pairs(const Task& t) { return t.rows * t.heads; }
int64_t row_of(const Task& t, int64_t pair) { return t.first + pair / t.heads; }
int64_t head_of(const Task& t, int64_t pair) { return t.head + pair % t.heads; }

const float* query_of(const AttendArgs& args, const Task& t, int64_t pair) {
  const int64_t of_group = args.heads / args.shape->groups;
  const int64_t head = t.group * of_group + head_of(t, pair);
  return args.q + (row_of(t, pair) * args.heads + head) * args.shape->head_dim;
}

void begin(const Kernels& kernels, const AttendArgs& args, const Task& t, Work& w) {
  const PageShape& shape = *args.shape;
  const int64_t width = shape.head_dim, padded = padded_width(width);
  const auto cells = static_cast<size_t>(kAttendRows * padded);
  w.q_bytes.reserve(cells);
  w.q_values.reserve(cells * sizeof(float));
  w.out.reserve(cells * sizeof(float));
  const float scale =
      static_cast<float>(std::numbers::log2e / std::sqrt(static_cast<double>(width)));
  const float turned = scale / static_cast<float>(hadamard_run(width));
  for (int64_t i = 0; i < pairs(t); i++) {
    float* const q = w.q_values.as<float>() + i * padded;
    std::copy_n(query_of(args, t, i), width, q);
    std::fill(q + width, q + padded, 0.0f);
    if (shape.kv == KvType::i8) {
      kernels.hadamard(q, padded);
      w.q_scale[i] =
          turned * kernels.quantize(q, padded, w.q_bytes.as<int8_t>() + i * padded, &w.q_sum[i]);
    } else {
      for (int64_t e = 0; e < width; e++) q[e] *= scale;
    }
    w.largest[i] = -std::numeric_limits<float>::infinity();
    w.sum[i] = 0;
    w.read[i] = 0;
  }
  std::fill_n(w.out.as<float>(), pairs(t) * padded, 0.0f);
  if (args.mass) {
    w.blocks_largest.resize(static_cast<size_t>(kAttendRows) * args.k);
    w.blocks_sum.resize(static_cast<size_t>(kAttendRows) * args.k);
  }
}

AttendState state_of(const AttendArgs& args, const Task& t, Work& w) {
  return {.rows = pairs(t),
          .width = padded_width(args.shape->head_dim),
          .q = w.q_bytes.as<int8_t>(),
          .q_sum = w.q_sum,
          .q_scale = w.q_scale,
          .q_float = w.q_values.as<float>(),
          .out = w.out.as<float>(),
          .largest = w.largest,
          .sum = w.sum,
          .block_largest = w.block_largest,
          .block_sum = w.block_sum};
}

// Of the block that is read next, while one is read.
void fetch_block(const AttendArgs& args, const Task& t, uint32_t block) {
  const PageShape& shape = *args.shape;
  const Page& page = *args.rows[t.first].timeline->pages[block];
  const KvPart part = kv_part(shape, page, args.layer, t.group);
  fetch(part.keys, page_format(shape).kv_bytes_per_layer / static_cast<size_t>(shape.groups));
}

void read_block(const Kernels& kernels, const AttendArgs& args, const Task& t, uint32_t block,
                const AttendState& state, Work& w) {
  const PageShape& shape = *args.shape;
  int most = 0;
  for (int64_t i = 0; i < pairs(t); i++) {
    w.visible[i] = static_cast<int>(visible_slots(args.rows[row_of(t, i)], block));
    most = std::max(most, w.visible[i]);
  }
  if (!most) return;
  const Page& page = *args.rows[t.first].timeline->pages[block];
  const KvPart part = kv_part(shape, page, args.layer, t.group);
  const KvBlock kv = {part.keys, part.values, part.key_scale, part.value_scale};
  switch (shape.kv) {
    case KvType::i8:
      kernels.attend_i8(kv, w.visible, state);
      break;
    case KvType::bf16:
      kernels.attend_bf16(kv, w.visible, state);
      break;
    case KvType::f32:
      kernels.attend_f32(kv, w.visible, state);
      break;
  }
  if (!args.mass) return;
  for (int64_t i = 0; i < pairs(t); i++) {
    if (!w.visible[i] || w.read[i] == args.k) continue;
    const auto at = static_cast<size_t>(i) * args.k + w.read[i]++;
    w.blocks_largest[at] = w.block_largest[i];
    w.blocks_sum[at] = w.block_sum[i];
  }
}

void finish(const Kernels& kernels, const AttendArgs& args, const Task& t, Work& w) {
  const int64_t width = args.shape->head_dim, padded = padded_width(width);
  const int64_t of_group = args.heads / args.shape->groups;
  for (int64_t i = 0; i < pairs(t); i++) {
    const float inverse = 1.0f / w.sum[i];
    const float* const from = w.out.as<float>() + i * padded;
    const int64_t head = t.group * of_group + head_of(t, i);
    float* const to = args.out + (row_of(t, i) * args.heads + head) * width;
    for (int64_t e = 0; e < width; e++) to[e] = from[e] * inverse;
    if (!args.mass) continue;
    float* const mass = args.mass + (row_of(t, i) * args.shape->groups + t.group) * args.k;
    if (head_of(t, i) == 0) std::fill_n(mass, args.k, 0.0f);
    float* const largest = w.blocks_largest.data() + static_cast<size_t>(i) * args.k;
    for (uint32_t j = 0; j < w.read[i]; j++) largest[j] -= w.largest[i];
    kernels.exp2(largest, w.read[i], largest);
    for (uint32_t j = 0; j < w.read[i]; j++) {
      const float sum = w.blocks_sum[static_cast<size_t>(i) * args.k + j];
      mass[j] += largest[j] * sum * inverse / static_cast<float>(of_group);
    }
  }
}

void attend_task(const Kernels& kernels, const AttendArgs& args, const Task& t) {
  Work& w = work;
  begin(kernels, args, t, w);
  const AttendState state = state_of(args, t, w);
  if (args.blocks) {
    const uint32_t* const blocks = args.blocks + (t.first * args.shape->groups + t.group) * args.k;
    for (uint32_t j = 0; j < args.k && blocks[j] != kNoBlock; j++) {
      if (j + 1 < args.k && blocks[j + 1] != kNoBlock) fetch_block(args, t, blocks[j + 1]);
      read_block(kernels, args, t, blocks[j], state, w);
    }
  } else {
    uint32_t last = 0;
    for (int64_t i = 0; i < t.rows; i++) last = std::max(last, args.rows[t.first + i].block);
    for (uint32_t block = 0; block <= last; block++) read_block(kernels, args, t, block, state, w);
  }
  finish(kernels, args, t, w);
}

}  // namespace

void attend(const Kernels& kernels, const AttendArgs& args, ThreadPool& pool) {
  const int64_t of_group = args.heads / args.shape->groups;
  const int64_t most_pairs = kernels.has_tiles ? kAttendTileRows : kAttendRows;
  // Rows of one timeline that read the same blocks go together; the heads of a row always do.
  const int64_t most_rows = args.blocks ? 1 : std::max<int64_t>(1, most_pairs / of_group);
  std::vector<Task> tasks;
  for (int64_t first = 0; first < args.m;) {
    int64_t rows = 1;
    while (first + rows < args.m && rows < most_rows &&
           args.rows[first + rows].timeline == args.rows[first].timeline) {
      rows++;
    }
    for (int64_t g = 0; g < args.shape->groups; g++) tasks.push_back({first, rows, g, 0, of_group});
    first += rows;
  }
  pool.parallel_for(static_cast<int64_t>(tasks.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      Task t = tasks[static_cast<size_t>(i)];
      // Groups of more heads than fit one task are read in turns, so that mass adds up in order.
      for (int64_t head = 0; head < of_group; head += most_pairs) {
        t.head = head;
        t.heads = std::min(most_pairs, of_group - head);
        attend_task(kernels, args, t);
      }
    }
  });
}

}  // namespace blocksight::cpu

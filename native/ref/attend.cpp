#include <algorithm>
#include <cmath>
#include <limits>

#include "ref.h"
#include "thread_pool.h"

namespace blocksight::ref {

namespace {

// Phase one, of one block: sum and weighted values relative to the block's own largest logit.
struct Partial {
  double largest = -std::numeric_limits<double>::infinity();
  double sum = 0;
  std::vector<double> values;  // [E]
};

Partial attend_block(const AttendArgs& args, const RowPlace& place, uint32_t block, int64_t group,
                     const float* q) {
  const PageShape& shape = *args.shape;
  const int64_t width = shape.head_dim;
  const Page& page = *place.timeline->pages[block];
  const float* const keys = key_rows(shape, page, args.layer, group);
  const float* const values = value_rows(shape, page, args.layer, group);
  const uint32_t slots = visible_slots(place, block);
  Partial partial;
  partial.values.assign(static_cast<size_t>(width), 0.0);
  double logits[kBlockTokens];
  for (uint32_t slot = 0; slot < slots; slot++) {
    logits[slot] = dot(q, keys + slot * width, width) / std::sqrt(static_cast<double>(width));
    partial.largest = std::max(partial.largest, logits[slot]);
  }
  for (uint32_t slot = 0; slot < slots; slot++) {
    const double weight = std::exp(logits[slot] - partial.largest);
    partial.sum += weight;
    for (int64_t e = 0; e < width; e++) {
      partial.values[static_cast<size_t>(e)] += weight * double{values[slot * width + e]};
    }
  }
  return partial;
}

std::vector<uint32_t> blocks_of_row(const AttendArgs& args, int64_t row, int64_t group) {
  const RowPlace& place = args.rows[row];
  std::vector<uint32_t> blocks;
  if (args.blocks) {
    const uint32_t* const given = args.blocks + (row * args.shape->groups + group) * args.k;
    blocks.assign(given, std::find(given, given + args.k, kNoBlock));
  } else {
    for (uint32_t block = 0; block <= place.block; block++) {
      if (visible_slots(place, block)) blocks.push_back(block);
    }
  }
  return blocks;
}

void attend_row(const AttendArgs& args, int64_t row, int64_t group) {
  const PageShape& shape = *args.shape;
  const int64_t width = shape.head_dim, heads = args.heads / shape.groups;
  const std::vector<uint32_t> blocks = blocks_of_row(args, row, group);
  std::vector<double> mass(std::max<size_t>(args.k, blocks.size()), 0.0);
  for (int64_t h = 0; h < heads; h++) {
    const int64_t at = (row * args.heads + group * heads + h) * width;
    std::vector<Partial> partials;
    double largest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (const uint32_t block : blocks) {
      partials.push_back(attend_block(args, args.rows[row], block, group, args.q + at));
      largest = std::max(largest, partials.back().largest);
    }
    // Phase two: the blocks' partial results, in order of their ids.
    std::vector<double> out(static_cast<size_t>(width), 0.0);
    for (const Partial& partial : partials) {
      const double factor = std::exp(partial.largest - largest);
      sum += factor * partial.sum;
      for (size_t e = 0; e < out.size(); e++) out[e] += factor * partial.values[e];
    }
    for (size_t e = 0; e < out.size(); e++) {
      args.out[at + static_cast<int64_t>(e)] = static_cast<float>(out[e] / sum);
    }
    for (size_t j = 0; j < partials.size(); j++) {
      const double share = std::exp(partials[j].largest - largest) * partials[j].sum / sum;
      mass[j] += share / static_cast<double>(heads);
    }
  }
  if (!args.mass) return;
  for (uint32_t j = 0; j < args.k; j++) {
    args.mass[(row * shape.groups + group) * args.k + j] = static_cast<float>(mass[j]);
  }
}

}  // namespace

void attend(const AttendArgs& args, ThreadPool& pool) {
  pool.parallel_for(args.m * args.shape->groups, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      attend_row(args, i / args.shape->groups, i % args.shape->groups);
    }
  });
}

}  // namespace blocksight::ref

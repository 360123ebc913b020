#include <algorithm>
#include <limits>

#include "ref.h"
#include "thread_pool.h"

namespace blocksight::ref {

namespace {

constexpr float kNotVisible = -std::numeric_limits<float>::infinity();

struct Scored {
  uint32_t block;
  float score;
};

// The largest dot product of the row's index query with the block's visible keys. A NaN never wins,
// so a block of nothing but NaN counts as not visible.
float block_score(const SelectArgs& args, const RowPlace& place, uint32_t block, const float* query,
                  int64_t group) {
  const PageShape& shape = *args.shape;
  const Page& page = *place.timeline->pages[block];
  const int64_t width = shape.index_dim ? shape.index_dim : shape.head_dim;
  const float* const keys = shape.index_dim ? index_rows(page, args.layer)
                                            : key_rows(shape, page, args.layer, group);
  float best = kNotVisible;
  for (uint32_t slot = 0; slot < visible_slots(place, block); slot++) {
    const float score = static_cast<float>(dot(query, keys + slot * width, width));
    if (score > best) best = score;
  }
  return best;
}

void select_row(const SelectArgs& args, int64_t row, int64_t group) {
  const RowPlace& place = args.rows[row];
  const int64_t width = args.shape->index_dim ? args.shape->index_dim : args.shape->head_dim;
  const int64_t pair = row * args.shape->groups + group;
  const auto score = [&](uint32_t block) {
    return block_score(args, place, block, args.index_q + pair * width, group);
  };

  std::vector<Scored> chosen;
  const auto is_forced = [&](uint32_t block) {
    const uint32_t* const forced = args.forced + row * args.forced_count;
    return std::find(forced, forced + args.forced_count, block) != forced + args.forced_count;
  };
  std::vector<Scored> free;
  for (uint32_t block = 0; block <= place.block; block++) {
    if (!visible_slots(place, block)) continue;
    (is_forced(block) ? chosen : free).push_back({block, score(block)});
  }
  std::erase_if(free, [](const Scored& s) { return s.score == kNotVisible; });
  std::stable_sort(free.begin(), free.end(),
                   [](const Scored& a, const Scored& b) { return a.score > b.score; });
  const size_t room = args.k > chosen.size() ? args.k - chosen.size() : 0;
  free.resize(std::min(free.size(), room));
  chosen.insert(chosen.end(), free.begin(), free.end());
  std::sort(chosen.begin(), chosen.end(),
            [](const Scored& a, const Scored& b) { return a.block < b.block; });

  for (uint32_t j = 0; j < args.k; j++) {
    const bool used = j < chosen.size();
    args.blocks[pair * args.k + j] = used ? chosen[j].block : kNoBlock;
    args.score[pair * args.k + j] = used ? chosen[j].score : 0.0f;
  }
}

}  // namespace

void select(const SelectArgs& args, ThreadPool& pool) {
  pool.parallel_for(args.m * args.shape->groups, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      select_row(args, i / args.shape->groups, i % args.shape->groups);
    }
  });
}

}  // namespace blocksight::ref

// Selection. Pages with int8 index keys can be scanned in two ways, which choose the same blocks
// and give the same scores:
//
// - whole: every key that a row sees.
// - planes: the high planes of all keys, and the low ones of the sixteen keys around each that may,
//   by a bound from its high plane, still enter the best blocks so far. Fewer bytes, for more work
//   a query (docs/decisions/index-scan.md).
#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <mutex>
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
// Blocks that a thread scans at a time, at least.
constexpr int64_t kLeastBlocks = 8;
// A few queries join planes in registers, and may look at high planes first; more share joined
// bytes. From this many blocks on high planes pay (docs/decisions/index-scan.md).
constexpr int64_t kFewQueries = 8;
constexpr int64_t kLeastPlaneBlocks = 8192;

// Index queries of a batch of rows, [rows][G][width], as the keys' element type wants them.
struct Queries {
  int64_t width = 0;
  std::vector<float> values;
  Buffer bytes;  // int8
  std::vector<int32_t> sum;
  std::vector<float> scale;
  // For bounds (PlaneQueries).
  std::vector<int32_t> start;
  std::vector<float> length;
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

// Rounded up, so that no bound is too small. The 2 is for the rounding of the bound's own sum: half
// a unit in the last place, twice, of numbers below 2^25.
void bound_queries(Queries& q) {
  const size_t count = q.sum.size();
  q.start.resize(count);
  q.length.resize(count);
  const double unit = std::sqrt(static_cast<double>(q.width)) / kRestUnits;
  for (size_t i = 0; i < count; i++) {
    const int8_t* const bytes = q.bytes.as<int8_t>(i * static_cast<size_t>(q.width));
    int64_t sum = 0, squares = 0;
    for (int64_t e = 0; e < q.width; e++) {
      sum += bytes[e];
      squares += int64_t{bytes[e]} * bytes[e];
    }
    q.start[i] = static_cast<int32_t>(2 - ((241 * sum) >> 1));
    const double length = std::sqrt(static_cast<double>(squares)) * unit;
    q.length[i] = std::nextafter(static_cast<float>(length * (1 + 1e-12)),
                                 std::numeric_limits<float>::infinity());
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

// The best blocks of one row and group, best first.
class Best {
 public:
  Best(const SelectArgs& args, int64_t row)
      : forced_(args.forced + row * args.forced_count), forced_end_(forced_ + args.forced_count) {
    size_t used = 0;
    for (const uint32_t* f = forced_; f != forced_end_; f++) used += counts(args.rows[row], f);
    room_ = args.k > used ? args.k - used : 0;
    chosen_.reserve(room_ + 1);
    if (room_ == 0) worst_ = std::numeric_limits<float>::infinity();
  }

  // Whether the forced id is a block in sight that was not named before.
  bool counts(const RowPlace& place, const uint32_t* f) const {
    return *f != kNoBlock && visible_slots(place, *f) && std::find(forced_, f, *f) == f;
  }

  // Blocks come in ascending order: a later one with the same score never takes an earlier one's
  // place. A NaN takes none.
  void offer(uint32_t block, float score) {
    if (!(score > worst_)) return;
    if (std::find(forced_, forced_end_, block) != forced_end_) return;
    if (chosen_.size() == room_) chosen_.pop_back();
    const auto at = std::ranges::find_if(chosen_, [&](const Scored& s) { return score > s.score; });
    chosen_.insert(at, {block, score});
    if (chosen_.size() == room_) worst_ = chosen_.back().score;
  }

  // The last one's score once there is no room; else what any score exceeds.
  float worst() const { return worst_; }
  const std::vector<Scored>& chosen() const { return chosen_; }

 private:
  const uint32_t *forced_, *forced_end_;
  size_t room_ = 0;
  float worst_ = kNotVisible;
  std::vector<Scored> chosen_;
};

// Writes what the row and group selected: the best and the forced blocks, ascending.
template <typename ScoreOf>
void write(const SelectArgs& args, int64_t row, int64_t group, const Best& best,
           const ScoreOf& score_of) {
  const RowPlace& place = args.rows[row];
  std::vector<Scored> chosen = best.chosen();
  const uint32_t* const forced = args.forced + row * args.forced_count;
  for (const uint32_t* f = forced; f != forced + args.forced_count; f++) {
    if (best.counts(place, f)) chosen.push_back({*f, score_of(*f)});
  }
  std::ranges::sort(chosen, {}, &Scored::block);
  const int64_t pair = row * args.shape->groups + group;
  for (uint32_t j = 0; j < args.k; j++) {
    const bool used = j < chosen.size();
    args.blocks[pair * args.k + j] = used ? chosen[j].block : kNoBlock;
    args.score[pair * args.k + j] = used ? chosen[j].score : 0.0f;
  }
}

// The least score that still enters the best blocks of one query, as threads find scores in any
// order. It only rises, and never beyond the last one's score in the end.
class Least {
 public:
  Least(const SelectArgs& args, int64_t row) : best_(args, row), value_(best_.worst()) {}

  float value() const { return value_.load(std::memory_order_relaxed); }
  void offer(uint32_t block, float score) {
    if (!(score > value())) return;
    const std::lock_guard lock(mutex_);
    best_.offer(block, score);
    value_.store(best_.worst(), std::memory_order_relaxed);
  }

 private:
  std::mutex mutex_;
  Best best_;
  std::atomic<float> value_;
};

// Rows [first, first + rows) of one timeline, scored together.
class RowsScan {
 public:
  RowsScan(const Kernels& kernels, const SelectArgs& args, int64_t first, int64_t rows,
           ThreadPool& pool)
      : kernels_(kernels),
        args_(args),
        shape_(*args.shape),
        timeline_(*args.rows[first].timeline),
        pool_(pool),
        first_(first),
        count_(rows * args.shape->groups) {
    uint32_t last = 0;
    for (int64_t i = 0; i < rows; i++) last = std::max(last, args.rows[first + i].block);
    blocks_ = int64_t{last} + 1;
    thread_local Queries queries;
    read_queries(kernels, args, first, rows, queries);
    queries_ = &queries;
  }

  void run() {
    thread_local Buffer kept;
    kept.reserve(static_cast<size_t>(blocks_ * count_) * sizeof(float));
    scores_ = kept.as<float>();
    if (has_planes() && by_planes()) {
      bound_queries(*queries_);
      scan_planes();
    } else {
      each_block([&](uint32_t block, const Page* next, const int* visible, int most, float* out) {
        return score_whole(block, next, visible, most, out);
      });
    }
    pool_.parallel_for(count_, 4, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        Best best(args_, row_of(i));
        for (int64_t b = 0; b < blocks_; b++) best.offer(static_cast<uint32_t>(b), score(b, i));
        write(args_, row_of(i), group_of(i), best, [&](uint32_t b) { return score(b, i); });
      }
    });
    if (!args_.count) return;
    args_.count->bytes += counted_.bytes;
    args_.count->panels += counted_.panels;
    args_.count->whole += counted_.whole;
  }

 private:
  bool has_planes() const { return shape_.kv == KvType::i8 && shape_.index_dim; }
  bool by_planes() const {
    if (args_.scan != Scan::by_size) return args_.scan == Scan::planes;
    return count_ <= kFewQueries && blocks_ >= kLeastPlaneBlocks;
  }
  int64_t row_of(int64_t query) const { return first_ + query / shape_.groups; }
  int64_t group_of(int64_t query) const { return query % shape_.groups; }
  float& score(int64_t block, int64_t query) const { return scores_[block * count_ + query]; }

  // What each query sees of the block; the most of all.
  int look(int64_t block, std::vector<int>& visible) const {
    int most = 0;
    for (int64_t i = 0; i < count_; i++) {
      const auto sees =
          static_cast<int>(visible_slots(args_.rows[row_of(i)], static_cast<uint32_t>(block)));
      visible[static_cast<size_t>(i)] = sees;
      most = std::max(most, sees);
    }
    return most;
  }

  // Scores of every block that anybody sees, kNotVisible of the others. `one` gives those of one
  // block, and returns what it read.
  template <typename One>
  void each_block(const One& one) {
    const int64_t grain = std::max<int64_t>(kLeastBlocks, blocks_ / (8 * pool_.threads()));
    pool_.parallel_for(blocks_, grain, [&](int64_t begin, int64_t end) {
      std::vector<int> visible(static_cast<size_t>(count_));
      ScanCount read;
      for (int64_t b = begin; b < end; b++) {
        float* const out = &score(b, 0);
        const Page* const next = b + 1 < end ? timeline_.pages[b + 1] : nullptr;
        const int most = look(b, visible);
        if (!most) {
          std::fill(out, out + count_, kNotVisible);
          continue;
        }
        const ScanCount of_block =
            one(static_cast<uint32_t>(b), next, visible.data(), most, out);
        read.bytes += of_block.bytes;
        read.panels += of_block.panels;
        read.whole += of_block.whole;
      }
      const std::lock_guard lock(count_mutex_);
      counted_.bytes += read.bytes;
      counted_.panels += read.panels;
      counted_.whole += read.whole;
    });
  }

  // Scores of one block from all that it holds.
  ScanCount score_whole(uint32_t block, const Page* next, const int* visible, int most,
                        float* out) const {
    const Queries& q = *queries_;
    const Page& page = *timeline_.pages[block];
    const auto panels = static_cast<uint64_t>((most + kPanel - 1) / kPanel);
    if (has_planes()) {
      if (count_ <= kFewQueries) {
        kernels_.score_both(planes(block, next), q.width, q.bytes.as<int8_t>(), q.sum.data(),
                            q.scale.data(), visible, count_, out);
      } else {
        thread_local Buffer joined;
        const PlanesPart part = planes_part(shape_, page, args_.layer);
        joined.reserve(2 * plane_bytes(shape_.index_dim));
        kernels_.join_planes(part.high, part.low, q.width, joined.as<uint8_t>());
        score_block(kernels_, shape_, {joined.as<std::byte>(), part.scale}, q, 0, visible, count_,
                    out);
      }
      return {.bytes = 2 * plane_bytes(shape_.index_dim) + scales_bytes(shape_.kv),
              .panels = panels,
              .whole = panels};
    }
    if (shape_.index_dim) {
      score_block(kernels_, shape_, index_part(page, args_.layer), q, 0, visible, count_,
                  out);
      return {.bytes = tokens_bytes(shape_.kv, shape_.index_dim),
              .panels = panels,
              .whole = panels};
    }
    if (next) fetch_keys(*next);
    // `keys`: a group's queries against its own keys, one row at a time.
    for (int64_t i = 0; i < count_; i++) {
      const KvPart part = kv_part(shape_, page, args_.layer, group_of(i));
      score_block(kernels_, shape_, {part.keys, part.key_scale}, q, i, visible + i, 1, out + i);
    }
    return {.bytes = static_cast<uint64_t>(shape_.groups) *
                     (tokens_bytes(shape_.kv, shape_.head_dim) + scales_bytes(shape_.kv)),
            .panels = panels,
            .whole = panels};
  }

  // Forced blocks get their scores from all that they hold. Of the others a score that does not
  // enter the best may come out too low, or as kNotVisible: what was not read scores, by its bound,
  // below a score that did not enter either. `>=` there, as of equal scores the lower id counts.
  void scan_planes() {
    const Queries& q = *queries_;
    const PlaneQueries queries = {.q = q.bytes.as<int8_t>(),
                                  .sum = q.sum.data(),
                                  .start = q.start.data(),
                                  .length = q.length.data(),
                                  .scale = q.scale.data(),
                                  .rows = count_};
    std::vector<std::unique_ptr<Least>> least;
    for (int64_t i = 0; i < count_; i++) {
      least.push_back(std::make_unique<Least>(args_, row_of(i)));
    }
    const uint32_t* const forced = args_.forced + first_ * args_.forced_count;
    const uint32_t* const forced_end = forced + count_ / shape_.groups * args_.forced_count;
    each_block([&](uint32_t block, const Page* next, const int* visible, int most, float* out) {
      ScanCount read;
      if (std::find(forced, forced_end, block) != forced_end) {
        read = score_whole(block, next, visible, most, out);
      } else {
        thread_local std::vector<float> values;
        values.clear();
        for (const auto& each : least) values.push_back(each->value());
        const unsigned scored =
            kernels_.score_planes(planes(block, next), q.width, queries, visible, values.data(), out);
        read.panels = static_cast<uint64_t>((most + kPanel - 1) / kPanel);
        read.whole = static_cast<uint64_t>(std::popcount(scored));
        read.bytes = high_bytes(shape_.index_dim) +
                     read.whole * (plane_bytes(shape_.index_dim) / (kBlockTokens / kPanel));
      }
      for (int64_t i = 0; i < count_; i++) least[static_cast<size_t>(i)]->offer(block, out[i]);
      return read;
    });
  }

  // Both planes of a block, and of the one after it in a thread's piece.
  KeyPlanes planes(uint32_t block, const Page* next) const {
    const PlanesPart part = planes_part(shape_, *timeline_.pages[block], args_.layer);
    return part.keys(next ? planes_part(shape_, *next, args_.layer) : part);
  }

  // `keys`: has all that is scored of a block begin to come to the second-level cache. The processor
  // reads on by itself for a few lines only, and stops at the end of a page of 4 KiB.
  void fetch_keys(const Page& page) const {
    for (int64_t g = 0; g < shape_.groups; g++) {
      const KvPart part = kv_part(shape_, page, args_.layer, g);
      fetch(part.keys, tokens_bytes(shape_.kv, shape_.head_dim));
      fetch(part.key_scale, scales_bytes(shape_.kv));
    }
  }
  const Kernels& kernels_;
  const SelectArgs& args_;
  const PageShape& shape_;
  const Timeline& timeline_;
  ThreadPool& pool_;
  int64_t first_, count_;  // count: queries, rows * groups
  int64_t blocks_ = 0;
  Queries* queries_ = nullptr;
  float* scores_ = nullptr;  // [blocks][rows][G]
  std::mutex count_mutex_;
  ScanCount counted_;
};

}  // namespace

void select(const Kernels& kernels, const SelectArgs& args, ThreadPool& pool) {
  for (int64_t first = 0; first < args.m;) {
    int64_t rows = 1;
    while (first + rows < args.m && rows < kRowBatch &&
           args.rows[first + rows].timeline == args.rows[first].timeline) {
      rows++;
    }
    RowsScan(kernels, args, first, rows, pool).run();
    first += rows;
  }
}

}  // namespace blocksight::cpu

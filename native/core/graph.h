// One forward pass over rows of any timelines: prefill of many segments at once and conversations
// run the same code.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "op_table.h"

namespace blocksight {

class Model;

inline constexpr uint32_t kMostForced = 4;

// Rows that are computed together. `forced`: kMostForced ids a row, ascending, kNoBlock where
// unused, the row's own block last; empty: every row sees at most 16 blocks and reads them all.
struct Batch {
  std::vector<uint32_t> ids, positions, forced;
  std::vector<RowPlace> rows;
  Phase phase = Phase::prefill;

  size_t size() const { return ids.size(); }
  void add(uint32_t id, uint32_t position, RowPlace place);
  void clear();
};

// What the rows selected, arrays [layer][row][group][k].
struct Selections {
  size_t rows = 0, row_entries = 0;  // row_entries = groups * k
  std::vector<uint32_t> blocks;
  std::vector<float> score, mass;
};

// Thrown where a stored page that rows need turns out broken. Once its page is filled (PageCache:
// insert, PageMemory::fill) the same rows can be run again.
struct BrokenPage {
  const Page* page;
};

class Graph {
 public:
  explicit Graph(const Model& model) : model_(model) {}

  // Computes and stores the rows' keys and values; nothing else is wanted.
  void read(const Batch&);
  // The same, and the normalised hidden states of the rows from `first` on, [size - first][D];
  // with `selections` also what every row selected. Valid until the next call.
  std::span<const float> converse(const Batch&, size_t first, Selections* selections);
  // hidden [m][D] -> logits [m][V]
  void logits(std::span<const float> hidden, Phase, std::vector<float>& out);

 private:
  void run(const Batch&, bool keys_only_at_last, Selections*);
  void attention_inputs(const Batch&, int64_t layer, bool with_queries, bool with_index_queries);
  void fetch(const Batch&, int64_t layer, const uint32_t* blocks);
  void attend(const Batch&, int64_t layer, Selections*);
  void feed_forward(const Batch&, int64_t layer);
  void normalise_heads(std::vector<float>& x, const std::vector<float>& weight, int64_t rows,
                       int64_t width, float eps);
  void mean_queries(int64_t m);

  const Model& model_;
  // Activations, [M][...]; kept between calls so that their memory is.
  std::vector<float> x_, normed_, q_, k_, v_, index_q_, index_k_, attended_, branch_, gate_, up_;
  std::vector<uint32_t> selected_;
  std::vector<float> score_;
  std::vector<std::pair<const Page*, size_t>> wanted_;
};

}  // namespace blocksight

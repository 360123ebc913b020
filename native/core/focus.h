// Focus: how much the question's own tokens read a segment, in the model's question heads
// (spec/contracts.md, "Measures").
#pragma once

#include <cstdint>
#include <vector>

#include "graph.h"
#include "pack.h"

namespace blocksight {

class Focus {
 public:
  explicit Focus(const Pack&);

  // One question step: row `row` of what a batch selected.
  void add(const Selections&, size_t row);
  // Per segment: mean over the heads of its mass, each head's masses on segments summing to 1.
  std::vector<double> of_segments() const;
  // Per file: the largest of its segments'.
  std::vector<double> of_files() const;

 private:
  const Pack& pack_;
  std::vector<uint32_t> segment_of_block_;
  std::vector<double> mass_;  // [question head][segment]
};

}  // namespace blocksight

// Byte-pair merges of one word: the applicable merge of lowest rank, leftmost first, until none
// applies. Short words by a scan, long ones with a heap, so that a line of 5 MB is n log n.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace blocksight {

inline constexpr uint32_t kNoToken = 0xFFFFFFFFu;

// Merges by their pair of ids; the position in the list is the rank.
class MergeTable {
 public:
  struct Merge {
    uint32_t left, right, merged;
  };
  explicit MergeTable(std::vector<Merge> merges);
  // kNoToken where the pair does not merge.
  uint32_t rank(uint32_t left, uint32_t right) const {
    const uint64_t key = uint64_t{left} << 32 | right;
    for (size_t i = slot(key);; i = (i + 1) & mask_) {
      if (keys_[i] == key) return ranks_[i];
      if (keys_[i] == kEmpty) return kNoToken;
    }
  }
  uint32_t merged(uint32_t rank) const { return merged_[rank]; }
  // False where two merges have the same pair.
  bool unique() const { return unique_; }

 private:
  static constexpr uint64_t kEmpty = ~uint64_t{0};
  size_t slot(uint64_t key) const {
    key = (key ^ key >> 30) * 0xBF58476D1CE4E5B9u;
    return static_cast<size_t>(key ^ key >> 31) & mask_;
  }
  std::vector<uint64_t> keys_;
  std::vector<uint32_t> ranks_, merged_;
  size_t mask_ = 0;
  bool unique_ = true;
};

// A token of a word in the making; `size` counts bytes of the text, dropped ones included.
struct Symbol {
  uint32_t id, size;
};

// Reused between words; not shared between threads.
class WordMerger {
 public:
  // Merges in place.
  void merge(const MergeTable&, std::vector<Symbol>& word);

 private:
  struct Link {
    uint32_t rank, previous, next;
  };
  void merge_short(const MergeTable&, std::vector<Symbol>& word);
  void merge_long(const MergeTable&, std::vector<Symbol>& word);
  std::vector<uint32_t> ranks_;
  std::vector<Link> links_;
  std::vector<uint64_t> heap_;
};

}  // namespace blocksight

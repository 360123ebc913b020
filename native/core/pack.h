// All segments of a workspace in one model's tokens, in pack order, in sight or not, with the pages
// that were read. Block ids: 0 the prefix, then every segment's blocks in pack order.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "blocksight.h"
#include "model.h"

namespace blocksight {

struct PackSegment {
  std::vector<uint32_t> ids;  // in the causal layout filled to a block with newlines
  uint32_t file = 0;
  uint32_t first_block = 0;
  std::vector<PageKey> keys;   // per block
  std::vector<PageRef> pages;  // per block; null: not read

  uint32_t block_count() const { return static_cast<uint32_t>(keys.size()); }
  // Tokens in its block `b`, 1 to 128.
  uint32_t valid(uint32_t b) const;
};

struct PackPlace {
  size_t segment;
  uint32_t block;
  PageRef page;
};

class Pack {
 public:
  // Throws Error (BS_INVALID_ARGUMENT): an empty segment, one longer than 15 blocks (independent
  // layout), an id outside the vocabulary.
  Pack(std::shared_ptr<Model>, std::span<const bs_segment>);

  const Model& model() const { return *model_; }
  size_t segment_count() const { return segments_.size(); }
  const PackSegment& segment(size_t i) const { return segments_[i]; }
  // With the prefix; the conversation's first block has this id.
  uint32_t block_count() const { return block_count_; }
  uint32_t file_count() const { return file_count_; }

  // Whether all pages are in memory or in the store.
  bool is_held(size_t segment) const;
  // Takes pages that are held, from the front, up to the first that is not; returns how many of the
  // segment's blocks have a page now. Where these are not all of them, they are whole: what follows
  // is computed from them.
  uint32_t find_pages(size_t segment);
  void set_page(size_t segment, uint32_t block, PageRef);
  // The segment's pages, all of them. Throws Error (BS_INVALID_ARGUMENT) when it was not read.
  std::vector<PageRef> need_pages(size_t segment) const;
  std::optional<PackPlace> place_of(const Page*) const;

 private:
  // Of the segment's first `count` pages those before the first whose stored KV part is broken.
  uint32_t make_whole(size_t segment, uint32_t count);

  std::shared_ptr<Model> model_;
  std::vector<PackSegment> segments_;
  uint32_t block_count_ = 1, file_count_ = 0;
  mutable std::mutex mutex_;  // guards `pages` of all segments: reading and asking may overlap
};

}  // namespace blocksight

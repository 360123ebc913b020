// A conversation's own blocks behind a pack's, for one question. The whole conversation is read
// anew for every question: older keys and values would be stale after an edit.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "graph.h"
#include "pack.h"

namespace blocksight {

class Conversation {
 public:
  // Segments in sight are scored; others keep their block ids and are not. `turn_start`: index of
  // the first token of the current user turn. Throws Error (BS_INVALID_ARGUMENT) where a segment in
  // sight was not read.
  Conversation(const Pack&, std::span<const uint32_t> sight, uint32_t turn_start);
  Conversation& operator=(const Conversation&) = delete;
  Conversation(Conversation&&) = delete;

  // A conversation that goes on from here by itself: pages are shared, the last, short one copied.
  std::unique_ptr<Conversation> fork() const;

  uint32_t length() const { return length_; }
  uint32_t room() const { return kWindowTokens - length_; }
  // Adds the tokens' rows to the batch, with their forced blocks. Their pages are written when the
  // batch runs; the conversation must outlive that. At most room() tokens.
  void place(std::span<const uint32_t> ids, Batch&);

 private:
  Conversation(const Conversation&) = default;
  void add_forced(uint32_t row, Batch&) const;

  const Pack& pack_;
  uint32_t first_block_, turn_start_;
  uint32_t length_ = 0;
  std::vector<PageRef> held_;                        // block 0 and the pages in sight
  std::vector<std::shared_ptr<PageMemory>> memory_;  // the conversation's own
  std::vector<const Page*> pages_;
  std::vector<uint8_t> valid_;
  Timeline timeline_;
};

}  // namespace blocksight

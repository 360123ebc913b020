#include "conversation.h"

#include <algorithm>

#include "error.h"

namespace blocksight {

Conversation::Conversation(const Pack& pack, std::span<const uint32_t> sight, uint32_t turn_start)
    : pack_(pack), first_block_(pack.block_count()), turn_start_(turn_start) {
  pages_.assign(first_block_ + kWindowBlocks, nullptr);
  valid_.assign(pages_.size(), 0);
  held_.push_back(pack.model().prefix_page());
  pages_[0] = &held_[0]->page();
  valid_[0] = kBlockTokens;
  for (const uint32_t index : sight) {
    if (index >= pack.segment_count()) {
      throw Error(BS_INVALID_ARGUMENT, "There is no segment " + std::to_string(index) + ".");
    }
    const PackSegment& segment = pack.segment(index);
    std::vector<PageRef> pages = pack.need_pages(index);
    for (uint32_t b = 0; b < segment.block_count(); b++) {
      pages_[segment.first_block + b] = &pages[b]->page();
      valid_[segment.first_block + b] = static_cast<uint8_t>(segment.valid(b));
      held_.push_back(std::move(pages[b]));
    }
  }
  timeline_ = {.pages = pages_.data(),
               .valid = valid_.data(),
               .blocks = static_cast<uint32_t>(pages_.size())};
}

std::unique_ptr<Conversation> Conversation::fork() const {
  std::unique_ptr<Conversation> twin(new Conversation(*this));
  twin->timeline_.pages = twin->pages_.data();
  twin->timeline_.valid = twin->valid_.data();
  if (length_ % kBlockTokens) {
    const uint32_t block = first_block_ + length_ / kBlockTokens;
    twin->memory_.back() = memory_.back()->copy();
    twin->pages_[block] = &twin->memory_.back()->page();
  }
  return twin;
}

void Conversation::place(std::span<const uint32_t> ids, Batch& batch) {
  const Layout& layout = pack_.model().layout();
  const uint32_t first_position = layout.kind == LayoutKind::causal ? first_block_ * kBlockTokens
                                                                    : layout.conversation_position;
  for (const uint32_t id : ids) {
    const uint32_t block = first_block_ + length_ / kBlockTokens;
    if (length_ % kBlockTokens == 0) {
      const PageSize size = pack_.model().page_size();
      memory_.push_back(std::make_shared<PageMemory>(size));
      pages_[block] = &memory_.back()->page();
    }
    batch.add(id, first_position + length_,
              {.timeline = &timeline_, .block = block, .offset = length_ % kBlockTokens});
    add_forced(length_, batch);
    length_++;
    valid_[block]++;
  }
}

// Independent layout: block 0, the first block of the current user turn, the last two conversation
// blocks; rows of earlier turns have no use for the current one's. Causal: the row's own block.
void Conversation::add_forced(uint32_t row, Batch& batch) const {
  const uint32_t own = first_block_ + row / kBlockTokens;
  uint32_t first = kNoBlock, turn = kNoBlock, before = kNoBlock;
  if (pack_.model().layout().kind == LayoutKind::independent) {
    first = 0;
    if (own > first_block_) before = own - 1;
    const uint32_t turn_block = first_block_ + turn_start_ / kBlockTokens;
    if (turn_block + 1 < own) turn = turn_block;
  }
  batch.forced.insert(batch.forced.end(), {first, turn, before, own});
}

}  // namespace blocksight

#include "pack.h"

#include <algorithm>
#include <string>

#include "error.h"

namespace blocksight {

namespace {

constexpr uint32_t kMostBlocks = 1u << 24;

void check_segment(const bs_segment& segment, size_t at, const Model& model) {
  const std::string name = "Segment " + std::to_string(at);
  if (!segment.ids || segment.count == 0) {
    throw Error(BS_INVALID_ARGUMENT, name + " has no tokens.");
  }
  const uint32_t most = kSegmentBlocks * kBlockTokens;
  if (model.layout().kind == LayoutKind::independent && segment.count > most) {
    throw Error(BS_INVALID_ARGUMENT, name + " has " + std::to_string(segment.count) +
                                         " tokens; at most " + std::to_string(most) + " fit.");
  }
  for (uint32_t i = 0; i < segment.count; i++) {
    if (segment.ids[i] >= model.shape().vocab) {
      throw Error(BS_INVALID_ARGUMENT, name + " has the token " + std::to_string(segment.ids[i]) +
                                           ", which is outside the vocabulary.");
    }
  }
}

}  // namespace

uint32_t PackSegment::valid(uint32_t b) const {
  const auto count = static_cast<uint32_t>(ids.size());
  return std::min(kBlockTokens, count - b * kBlockTokens);
}

Pack::Pack(std::shared_ptr<Model> model, std::span<const bs_segment> given)
    : model_(std::move(model)) {
  const bool causal = model_->layout().kind == LayoutKind::causal;
  PageKey key = model_->key_seed();
  segments_.reserve(given.size());
  for (size_t i = 0; i < given.size(); i++) {
    check_segment(given[i], i, *model_);
    PackSegment segment;
    segment.ids.assign(given[i].ids, given[i].ids + given[i].count);
    if (causal) {
      while (segment.ids.size() % kBlockTokens) segment.ids.push_back(model_->layout().filler);
    } else {
      key = model_->key_seed();
    }
    segment.file = given[i].file;
    segment.first_block = block_count_;
    for (size_t at = 0; at < segment.ids.size(); at += kBlockTokens) {
      const size_t count = std::min<size_t>(kBlockTokens, segment.ids.size() - at);
      key = next_key(key, std::span(segment.ids).subspan(at, count));
      segment.keys.push_back(key);
    }
    segment.pages.resize(segment.keys.size());
    block_count_ += segment.block_count();
    if (block_count_ > kMostBlocks) {
      throw Error(BS_INVALID_ARGUMENT, "The pack has more than 16,777,216 blocks.");
    }
    if (segment.file >= UINT32_MAX - 1) {
      throw Error(BS_INVALID_ARGUMENT, "Segment " + std::to_string(i) + " has no file.");
    }
    file_count_ = std::max(file_count_, segment.file + 1);
    segments_.push_back(std::move(segment));
  }
}

bool Pack::is_held(size_t segment) const {
  const PackSegment& s = segments_[segment];
  PageCache& cache = model_->engine().pages();
  for (uint32_t b = 0; b < s.block_count(); b++) {
    {
      const std::lock_guard lock(mutex_);
      if (s.pages[b]) continue;
    }
    if (!cache.contains(s.keys[b])) return false;
  }
  return true;
}

uint32_t Pack::find_pages(size_t segment) {
  PackSegment& s = segments_[segment];
  PageCache& cache = model_->engine().pages();
  for (uint32_t b = 0; b < s.block_count(); b++) {
    {
      const std::lock_guard lock(mutex_);
      if (s.pages[b]) continue;
    }
    PageRef found = cache.find(s.keys[b], model_->page_size());
    if (!found) return make_whole(segment, b);
    set_page(segment, b, std::move(found));
  }
  return s.block_count();
}

uint32_t Pack::make_whole(size_t segment, uint32_t count) {
  PackSegment& s = segments_[segment];
  for (uint32_t b = 0; b < count; b++) {
    PageRef page;
    {
      const std::lock_guard lock(mutex_);
      page = s.pages[b];
    }
    if (page->make_whole()) continue;
    const std::lock_guard lock(mutex_);
    for (uint32_t lost = b; lost < count; lost++) s.pages[lost] = nullptr;
    return b;
  }
  return count;
}

std::optional<PackPlace> Pack::place_of(const Page* page) const {
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < segments_.size(); i++) {
    const std::vector<PageRef>& pages = segments_[i].pages;
    for (uint32_t b = 0; b < pages.size(); b++) {
      if (pages[b] && &pages[b]->page() == page) return PackPlace{i, b, pages[b]};
    }
  }
  return {};
}

void Pack::set_page(size_t segment, uint32_t block, PageRef page) {
  const std::lock_guard lock(mutex_);
  segments_[segment].pages[block] = std::move(page);
}

std::vector<PageRef> Pack::need_pages(size_t segment) const {
  const std::lock_guard lock(mutex_);
  for (const PageRef& page : segments_[segment].pages) {
    if (!page) {
      throw Error(BS_INVALID_ARGUMENT,
                  "Segment " + std::to_string(segment) + " is in sight but was not read.");
    }
  }
  return segments_[segment].pages;
}

}  // namespace blocksight

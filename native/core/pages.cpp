#include "pages.h"

#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "error.h"

namespace blocksight {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kAlignment = 64;
// A full disk is not asked again for each of thousands of pages.
constexpr auto kStoreRest = std::chrono::seconds(10);

size_t aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

std::string mebibytes(uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

}  // namespace

PageMemory::PageMemory(size_t index_bytes, size_t kv_bytes)
    : index_bytes_(index_bytes), kv_bytes_(kv_bytes) {
  const size_t total = aligned(index_bytes) + aligned(kv_bytes);
  auto* const memory = static_cast<std::byte*>(std::aligned_alloc(kAlignment, total));
  if (!memory) {
    throw Error(BS_OUT_OF_MEMORY,
                "There is no memory left for a page of " + std::to_string(total) + " bytes.");
  }
  std::memset(memory, 0, total);
  page_ = {.index = memory, .kv = memory + aligned(index_bytes)};
}

PageMemory::~PageMemory() { std::free(page_.index); }

std::shared_ptr<PageMemory> PageMemory::copy() const {
  auto twin = std::make_shared<PageMemory>(index_bytes_, kv_bytes_);
  std::memcpy(twin->page_.index, page_.index, index_bytes_);
  std::memcpy(twin->page_.kv, page_.kv, kv_bytes_);
  return twin;
}

PageSize page_size(const PageShape& shape, const PageFormat& format) {
  const auto layers = static_cast<size_t>(shape.layers);
  return {.index_bytes = layers * format.index_bytes_per_layer,
          .kv_bytes = layers * format.kv_bytes_per_layer};
}

PageCache::PageCache(std::unique_ptr<PageStore> store, uint64_t limit_bytes)
    : store_(std::move(store)), limit_bytes_(limit_bytes) {}

PageRef PageCache::find_in_memory(const PageKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->page;
}

PageRef PageCache::find(const PageKey& key, PageSize size) {
  if (PageRef page = find_in_memory(key)) return page;
  if (!store_ || !store_->contains(key)) return nullptr;
  auto page = std::make_shared<PageMemory>(size.index_bytes, size.kv_bytes);
  if (!store_->load(key, page->index(), page->kv())) return nullptr;
  return keep(key, std::move(page));
}

bool PageCache::contains(const PageKey& key) {
  {
    const std::lock_guard lock(mutex_);
    if (by_key_.contains(key)) return true;
  }
  return store_ && store_->contains(key);
}

PageRef PageCache::keep(const PageKey& key, PageRef page) {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_key_.find(key); found != by_key_.end()) return found->second->page;
  bytes_ += page->bytes();
  entries_.push_front({key, page});
  by_key_[key] = entries_.begin();
  evict_unused();
  return page;
}

PageRef PageCache::insert(const PageKey& key, std::shared_ptr<PageMemory> page) {
  const PageRef kept = keep(key, std::move(page));
  if (store_) save(key, kept);
  return kept;
}

void PageCache::save(const PageKey& key, const PageRef& page) {
  {
    const std::lock_guard lock(mutex_);
    if (is_store_failing_ && Clock::now() < next_save_) return;
  }
  std::optional<Error> failure;
  try {
    store_->save(key, page->index(), page->kv());
  } catch (const Error& error) {
    failure = error;
  }
  const std::lock_guard lock(mutex_);
  if (failure && !is_store_failing_) store_failure_ = failure;
  is_store_failing_ = failure.has_value();
  next_save_ = Clock::now() + kStoreRest;
}

std::optional<Error> PageCache::take_store_failure() {
  const std::lock_guard lock(mutex_);
  return std::exchange(store_failure_, std::nullopt);
}

void PageCache::evict_unused() {
  if (!limit_bytes_) return;
  auto entry = entries_.end();
  while (bytes_ > limit_bytes_ && entry != entries_.begin()) {
    --entry;
    // The newest entry's page is also held by the caller; a count of one means the cache alone.
    if (entry->page.use_count() > 1) continue;
    bytes_ -= entry->page->bytes();
    by_key_.erase(entry->key);
    entry = entries_.erase(entry);
  }
  if (bytes_ <= limit_bytes_) return;
  const uint64_t needed = bytes_;
  bytes_ -= entries_.front().page->bytes();
  by_key_.erase(entries_.front().key);
  entries_.pop_front();
  throw Error(BS_OUT_OF_MEMORY, "The pages in use take " + mebibytes(needed) +
                                    ", more than the limit of " + mebibytes(limit_bytes_) + ".");
}

void PageCache::clear(bool disk) {
  {
    const std::lock_guard lock(mutex_);
    by_key_.clear();
    entries_.clear();
    bytes_ = 0;
  }
  if (disk && store_) store_->clear();
}

uint64_t PageCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace blocksight

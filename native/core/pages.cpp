#include "pages.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "error.h"

namespace blocksight {

namespace {

using Clock = std::chrono::steady_clock;

// A full disk is not asked again for each of thousands of pages.
constexpr auto kStoreRest = std::chrono::seconds(10);

std::string mebibytes(uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

}  // namespace

// The KV part lies in pages of the system's own, which are zero, and of which those that nobody
// touches take no memory.
PageMemory::PageMemory(PageSize size)
    : size_(size), index_(IndexSlab::Place::take(size.layers, size.index_bytes_per_layer)) {
  void* const kv = ::mmap(nullptr, std::max<size_t>(1, size.kv_bytes), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (kv == MAP_FAILED) {
    throw Error(BS_OUT_OF_MEMORY, "There is no memory left for a page of " +
                                      std::to_string(size.bytes()) + " bytes.");
  }
  page_.index = index_.layer(0);
  page_.index_stride = index_.stride();
  page_.kv = static_cast<std::byte*>(kv);
}

PageMemory::~PageMemory() { ::munmap(page_.kv, std::max<size_t>(1, size_.kv_bytes)); }

std::vector<std::byte> PageMemory::index() const {
  std::vector<std::byte> out(size_.index_bytes());
  for (size_t layer = 0; layer < size_.layers; layer++) {
    std::copy_n(index_.layer(layer), size_.index_bytes_per_layer,
                out.data() + layer * size_.index_bytes_per_layer);
  }
  return out;
}

void PageMemory::set_index(std::span<const std::byte> bytes) {
  for (size_t layer = 0; layer < size_.layers; layer++) {
    const size_t each = size_.index_bytes_per_layer;
    std::ranges::copy(bytes.subspan(layer * each, each), index_.layer(layer));
  }
}

void PageMemory::leave_kv(std::unique_ptr<StoredKv> stored, size_t pieces) {
  lazy_ = std::make_unique<LazyKv>(std::move(stored), kv(), pieces);
  page_.lazy = lazy_.get();
}

void PageMemory::fill(const PageMemory& same) const {
  if (lazy_) lazy_->fill(same.kv());
}

std::shared_ptr<PageMemory> PageMemory::copy() const {
  auto twin = std::make_shared<PageMemory>(size_);
  twin->set_index(index());
  std::memcpy(twin->page_.kv, page_.kv, size_.kv_bytes);
  return twin;
}

PageSize page_size(const PageShape& shape, const PageFormat& format) {
  const auto layers = static_cast<size_t>(shape.layers);
  return {.layers = layers,
          .index_bytes_per_layer = format.index_bytes_per_layer,
          .kv_bytes = layers * format.kv_bytes_per_layer,
          .kv_pieces = layers * format.kv_pieces_per_layer};
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
  auto page = std::make_shared<PageMemory>(size);
  thread_local std::vector<std::byte> index;
  index.resize(size.index_bytes());
  if (size.kv_pieces > 1 && store_->has_room_to_open()) {
    auto stored = store_->open_page(key, index, size.kv_bytes, size.kv_pieces);
    if (!stored) return nullptr;
    page->leave_kv(std::move(stored), size.kv_pieces);
  } else if (!store_->load(key, index, page->kv(), size.kv_pieces)) {
    return nullptr;
  }
  page->set_index(index);
  return keep(key, std::move(page));
}

void PageCache::announce(std::span<const PageKey> keys, PageSize size) {
  if (!store_) return;
  for (const PageKey& key : keys) {
    const bool is_here = [&] {
      const std::lock_guard lock(mutex_);
      return by_key_.contains(key);
    }();
    if (!is_here) store_->announce(key, size.index_bytes(), size.kv_pieces);
  }
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

PageRef PageCache::insert(const PageKey& key, std::shared_ptr<PageMemory> page,
                          size_t kv_pieces) {
  const PageRef kept = keep(key, page);
  if (kept != page) kept->fill(*page);
  if (store_) save(key, *page, kv_pieces);
  return kept;
}

void PageCache::save(const PageKey& key, const PageMemory& page, size_t pieces) {
  {
    const std::lock_guard lock(mutex_);
    if (is_store_failing_ && Clock::now() < next_save_) return;
  }
  std::optional<Error> failure;
  try {
    store_->save(key, page.index(), page.kv(), pieces);
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

// Pages in memory, found by content. A page is in use while somebody holds its PageRef; pages that
// nobody holds stay, least recently used last, up to a bound. Behind memory stands the page store.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "error.h"
#include "index_slab.h"
#include "lazy_kv.h"
#include "op_table.h"
#include "page_store.h"

namespace blocksight {

// Sizes of all pages of one model.
struct PageSize {
  size_t layers = 0, index_bytes_per_layer = 0, kv_bytes = 0;
  size_t kv_pieces = 1;  // that come from the store one by one; 1: pages come whole
  size_t index_bytes() const { return layers * index_bytes_per_layer; }
  size_t bytes() const { return index_bytes() + kv_bytes; }
};
PageSize page_size(const PageShape&, const PageFormat&);

// One page's bytes, 64-byte aligned and zero at first. Throws Error (BS_OUT_OF_MEMORY).
class PageMemory {
 public:
  explicit PageMemory(PageSize);
  ~PageMemory();
  // The KV part stays in the store until it is wanted. Before anybody else knows the page.
  void leave_kv(std::unique_ptr<StoredKv>, size_t pieces);
  PageMemory(const PageMemory&) = delete;
  PageMemory& operator=(const PageMemory&) = delete;

  const Page& page() const { return page_; }
  // The index part in one piece, as it is stored.
  std::vector<std::byte> index() const;
  void set_index(std::span<const std::byte>);
  std::span<std::byte> kv() const { return {page_.kv, size_.kv_bytes}; }
  size_t bytes() const { return size_.bytes(); }
  // Reads what the store still has; false where that is broken.
  bool make_whole() const { return !lazy_ || lazy_->read_all(); }
  // Takes what this page lacks from `same`, which is whole and has the same key.
  void fill(const PageMemory& same) const;
  // A page of the same sizes with the same bytes; of a page that is whole.
  std::shared_ptr<PageMemory> copy() const;

 private:
  PageSize size_;
  IndexSlab::Place index_;
  Page page_;
  std::unique_ptr<LazyKv> lazy_;
};

using PageRef = std::shared_ptr<const PageMemory>;

// Thread-safe.
class PageCache {
 public:
  // limit_bytes 0: no limit. `store` may be null.
  PageCache(std::unique_ptr<PageStore> store, uint64_t limit_bytes);

  // From memory, else from the store; null where neither has it.
  PageRef find(const PageKey&, PageSize);
  // Pages that will be looked for: the system begins to read those that only the store has.
  void announce(std::span<const PageKey>, PageSize);
  bool contains(const PageKey&);
  // Keeps a finished page and saves it. Of two pages with one key the first stays, and gets what it
  // may lack. Throws Error
  // (BS_OUT_OF_MEMORY) when pages in use alone exceed the limit. A store that cannot take the page
  // costs no answer: the page is in memory, and the store is left alone for a while.
  PageRef insert(const PageKey&, std::shared_ptr<PageMemory>, size_t kv_pieces = 1);
  // Why pages are not saved any more; told once, and again when the store worked in between.
  std::optional<Error> take_store_failure();
  // Forgets pages; those in use live on with who holds them.
  void clear(bool disk);
  uint64_t bytes() const;
  PageStore* store() const { return store_.get(); }

 private:
  struct Entry {
    PageKey key;
    PageRef page;
  };
  PageRef find_in_memory(const PageKey&);
  PageRef keep(const PageKey&, PageRef);
  void evict_unused();
  void save(const PageKey&, const PageMemory&, size_t pieces);

  const std::unique_ptr<PageStore> store_;
  const uint64_t limit_bytes_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // most recently used first
  std::map<PageKey, std::list<Entry>::iterator> by_key_;
  uint64_t bytes_ = 0;
  std::optional<Error> store_failure_;  // not told yet
  bool is_store_failing_ = false;
  std::chrono::steady_clock::time_point next_save_{};  // while it fails
};

}  // namespace blocksight

// The KV part of a page that came from the store, read piece by piece: a question reads the index
// part of every page in sight, and of KV only what is selected. A piece is copied and its checksum
// compared before anything looks at it, so that what happens to the file afterwards is no matter.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "page_store.h"

namespace blocksight {

// Thread-safe. The memory belongs to the page.
class LazyKv {
 public:
  LazyKv(std::unique_ptr<StoredKv>, std::span<std::byte> kv, size_t pieces);

  bool has(size_t piece) const { return has_[piece].load(std::memory_order_acquire); }
  // The system starts to read a piece that `read` will want.
  void announce(size_t piece) const;
  // False where the stored piece is broken: `fill` alone helps then.
  bool read(size_t piece);
  bool read_all();
  // Takes all pieces that are missing from the same page's KV part, computed anew.
  void fill(std::span<const std::byte> kv);

 private:
  std::span<std::byte> piece_of(size_t piece) const;
  void keep(size_t piece);

  const std::span<std::byte> kv_;
  const size_t piece_bytes_;
  mutable std::mutex mutex_;          // guards what follows, but for reading `has_`
  std::unique_ptr<StoredKv> stored_;  // null once all is there
  std::vector<std::atomic<bool>> has_;
  size_t missing_;
};

}  // namespace blocksight

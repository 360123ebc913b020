// Pages on disk, one store for all models and processes. A key names content (spec/contracts.md,
// "Page store"), so a page never changes: it is there, or not. Writing is atomic (a temporary file,
// then a rename); reading checks a checksum and discards what is broken. The folder has mode 0700:
// it contains the repository.
//
// A page is a file of its own in DIR/v1: a header (magic, version, key, the parts' sizes, checksums
// of the index part and of the list that follows, its own checksum; then a checksum of each piece of
// the KV part), and on 4 KiB boundaries the index part and the KV part. So the index part is read at
// once, and pieces of the KV part when they are wanted. A file's modification time is when it was
// last used; whoever exceeds the limit removes the oldest, in any process. Nothing is synced: after
// a power cut what is whole passes its checksum, and what is not fails it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace blocksight {

using PageKey = std::array<uint8_t, 32>;

// For tests: called before every step of writing and evicting ("create", "write", "close",
// "rename", "evict"); what it returns, if not 0, is the errno the step fails with.
struct PageStoreHooks {
  std::function<int(const char* step)> before;
  size_t write_bytes = size_t{1} << 20;  // bytes a write step
};

// The KV part of a stored page, in pieces of equal size. It keeps the file open, so that whoever
// evicts the page takes nothing away.
class StoredKv {
 public:
  virtual ~StoredKv() = default;
  // The system begins to read a piece, and nobody waits for it.
  virtual void announce(size_t piece) const = 0;
  // False where it is broken or cannot be read; the page is then removed from the store.
  virtual bool read(size_t piece, std::span<std::byte> out) const = 0;
};

// All methods may be called from any thread. A page's KV part has as many `pieces` as when it was
// saved, else the page counts as broken, as with other sizes.
class PageStore {
 public:
  // Creates the folder. Throws Error (BS_UNREADABLE) where it cannot or where the folder belongs to
  // someone else.
  static std::unique_ptr<PageStore> open(const std::string& dir, uint64_t limit_bytes,
                                         PageStoreHooks hooks = {});
  virtual ~PageStore() = default;

  virtual bool contains(const PageKey&) = 0;
  // The system begins to read the index part of a page that will be opened.
  virtual void announce(const PageKey&, size_t index_bytes, size_t pieces) = 0;
  // Fills the index part; null where the page is missing or broken (then it is removed).
  virtual std::unique_ptr<StoredKv> open_page(const PageKey&, std::span<std::byte> index,
                                              size_t kv_bytes, size_t pieces) = 0;
  // Whether one more page may be kept open: half of the files that this process may have open at
  // all. Without room pages are to be read whole.
  virtual bool has_room_to_open() const = 0;
  // Fills both parts; false where the page is missing or broken.
  bool load(const PageKey&, std::span<std::byte> index, std::span<std::byte> kv, size_t pieces = 1);
  // Throws Error (BS_DISK_FULL; BS_UNREADABLE for other failures) and leaves nothing behind. A page
  // above the limit is not kept. Evicts least recently used pages; other processes may exceed the
  // limit together by 1/32 of it each until one of them looks.
  virtual void save(const PageKey&, std::span<const std::byte> index,
                    std::span<const std::byte> kv, size_t pieces = 1) = 0;
  virtual void clear() = 0;
  virtual uint64_t bytes() = 0;  // looks at the folder
};

}  // namespace blocksight

// Pages on disk, one store for all models and processes. A key names content (spec/contracts.md,
// "Page store"), so a page never changes: it is there, or not. Writing is atomic (a temporary file,
// then a rename); reading checks a checksum and discards what is broken. The folder has mode 0700:
// it contains the repository.
//
// A page is a file of its own in DIR/v1: a header of 4 KiB (magic, version, key, the parts' sizes
// and checksums, its own checksum), the index part, and on the next 4 KiB boundary the KV part; so
// either part can be read, checked or mapped without the other. A file's modification time is when
// it was last used; whoever exceeds the limit removes the oldest, in any process. Nothing is
// synced: after a power cut a page is whole or fails its checksum.
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

// All methods may be called from any thread.
class PageStore {
 public:
  // Creates the folder. Throws Error (BS_UNREADABLE) where it cannot or where the folder belongs to
  // someone else.
  static std::unique_ptr<PageStore> open(const std::string& dir, uint64_t limit_bytes,
                                         PageStoreHooks hooks = {});
  virtual ~PageStore() = default;

  virtual bool contains(const PageKey&) = 0;
  // Fills both parts; false where the page is missing or broken (then it is removed). Sizes must be
  // the stored ones, else the page counts as broken.
  virtual bool load(const PageKey&, std::span<std::byte> index, std::span<std::byte> kv) = 0;
  // Throws Error (BS_DISK_FULL; BS_UNREADABLE for other failures) and leaves nothing behind. A page
  // above the limit is not kept. Evicts least recently used pages; other processes may exceed the
  // limit together by 1/32 of it each until one of them looks.
  virtual void save(const PageKey&, std::span<const std::byte> index,
                    std::span<const std::byte> kv) = 0;
  virtual void clear() = 0;
  virtual uint64_t bytes() = 0;  // looks at the folder
};

}  // namespace blocksight

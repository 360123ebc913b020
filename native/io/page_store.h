// Pages on disk, one store for all models and processes. A key names content (spec/contracts.md,
// "Page store"), so a page never changes: it is there, or not. Writing is atomic (a temporary file,
// then a rename); reading checks a checksum and discards what is broken. The folder has mode 0700:
// it contains the repository.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace blocksight {

using PageKey = std::array<uint8_t, 32>;

class PageStore {
 public:
  // Creates the folder. Throws Error (BS_UNREADABLE) where it cannot.
  static std::unique_ptr<PageStore> open(const std::string& dir, uint64_t limit_bytes);
  virtual ~PageStore() = default;

  virtual bool contains(const PageKey&) = 0;
  // Fills both parts; false where the page is missing or broken (then it is removed). Sizes must be
  // the stored ones, else the page counts as broken.
  virtual bool load(const PageKey&, std::span<std::byte> index, std::span<std::byte> kv) = 0;
  // Throws Error (BS_DISK_FULL) and leaves nothing behind. Evicts least recently used pages.
  virtual void save(const PageKey&, std::span<const std::byte> index,
                    std::span<const std::byte> kv) = 0;
  virtual void clear() = 0;
  virtual uint64_t bytes() = 0;
};

}  // namespace blocksight

#include "index_slab.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "error.h"

namespace blocksight {

namespace {

// Runs of a layer: from 64 KiB on, one core reads them two and a half times as fast as lone parts
// of 9 KiB, and hardly faster from longer ones (docs/decisions/index-scan.md).
constexpr size_t kRunBytes = size_t{128} << 10, kMostSlots = 16;
constexpr size_t kHugePage = size_t{2} << 20, kLine = 64;

size_t slot_count(size_t layer_bytes) {
  return std::clamp<size_t>(kRunBytes / layer_bytes, 1, kMostSlots);
}

// Slabs with pages in them, by what they are for; the one that was made last stands last.
struct Slabs {
  std::mutex mutex;
  std::map<std::pair<size_t, size_t>, std::vector<std::weak_ptr<IndexSlab>>> of_size;
};

// Never destroyed: pages may outlive what the process destroys at its end.
Slabs& slabs() {
  static Slabs& all = *new Slabs;
  return all;
}

}  // namespace

IndexSlab::IndexSlab(size_t layers, size_t layer_bytes)
    : layer_bytes_(layer_bytes),
      slots_(slot_count(layer_bytes)),
      free_((uint64_t{1} << slots_) - 1) {
  const size_t bytes = layers * slots_ * layer_bytes;
  const size_t align = bytes >= kHugePage ? kHugePage : kLine;
  const size_t size = (bytes + align - 1) / align * align;
  memory_ = static_cast<std::byte*>(std::aligned_alloc(align, size));
  if (!memory_) {
    throw Error(BS_OUT_OF_MEMORY,
                "There is no memory left for an index of " + std::to_string(size) + " bytes.");
  }
#ifdef MADV_HUGEPAGE
  // Whole huge pages only: of the rest no more is to be resident than is used.
  if (align == kHugePage) madvise(memory_, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
}

IndexSlab::~IndexSlab() { std::free(memory_); }

std::byte* IndexSlab::take_slot() {
  const std::lock_guard lock(mutex_);
  if (!free_) return nullptr;
  const int slot = std::countr_zero(free_);
  free_ &= free_ - 1;
  return memory_ + static_cast<size_t>(slot) * layer_bytes_;
}

IndexSlab::Place IndexSlab::Place::take(size_t layers, size_t layer_bytes) {
  Place place;
  if (layers * layer_bytes == 0) return place;
  const std::lock_guard lock(slabs().mutex);
  auto& of_size = slabs().of_size[{layers, layer_bytes}];
  std::erase_if(of_size, [](const std::weak_ptr<IndexSlab>& slab) { return slab.expired(); });
  // From the last on, where pages that are made now lie together.
  for (auto slab = of_size.rbegin(); slab != of_size.rend() && !place.first_; ++slab) {
    place.slab_ = slab->lock();
    if (place.slab_) place.first_ = place.slab_->take_slot();
  }
  if (!place.first_) {
    place.slab_ = std::make_shared<IndexSlab>(layers, layer_bytes);
    of_size.push_back(place.slab_);
    place.first_ = place.slab_->take_slot();
  }
  for (size_t layer = 0; layer < layers; layer++) {
    std::memset(place.layer(layer), 0, layer_bytes);
  }
  return place;
}

IndexSlab::Place& IndexSlab::Place::operator=(Place&& other) noexcept {
  std::swap(slab_, other.slab_);
  std::swap(first_, other.first_);
  return *this;
}

IndexSlab::Place::~Place() {
  if (!slab_) return;
  const auto slot = static_cast<size_t>(first_ - slab_->memory_) / slab_->layer_bytes_;
  const std::lock_guard lock(slab_->mutex_);
  slab_->free_ |= uint64_t{1} << slot;
}

}  // namespace blocksight

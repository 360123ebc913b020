// Memory for the index parts of pages. A step scans one layer of every page, and memory streams
// only where what is scanned lies together: so pages that were made one after another share a slab,
// in which the parts of a layer lie side by side, in huge pages where the system gives them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

namespace blocksight {

class IndexSlab {
 public:
  // A place for one page's index part; whoever holds it keeps its slab.
  class Place {
   public:
    // Throws Error (BS_OUT_OF_MEMORY). The bytes are zero.
    static Place take(size_t layers, size_t layer_bytes);
    Place() = default;
    ~Place();
    Place(Place&&) noexcept = default;
    Place& operator=(Place&&) noexcept;
    Place(const Place&) = delete;

    std::byte* layer(size_t index) const { return first_ + index * stride(); }
    // Bytes from one layer's part to the next's.
    size_t stride() const { return slab_ ? slab_->slots_ * slab_->layer_bytes_ : 0; }

   private:
    std::shared_ptr<IndexSlab> slab_;
    std::byte* first_ = nullptr;
  };

  IndexSlab(size_t layers, size_t layer_bytes);
  ~IndexSlab();
  IndexSlab(const IndexSlab&) = delete;
  IndexSlab& operator=(const IndexSlab&) = delete;

 private:
  std::byte* take_slot();  // null where all are taken

  const size_t layer_bytes_, slots_;
  std::byte* memory_ = nullptr;
  std::mutex mutex_;
  uint64_t free_;  // a bit for every slot
};

}  // namespace blocksight

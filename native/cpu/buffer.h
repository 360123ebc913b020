// Memory aligned for vectors, in huge pages where the system gives them: packed weights are read
// whole for every token, and 4 KiB pages would cost a TLB miss each.
#pragma once

#include <sys/mman.h>

#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

namespace blocksight::cpu {

inline constexpr size_t kHugePage = size_t{2} << 20, kCacheLine = 64;

// Of at least two huge pages, begins at one and asks for them.
inline void* huge_alloc(size_t bytes, size_t* size) {
  const size_t align = bytes >= 2 * kHugePage ? kHugePage : kCacheLine;
  *size = (bytes + align - 1) / align * align;
  void* const data = std::aligned_alloc(align, *size);
  if (!data) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  if (align == kHugePage) madvise(data, *size, MADV_HUGEPAGE);
#endif
  return data;
}

// Memory for several buffers that are made one after another and stay: each alone would be too small
// for huge pages. Given back when the last of them is gone; what was never touched is not resident.
class BufferSlab {
 public:
  struct Part {
    std::shared_ptr<BufferSlab> slab;
    char* data;
  };
  // Thread-safe. `bytes` is at most kMost.
  static Part take(size_t bytes) {
    static std::mutex mutex;
    static std::weak_ptr<BufferSlab> last;
    const size_t size = (bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
    const std::lock_guard lock(mutex);
    std::shared_ptr<BufferSlab> slab = last.lock();
    if (!slab || slab->size_ - slab->used_ < size) last = slab = std::make_shared<BufferSlab>();
    char* const data = static_cast<char*>(slab->data_) + slab->used_;
    slab->used_ += size;
    return {std::move(slab), data};
  }
  static constexpr size_t kMost = 2 * kHugePage;

  BufferSlab() : data_(huge_alloc(16 * kHugePage, &size_)) {}
  ~BufferSlab() { std::free(data_); }
  BufferSlab(const BufferSlab&) = delete;
  BufferSlab& operator=(const BufferSlab&) = delete;

 private:
  size_t size_ = 0, used_ = 0;
  void* data_;
};

class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t bytes) { reserve(bytes); }
  ~Buffer() { release(); }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)),
        slab_(std::move(other.slab_)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(slab_, other.slab_);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  // At least `bytes`, contents undefined; keeps what it has where that is enough.
  void reserve(size_t bytes) {
    if (bytes <= bytes_) return;
    release();
    data_ = huge_alloc(bytes, &bytes_);
  }
  // The same for what is kept, beside others of its kind.
  void reserve_kept(size_t bytes) {
    if (bytes > BufferSlab::kMost) return reserve(bytes);
    if (bytes <= bytes_) return;
    release();
    BufferSlab::Part part = BufferSlab::take(bytes);
    slab_ = std::move(part.slab);
    data_ = part.data;
    bytes_ = bytes;
  }
  size_t bytes() const { return bytes_; }
  template <typename T>
  T* as(size_t byte_offset = 0) const {
    return reinterpret_cast<T*>(static_cast<char*>(data_) + byte_offset);
  }

 private:
  void release() {
    if (!slab_) std::free(data_);
    slab_.reset();
    data_ = nullptr;
    bytes_ = 0;
  }

  void* data_ = nullptr;
  size_t bytes_ = 0;
  std::shared_ptr<BufferSlab> slab_;  // where the memory is a part of one
};

}  // namespace blocksight::cpu

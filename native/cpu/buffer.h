// Memory aligned for vectors, in huge pages where the system gives them: packed weights are read
// whole for every token, and 4 KiB pages would cost a TLB miss each.
#pragma once

#include <sys/mman.h>

#include <cstdlib>
#include <new>
#include <utility>

namespace blocksight::cpu {

class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t bytes) { reserve(bytes); }
  ~Buffer() { std::free(data_); }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  // At least `bytes`, contents undefined; keeps what it has where that is enough.
  void reserve(size_t bytes) {
    if (bytes <= bytes_) return;
    constexpr size_t kHuge = size_t{2} << 20, kLine = 64;
    const size_t align = bytes >= 2 * kHuge ? kHuge : kLine;
    const size_t size = (bytes + align - 1) / align * align;
    std::free(data_);
    bytes_ = 0;
    data_ = std::aligned_alloc(align, size);
    if (!data_) throw std::bad_alloc();
    bytes_ = size;
#ifdef MADV_HUGEPAGE
    if (align == kHuge) madvise(data_, size, MADV_HUGEPAGE);
#endif
  }
  size_t bytes() const { return bytes_; }
  template <typename T>
  T* as(size_t byte_offset = 0) const {
    return reinterpret_cast<T*>(static_cast<char*>(data_) + byte_offset);
  }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace blocksight::cpu

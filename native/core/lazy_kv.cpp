#include "lazy_kv.h"

#include <cstring>
#include <utility>

namespace blocksight {

LazyKv::LazyKv(std::unique_ptr<StoredKv> stored, std::span<std::byte> kv, size_t pieces)
    : kv_(kv),
      piece_bytes_(kv.size() / pieces),
      stored_(std::move(stored)),
      has_(pieces),
      missing_(pieces) {}

std::span<std::byte> LazyKv::piece_of(size_t piece) const {
  return kv_.subspan(piece * piece_bytes_, piece_bytes_);
}

void LazyKv::announce(size_t piece) const {
  const std::lock_guard lock(mutex_);
  if (stored_ && !has(piece)) stored_->announce(piece);
}

bool LazyKv::read(size_t piece) {
  if (has(piece)) return true;
  const std::lock_guard lock(mutex_);
  if (has(piece)) return true;
  if (!stored_->read(piece, piece_of(piece))) return false;
  keep(piece);
  return true;
}

bool LazyKv::read_all() {
  for (size_t piece = 0; piece < has_.size(); piece++) announce(piece);
  for (size_t piece = 0; piece < has_.size(); piece++) {
    if (!read(piece)) return false;
  }
  return true;
}

void LazyKv::fill(std::span<const std::byte> kv) {
  const std::lock_guard lock(mutex_);
  for (size_t piece = 0; piece < has_.size(); piece++) {
    if (has(piece)) continue;
    const std::span<std::byte> to = piece_of(piece);
    std::memcpy(to.data(), kv.data() + piece * piece_bytes_, to.size());
    keep(piece);
  }
}

void LazyKv::keep(size_t piece) {
  has_[piece].store(true, std::memory_order_release);
  if (--missing_ == 0) stored_.reset();
}

}  // namespace blocksight

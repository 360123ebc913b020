// SHA-256 (FIPS 180-4) of bytes and of files; page keys, model files and tokenizers are named by
// it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace blocksight {

class Sha256 {
 public:
  // `scalar` leaves the processor's SHA instructions unused; for tests.
  enum class Code : uint8_t { best, scalar };
  explicit Sha256(Code code = Code::best);
  void update(const void* data, size_t size);
  std::array<uint8_t, 32> digest();  // ends the computation

 private:
  void compress(const uint8_t* p, size_t blocks);
  Code code_;
  std::array<uint32_t, 8> h_;
  std::array<uint8_t, 64> buffer_;
  uint64_t length_ = 0;
};

std::string hex(const std::array<uint8_t, 32>&);
std::string sha256_hex(const void* data, size_t size);

}  // namespace blocksight

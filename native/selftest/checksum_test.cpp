#include "checksum.h"

#include "bytes.h"
#include "check.h"
#include "sha256.h"

namespace blocksight {
namespace {

std::string counted(size_t size) {
  std::string out;
  for (size_t i = 0; i < size; i++) out += static_cast<char>(i * 7 + 3);
  return out;
}

// Expected values are those of Python's hashlib and of the package xxhash.
struct Vector {
  size_t size;
  uint64_t checksum;
  const char* sha256;
};
constexpr Vector kVectors[] = {
    {0, 0xef46db3751d8e999, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {1, 0x1f25c8d0bc1f4bb6, "084fed08b978af4d7d196a7446a86b58009e636b611db16211b65a9aadff29c5"},
    {3, 0x31d2363f52e564c9, "6ab0dba1f4f1dfbb37b4f9eeb092c09fca4900ad32bdcd147d8dde35d6c87c35"},
    {4, 0x9bb64b7d66ee9fda, "42a146d9caf95c0d29b3ea8e3574f3c47758bec2cdcb99e6f10381de77ab6d54"},
    {8, 0xdab99d95c6f90092, "0865c1be255b33b69c4c1b7df3646cd2b7feab36f595044ab191176f1668d9ad"},
    {31, 0xa2aa5f33cc4a6119, "721f1b54dd0f746ef819ba479fcd63b6117bfbe44acc432bf0cb0a639fd41766"},
    {32, 0x23c3c17ef790fd97, "ab5f8b5cb9435354c7b58603592d5faf081e17ceb05f7a7c67f4b666f12ca457"},
    {33, 0x50a7cfc7ba588784, "90f90857a7d1aad4925c6d5edbda0abfc8270e3fe5d6da2dd5eae75009cd7609"},
    {100, 0xa61f8d4c170fe531, "5a2cda2351d1cdd9dd7957e57c0b3c8522451f25b6494569b7e94388c46f0980"},
    {1000, 0x5f235fa033f1a3fb, "1e9bc38cbf860b9ec31918b065f9b52476c549a782e0e7990bed8ce3868d2371"},
};

TEST("SHA-256 and the page checksum give the published values") {
  for (const Vector& vector : kVectors) {
    const std::string text = counted(vector.size);
    CHECK_EQ(sha256_hex(text.data(), text.size()), vector.sha256);
    CHECK_EQ(checksum64(text.data(), text.size()), vector.checksum);
  }
}

TEST("SHA-256 does not depend on how the bytes are handed over") {
  const std::string text = counted(1000);
  for (const size_t step : {1u, 3u, 55u, 56u, 63u, 64u, 65u, 128u, 999u}) {
    Sha256 sha;
    for (size_t at = 0; at < text.size(); at += step)
      sha.update(text.data() + at, std::min(step, text.size() - at));
    CHECK_EQ(hex(sha.digest()), kVectors[9].sha256);
  }
}

TEST("SHA-256 in scalar code equals what the processor's instructions give") {
  for (size_t size = 0; size < 300; size += 7) {
    const std::string text = counted(size);
    Sha256 plain(Sha256::Code::scalar);
    plain.update(text.data(), text.size());
    CHECK_EQ(hex(plain.digest()), sha256_hex(text.data(), text.size()));
  }
}

}  // namespace
}  // namespace blocksight

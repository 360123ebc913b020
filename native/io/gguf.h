// GGUF v3 (and v2) files, memory-mapped. Hostile input: every length, offset, type and count is
// checked before use; nothing is allocated from an unchecked number.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "op_table.h"

namespace blocksight {

// Read-only mapping of a whole file. Throws Error (BS_NOT_FOUND, BS_UNREADABLE).
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  // What was read leaves this process's memory; reading it again takes it from the system's cache
  // or the disk.
  void unload() const;

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

class GgufFile {
 public:
  // Throws Error: BS_NOT_FOUND, BS_UNREADABLE, BS_TRUNCATED, BS_CORRUPT,
  // BS_UNSUPPORTED_QUANTIZATION.
  static std::shared_ptr<GgufFile> open(const std::string& path);
  // For fuzzing and tests: the same parser over bytes that outlive the object.
  static std::shared_ptr<GgufFile> parse(const std::byte* data, size_t size);
  virtual ~GgufFile() = default;

  // Metadata. A missing key or another type is nullopt; `need_*` throws BS_CORRUPT naming the key.
  virtual std::optional<uint64_t> unsigned_value(std::string_view key) const = 0;
  virtual std::optional<double> float_value(std::string_view key) const = 0;
  virtual std::optional<std::string_view> string_value(std::string_view key) const = 0;
  virtual std::optional<std::vector<std::string_view>> string_array(std::string_view key) const = 0;
  virtual std::optional<std::vector<int32_t>> int_array(std::string_view key) const = 0;
  virtual std::optional<std::vector<float>> float_array(std::string_view key) const = 0;
  uint64_t need_unsigned(std::string_view key) const;
  double need_float(std::string_view key) const;
  std::string_view need_string(std::string_view key) const;

  // A tensor as a matrix (1-D: one row). nullopt where the name is missing.
  virtual std::optional<StoredMatrix> tensor(std::string_view name) const = 0;
  StoredMatrix need_tensor(std::string_view name, int64_t rows, int64_t cols) const;
  virtual std::vector<std::string_view> tensor_names() const = 0;
  // As MappedFile::unload, of the tensors and all else.
  virtual void unload() const = 0;
  // A 1-D F32/F16/BF16 tensor as floats.
  std::vector<float> need_vector(std::string_view name, int64_t count) const;
};

// One row of any supported type as fp32.
void dequantize_row(WeightType type, const std::byte* row, int64_t cols, float* out);
// `cols` must be a multiple of weights_per_block (1, 32 or 256).
int64_t weights_per_block(WeightType type);
size_t row_bytes(WeightType type, int64_t cols);
const char* weight_type_name(WeightType type);

}  // namespace blocksight

// Adapters: safetensors with the metadata key `blocksight` (spec/contracts.md, "Adapter file").
// Hostile input like every model file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "op_table.h"

namespace blocksight {

struct QuestionHead {
  uint32_t layer, group;
};

// The independent layout's values that a model may choose; those that are the engine's (128 slots a
// block, 15 blocks a segment, 2,048 tokens of conversation) are checked when the file is opened.
struct AdapterLayout {
  std::vector<uint32_t> prefix;  // exactly 128 ids
  uint32_t segment_position = 0, conversation_position = 0;
  std::string header;     // "<|file_sep|>{path}{part}\n": one special token, then plain text
  std::string part;       // " (part {k} of {n})"
  std::string embedding;  // "" or "output.weight"
  bool citation = false;  // the model cites by pointer: a citation is a header without a part
};

struct AdapterIndex {
  std::string source;  // "trained"
  int64_t dim = 0, heads = 0, rope = 0, k = 16;
  float norm_eps = 0;
};

struct AdapterMeta {
  std::string version, name, base_name, base_file, base_sha256;
  AdapterLayout layout;
  AdapterIndex index;
  int64_t lora_rank = 0;
  float lora_scale = 0;
  std::vector<QuestionHead> question_heads;
  // Of 508 citations in repositories that the coder was not tuned on, 59 % name the right file at
  // 1, 75 % at 20 and 74 % by focus alone: train/README.md, "The pointer's weight".
  float pointer_weight = 20.0f;
};

class Adapter {
 public:
  // Throws Error: BS_NOT_FOUND, BS_UNREADABLE, BS_TRUNCATED, BS_CORRUPT.
  static std::shared_ptr<Adapter> open(const std::string& path);
  // For fuzzing and tests: bytes that outlive the object.
  static std::shared_ptr<Adapter> parse(const std::byte* data, size_t size);
  virtual ~Adapter() = default;

  virtual const AdapterMeta& meta() const = 0;
  virtual const std::string& sha256() const = 0;  // hex, of the whole file
  // `layers.I.NAME.lora_{a,b}`; nullopt where the projection has none. Throws BS_CORRUPT where the
  // shapes are not [lora_rank][cols] and [rows][lora_rank].
  virtual std::optional<LowRank> low_rank(int64_t layer, const std::string& name, int64_t rows,
                                          int64_t cols) const = 0;
  // fp32 values of a tensor (int8 rows times their scale); a vector is one row. Throws BS_CORRUPT
  // where it is missing or has another shape.
  virtual std::vector<float> tensor(const std::string& name, int64_t rows, int64_t cols) const = 0;
};

}  // namespace blocksight

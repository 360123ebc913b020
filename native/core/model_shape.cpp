#include "model_shape.h"

#include <map>

#include "error.h"

namespace blocksight {

namespace {

// Far above any model of these architectures; a file that says more is broken or hostile.
constexpr uint64_t kMostLayers = 1024;
constexpr uint64_t kMostWidth = 1u << 20;

[[noreturn]] void unsupported(const std::string& what) {
  throw Error(BS_UNSUPPORTED_ARCHITECTURE,
              what + " is not supported; there are llama, qwen2 and qwen3.");
}

class Reader {
 public:
  Reader(const GgufFile& file, std::string architecture)
      : file_(file), prefix_(std::move(architecture) + ".") {}

  int64_t count(const std::string& key, uint64_t most) const {
    const uint64_t value = file_.need_unsigned(prefix_ + key);
    if (value == 0 || value > most) {
      throw Error(BS_CORRUPT, "The model's " + prefix_ + key + " is " + std::to_string(value) +
                                  ", which is out of range.");
    }
    return static_cast<int64_t>(value);
  }
  int64_t count_or(const std::string& key, uint64_t most, int64_t otherwise) const {
    return file_.unsigned_value(prefix_ + key) ? count(key, most) : otherwise;
  }
  float positive(const std::string& key) const {
    const auto value = static_cast<float>(file_.need_float(prefix_ + key));
    if (!(value > 0) || value > 1e12f) {
      throw Error(BS_CORRUPT, "The model's " + prefix_ + key + " is not a positive number.");
    }
    return value;
  }
  const GgufFile& file() const { return file_; }
  std::string key(const std::string& name) const { return prefix_ + name; }

 private:
  const GgufFile& file_;
  std::string prefix_;
};

void refuse_variants(const Reader& read, const ModelShape& shape) {
  const GgufFile& file = read.file();
  if (file.unsigned_value(read.key("expert_count")).value_or(0) > 0) {
    unsupported("A mixture of experts in architecture \"" + shape.architecture + "\"");
  }
  const auto scaling = file.string_value(read.key("rope.scaling.type"));
  if (scaling && *scaling != "none") {
    unsupported("RoPE scaling \"" + std::string(*scaling) + "\"");
  }
  if (file.tensor("rope_freqs.weight")) unsupported("RoPE with a frequency table");
  const int64_t rotated = read.count_or("rope.dimension_count", kMostWidth, shape.head_dim);
  if (rotated != shape.head_dim) {
    unsupported("RoPE over " + std::to_string(rotated) + " of " + std::to_string(shape.head_dim) +
                " dimensions");
  }
  const int64_t value_dim = read.count_or("attention.value_length", kMostWidth, shape.head_dim);
  if (value_dim != shape.head_dim) {
    unsupported("Values of width " + std::to_string(value_dim) + " beside keys of width " +
                std::to_string(shape.head_dim));
  }
}

}  // namespace

ModelShape read_model_shape(const GgufFile& file) {
  ModelShape shape;
  shape.architecture = std::string(file.need_string("general.architecture"));
  if (shape.architecture != "llama" && shape.architecture != "qwen2" &&
      shape.architecture != "qwen3") {
    unsupported("Architecture \"" + shape.architecture.substr(0, 64) + "\"");
  }
  const Reader read(file, shape.architecture);
  shape.layers = read.count("block_count", kMostLayers);
  shape.width = read.count("embedding_length", kMostWidth);
  shape.ffn_width = read.count("feed_forward_length", kMostWidth);
  shape.heads = read.count("attention.head_count", kMostWidth);
  shape.groups = read.count_or("attention.head_count_kv", kMostWidth, shape.heads);
  shape.head_dim = read.count_or("attention.key_length", kMostWidth, shape.width / shape.heads);
  shape.context_tokens = read.count("context_length", UINT32_MAX);
  shape.theta =
      file.float_value(read.key("rope.freq_base")) ? read.positive("rope.freq_base") : 10000.0f;
  shape.eps = read.positive("attention.layer_norm_rms_epsilon");
  shape.qk_norm = shape.architecture == "qwen3";
  shape.interleaved_rows = shape.architecture == "llama";
  if (shape.heads % shape.groups || shape.head_dim < 2 || shape.head_dim % 2) {
    throw Error(BS_CORRUPT, "The model has " + std::to_string(shape.heads) + " heads of width " +
                                std::to_string(shape.head_dim) + " in " +
                                std::to_string(shape.groups) + " groups, which do not fit.");
  }
  refuse_variants(read, shape);
  const auto embedding = file.tensor("token_embd.weight");
  if (!embedding || embedding->cols != shape.width || embedding->rows < 1) {
    throw Error(BS_CORRUPT, "The model's token_embd.weight is missing or has the wrong width.");
  }
  shape.vocab = embedding->rows;
  return shape;
}

std::string quantization_name(const GgufFile& file) {
  // llama.cpp's enum llama_ftype.
  static const std::map<uint64_t, const char*> kNames = {
      {0, "F32"},     {1, "F16"},   {2, "Q4_0"},    {3, "Q4_1"},    {7, "Q8_0"},
      {8, "Q5_0"},    {9, "Q5_1"},  {14, "Q4_K_S"}, {15, "Q4_K_M"}, {16, "Q5_K_S"},
      {17, "Q5_K_M"}, {18, "Q6_K"}, {25, "IQ4_NL"}, {32, "BF16"}};
  if (const auto type = file.unsigned_value("general.file_type")) {
    if (const auto found = kNames.find(*type); found != kNames.end()) return found->second;
  }
  const auto matrix = file.tensor("blk.0.ffn_down.weight");
  return matrix ? weight_type_name(matrix->type) : "unknown";
}

}  // namespace blocksight

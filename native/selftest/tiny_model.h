// Models of a few hundred thousand weights, made by formula: test/golden/make_tiny.py makes the
// same ones in Python and says what they compute.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/model.h"

namespace blocksight::check {

struct TinyShape {
  std::string architecture = "llama";  // llama | qwen2 | qwen3
  int64_t layers = 2, width = 64, ffn_width = 96, heads = 4, groups = 2, head_dim = 64;
  float theta = 10000;
};

// The vocabulary: token b is byte b; then the special tokens.
inline constexpr uint32_t kTinyEnd = 256, kTinyTurnStart = 257, kTinyTurnEnd = 258, kTinyFile = 259,
                          kTinyVocab = 260;
// A system turn that fills a block.
inline constexpr char kTinyPrefix[] = "<|im_start|>system\nRead.<|im_end|>\n";

// Value i of a tensor: uniform in [-scale, scale), from splitmix64 of FNV-1a(name) + i.
std::vector<float> tiny_values(const std::string& name, int64_t count, float scale);
std::string tiny_gguf(const TinyShape&);
// LoRA on q and down, a trained index 32 wide, citations, question heads (1, 0) and (0, 1).
std::string tiny_adapter(const TinyShape&, const std::string& base_sha256);

// A folder that goes when this does.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string write(const std::string& name, const std::string& bytes) const;
  std::string path(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

struct TinyOptions {
  TinyShape shape = {};
  bool with_adapter = false;
  const char* index_source = nullptr;
  const char* layout = nullptr;
  int threads = 1;
  std::string store_dir = {};
  uint64_t memory_limit_bytes = 0;
};

// An engine over `table` with KV in fp32 and bf16 products, and the model opened by it.
std::shared_ptr<Model> tiny_model(const OpTable& table, const TinyOptions& = {});

// `count` tokens that look like nothing, different for every seed.
std::vector<uint32_t> tiny_tokens(uint32_t seed, size_t count);

}  // namespace blocksight::check

// The numbers of an architecture, read from a GGUF's metadata and checked before any tensor is.
#pragma once

#include <cstdint>
#include <string>

#include "gguf.h"

namespace blocksight {

struct ModelShape {
  std::string architecture;  // llama | qwen2 | qwen3
  int64_t layers = 0, width = 0, ffn_width = 0, vocab = 0;
  int64_t heads = 0, groups = 0, head_dim = 0;
  int64_t context_tokens = 0;
  float theta = 0, eps = 0;
  bool qk_norm = false;           // qwen3: RMSNorm per head on q and k, before RoPE
  bool interleaved_rows = false;  // llama: rows of q and k lie as rotary pairs
};

// Throws Error: BS_UNSUPPORTED_ARCHITECTURE naming what is not supported, BS_CORRUPT.
ModelShape read_model_shape(const GgufFile&);

// "Q4_K_M" and the like, from general.file_type; else the type of the first layer's largest matrix.
std::string quantization_name(const GgufFile&);

}  // namespace blocksight

// For tests of the `cpu` tier: every table this processor has, and weights to try them with.
#pragma once

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "gguf.h"
#include "half.h"
#include "op_table.h"
#include "thread_pool.h"

namespace blocksight::check {

inline constexpr const char* kInstructionSets[] = {"avx2", "avx512vnni", "amx"};

struct NamedTable {
  const char* isa;
  const OpTable* table;
};
inline std::vector<NamedTable> cpu_tables() {
  std::vector<NamedTable> out;
  for (const char* isa : kInstructionSets) {
    if (const OpTable* table = cpu_table(isa)) out.push_back({isa, table});
  }
  return out;
}

// A matrix as it would lie in a file, with scales of the size that trained weights have.
struct StoredWeights {
  std::vector<std::byte> bytes;
  Linear linear;

  StoredWeights(WeightType type, int64_t rows, int64_t cols, uint32_t seed) {
    const size_t row = row_bytes(type, cols);
    bytes.resize(static_cast<size_t>(rows) * row);
    std::mt19937 random(seed);
    for (std::byte& b : bytes) b = static_cast<std::byte>(random());
    std::uniform_real_distribution<float> size(0.001f, 0.02f);
    std::normal_distribution<float> normal(0.0f, 0.05f);
    const auto put_half = [&](size_t at, float x) {
      const uint16_t half = cpu::float_to_half(x);
      std::memcpy(bytes.data() + at, &half, sizeof half);
    };
    // Where the f16 factors of a block of each format lie.
    struct Block {
      size_t bytes, scale, minimum;
    };
    constexpr size_t kNone = ~size_t{0};
    const auto blocks = [&](Block block, float scale, float minimum) {
      for (size_t at = 0; at < bytes.size(); at += block.bytes) {
        put_half(at + block.scale, size(random) * scale);
        if (block.minimum != kNone) put_half(at + block.minimum, -size(random) * minimum);
      }
    };
    switch (type) {
      case WeightType::f32:
        for (size_t at = 0; at < bytes.size(); at += 4) {
          const float x = normal(random);
          std::memcpy(bytes.data() + at, &x, sizeof x);
        }
        break;
      case WeightType::f16:
        for (size_t at = 0; at < bytes.size(); at += 2) put_half(at, normal(random));
        break;
      case WeightType::bf16:
        for (size_t at = 0; at < bytes.size(); at += 2) {
          const uint16_t x = cpu::float_to_bf16(normal(random));
          std::memcpy(bytes.data() + at, &x, sizeof x);
        }
        break;
      case WeightType::q4_0:
        blocks({18, 0, kNone}, 1, 0);
        break;
      case WeightType::q4_1:
        blocks({20, 0, 2}, 1, 8);
        break;
      case WeightType::q5_0:
        blocks({22, 0, kNone}, 0.5f, 0);
        break;
      case WeightType::q5_1:
        blocks({24, 0, 2}, 0.5f, 8);
        break;
      case WeightType::q8_0:
        blocks({34, 0, kNone}, 0.1f, 0);
        break;
      case WeightType::q4_k:
        blocks({144, 0, 2}, 0.03f, -0.2f);
        break;
      case WeightType::q5_k:
        blocks({176, 0, 2}, 0.02f, -0.2f);
        break;
      case WeightType::q6_k:
        blocks({210, 208, kNone}, 0.002f, 0);
        break;
      case WeightType::iq4_nl:
        blocks({18, 0, kNone}, 0.1f, 0);
        break;
    }
    linear.weight = {
        .type = type, .rows = rows, .cols = cols, .data = bytes.data(), .row_bytes = row};
  }
  StoredWeights(const StoredWeights&) = delete;
  StoredWeights& operator=(const StoredWeights&) = delete;

  std::vector<float> row(int64_t index) const {
    std::vector<float> out(static_cast<size_t>(linear.weight.cols));
    dequantize_row(linear.weight.type,
                   bytes.data() + static_cast<size_t>(stored_row(linear.weight, index)) *
                                      linear.weight.row_bytes,
                   linear.weight.cols, out.data());
    return out;
  }
  void add_low_rank(int64_t rank, uint32_t seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.0f, 0.05f);
    LowRank delta = {.rank = rank, .scale = 2.0f, .a = {}, .b = {}};
    delta.a.resize(static_cast<size_t>(rank * linear.weight.cols));
    delta.b.resize(static_cast<size_t>(rank * linear.weight.rows));
    for (float& x : delta.a) x = normal(random);
    for (float& x : delta.b) x = normal(random);
    linear.low_rank = delta;
  }
};

}  // namespace blocksight::check

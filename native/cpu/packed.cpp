#include "packed.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "gguf.h"
#include "half.h"
#include "thread_pool.h"

namespace blocksight::cpu {

namespace {

bool has_nibbles(WeightType type) {
  return type == WeightType::q4_0 || type == WeightType::q4_1 || type == WeightType::q4_k;
}

Form form_of(WeightType type, Numerics numerics) {
  if (type == WeightType::f32) return Form::single;
  if (has_nibbles(type)) return Form::nibble;
  if (numerics == Numerics::i8) return Form::byte;
  return numerics == Numerics::bf16 ? Form::half : Form::single;
}

size_t panel_bytes(Form form, int64_t padded) {
  const auto width = static_cast<size_t>(padded);
  if (form == Form::half) return width * kPanel * sizeof(uint16_t);
  if (form == Form::single) return width * kPanel * sizeof(float);
  return width / 64 * static_cast<size_t>(pair_bytes(form));
}

uint16_t read_u16(const std::byte* at) {
  uint16_t x;
  std::memcpy(&x, at, sizeof x);
  return x;
}

// 32 values that share a scale: byte i holds value i below and 16 + i above.
struct SubBlock {
  float scale = 0, minimum = 0;
  uint8_t nibbles[16] = {};
};

// Scale and minimum of sub-block j of Q4_K: six bits each, spread over twelve bytes.
void q4_k_scale(int j, const std::byte* packed, int* scale, int* minimum) {
  const auto at = [&](int i) { return std::to_integer<int>(packed[i]); };
  if (j < 4) {
    *scale = at(j) & 63;
    *minimum = at(j + 4) & 63;
  } else {
    *scale = (at(j + 4) & 15) | (at(j - 4) >> 6 << 4);
    *minimum = (at(j + 4) >> 4) | (at(j) >> 6 << 4);
  }
}

SubBlock read_sub_block(WeightType type, const std::byte* row, int64_t sub) {
  SubBlock out;
  if (type == WeightType::q4_k) {
    constexpr int64_t kSuper = 8, kBytes = 144;
    const std::byte* const block = row + sub / kSuper * kBytes;
    const int j = static_cast<int>(sub % kSuper);
    int scale, minimum;
    q4_k_scale(j, block + 4, &scale, &minimum);
    out.scale = half_to_float(read_u16(block)) * static_cast<float>(scale);
    out.minimum = -half_to_float(read_u16(block + 2)) * static_cast<float>(minimum);
    // 64 values in 32 bytes: the first 32 below, the others above.
    uint64_t from[4], to[2];
    std::memcpy(from, block + 16 + j / 2 * 32, sizeof from);
    constexpr uint64_t kLow = 0x0F0F0F0F0F0F0F0FULL;
    for (int i = 0; i < 2; i++) {
      const uint64_t low = j % 2 ? from[i] >> 4 : from[i],
                     high = j % 2 ? from[i + 2] >> 4 : from[i + 2];
      to[i] = (low & kLow) | (high & kLow) << 4;
    }
    std::memcpy(out.nibbles, to, sizeof to);
    return out;
  }
  const bool has_minimum = type == WeightType::q4_1;
  const std::byte* const block = row + sub * (has_minimum ? 20 : 18);
  out.scale = half_to_float(read_u16(block));
  out.minimum = has_minimum ? half_to_float(read_u16(block + 2)) : -8 * out.scale;
  std::memcpy(out.nibbles, block + (has_minimum ? 4 : 2), sizeof out.nibbles);
  return out;
}

// Nearest bytes under a scale that f16 holds.
uint16_t quantize_bytes(const float* values, int8_t* out) {
  float most = 0;
  for (int64_t i = 0; i < kSub; i++) most = std::max(most, std::abs(values[i]));
  const uint16_t scale = float_to_half(most / 127);
  const float stored = half_to_float(scale);
  const float inverse = stored > 0 ? 1 / stored : 0;
  for (int64_t i = 0; i < kSub; i++) {
    out[i] = static_cast<int8_t>(std::clamp(std::nearbyint(values[i] * inverse), -127.0f, 127.0f));
  }
  return scale;
}

// Row r of a panel of bytes.
void pack_bytes(const Panel& panel, int64_t r, const float* values, int64_t padded) {
  int8_t bytes[kSub];
  for (int64_t sub = 0; sub * kSub < padded; sub++) {
    const_cast<uint16_t*>(panel.scale(sub))[r] = quantize_bytes(values + sub * kSub, bytes);
    uint8_t* const to = const_cast<uint8_t*>(panel.values(sub)) + r * 4;
    for (int q = 0; q < 8; q++) std::memcpy(to + q * 64, bytes + q * 4, 4);
  }
}

// The power of two that brings the largest value near 1; 1 where there is none.
float power_to_one(const std::vector<float>& values) {
  float most = 0;
  for (const float x : values) most = std::max(most, std::abs(x));
  if (!(most > 0) || !std::isfinite(most)) return 1;
  return std::ldexp(1.0f, std::clamp(-std::ilogb(most), -60, 60));
}

}  // namespace

PackedMatrix::PackedMatrix(const Linear& linear, Numerics numerics, ThreadPool& pool)
    : numerics_(numerics),
      form_(form_of(linear.weight.type, numerics)),
      rows_(linear.weight.rows),
      cols_(linear.weight.cols),
      padded_((linear.weight.cols + 63) / 64 * 64) {
  panel_bytes_ = panel_bytes(form_, padded_);
  weight_.reserve_kept(static_cast<size_t>(panels()) * panel_bytes_);
  pool.parallel_for(panels(), 4, [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; index++) pack_rows(linear.weight, index);
  });
  if (linear.low_rank) {
    pack_low_rank(*linear.low_rank);
    pack_tiles(*linear.low_rank);
    if (is_i8()) pack_low_rank_bytes(*linear.low_rank);
  }
}

Panel PackedMatrix::panel(int64_t index) const {
  return {form_, weight_.as<const uint8_t>(static_cast<size_t>(index) * panel_bytes_)};
}

void PackedMatrix::pack_low_rank_bytes(const LowRank& delta) {
  byte_a_.reserve_kept(static_cast<size_t>(rank_ / kPanel * byte_panel(padded_)));
  byte_b_.reserve_kept(static_cast<size_t>(panels() * byte_panel(byte_rank())));
  std::memset(byte_a_.as<char>(), 0, byte_a_.bytes());
  std::memset(byte_b_.as<char>(), 0, byte_b_.bytes());
  const float power_a = power_to_one(delta.a), power_b = power_to_one(delta.b);
  delta_unit_ = delta.scale / power_a / power_b;
  std::vector<float> values(static_cast<size_t>(std::max(padded_, byte_rank())), 0.0f);
  for (int64_t r = 0; r < delta.rank; r++) {
    for (int64_t k = 0; k < cols_; k++) {
      values[static_cast<size_t>(k)] = power_a * delta.a[static_cast<size_t>(r * cols_ + k)];
    }
    pack_bytes(byte_a(r / kPanel), r % kPanel, values.data(), padded_);
  }
  std::fill(values.begin(), values.end(), 0.0f);
  for (int64_t row = 0; row < rows_; row++) {
    for (int64_t r = 0; r < delta.rank; r++) {
      values[static_cast<size_t>(r)] = power_b * delta.b[static_cast<size_t>(row * delta.rank + r)];
    }
    pack_bytes(byte_b(row / kPanel), row % kPanel, values.data(), byte_rank());
  }
}

void PackedMatrix::pack_rows(const StoredMatrix& matrix, int64_t index) {
  auto* const data = weight_.as<uint8_t>(static_cast<size_t>(index) * panel_bytes_);
  const Panel stored = panel(index);
  std::memset(data, 0, panel_bytes_);
  std::vector<float> values(static_cast<size_t>(padded_), 0.0f);
  for (int64_t r = 0; r < kPanel && index * kPanel + r < rows_; r++) {
    const int64_t from = stored_row(matrix, index * kPanel + r);
    const std::byte* const row = matrix.data + static_cast<size_t>(from) * matrix.row_bytes;
    if (form_ != Form::nibble) dequantize_row(matrix.type, row, cols_, values.data());
    if (form_ == Form::single) {
      auto* const to = reinterpret_cast<float*>(data);
      for (int64_t k = 0; k < cols_; k++) to[k * kPanel + r] = values[static_cast<size_t>(k)];
      continue;
    }
    if (form_ == Form::half) {
      auto* const to = reinterpret_cast<uint16_t*>(data);
      for (int64_t k = 0; k < cols_; k++) {
        to[k / 2 * 32 + r * 2 + k % 2] = float_to_bf16(values[static_cast<size_t>(k)]);
      }
      continue;
    }
    if (form_ == Form::byte) {
      pack_bytes(stored, r, values.data(), padded_);
      continue;
    }
    for (int64_t sub = 0; sub * kSub < cols_; sub++) {
      const SubBlock block = read_sub_block(matrix.type, row, sub);
      const_cast<uint16_t*>(stored.scale(sub))[r] = float_to_half(block.scale);
      const_cast<uint16_t*>(stored.minimum(sub))[r] = float_to_half(block.minimum);
      uint8_t* const to = const_cast<uint8_t*>(stored.values(sub)) + r * 4;
      for (int q = 0; q < 4; q++) std::memcpy(to + q * 64, block.nibbles + q * 4, 4);
    }
  }
}

void PackedMatrix::pack_low_rank(const LowRank& delta) {
  rank_ = (delta.rank + kPanel - 1) / kPanel * kPanel;
  low_rank_a_.reserve_kept(static_cast<size_t>(rank_ * cols_) * sizeof(float));
  low_rank_b_.reserve_kept(static_cast<size_t>(panels() * kPanel * rank_) * sizeof(float));
  std::memset(low_rank_a_.as<char>(), 0, low_rank_a_.bytes());
  std::memset(low_rank_b_.as<char>(), 0, low_rank_b_.bytes());
  for (int64_t r = 0; r < delta.rank; r++) {
    float* const to = low_rank_a_.as<float>() + r / kPanel * cols_ * kPanel + r % kPanel;
    for (int64_t k = 0; k < cols_; k++) {
      to[k * kPanel] = delta.a[static_cast<size_t>(r * cols_ + k)];
    }
  }
  for (int64_t row = 0; row < rows_; row++) {
    float* const to = low_rank_b_.as<float>() + row / kPanel * rank_ * kPanel + row % kPanel;
    for (int64_t r = 0; r < delta.rank; r++) {
      to[r * kPanel] = delta.scale * delta.b[static_cast<size_t>(row * delta.rank + r)];
    }
  }
}

// bf16 panels [K/2][16][2], as bf16_product takes them.
void PackedMatrix::pack_tiles(const LowRank& delta) {
  tile_a_.reserve_kept(static_cast<size_t>(rank_ * padded_) * sizeof(uint16_t));
  tile_b_.reserve_kept(static_cast<size_t>(panels() * kPanel * tile_rank()) * sizeof(uint16_t));
  std::memset(tile_a_.as<char>(), 0, tile_a_.bytes());
  std::memset(tile_b_.as<char>(), 0, tile_b_.bytes());
  const auto place = [](int64_t depth, int64_t row, int64_t k) {
    return row / kPanel * depth * kPanel + k / 2 * 32 + row % kPanel * 2 + k % 2;
  };
  for (int64_t r = 0; r < delta.rank; r++) {
    for (int64_t k = 0; k < cols_; k++) {
      tile_a_.as<uint16_t>()[place(padded_, r, k)] =
          float_to_bf16(delta.a[static_cast<size_t>(r * cols_ + k)]);
    }
  }
  for (int64_t row = 0; row < rows_; row++) {
    for (int64_t r = 0; r < delta.rank; r++) {
      tile_b_.as<uint16_t>()[place(tile_rank(), row, r)] =
          float_to_bf16(delta.scale * delta.b[static_cast<size_t>(row * delta.rank + r)]);
    }
  }
}

}  // namespace blocksight::cpu

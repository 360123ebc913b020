// Blocks of quantised weights to fp32. Layouts are those of ggml's files; a block of 32 is one
// scale (and minimum) and nibbles, a block of 256 has six-bit scales for each 16 or 32 of it.
#include <array>
#include <cstring>

#include "core/error.h"
#include "float16.h"
#include "gguf.h"

namespace blocksight {
namespace {

struct Format {
  const char* name;
  int64_t weights;
  size_t bytes;
};

// In WeightType's order.
constexpr std::array<Format, 12> kFormats = {{{"F32", 1, 4},
                                              {"F16", 1, 2},
                                              {"BF16", 1, 2},
                                              {"Q4_0", 32, 18},
                                              {"Q4_1", 32, 20},
                                              {"Q5_0", 32, 22},
                                              {"Q5_1", 32, 24},
                                              {"Q8_0", 32, 34},
                                              {"Q4_K", 256, 144},
                                              {"Q5_K", 256, 176},
                                              {"Q6_K", 256, 210},
                                              {"IQ4_NL", 32, 18}}};

const Format& format(WeightType type) { return kFormats.at(static_cast<size_t>(type)); }

uint16_t u16(const uint8_t* p) { return static_cast<uint16_t>(p[0] | p[1] << 8); }
uint32_t u32(const uint8_t* p) { return u16(p) | uint32_t{u16(p + 2)} << 16; }
float half(const uint8_t* p) { return f16_to_float(u16(p)); }
float as_float(int value) { return static_cast<float>(value); }

// 32 weights: nibble j is weight j, its high half weight j + 16; `high` holds their fifth bits.
template <typename Weight>
void nibbles(const uint8_t* q, uint32_t high, float* out, Weight weight) {
  for (int j = 0; j < 16; j++) {
    out[j] = weight((q[j] & 15) | static_cast<int>(high >> j & 1) << 4);
    out[j + 16] = weight(q[j] >> 4 | static_cast<int>(high >> (j + 16) & 1) << 4);
  }
}

void q4_0(const uint8_t* p, float* out) {
  const float d = half(p);
  nibbles(p + 2, 0, out, [d](int q) { return d * as_float(q - 8); });
}

void q4_1(const uint8_t* p, float* out) {
  const float d = half(p), m = half(p + 2);
  nibbles(p + 4, 0, out, [d, m](int q) { return d * as_float(q) + m; });
}

void q5_0(const uint8_t* p, float* out) {
  const float d = half(p);
  nibbles(p + 6, u32(p + 2), out, [d](int q) { return d * as_float(q - 16); });
}

void q5_1(const uint8_t* p, float* out) {
  const float d = half(p), m = half(p + 2);
  nibbles(p + 8, u32(p + 4), out, [d, m](int q) { return d * as_float(q) + m; });
}

void q8_0(const uint8_t* p, float* out) {
  const float d = half(p);
  for (int j = 0; j < 32; j++) out[j] = d * as_float(static_cast<int8_t>(p[2 + j]));
}

// Values of the four-bit non-linear grid.
constexpr int8_t kNonLinear[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                   1,    13,   25,  38,  53,  69,  89,  113};

void iq4_nl(const uint8_t* p, float* out) {
  const float d = half(p);
  nibbles(p + 2, 0, out, [d](int q) { return d * as_float(kNonLinear[q]); });
}

struct ScaleMin {
  int scale, min;
};

// Eight scales and minima of six bits in twelve bytes: the first four lie in the low six bits of
// bytes 0 to 7, the others in the nibbles of bytes 8 to 11 with their top two bits in bytes 0 to 7.
ScaleMin scale_min(const uint8_t* s, int j) {
  if (j < 4) return {s[j] & 63, s[j + 4] & 63};
  return {(s[j + 4] & 15) | (s[j - 4] >> 6) << 4, s[j + 4] >> 4 | (s[j] >> 6) << 4};
}

// Q4_K and Q5_K: eight runs of 32 weights, two of which share 32 bytes (low, then high nibbles).
void k_nibbles(const uint8_t* p, const uint8_t* high, const uint8_t* q, float* out) {
  const float d = half(p), d_min = half(p + 2);
  for (int run = 0; run < 8; run++) {
    const ScaleMin s = scale_min(p + 4, run);
    const float scale = d * as_float(s.scale), min = d_min * as_float(s.min);
    for (int j = 0; j < 32; j++) {
      const int low = run % 2 == 0 ? q[run / 2 * 32 + j] & 15 : q[run / 2 * 32 + j] >> 4;
      const int fifth = high == nullptr ? 0 : (high[j] >> run & 1) << 4;
      out[run * 32 + j] = scale * as_float(low | fifth) - min;
    }
  }
}

void q4_k(const uint8_t* p, float* out) { k_nibbles(p, nullptr, p + 16, out); }
void q5_k(const uint8_t* p, float* out) { k_nibbles(p, p + 16, p + 48, out); }

// 16 runs of 16 weights with eight-bit scales; per half of 128, weight 32 i + j takes its low four
// bits from byte 32 (i % 2) + j (high nibble where i > 1) and its top two from bits 2 i of qh[j].
void q6_k(const uint8_t* p, float* out) {
  const auto* scales = reinterpret_cast<const int8_t*>(p + 192);
  const float d = half(p + 208);
  for (int part = 0; part < 2; part++) {
    const uint8_t* low = p + 64 * part;
    const uint8_t* high = p + 128 + 32 * part;
    for (int i = 0; i < 4; i++)
      for (int j = 0; j < 32; j++) {
        const int nibble = i < 2 ? low[32 * i + j] & 15 : low[32 * (i - 2) + j] >> 4;
        const int q = (nibble | (high[j] >> (2 * i) & 3) << 4) - 32;
        const int scale = scales[8 * part + 2 * i + j / 16];
        out[128 * part + 32 * i + j] = d * as_float(scale) * as_float(q);
      }
  }
}

}  // namespace

int64_t weights_per_block(WeightType type) { return format(type).weights; }

size_t row_bytes(WeightType type, int64_t cols) {
  return static_cast<size_t>(cols / format(type).weights) * format(type).bytes;
}

const char* weight_type_name(WeightType type) { return format(type).name; }

void dequantize_row(WeightType type, const std::byte* row, int64_t cols, float* out) {
  const auto* p = reinterpret_cast<const uint8_t*>(row);
  const auto blocks = [&](void (*one)(const uint8_t*, float*)) {
    const Format& f = format(type);
    for (int64_t i = 0; i < cols / f.weights; i++)
      one(p + static_cast<size_t>(i) * f.bytes, out + i * f.weights);
  };
  switch (type) {
    case WeightType::f32:
      std::memcpy(out, row, static_cast<size_t>(cols) * 4);
      return;
    case WeightType::f16:
      for (int64_t i = 0; i < cols; i++) out[i] = half(p + 2 * i);
      return;
    case WeightType::bf16:
      for (int64_t i = 0; i < cols; i++) out[i] = bf16_to_float(u16(p + 2 * i));
      return;
    case WeightType::q4_0:
      return blocks(q4_0);
    case WeightType::q4_1:
      return blocks(q4_1);
    case WeightType::q5_0:
      return blocks(q5_0);
    case WeightType::q5_1:
      return blocks(q5_1);
    case WeightType::q8_0:
      return blocks(q8_0);
    case WeightType::q4_k:
      return blocks(q4_k);
    case WeightType::q5_k:
      return blocks(q5_k);
    case WeightType::q6_k:
      return blocks(q6_k);
    case WeightType::iq4_nl:
      return blocks(iq4_nl);
  }
}

}  // namespace blocksight

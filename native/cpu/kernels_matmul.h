// Products of quantised rows with panels. Part of kernels.cpp.
//
// An output is a chain over groups of inputs in ascending order, y = fma(sx, sw * dot, y), where
// dot is exact in 32 bits. So it depends neither on the tile nor on the instruction set.
#pragma once

namespace {

using blocksight::cpu::Bf16Product;
using blocksight::cpu::F32Product;
using blocksight::cpu::Form;
using blocksight::cpu::I8Matvec;
using blocksight::cpu::I8Product;
using blocksight::cpu::kGroup;
using blocksight::cpu::kPanel;
using blocksight::cpu::kSub;
using blocksight::cpu::kTileCols;
using blocksight::cpu::Panel;
using blocksight::cpu::QuantizedRow;

// vpdpbusd wants an unsigned operand: panels for it hold 128 more, which the sum of the row's bytes
// takes back.
#if defined(__AVX512F__) && !defined(BS_AMX)
constexpr bool kUnsignedPanels = true;
#else
constexpr bool kUnsignedPanels = false;
#endif

void quantize_row(const float* x, int64_t cols, int64_t padded, const QuantizedRow& out) {
  for (int64_t begin = 0, g = 0; begin < padded; begin += kGroup, g++) {
    const int64_t end = begin + kGroup < padded ? begin + kGroup : padded;
    F32 top = f32(0);
    const auto at = [&](int64_t i) __attribute__((always_inline)) {
      if (i + kLanes <= cols) return load(x + i);
      return i < cols ? load_first(x + i, static_cast<int>(cols - i)) : f32(0);
    };
    for (int64_t i = begin; i < end; i += kLanes) top = max(abs(at(i)), top);
    const float most = largest(top), scale = most / 127.0f;
    const F32 inverse = f32(most > 0 ? 127.0f / most : 0.0f);
    int32_t total = 0;
    for (int64_t sub = begin; sub < end; sub += kSub) {
      const I32 a = to_i32(at(sub) * inverse), b = to_i32(at(sub + kLanes) * inverse);
      auto* const to = reinterpret_cast<uint8_t*>(out.bytes) + sub / 64 * out.run_stride + sub % 64;
      store_bytes(to, a);
      store_bytes(to + kLanes, b);
      const int32_t here = sum(a + b);
      out.sub_sum[sub / kSub] = here;
      total += here;
    }
    out.scale[g] = scale;
    out.sum[g] = total;
  }
}

// The group's common scale maps the largest value that its nibbles can stand for to 127.
void expand_nibbles(const Panel& panel, int64_t begin, int64_t end, uint8_t* bytes, float* scale) {
  const int subs = static_cast<int>((end - begin) / kSub);
  const uint8_t* const data = panel.data + begin / kSub * 256;
  const uint16_t* const d = panel.scale + begin / kSub * kPanel;
  const uint16_t* const m = panel.minimum + begin / kSub * kPanel;
  F32 most = f32(0);
  for (int s = 0; s < subs; s++) {
    const F32 low = load_f16(m + s * kPanel), high = fma(load_f16(d + s * kPanel), f32(15), low);
    most = max(max(abs(low), abs(high)), most);
  }
  store(scale, most * f32(1.0f / 127.0f));
  // 128 / (most / 127): seven bits of fraction. 0 / 0 where all is 0 becomes the second operand.
  const F32 factor = min(f32(127.0f * 128.0f) / most, f32(3e38f));
  for (int s = 0; s < subs; s++) {
    const F32 ds = load_f16(d + s * kPanel) * factor, ms = load_f16(m + s * kPanel) * factor;
    const RowWords times = spread_words(to_i32(ds));
    const RowWords plus = spread_words(to_i32(ms) + i32(64));
    for (int q = 0; q < 4; q++) {
      const B64 both = load64(data + s * 256 + q * 64);
      B64 low = scale_unsigned(low_nibbles(both), times, plus);
      B64 high = scale_unsigned(high_nibbles(both), times, plus);
      if (kUnsignedPanels) {
        low = flip_sign_bit(low);
        high = flip_sign_bit(high);
      }
      store64(bytes + s * 512 + q * 64, low);
      store64(bytes + s * 512 + 256 + q * 64, high);
    }
  }
}

void expand_bytes(const Panel& panel, int64_t begin, int64_t end, uint8_t* bytes, float* scale) {
  const int subs = static_cast<int>((end - begin) / kSub);
  const uint8_t* const data = panel.data + begin * kPanel;
  const uint16_t* const d = panel.scale + begin / kSub * kPanel;
  F32 most = f32(0);
  for (int s = 0; s < subs; s++) most = max(load_f16(d + s * kPanel), most);
  store(scale, most);
  const F32 factor = min(f32(128.0f) / most, f32(3e38f));
  for (int s = 0; s < subs; s++) {
    const RowWords times = spread_words(to_i32(load_f16(d + s * kPanel) * factor));
    for (int q = 0; q < 8; q++) {
      B64 scaled = scale_signed(load64(data + s * 512 + q * 64), times);
      if (kUnsignedPanels) scaled = flip_sign_bit(scaled);
      store64(bytes + s * 512 + q * 64, scaled);
    }
  }
}

void expand_i8(const Panel& panel, int64_t begin, int64_t end, uint8_t* bytes, float* scale) {
  for (int64_t at = begin; at < end; at += kGroup) {
    const int64_t stop = at + kGroup < end ? at + kGroup : end;
    uint8_t* const to = bytes + (at - begin) * kPanel;
    if (panel.form == Form::nibble) expand_nibbles(panel, at, stop, to, scale);
    if (panel.form == Form::byte) expand_bytes(panel, at, stop, to, scale);
    scale += kPanel;
  }
}

// Byte j of every lane, unsigned or signed.
template <int J>
BS_INLINE F32 unsigned_byte(B64 x) {
  return to_f32(shift_right<8 * J>(as_i32(x)) & i32(0xFF));
}
template <int J>
BS_INLINE F32 signed_byte(B64 x) {
  return to_f32(shift_right<24>(shift_left<24 - 8 * J>(as_i32(x))));
}

// Calls put(input, sixteen values) for inputs [begin, end).
template <typename Put>
BS_INLINE void expand_values(const Panel& panel, int64_t begin, int64_t end, const Put& put) {
  for (int64_t sub = begin / kSub; sub < end / kSub; sub++) {
    if (panel.form == Form::nibble) {
      const F32 d = load_f16(panel.scale + sub * kPanel),
                m = load_f16(panel.minimum + sub * kPanel);
      for (int q = 0; q < 4; q++) {
        const B64 both = load64(panel.data + sub * 256 + q * 64);
        const B64 low = low_nibbles(both), high = high_nibbles(both);
        const int64_t k = sub * kSub + 4 * q;
        put(k, fma(unsigned_byte<0>(low), d, m));
        put(k + 1, fma(unsigned_byte<1>(low), d, m));
        put(k + 2, fma(unsigned_byte<2>(low), d, m));
        put(k + 3, fma(unsigned_byte<3>(low), d, m));
        put(k + 16, fma(unsigned_byte<0>(high), d, m));
        put(k + 17, fma(unsigned_byte<1>(high), d, m));
        put(k + 18, fma(unsigned_byte<2>(high), d, m));
        put(k + 19, fma(unsigned_byte<3>(high), d, m));
      }
    } else if (panel.form == Form::byte) {
      const F32 d = load_f16(panel.scale + sub * kPanel);
      for (int q = 0; q < 8; q++) {
        const B64 all = load64(panel.data + sub * 512 + q * 64);
        const int64_t k = sub * kSub + 4 * q;
        put(k, signed_byte<0>(all) * d);
        put(k + 1, signed_byte<1>(all) * d);
        put(k + 2, signed_byte<2>(all) * d);
        put(k + 3, signed_byte<3>(all) * d);
      }
    } else if (panel.form == Form::half) {
      for (int64_t k = sub * kSub; k < (sub + 1) * kSub; k += 2) {
        const I32 two = as_i32(load64(panel.data + k * 32));
        put(k, as_f32(shift_left<16>(two)));
        put(k + 1, as_f32(two & i32(static_cast<int32_t>(0xFFFF0000u))));
      }
    } else {
      const auto* const from = reinterpret_cast<const float*>(panel.data);
      for (int64_t k = sub * kSub; k < (sub + 1) * kSub; k++) put(k, load(from + k * kPanel));
    }
  }
}

void expand_f32(const Panel& panel, int64_t begin, int64_t end, float* out) {
  expand_values(panel, begin, end, [&](int64_t k, F32 v) __attribute__((always_inline)) {
    store(out + (k - begin) * kPanel, v);
  });
}

void expand_bf16(const Panel& panel, int64_t begin, int64_t end, uint16_t* out) {
  if (panel.form == Form::half) {
    memcpy(out, panel.data + begin * 32, static_cast<size_t>(end - begin) * 32);
    return;
  }
  expand_values(panel, begin, end, [&](int64_t k, F32 v) __attribute__((always_inline)) {
    // Nearest even; sixteen values go to every second place of their pair.
    const I32 bits = as_i32(v);
    const I32 odd = shift_right<16>(bits) & i32(1);
    alignas(64) int32_t rounded[kLanes];
    store(rounded, shift_right<16>(bits + i32(0x7FFF) + odd));
    uint16_t* const to = out + (k - begin) / 2 * 32 + (k & 1);
    for (int r = 0; r < kLanes; r++) to[2 * r] = static_cast<uint16_t>(rounded[r]);
  });
}

// Dots of R int8 rows with P panels over `steps` times four inputs. Panels are unsigned (128 more)
// or signed; acc comes in with whatever takes the 128 back.
template <bool Unsigned, int R, int P>
BS_INLINE void dots(const int8_t* x, int64_t x_stride, const uint8_t* const* w, int64_t steps,
                    I32 (&acc)[R][P]) {
  for (int64_t s = 0; s < steps; s++) {
#ifdef __AVX512F__
    B64 panel[P];
#pragma GCC unroll 4
    for (int p = 0; p < P; p++) {
      panel[p] = load64(w[p] + s * 64);
      if (!Unsigned) panel[p] = flip_sign_bit(panel[p]);
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      const B64 a = broadcast4(x + r * x_stride + s * 4);
#pragma GCC unroll 4
      for (int p = 0; p < P; p++) acc[r][p] = dot_unsigned(acc[r][p], panel[p], a);
    }
#else
    // |w| times x with w's sign: no pair exceeds 127 * 127 * 2, so 16 bits do not saturate.
    const __m256i ones = _mm256_set1_epi16(1);
#pragma GCC unroll 4
    for (int p = 0; p < P; p++) {
      B64 panel = load64(w[p] + s * 64);
      if (Unsigned) panel = flip_sign_bit(panel);
      const __m256i abs_a = _mm256_abs_epi8(panel.a), abs_b = _mm256_abs_epi8(panel.b);
#pragma GCC unroll 16
      for (int r = 0; r < R; r++) {
        const __m256i a = broadcast4(x + r * x_stride + s * 4).a;
        const __m256i one = _mm256_maddubs_epi16(abs_a, _mm256_sign_epi8(a, panel.a));
        const __m256i two = _mm256_maddubs_epi16(abs_b, _mm256_sign_epi8(a, panel.b));
        acc[r][p].a = _mm256_add_epi32(acc[r][p].a, _mm256_madd_epi16(one, ones));
        acc[r][p].b = _mm256_add_epi32(acc[r][p].b, _mm256_madd_epi16(two, ones));
      }
    }
#endif
  }
}

// What dots() must start from so that it ends at the signed dot product.
#ifdef __AVX512F__
BS_INLINE I32 dots_start(int32_t x_sum) { return i32(-128 * x_sum); }
#else
BS_INLINE I32 dots_start(int32_t) { return i32(0); }
#endif

#ifdef __AVX512F__
constexpr int kRowTile = 12, kPanelTile = 2;
#else
constexpr int kRowTile = 4, kPanelTile = 1;
#endif

#ifndef BS_AMX
template <int R, int P>
BS_INLINE void i8_tile(const I8Product& a, int64_t row, int first) {
  float* const y = a.y + row * a.y_stride + first * kPanel;
  const int cols = a.cols - first * static_cast<int>(kPanel);
  F32 total[R][P];
  for (int r = 0; r < R; r++) {
    for (int p = 0; p < P; p++) {
      const int n = cols - p * static_cast<int>(kPanel);
      total[r][p] = f32(0);
      if (!a.accumulate || n <= 0) continue;
      const float* const from = y + r * a.y_stride + p * kPanel;
      total[r][p] = n >= kLanes ? load(from) : load_first(from, n);
    }
  }
  alignas(64) float kept[R][P][kLanes];
  for (int r = 0; r < R; r++) {
    for (int p = 0; p < P; p++) store(kept[r][p], total[r][p]);
  }
  for (int64_t begin = 0, g = 0; begin < a.depth; begin += kGroup, g++) {
    const int64_t inputs = a.depth - begin < kGroup ? a.depth - begin : kGroup;
    I32 acc[R][P];
    const uint8_t* w[P];
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
      for (int p = 0; p < P; p++) {
        acc[r][p] = dots_start(a.x_sum[(row + r) * a.group_stride + g]);
      }
    }
    for (int p = 0; p < P; p++) w[p] = a.w[first + p] + begin * kPanel;
    dots<kUnsignedPanels, R, P>(a.x + row * a.x_stride + begin, a.x_stride, w, inputs / 4, acc);
#pragma GCC unroll 4
    for (int p = 0; p < P; p++) {
      const F32 w_scale = load(a.w_scale[first + p] + g * kPanel);
#pragma GCC unroll 16
      for (int r = 0; r < R; r++) {
        const F32 x_scale = f32(a.x_scale[(row + r) * a.group_stride + g]);
        store(kept[r][p], fma(x_scale, to_f32(acc[r][p]) * w_scale, load(kept[r][p])));
      }
    }
  }
  for (int r = 0; r < R; r++) {
    for (int p = 0; p < P; p++) {
      const int n = cols - p * static_cast<int>(kPanel);
      float* const to = y + r * a.y_stride + p * kPanel;
      if (n >= kLanes) {
        store(to, load(kept[r][p]));
      } else if (n > 0) {
        store_first(to, n, load(kept[r][p]));
      }
    }
  }
}

template <int R>
void i8_rows(const I8Product& a, int64_t row) {
  for (int p = 0; p * kPanel < a.cols; p += kPanelTile) i8_tile<R, kPanelTile>(a, row, p);
}

void i8_product(const I8Product& a) {
  int64_t row = 0;
  for (; row + kRowTile <= a.rows; row += kRowTile) i8_rows<kRowTile>(a, row);
  for (; row + 4 <= a.rows && kRowTile > 4; row += 4) i8_rows<4>(a, row);
  for (; row < a.rows; row++) i8_rows<1>(a, row);
}
#endif

template <int R, int P>
BS_INLINE void f32_tile(const F32Product& a, int64_t row, int first) {
  F32 acc[R][P];
  float* const y = a.y + row * a.y_stride + first * kPanel;
  const int cols = a.cols - first * static_cast<int>(kPanel);
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int p = 0; p < P; p++) {
      const int n = cols - p * static_cast<int>(kPanel);
      acc[r][p] = a.accumulate && n > 0
                      ? load_first(y + r * a.y_stride + p * kPanel, n < kLanes ? n : kLanes)
                      : f32(0);
    }
  }
  for (int64_t k = 0; k < a.depth; k++) {
    F32 w[P];
#pragma GCC unroll 4
    for (int p = 0; p < P; p++) w[p] = load(a.w[first + p] + k * kPanel);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      const F32 x = f32(a.x[(row + r) * a.x_stride + k]);
#pragma GCC unroll 4
      for (int p = 0; p < P; p++) acc[r][p] = fma(x, w[p], acc[r][p]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int p = 0; p < P; p++) {
      const int n = cols - p * static_cast<int>(kPanel);
      if (n > 0) store_first(y + r * a.y_stride + p * kPanel, n < kLanes ? n : kLanes, acc[r][p]);
    }
  }
}

template <int R>
void f32_rows(const F32Product& a, int64_t row) {
  if (a.cols <= kPanel) return f32_tile<R, 1>(a, row, 0);
  for (int p = 0; p * kPanel < a.cols; p += kPanelTile) f32_tile<R, kPanelTile>(a, row, p);
}

void f32_product(const F32Product& a) {
  int64_t row = 0;
  for (; row + kRowTile <= a.rows; row += kRowTile) f32_rows<kRowTile>(a, row);
  for (; row + 4 <= a.rows && kRowTile > 4; row += 4) f32_rows<4>(a, row);
  for (; row < a.rows; row++) f32_rows<1>(a, row);
}

// One panel against R rows, straight from what is stored; bound by memory where R is small.
template <int R>
BS_INLINE void matvec_rows(const I8Matvec& a, int64_t row) {
  const int8_t* const x = a.x + row * a.x_stride;
  F32 total[R];
#pragma GCC unroll 4
  for (int r = 0; r < R; r++) total[r] = f32(0);
  for (int64_t sub = 0; sub < a.depth / kSub; sub++) {
    I32 acc[R];
    if (a.panel.form == Form::nibble) {
#pragma GCC unroll 4
      for (int r = 0; r < R; r++) acc[r] = i32(0);
#pragma GCC unroll 4
      for (int q = 0; q < 4; q++) {
        const B64 both = load64(a.panel.data + sub * 256 + q * 64);
        const B64 low = low_nibbles(both), high = high_nibbles(both);
#pragma GCC unroll 4
        for (int r = 0; r < R; r++) {
          const int8_t* const at = x + r * a.x_stride + sub * kSub + 4 * q;
          acc[r] = dot_unsigned(acc[r], low, broadcast4(at));
          acc[r] = dot_unsigned(acc[r], high, broadcast4(at + 16));
        }
      }
      const F32 d = load_f16(a.panel.scale + sub * kPanel);
      const F32 m = load_f16(a.panel.minimum + sub * kPanel);
#pragma GCC unroll 4
      for (int r = 0; r < R; r++) {
        const F32 scale = f32(a.x_scale[(row + r) * a.group_stride + sub * kSub / kGroup]);
        total[r] = fma(scale, to_f32(acc[r]) * d, total[r]);
        const float ones = static_cast<float>(a.x_sub_sum[(row + r) * a.sub_stride + sub]);
        total[r] = fma(scale * f32(ones), m, total[r]);
      }
    } else {
      I32 parts[R][1];
      const uint8_t* const w[1] = {a.panel.data + sub * 512};
#pragma GCC unroll 4
      for (int r = 0; r < R; r++) {
        parts[r][0] = dots_start(a.x_sub_sum[(row + r) * a.sub_stride + sub]);
      }
      dots<false, R, 1>(x + sub * kSub, a.x_stride, w, kSub / 4, parts);
      const F32 d = load_f16(a.panel.scale + sub * kPanel);
#pragma GCC unroll 4
      for (int r = 0; r < R; r++) {
        const F32 scale = f32(a.x_scale[(row + r) * a.group_stride + sub * kSub / kGroup]);
        total[r] = fma(scale, to_f32(parts[r][0]) * d, total[r]);
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; r++) store_first(a.y + (row + r) * a.y_stride, a.cols, total[r]);
}

void i8_matvec(const I8Matvec& a) {
  int64_t row = 0;
  for (; row + 4 <= a.rows; row += 4) matvec_rows<4>(a, row);
  for (; row + 2 <= a.rows; row += 2) matvec_rows<2>(a, row);
  for (; row < a.rows; row++) matvec_rows<1>(a, row);
}

#ifndef BS_AMX
constexpr bool kHasBf16 = false, kInTiles = false;
void bf16_product(const Bf16Product&) {}
#endif

}  // namespace

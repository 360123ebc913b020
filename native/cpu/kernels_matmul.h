// Products of activations with panels. Part of kernels.cpp.
//
// An integer product is a chain over groups of inputs in ascending order, y = fma(sx, sw * dot, y),
// where dot is exact in 32 bits. So it depends neither on the tile nor on the instruction set.
#pragma once

namespace {

using blocksight::cpu::Bf16Product;
using blocksight::cpu::ByteRun;
using blocksight::cpu::F32Product;
using blocksight::cpu::Form;
using blocksight::cpu::I8Product;
using blocksight::cpu::kGroup;
using blocksight::cpu::kPanel;
using blocksight::cpu::kRunRows;
using blocksight::cpu::kSub;
using blocksight::cpu::kTileCols;
using blocksight::cpu::Matvec;
using blocksight::cpu::pair_bytes;
using blocksight::cpu::Panel;
using blocksight::cpu::SplitRow;
using blocksight::cpu::sub_bytes;

// Sixteen values of a row from `at`, zeros beyond its end.
BS_INLINE F32 load_within(const float* x, int64_t at, int64_t cols) {
  if (at + kLanes <= cols) return load(x + at);
  return at < cols ? load_first(x + at, static_cast<int>(cols - at)) : f32(0);
}

// Calls put(begin, end, scale, inverse) for each group: `most` times the scale is its largest
// value.
template <typename Put>
BS_INLINE void for_groups(const float* x, int64_t cols, int64_t padded, int most, const Put& put) {
  for (int64_t begin = 0; begin < padded; begin += kGroup) {
    const int64_t end = begin + kGroup < padded ? begin + kGroup : padded;
    F32 top = f32(0);
    for (int64_t i = begin; i < end; i += kLanes) top = max(abs(load_within(x, i, cols)), top);
    const float value = largest(top), steps = static_cast<float>(most);
    put(begin, end, value / steps, f32(value > 0 ? steps / value : 0.0f));
  }
}

// All lanes of 32 but the four from 28 - offset.
alignas(64) constexpr int32_t kAllButFour[60] = {
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, 0,  0,  0,  0,  -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};

// Bytes per 32 inputs. The four inputs around the largest are multiplied twice, so that the scale
// follows the largest of the others, down to half: an outlier costs its neighbours less.
void quantize_row(const float* x, int64_t cols, int64_t padded, ByteRun* out) {
  for (int64_t sub = 0; sub < padded / kSub; sub++, out += kRunRows) {
    const int64_t at = sub * kSub;
    const F32 values[2] = {load_within(x, at, cols), load_within(x, at + kLanes, cols)};
    const F32 fours[2] = {largest_of_four(abs(values[0])), largest_of_four(abs(values[1]))};
    const float most = largest(max(fours[0], fours[1]));
    const unsigned lanes =
        lanes_at_least(fours[0], f32(most)) | lanes_at_least(fours[1], f32(most)) << 16;
    const int where = lanes ? __builtin_ctz(lanes) / 4 : 0;  // none of NaN
    const int32_t* const kept = kAllButFour + 28 - 4 * where;
    const float second = largest(max(as_f32(as_i32(fours[0]) & load(kept)),
                                     as_f32(as_i32(fours[1]) & load(kept + kLanes))));
    const float steps = second > 0.5f * most ? second : 0.5f * most;
    const F32 inverse = f32(steps > 0 ? 127.0f / steps : 0.0f);
    I32 total = i32(0);
    alignas(64) uint8_t upper[kSub];
    for (int half = 0; half < 2; half++) {
      const I32 q = to_i32(values[half] * inverse);
      const I32 above = (q - shift_right<1>(q)) & (i32(-1) - load(kept + half * kLanes));
      total = total + q;
      store_bytes(reinterpret_cast<uint8_t*>(out->bytes) + half * kLanes, q - above);
      store_bytes(upper + half * kLanes, above);
    }
    memcpy(out->extra, upper + 4 * where, 4);
    out->extra_at = where * 64;
    out->sum = sum(total);
    out->scale = steps / 127.0f;
    out->value = out->scale * static_cast<float>(out->sum);
  }
}

void split_row(const float* x, int64_t cols, int64_t padded, const SplitRow& out) {
  // 127 * 256 + 127: both halves are signed bytes.
  for_groups(x, cols, padded, 32639, [&](int64_t begin, int64_t end, float scale, F32 inverse) {
    out.scale[begin / kGroup] = scale;
    for (int64_t sub = begin; sub < end; sub += kSub) {
      I32 total = i32(0);
      for (int64_t i = sub; i < sub + kSub; i += kLanes) {
        const I32 q = to_i32(load_within(x, i, cols) * inverse);
        const I32 high = shift_right<8>(q + i32(128));
        store_bytes(reinterpret_cast<uint8_t*>(out.high) + i, high);
        store_bytes(reinterpret_cast<uint8_t*>(out.low) + i, q - shift_left<8>(high));
        total = total + q;
      }
      const int32_t all = sum(total);
      out.sub_sum[sub / kSub] = all;
      out.sub_value[sub / kSub] = scale * static_cast<float>(all);
    }
  });
}

// bf16 in the upper half of a lane, to nearest even.
BS_INLINE I32 rounded_bf16(F32 x) {
  const I32 bits = as_i32(x);
  return bits + i32(0x7FFF) + (shift_right<16>(bits) & i32(1));
}

void round_row(const float* x, int64_t cols, int64_t padded, uint16_t* out, int64_t run_stride) {
  for (int64_t i = 0; i < padded; i += kLanes) {
    store_words(reinterpret_cast<int16_t*>(out) + i / 32 * run_stride + i % 32,
                shift_right<16>(rounded_bf16(load_within(x, i, cols))));
  }
}

// Byte j of every lane, unsigned (of nibbles) or signed.
template <int J>
BS_INLINE F32 unsigned_byte(B64 x) {
  const I32 lanes = as_i32(x);
  if constexpr (J == 0) return to_f32(lanes & i32(0xFF));
  if constexpr (J == 3) return to_f32(shift_right<24>(lanes));  // below 128: nibbles only
  return to_f32(shift_right<8 * J>(lanes) & i32(0xFF));
}
template <int J>
BS_INLINE F32 signed_byte(B64 x) {
  return to_f32(shift_right<24>(shift_left<24 - 8 * J>(as_i32(x))));
}

// Calls put(input, values, values of the next input) for 32 inputs of a stored panel, with its
// scale d and minimum m.
template <typename Put>
BS_INLINE void nibble_values(const uint8_t* data, F32 d, F32 m, const Put& put) {
  for (int q = 0; q < 4; q++) {
    const B64 both = load64(data + q * 64);
    const B64 low = low_nibbles(both), high = high_nibbles(both);
    put(4 * q, fma(unsigned_byte<0>(low), d, m), fma(unsigned_byte<1>(low), d, m));
    put(4 * q + 2, fma(unsigned_byte<2>(low), d, m), fma(unsigned_byte<3>(low), d, m));
    put(4 * q + 16, fma(unsigned_byte<0>(high), d, m), fma(unsigned_byte<1>(high), d, m));
    put(4 * q + 18, fma(unsigned_byte<2>(high), d, m), fma(unsigned_byte<3>(high), d, m));
  }
}
template <typename Put>
BS_INLINE void byte_values(const uint8_t* data, F32 d, const Put& put) {
  for (int q = 0; q < 8; q++) {
    const B64 all = load64(data + q * 64);
    put(4 * q, signed_byte<0>(all) * d, signed_byte<1>(all) * d);
    put(4 * q + 2, signed_byte<2>(all) * d, signed_byte<3>(all) * d);
  }
}

// acc + Σ4 w[i] x[i] of signed bytes; AVX-512's instruction wants one side unsigned, so w carries
// 128 more there, which `taken_back` undoes.
BS_INLINE I32 dot_signed(I32 acc, B64 w, B64 x) {
#ifdef __AVX512F__
  return dot_unsigned(acc, flip_sign_bit(w), x);
#else
  const __m256i ones = _mm256_set1_epi16(1);
  const auto half = [&](__m256i of_w, __m256i of_x) __attribute__((always_inline)) {
    // |x| times w with x's sign, as x may be -128: no pair exceeds 128 * 127 * 2, so 16 bits do not
    // saturate.
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(of_x), _mm256_sign_epi8(of_w, of_x));
    return _mm256_madd_epi16(pairs, ones);
  };
  return acc + I32{half(w.a, x.a), half(w.b, x.b)};
#endif
}
#ifdef __AVX512F__
constexpr bool kUnsigned = true;
BS_INLINE I32 taken_back(int32_t x_sum) { return i32(-128 * x_sum); }
#else
constexpr bool kUnsigned = false;
BS_INLINE I32 taken_back(int32_t) { return i32(0); }
#endif
// The same for nibbles, which no instruction set can saturate with.
BS_INLINE I32 dot_nibbles(I32 acc, B64 w, B64 x) {
#ifdef __AVX512F__
  return dot_unsigned(acc, w, x);
#else
  const __m256i ones = _mm256_set1_epi16(1);
  return acc + I32{_mm256_madd_epi16(_mm256_maddubs_epi16(w.a, x.a), ones),
                   _mm256_madd_epi16(_mm256_maddubs_epi16(w.b, x.b), ones)};
#endif
}

// Nibbles become bytes, bytes the side of the dot product that has no sign where there is one.
void expand_i8(const Panel& panel, int64_t begin, int64_t end, uint8_t* out, float* scale) {
  const bool nibbles = panel.form == Form::nibble;
  for (int64_t sub = begin / kSub; sub < end / kSub; sub++, out += 512, scale += 2 * kPanel) {
    const uint8_t* const from = panel.values(sub);
    store(scale, load_f16(panel.scale(sub)));
    store(scale + kPanel, nibbles ? load_f16(panel.minimum(sub)) : f32(0));
    for (int64_t q = 0; q < 256; q += 64) {
      if (nibbles) {
        const B64 both = load64(from + q);
        store64(out + q, low_nibbles(both));
        store64(out + 256 + q, high_nibbles(both));
      } else {
        const B64 lower = load64(from + q), upper = load64(from + 256 + q);
        store64(out + q, kUnsigned ? flip_sign_bit(lower) : lower);
        store64(out + 256 + q, kUnsigned ? flip_sign_bit(upper) : upper);
      }
    }
  }
}

// Calls put(input - begin, values, values of the next input) for inputs [begin, end).
template <typename Put>
BS_INLINE void expand_values(const Panel& panel, int64_t begin, int64_t end, const Put& put) {
  for (int64_t sub = begin / kSub; sub < end / kSub; sub++) {
    const int64_t first = sub * kSub - begin;
    const auto put_here = [&](int64_t k, F32 even, F32 odd)
                              __attribute__((always_inline)) { put(first + k, even, odd); };
    if (panel.form == Form::nibble) {
      nibble_values(panel.values(sub), load_f16(panel.scale(sub)),
                    load_f16(panel.minimum(sub)), put_here);
    } else if (panel.form == Form::byte) {
      byte_values(panel.values(sub), load_f16(panel.scale(sub)), put_here);
    } else if (panel.form == Form::half) {
      for (int64_t k = 0; k < kSub; k += 2) {
        const I32 two = as_i32(load64(panel.data + (sub * kSub + k) * 32));
        put_here(k, as_f32(shift_left<16>(two)),
                 as_f32(two & i32(static_cast<int32_t>(0xFFFF0000u))));
      }
    } else {
      const float* const from = reinterpret_cast<const float*>(panel.data) + sub * kSub * kPanel;
      for (int64_t k = 0; k < kSub; k += 2) {
        put_here(k, load(from + k * kPanel), load(from + (k + 1) * kPanel));
      }
    }
  }
}

void expand_f32(const Panel& panel, int64_t begin, int64_t end, float* out) {
  expand_values(panel, begin, end,
                [&](int64_t k, F32 even, F32 odd) __attribute__((always_inline)) {
                  store(out + k * kPanel, even);
                  store(out + (k + 1) * kPanel, odd);
                });
}

void expand_bf16(const Panel& panel, int64_t begin, int64_t end, uint16_t* out) {
  if (panel.form == Form::half) {
    memcpy(out, panel.data + begin * 32, static_cast<size_t>(end - begin) * 32);
    return;
  }
  expand_values(panel, begin, end,
                [&](int64_t k, F32 even, F32 odd) __attribute__((always_inline)) {
                  // Ties away from zero: a weight lies on one too rarely to pay for even.
                  const I32 half = i32(0x8000), mask = i32(static_cast<int32_t>(0xFFFF0000u));
                  const I32 upper = (as_i32(odd) + half) & mask;
                  const I32 lower = shift_right_zeros<16>(as_i32(even) + half);
                  store(reinterpret_cast<int32_t*>(out + k * kPanel), upper | lower);
                });
}

#ifdef __AVX512F__
constexpr int kRowTile = 12, kPanelTile = 2;
#else
constexpr int kRowTile = 4, kPanelTile = 1;
#endif

#ifdef __AVX512F__
constexpr int kByteRows = 6;
#else
constexpr int kByteRows = 3;
#endif

// The dots of a run, of so many fours of its inputs, of R rows with P panels.
#ifdef __AVX512F__
template <Form F, int R, int P>
BS_INLINE void dots_i8(const ByteRun* x, const uint8_t* const* w, int fours, I32 (&acc)[R][P]) {
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int p = 0; p < P; p++) {
      const I32 start = F == Form::byte ? taken_back(x[r].sum) : i32(0);
      acc[r][p] = dot_unsigned_at(start, load64(w[p] + x[r].extra_at), x[r].extra);
    }
  }
#pragma GCC unroll 1
  for (int q = 0; q < fours; q++) {
    B64 panel[P];
#pragma GCC unroll 4
    for (int p = 0; p < P; p++) panel[p] = load64(w[p] + q * 64);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      const B64 four = broadcast4(x[r].bytes + 4 * q);
#pragma GCC unroll 4
      for (int p = 0; p < P; p++) acc[r][p] = dot_unsigned(acc[r][p], panel[p], four);
    }
  }
}
#else
// Nibbles add up in 16 bits, where eight pairs stay below 8 * 2 * 15 * 127 < 2^15.
template <Form F>
BS_INLINE I32 add_bytes(I32 acc, B64 w, B64 x) {
  if constexpr (F == Form::byte) return dot_signed(acc, w, x);
  return {_mm256_add_epi16(acc.a, _mm256_maddubs_epi16(w.a, x.a)),
          _mm256_add_epi16(acc.b, _mm256_maddubs_epi16(w.b, x.b))};
}
template <Form F>
BS_INLINE I32 add_extra(I32 acc, B64 w, B64 x) {
  if constexpr (F == Form::byte) return dot_signed(acc, w, x);
  const __m256i ones = _mm256_set1_epi16(1);
  return dot_nibbles({_mm256_madd_epi16(acc.a, ones), _mm256_madd_epi16(acc.b, ones)}, w, x);
}
template <Form F, int R, int P>
BS_INLINE void dots_i8(const ByteRun* x, const uint8_t* const* w, int fours, I32 (&acc)[R][P]) {
  static_assert(P == 1);
  for (int r = 0; r < R; r++) acc[r][0] = i32(0);
#pragma GCC unroll 1
  for (int q = 0; q < fours; q++) {
    const B64 panel = load64(w[0] + q * 64);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      acc[r][0] = add_bytes<F>(acc[r][0], panel, broadcast4(x[r].bytes + 4 * q));
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
    acc[r][0] = add_extra<F>(acc[r][0], load64(w[0] + x[r].extra_at), broadcast4(x[r].extra));
  }
}
#endif

template <Form F, int R, int P>
BS_INLINE void i8_tile(const I8Product& a, int64_t row, int first) {
  float* const y = a.y + row * a.y_stride + first * kPanel;
  const int cols = a.cols - first * static_cast<int>(kPanel);
  const int rows = a.rows - row < R ? static_cast<int>(a.rows - row) : R;
  const auto count = [&](int r, int p) {
    const int n = r < rows ? cols - p * static_cast<int>(kPanel) : 0;
    return n < kLanes ? n : kLanes;
  };
  F32 total[R][P];
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int p = 0; p < P; p++) {
      total[r][p] = a.accumulate && count(r, p) > 0
                        ? load_first(y + r * a.y_stride + p * kPanel, count(r, p))
                        : f32(0);
    }
  }
  const uint8_t* w[P];
  const float* scale[P];
  for (int p = 0; p < P; p++) {
    w[p] = a.w[first + p];
    scale[p] = a.w_scale[first + p];
  }
  const ByteRun* x = a.x + row / kRunRows * a.x_stride + row % kRunRows;
  for (int64_t at = 0; at < a.depth; at += kSub, x += kRunRows) {
    I32 acc[R][P];
    dots_i8<F, R, P>(x, w, a.depth - at < kSub ? static_cast<int>(a.depth - at) / 4 : 8, acc);
#pragma GCC unroll 4
    for (int p = 0; p < P; p++) {
      if (F == Form::nibble) {
        const F32 m = load(scale[p] + kPanel);
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) total[r][p] = fma(f32(x[r].value), m, total[r][p]);
      }
      const F32 d = load(scale[p]);
#pragma GCC unroll 8
      for (int r = 0; r < R; r++) {
        total[r][p] = fma(f32(x[r].scale), to_f32(acc[r][p]) * d, total[r][p]);
      }
      w[p] += 512;
      scale[p] += 2 * kPanel;
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int p = 0; p < P; p++) {
      const int n = count(r, p);
      if (n > 0) store_first(y + r * a.y_stride + p * kPanel, n, total[r][p]);
    }
  }
}

template <Form F>
BS_INLINE void i8_product_of(const I8Product& a) {
  for (int64_t row = 0; row < a.rows; row += kByteRows) {
    if (a.cols <= kPanel) {
      i8_tile<F, kByteRows, 1>(a, row, 0);
      continue;
    }
    for (int p = 0; p * kPanel < a.cols; p += kPanelTile) {
      i8_tile<F, kByteRows, kPanelTile>(a, row, p);
    }
  }
}

void i8_product(const I8Product& a) {
  if (a.form == Form::nibble) return i8_product_of<Form::nibble>(a);
  i8_product_of<Form::byte>(a);
}

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

// Sums over 32 inputs of one row, in halves: 256 high + low.
struct Halves {
  I32 high, low;
};
template <Form F>
BS_INLINE void add_dots(Halves& to, B64 w, const int8_t* high, const int8_t* low) {
#ifdef __AVX512F__
  to.high = dot_unsigned_at(to.high, w, high);
  to.low = dot_unsigned_at(to.low, w, low);
#else
  if constexpr (F == Form::nibble) {
    to.high = dot_nibbles(to.high, w, broadcast4(high));
    to.low = dot_nibbles(to.low, w, broadcast4(low));
  } else {
    to.high = dot_signed(to.high, w, broadcast4(high));
    to.low = dot_signed(to.low, w, broadcast4(low));
  }
#endif
}

// One panel against R rows, straight from what is stored; bound by memory where R is small.
template <Form F, int R>
BS_INLINE void matvec_rows(const Matvec& a, int64_t row) {
  // Far enough for memory's latency, near enough to stay in the first-level cache.
  constexpr int kAhead = 4096;
  constexpr int kLines = static_cast<int>(pair_bytes(F) / 64), kQuarters = sub_bytes(F) / 64;
  F32 total[R];
#pragma GCC unroll 4
  for (int r = 0; r < R; r++) total[r] = f32(0);
  const uint8_t* at = a.panel.data;
  for (int64_t sub = 0; sub < a.depth / kSub; sub += 2, at += pair_bytes(F)) {
#pragma GCC unroll 32
    for (int line = 0; line < kLines; line++) prefetch(at + kAhead + line * 64);
    const auto* const scales = reinterpret_cast<const uint16_t*>(at + 2 * sub_bytes(F));
#pragma GCC unroll 2
    for (int half = 0; half < 2; half++) {
      const uint8_t* const data = at + half * sub_bytes(F);
      const int64_t x = row * a.x_stride + (sub + half) * kSub;
      const int64_t of_sub = row * a.sub_stride + sub + half;
      Halves dots[R];
#pragma GCC unroll 4
      for (int r = 0; r < R; r++) {
        // 256 high + low of bytes loses 128 times its sum; all of it is taken from low.
        const int32_t lost = F == Form::byte ? a.x_sub_sum[of_sub + r * a.sub_stride] : 0;
        dots[r] = {i32(0), F == Form::byte ? taken_back(lost) : i32(0)};
      }
#pragma GCC unroll 8
      for (int q = 0; q < kQuarters; q++) {
        const B64 both = load64(data + q * 64);
        const bool nibbles = F == Form::nibble;
        const B64 w = nibbles ? low_nibbles(both) : kUnsigned ? flip_sign_bit(both) : both;
        const B64 above = high_nibbles(both);
#pragma GCC unroll 4
        for (int r = 0; r < R; r++) {
          const int64_t from = x + r * a.x_stride + 4 * q;
          add_dots<F>(dots[r], w, a.high + from, a.low + from);
          if (nibbles) add_dots<F>(dots[r], above, a.high + from + 16, a.low + from + 16);
        }
      }
      const F32 d = load_f16(scales + half * kPanel);
#pragma GCC unroll 4
      for (int r = 0; r < R; r++) {
        const F32 scale = f32(a.x_scale[(row + r) * a.group_stride + sub * kSub / kGroup]);
        const I32 dot = shift_left<8>(dots[r].high) + dots[r].low;
        total[r] = fma(scale, to_f32(dot) * d, total[r]);
        if constexpr (F == Form::nibble) {
          const F32 m = load_f16(scales + (2 + half) * kPanel);
          total[r] = fma(f32(a.x_sub_value[of_sub + r * a.sub_stride]), m, total[r]);
        }
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; r++) store_first(a.y + (row + r) * a.y_stride, a.cols, total[r]);
}

template <Form F>
BS_INLINE void matvec_of(const Matvec& a) {
  int64_t row = 0;
  for (; row + 4 <= a.rows; row += 4) matvec_rows<F, 4>(a, row);
  for (; row + 2 <= a.rows; row += 2) matvec_rows<F, 2>(a, row);
  for (; row < a.rows; row++) matvec_rows<F, 1>(a, row);
}

void matvec(const Matvec& a) {
  if (a.panel.form == Form::nibble) return matvec_of<Form::nibble>(a);
  matvec_of<Form::byte>(a);
}

#ifndef BS_AMX
constexpr bool kHasTiles = false;
void bf16_product(const Bf16Product&) {}
#endif

}  // namespace

// Sixteen-lane vectors over AVX2 (two registers) and AVX-512 (one). Kernels are written once over
// them, and because the number of lanes and the order of every sum are the same on both, so are
// the results, bit for bit.
//
// Only for the translation units that are compiled for one instruction set; everything has
// internal linkage, and nothing of the standard library is included that could leave an inline
// function with wide instructions behind for the rest of the program.
#pragma once

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

namespace {

constexpr int kLanes = 16;

#define BS_INLINE static inline __attribute__((always_inline, unused))

#ifdef __AVX512F__

struct F32 {
  __m512 v;
};
struct I32 {
  __m512i v;
};
// 64 bytes: sixteen lanes of four.
struct B64 {
  __m512i v;
};

BS_INLINE F32 f32(float x) { return {_mm512_set1_ps(x)}; }
BS_INLINE F32 load(const float* p) { return {_mm512_loadu_ps(p)}; }
BS_INLINE void store(float* p, F32 a) { _mm512_storeu_ps(p, a.v); }
BS_INLINE F32 operator+(F32 a, F32 b) { return {_mm512_add_ps(a.v, b.v)}; }
BS_INLINE F32 operator-(F32 a, F32 b) { return {_mm512_sub_ps(a.v, b.v)}; }
BS_INLINE F32 operator*(F32 a, F32 b) { return {_mm512_mul_ps(a.v, b.v)}; }
BS_INLINE F32 operator/(F32 a, F32 b) { return {_mm512_div_ps(a.v, b.v)}; }
BS_INLINE F32 fma(F32 a, F32 b, F32 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
// The second operand where one is NaN.
BS_INLINE F32 max(F32 a, F32 b) { return {_mm512_max_ps(a.v, b.v)}; }
BS_INLINE F32 min(F32 a, F32 b) { return {_mm512_min_ps(a.v, b.v)}; }
BS_INLINE F32 abs(F32 a) { return {_mm512_abs_ps(a.v)}; }
BS_INLINE F32 round(F32 a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
BS_INLINE F32 to_f32(I32 a) { return {_mm512_cvtepi32_ps(a.v)}; }
BS_INLINE I32 to_i32(F32 a) { return {_mm512_cvtps_epi32(a.v)}; }
BS_INLINE F32 as_f32(I32 a) { return {_mm512_castsi512_ps(a.v)}; }
BS_INLINE I32 as_i32(F32 a) { return {_mm512_castps_si512(a.v)}; }
BS_INLINE F32 load_f16(const uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
BS_INLINE F32 load_bf16(const uint16_t* p) {
  const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16))};
}
BS_INLINE F32 load_u8(const uint8_t* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes))};
}
// Lanes below `count` of a, the others of b.
BS_INLINE F32 first_lanes(int count, F32 a, F32 b) {
  const unsigned mask = count >= kLanes ? 0xFFFFu : count <= 0 ? 0u : (1u << count) - 1;
  return {_mm512_mask_blend_ps(static_cast<__mmask16>(mask), b.v, a.v)};
}
BS_INLINE F32 load_first(const float* p, int count) {
  return {_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p)};
}
BS_INLINE void store_first(float* p, int count, F32 a) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), a.v);
}
// Bit i: a[i] >= b[i].
BS_INLINE unsigned lanes_at_least(F32 a, F32 b) {
  return _mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ);
}
// Lane i of the result is a[i ^ S] + a[i], negated a[i] where the bit S of i is set.
template <int S>
BS_INLINE F32 butterfly(F32 a) {
  __m512 other;
  if constexpr (S == 1) other = _mm512_shuffle_ps(a.v, a.v, 0xB1);
  if constexpr (S == 2) other = _mm512_shuffle_ps(a.v, a.v, 0x4E);
  if constexpr (S == 4) other = _mm512_shuffle_f32x4(a.v, a.v, 0xB1);
  if constexpr (S == 8) other = _mm512_shuffle_f32x4(a.v, a.v, 0x4E);
  constexpr __mmask16 set = S == 1 ? 0xAAAA : S == 2 ? 0xCCCC : S == 4 ? 0xF0F0 : 0xFF00;
  return {_mm512_add_ps(other, _mm512_mask_sub_ps(a.v, set, _mm512_setzero_ps(), a.v))};
}

BS_INLINE I32 i32(int32_t x) { return {_mm512_set1_epi32(x)}; }
BS_INLINE I32 load(const int32_t* p) { return {_mm512_loadu_si512(p)}; }
BS_INLINE void store(int32_t* p, I32 a) { _mm512_storeu_si512(p, a.v); }
BS_INLINE I32 operator+(I32 a, I32 b) { return {_mm512_add_epi32(a.v, b.v)}; }
BS_INLINE I32 operator-(I32 a, I32 b) { return {_mm512_sub_epi32(a.v, b.v)}; }
BS_INLINE I32 operator&(I32 a, I32 b) { return {_mm512_and_si512(a.v, b.v)}; }
template <int N>
BS_INLINE I32 shift_left(I32 a) {
  return {_mm512_slli_epi32(a.v, N)};
}
template <int N>
BS_INLINE I32 shift_right(I32 a) {
  return {_mm512_srai_epi32(a.v, N)};
}
template <int N>
BS_INLINE I32 shift_right_zeros(I32 a) {
  return {_mm512_srli_epi32(a.v, N)};
}
BS_INLINE int32_t sum(I32 a) {
  const __m256i s8 =
      _mm256_add_epi32(_mm512_castsi512_si256(a.v), _mm512_extracti64x4_epi64(a.v, 1));
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(s8), _mm256_extracti128_si256(s8, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4E));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xB1));
  return _mm_cvtsi128_si32(s);
}

BS_INLINE B64 load64(const void* p) { return {_mm512_loadu_si512(p)}; }
BS_INLINE void store64(void* p, B64 a) { _mm512_storeu_si512(p, a.v); }
BS_INLINE B64 broadcast4(const void* p) {
  int32_t x;
  memcpy(&x, p, 4);
  return {_mm512_set1_epi32(x)};
}
BS_INLINE B64 low_nibbles(B64 a) { return {_mm512_and_si512(a.v, _mm512_set1_epi8(15))}; }
BS_INLINE B64 high_nibbles(B64 a) {
  return {_mm512_and_si512(_mm512_srli_epi16(a.v, 4), _mm512_set1_epi8(15))};
}
BS_INLINE B64 flip_sign_bit(B64 a) {
  return {_mm512_xor_si512(a.v, _mm512_set1_epi8(static_cast<char>(0x80)))};
}
// The high half of every byte from a, the low one from b.
BS_INLINE B64 halves(B64 a, B64 b) {
  const __m512i high = _mm512_set1_epi8(static_cast<char>(0xF0));
  return {_mm512_ternarylogic_epi32(high, a.v, b.v, 0xCA)};
}
BS_INLINE B64 half_up(B64 a) { return {_mm512_slli_epi16(a.v, 4)}; }
BS_INLINE B64 half_down(B64 a) { return {_mm512_srli_epi16(a.v, 4)}; }
BS_INLINE I32 as_i32(B64 a) { return {a.v}; }
// acc + Σ4 u[i] s[i]. In assembly, because GCC 12 copies the accumulator before every intrinsic.
BS_INLINE I32 dot_unsigned(I32 acc, B64 u, B64 s) {
  __asm__("vpdpbusd %2, %1, %0" : "+v"(acc.v) : "v"(u.v), "v"(s.v));
  return acc;
}
// The same with the four bytes at `s` in every lane: read by the instruction itself, because GCC 12
// would move broadcasts out of loops and branches, and spill them.
BS_INLINE I32 dot_unsigned_at(I32 acc, B64 u, const int8_t* s) {
  const auto* const four = reinterpret_cast<const int8_t(*)[4]>(s);
  __asm__("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(acc.v) : "v"(u.v), "m"(*four));
  return acc;
}
// Low bytes of sixteen lanes.
BS_INLINE void store_bytes(uint8_t* p, I32 a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(a.v));
}

// Low words of sixteen lanes.
BS_INLINE void store_words(int16_t* p, I32 a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(a.v));
}
BS_INLINE I32 operator|(I32 a, I32 b) { return {_mm512_or_si512(a.v, b.v)}; }

BS_INLINE __m256 low_half(F32 a) { return _mm512_castps512_ps256(a.v); }
BS_INLINE __m256 high_half(F32 a) { return _mm512_extractf32x8_ps(a.v, 1); }

#else  // AVX2

struct F32 {
  __m256 a, b;
};
struct I32 {
  __m256i a, b;
};
struct B64 {
  __m256i a, b;
};

BS_INLINE F32 f32(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
BS_INLINE F32 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
BS_INLINE void store(float* p, F32 x) {
  _mm256_storeu_ps(p, x.a);
  _mm256_storeu_ps(p + 8, x.b);
}
BS_INLINE F32 operator+(F32 x, F32 y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
BS_INLINE F32 operator-(F32 x, F32 y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
BS_INLINE F32 operator*(F32 x, F32 y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
BS_INLINE F32 operator/(F32 x, F32 y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
BS_INLINE F32 fma(F32 x, F32 y, F32 z) {
  return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
BS_INLINE F32 max(F32 x, F32 y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
BS_INLINE F32 min(F32 x, F32 y) { return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
BS_INLINE F32 abs(F32 x) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign, x.a), _mm256_andnot_ps(sign, x.b)};
}
BS_INLINE F32 round(F32 x) {
  constexpr int nearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(x.a, nearest), _mm256_round_ps(x.b, nearest)};
}
BS_INLINE F32 to_f32(I32 x) { return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)}; }
BS_INLINE I32 to_i32(F32 x) { return {_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b)}; }
BS_INLINE F32 as_f32(I32 x) { return {_mm256_castsi256_ps(x.a), _mm256_castsi256_ps(x.b)}; }
BS_INLINE I32 as_i32(F32 x) { return {_mm256_castps_si256(x.a), _mm256_castps_si256(x.b)}; }
BS_INLINE F32 load_f16(const uint16_t* p) {
  const auto* const half = reinterpret_cast<const __m128i*>(p);
  return {_mm256_cvtph_ps(_mm_loadu_si128(half)), _mm256_cvtph_ps(_mm_loadu_si128(half + 1))};
}
BS_INLINE F32 load_bf16(const uint16_t* p) {
  const auto* const half = reinterpret_cast<const __m128i*>(p);
  return as_f32(I32{_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(half)), 16),
                    _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(half + 1)), 16)});
}
BS_INLINE F32 load_u8(const uint8_t* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return to_f32(
      I32{_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_unpackhi_epi64(bytes, bytes))});
}
BS_INLINE I32 lanes_below(int count) {
  const __m256i n = _mm256_set1_epi32(count), lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return {_mm256_cmpgt_epi32(n, lane),
          _mm256_cmpgt_epi32(n, _mm256_add_epi32(lane, _mm256_set1_epi32(8)))};
}
BS_INLINE F32 first_lanes(int count, F32 x, F32 y) {
  const F32 mask = as_f32(lanes_below(count));
  return {_mm256_blendv_ps(y.a, x.a, mask.a), _mm256_blendv_ps(y.b, x.b, mask.b)};
}
BS_INLINE F32 load_first(const float* p, int count) {
  const I32 mask = lanes_below(count);
  return {_mm256_maskload_ps(p, mask.a), _mm256_maskload_ps(p + 8, mask.b)};
}
BS_INLINE void store_first(float* p, int count, F32 x) {
  const I32 mask = lanes_below(count);
  _mm256_maskstore_ps(p, mask.a, x.a);
  _mm256_maskstore_ps(p + 8, mask.b, x.b);
}
BS_INLINE unsigned lanes_at_least(F32 x, F32 y) {
  return static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(x.a, y.a, _CMP_GE_OQ)) |
                               _mm256_movemask_ps(_mm256_cmp_ps(x.b, y.b, _CMP_GE_OQ)) << 8);
}
template <int S>
BS_INLINE F32 butterfly(F32 x) {
  if constexpr (S == 8) {
    return {_mm256_add_ps(x.b, x.a), _mm256_sub_ps(x.a, x.b)};
  } else {
    const auto turn = [](__m256 v) __attribute__((always_inline)) {
      __m256 other;
      if constexpr (S == 1) other = _mm256_shuffle_ps(v, v, 0xB1);
      if constexpr (S == 2) other = _mm256_shuffle_ps(v, v, 0x4E);
      if constexpr (S == 4) other = _mm256_permute2f128_ps(v, v, 1);
      constexpr int set = S == 1 ? 0xAA : S == 2 ? 0xCC : 0xF0;
      return _mm256_blend_ps(_mm256_add_ps(other, v), _mm256_sub_ps(other, v), set);
    };
    return {turn(x.a), turn(x.b)};
  }
}

BS_INLINE I32 i32(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
BS_INLINE I32 load(const int32_t* p) {
  const auto* const at = reinterpret_cast<const __m256i*>(p);
  return {_mm256_loadu_si256(at), _mm256_loadu_si256(at + 1)};
}
BS_INLINE void store(int32_t* p, I32 x) {
  auto* const at = reinterpret_cast<__m256i*>(p);
  _mm256_storeu_si256(at, x.a);
  _mm256_storeu_si256(at + 1, x.b);
}
BS_INLINE I32 operator+(I32 x, I32 y) {
  return {_mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b)};
}
BS_INLINE I32 operator-(I32 x, I32 y) {
  return {_mm256_sub_epi32(x.a, y.a), _mm256_sub_epi32(x.b, y.b)};
}
BS_INLINE I32 operator&(I32 x, I32 y) {
  return {_mm256_and_si256(x.a, y.a), _mm256_and_si256(x.b, y.b)};
}
template <int N>
BS_INLINE I32 shift_left(I32 x) {
  return {_mm256_slli_epi32(x.a, N), _mm256_slli_epi32(x.b, N)};
}
template <int N>
BS_INLINE I32 shift_right(I32 x) {
  return {_mm256_srai_epi32(x.a, N), _mm256_srai_epi32(x.b, N)};
}
template <int N>
BS_INLINE I32 shift_right_zeros(I32 x) {
  return {_mm256_srli_epi32(x.a, N), _mm256_srli_epi32(x.b, N)};
}
BS_INLINE int32_t sum(I32 x) {
  const __m256i s8 = _mm256_add_epi32(x.a, x.b);
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(s8), _mm256_extracti128_si256(s8, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4E));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xB1));
  return _mm_cvtsi128_si32(s);
}

BS_INLINE B64 load64(const void* p) {
  const auto* const at = static_cast<const __m256i*>(p);
  return {_mm256_loadu_si256(at), _mm256_loadu_si256(at + 1)};
}
BS_INLINE void store64(void* p, B64 x) {
  auto* const at = static_cast<__m256i*>(p);
  _mm256_storeu_si256(at, x.a);
  _mm256_storeu_si256(at + 1, x.b);
}
BS_INLINE B64 broadcast4(const void* p) {
  int32_t x;
  memcpy(&x, p, 4);
  return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
}
BS_INLINE B64 low_nibbles(B64 x) {
  const __m256i mask = _mm256_set1_epi8(15);
  return {_mm256_and_si256(x.a, mask), _mm256_and_si256(x.b, mask)};
}
BS_INLINE B64 high_nibbles(B64 x) {
  const __m256i mask = _mm256_set1_epi8(15);
  return {_mm256_and_si256(_mm256_srli_epi16(x.a, 4), mask),
          _mm256_and_si256(_mm256_srli_epi16(x.b, 4), mask)};
}
BS_INLINE B64 flip_sign_bit(B64 x) {
  const __m256i sign = _mm256_set1_epi8(static_cast<char>(0x80));
  return {_mm256_xor_si256(x.a, sign), _mm256_xor_si256(x.b, sign)};
}
BS_INLINE B64 halves(B64 x, B64 y) {
  const __m256i high = _mm256_set1_epi8(static_cast<char>(0xF0));
  return {_mm256_or_si256(_mm256_and_si256(high, x.a), _mm256_andnot_si256(high, y.a)),
          _mm256_or_si256(_mm256_and_si256(high, x.b), _mm256_andnot_si256(high, y.b))};
}
BS_INLINE B64 half_up(B64 x) { return {_mm256_slli_epi16(x.a, 4), _mm256_slli_epi16(x.b, 4)}; }
BS_INLINE B64 half_down(B64 x) { return {_mm256_srli_epi16(x.a, 4), _mm256_srli_epi16(x.b, 4)}; }
BS_INLINE I32 as_i32(B64 x) { return {x.a, x.b}; }
BS_INLINE __m256i dot_unsigned_half(__m256i acc, __m256i u, __m256i s) {
  // Pairs in 16 bits would saturate above 127 * 127 * 2, so even and odd bytes go apart.
  const __m256i low = _mm256_set1_epi16(0xFF);
  const __m256i even =
      _mm256_madd_epi16(_mm256_and_si256(u, low), _mm256_srai_epi16(_mm256_slli_epi16(s, 8), 8));
  const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(u, 8), _mm256_srai_epi16(s, 8));
  return _mm256_add_epi32(acc, _mm256_add_epi32(even, odd));
}
BS_INLINE I32 dot_unsigned(I32 acc, B64 u, B64 s) {
  return {dot_unsigned_half(acc.a, u.a, s.a), dot_unsigned_half(acc.b, u.b, s.b)};
}
BS_INLINE void store_bytes(uint8_t* p, I32 x) {
  const __m256i mask = _mm256_set1_epi32(0xFF);
  const __m256i words = _mm256_permute4x64_epi64(
      _mm256_packus_epi32(_mm256_and_si256(x.a, mask), _mm256_and_si256(x.b, mask)), 0xD8);
  const __m128i bytes =
      _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bytes);
}

BS_INLINE void store_words(int16_t* p, I32 x) {
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(x.a, x.b), 0xD8);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), words);
}
BS_INLINE I32 operator|(I32 x, I32 y) {
  return {_mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b)};
}

BS_INLINE __m256 low_half(F32 x) { return x.a; }
BS_INLINE __m256 high_half(F32 x) { return x.b; }

#endif

BS_INLINE void prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }
// To the second-level cache: for whole blocks ahead, as more such requests may be under way at once
// than fit the first level's (docs/decisions/index-scan.md).
BS_INLINE void fetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1); }

// Halves first, then quarters and so on: one order everywhere.
BS_INLINE float sum(F32 x) {
  const __m256 s8 = _mm256_add_ps(low_half(x), high_half(x));
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  s = _mm_add_ss(s, _mm_shuffle_ps(s, s, 1));
  return _mm_cvtss_f32(s);
}
BS_INLINE float largest(F32 x) {
  const __m256 s8 = _mm256_max_ps(low_half(x), high_half(x));
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  s = _mm_max_ss(s, _mm_shuffle_ps(s, s, 1));
  return _mm_cvtss_f32(s);
}

// The largest of its four lanes in every lane.
BS_INLINE F32 largest_of_four(F32 x) {
#ifdef __AVX512F__
  const F32 pair = max(F32{_mm512_shuffle_ps(x.v, x.v, 0xB1)}, x);
  return max(F32{_mm512_shuffle_ps(pair.v, pair.v, 0x4E)}, pair);
#else
  const F32 pair =
      max(F32{_mm256_shuffle_ps(x.a, x.a, 0xB1), _mm256_shuffle_ps(x.b, x.b, 0xB1)}, x);
  return max(F32{_mm256_shuffle_ps(pair.a, pair.a, 0x4E), _mm256_shuffle_ps(pair.b, pair.b, 0x4E)},
             pair);
#endif
}

// 2^x for x <= 0 (at most 126): relative error under 2e-7, exactly 1 at 0, 0 below -126.
// A polynomial of degree 6 on [-1/2, 1/2], minimax in relative error (2e-9) with p(0) = 1, found by
// iterated reweighted least squares.
BS_INLINE F32 exp2(F32 x) {
  const F32 clamped = max(x, f32(-127.0f));
  const F32 whole = round(clamped), rest = clamped - whole;
  F32 p = f32(1.5353362e-4f);
  p = fma(p, rest, f32(1.3398875e-3f));
  p = fma(p, rest, f32(9.61843692e-3f));
  p = fma(p, rest, f32(5.55033237e-2f));
  p = fma(p, rest, f32(2.40226477e-1f));
  p = fma(p, rest, f32(6.93147182e-1f));
  p = fma(p, rest, f32(1.0f));
  // The exponent field is 0 at whole == -127, so that the product is 0 there.
  return p * as_f32(shift_left<23>(to_i32(whole) + i32(127)));
}

}  // namespace

// Scores and attention over one block of a page. Part of kernels.cpp.
//
// Every function treats its rows apart: what a row gets is the same whichever rows stand beside it,
// so the dense path over a segment and the sparse one over selected blocks agree bit for bit.
#pragma once

namespace {

using blocksight::cpu::AttendState;
using blocksight::cpu::KeyPlanes;
using blocksight::cpu::KvBlock;
using blocksight::cpu::PlaneQueries;

constexpr int kTokens = 128;
constexpr int kTokenTiles = kTokens / kLanes;
constexpr float kNever = -__builtin_inff();

#ifdef __AVX512F__
BS_INLINE I32 dot_keys(I32 acc, B64 key, B64 x) { return dot_unsigned(acc, key, x); }
BS_INLINE I32 dot_keys_at(I32 acc, B64 key, const int8_t* x) {
  return dot_unsigned_at(acc, key, x);
}
#else
BS_INLINE I32 dot_keys(I32 acc, B64 key, B64 x) { return dot_signed(acc, key, x); }
BS_INLINE I32 dot_keys_at(I32 acc, B64 key, const int8_t* x) {
  return dot_signed(acc, key, broadcast4(x));
}
#endif

BS_INLINE int most_visible(const int* visible, int rows) {
  int most = 0;
  for (int r = 0; r < rows; r++) most = visible[r] > most ? visible[r] : most;
  return most;
}

// Dots of R int8 queries with P panels of sixteen keys, which hold 128 more.
template <int R, int P>
BS_INLINE void key_dots(const int8_t* q, int64_t width, const int32_t* q_sum,
                        const uint8_t* const* keys, I32 (&acc)[R][P]) {
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int p = 0; p < P; p++) acc[r][p] = taken_back(q_sum[r]);
  }
  for (int64_t s = 0; s < width / 4; s++) {
    B64 key[P];
#pragma GCC unroll 4
    for (int p = 0; p < P; p++) {
      key[p] = load64(keys[p] + s * 64);
      if (!kUnsigned) key[p] = flip_sign_bit(key[p]);
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      const B64 x = broadcast4(q + r * width + s * 4);
#pragma GCC unroll 4
      for (int p = 0; p < P; p++) acc[r][p] = dot_keys(acc[r][p], key[p], x);
    }
  }
}

// Calls put(row, tile, dots times key_scale) for the token tiles that any of R rows sees.
template <int R, typename Put>
BS_INLINE void score_tiles(const uint8_t* keys, const float* key_scale, int64_t width,
                           const int8_t* q, const int32_t* q_sum, int visible, const Put& put) {
  for (int tile = 0; tile * kLanes < visible; tile += kPanelTile) {
    I32 acc[R][kPanelTile];
    const uint8_t* panels[kPanelTile];
    for (int p = 0; p < kPanelTile; p++) panels[p] = keys + (tile + p) * width * kLanes;
    key_dots<R, kPanelTile>(q, width, q_sum, panels, acc);
#pragma GCC unroll 4
    for (int p = 0; p < kPanelTile; p++) {
      const F32 scale = load(key_scale + (tile + p) * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < R; r++) put(r, tile + p, to_f32(acc[r][p]) * scale);
    }
  }
}

template <int R>
BS_INLINE void score_rows_i8(const uint8_t* keys, const float* key_scale, int64_t width,
                             const int8_t* q, const int32_t* q_sum, const float* q_scale,
                             const int* visible, float* out) {
  alignas(64) float best[R][kLanes];
  for (int r = 0; r < R; r++) store(best[r], f32(kNever));
  score_tiles<R>(keys, key_scale, width, q, q_sum, most_visible(visible, R),
                 [&](int r, int tile, F32 score) __attribute__((always_inline)) {
                   if (visible[r] < kTokens) {
                     score = first_lanes(visible[r] - tile * kLanes, score, f32(kNever));
                   }
                   store(best[r], max(score, load(best[r])));
                 });
  for (int r = 0; r < R; r++) {
    const float top = largest(load(best[r]));
    out[r] = top == kNever ? kNever : top * q_scale[r];
  }
}

void score_i8(const uint8_t* keys, const float* key_scale, int64_t width, const int8_t* q,
              const int32_t* q_sum, const float* q_scale, const int* visible, int64_t rows,
              float* out) {
  int64_t row = 0;
  for (; row + kRowTile <= rows; row += kRowTile) {
    score_rows_i8<kRowTile>(keys, key_scale, width, q + row * width, q_sum + row, q_scale + row,
                            visible + row, out + row);
  }
  for (; row + 3 <= rows; row += 3) {
    score_rows_i8<3>(keys, key_scale, width, q + row * width, q_sum + row, q_scale + row,
                     visible + row, out + row);
  }
  for (; row < rows; row++) {
    score_rows_i8<1>(keys, key_scale, width, q + row * width, q_sum + row, q_scale + row,
                     visible + row, out + row);
  }
}

// Dots of R queries with a plane of P times sixteen keys.
template <int R, int P>
BS_INLINE void plane_dots(const int8_t* q, int64_t width, const uint8_t* plane, I32 (&acc)[R][P]) {
#pragma GCC unroll 4
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int p = 0; p < P; p++) acc[r][p] = i32(0);
  }
  const int64_t panel = width / 2 * kLanes;
  for (int64_t s = 0; s < width / 8; s++) {
#pragma GCC unroll 4
    for (int p = 0; p < P; p++) {
      const B64 both = load64(plane + p * panel + s * 64);
      const B64 below = low_nibbles(both), above = high_nibbles(both);
#pragma GCC unroll 4
      for (int r = 0; r < R; r++) {
        const int8_t* const at = q + r * width + s * 8;
        acc[r][p] = dot_nibbles(acc[r][p], below, broadcast4(at));
        acc[r][p] = dot_nibbles(acc[r][p], above, broadcast4(at + 4));
      }
    }
  }
}

BS_INLINE unsigned first_bits(int count) {
  return count >= kLanes ? 0xFFFFu : count <= 0 ? 0u : (1u << count) - 1;
}

// A bound takes the steps of score_rows_i8 from a dot that is at least the key's, and each step is
// monotone, rounding included: so it is at least the score. Both dots are exact in fp32 where it
// matters: the key's is below 2^24, and `start` has room for the rounding of the bound's sum.
template <int R>
unsigned score_planes_of(const KeyPlanes& keys, int64_t width, const PlaneQueries& queries,
                         int64_t row, const int* visible, const float* least, float* out) {
  constexpr int P = 2;
  const int8_t* const q = queries.q + row * width;
  const int64_t panel = width / 2 * kLanes;
  const int most = most_visible(visible, R);
  F32 best[R];
#pragma GCC unroll 4
  for (int r = 0; r < R; r++) best[r] = f32(kNever);
  unsigned scored = 0;
  // Scales and rests lie behind the high plane.
  for (int64_t at = 0; at < kTokens * 5; at += 64) fetch(keys.next + kTokenTiles * panel + at);
  alignas(64) int32_t kept[kTokenTiles][R][kLanes];  // dots with the high plane
  for (int tile = 0; tile * kLanes < most; tile += P) {
    I32 high[R][P];
    for (int64_t at = tile * panel; at < (tile + P) * panel; at += 64) fetch(keys.next + at);
    plane_dots<R, P>(q, width, keys.high + tile * panel, high);
#pragma GCC unroll 2
    for (int p = 0; p < P; p++) {
      const int first = (tile + p) * kLanes;
      const F32 scale = load(keys.scale + first), rest = load_u8(keys.rest + first);
      unsigned reaches = 0;
#pragma GCC unroll 4
      for (int r = 0; r < R; r++) {
        const I32 dot = shift_left<4>(high[r][p]);
        store(kept[tile + p][r], dot);
        const F32 from = to_f32(dot + i32(queries.start[row + r]));
        const F32 bound = fma(f32(queries.length[row + r]), rest, from) * scale;
        reaches |= lanes_at_least(bound * f32(queries.scale[row + r]), f32(least[r])) &
                   first_bits(visible[r] - first);
      }
      if (!reaches) continue;
      scored |= 1u << (tile + p);
      // Other high planes are looked at while these lines come.
      for (int64_t at = 0; at < panel; at += 64) prefetch(keys.low + (tile + p) * panel + at);
    }
  }
  for (unsigned left = scored; left; left &= left - 1) {
    const int tile = __builtin_ctz(left), first = tile * kLanes;
    const F32 scale = load(keys.scale + first);
    I32 low[R][1];
    plane_dots<R, 1>(q, width, keys.low + tile * panel, low);
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) {
      const I32 dot = load(kept[tile][r]) + low[r][0] + i32(-128 * queries.sum[row + r]);
      const F32 score = to_f32(dot) * scale;
      best[r] = max(first_lanes(visible[r] - first, score, f32(kNever)), best[r]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; r++) {
    const float top = largest(best[r]);
    out[r] = top == kNever ? kNever : top * queries.scale[row + r];
  }
  return scored;
}

unsigned score_planes(const KeyPlanes& keys, int64_t width, const PlaneQueries& queries,
                      const int* visible, const float* least, float* out) {
  unsigned scored = 0;
  int64_t row = 0;
  const auto next = [&]<int R>() {
    scored |= score_planes_of<R>(keys, width, queries, row, visible + row, least + row, out + row);
    row += R;
  };
  while (row + 4 <= queries.rows) next.template operator()<4>();
  if (row + 3 == queries.rows) next.template operator()<3>();
  if (row + 2 == queries.rows) next.template operator()<2>();
  if (row + 1 == queries.rows) next.template operator()<1>();
  return scored;
}

// What join_planes and score_i8 give, with the bytes in registers only. Both planes are read from
// their first byte to the last, as memory gives them fastest, and the next block's meanwhile.
template <int R>
void score_both_of(const KeyPlanes& keys, int64_t width, const int8_t* q, const int32_t* q_sum,
                   const float* q_scale, const int* visible, float* out) {
  const int64_t panel = width / 2 * kLanes;
  const int most = most_visible(visible, R);
  F32 best[R];
#pragma GCC unroll 4
  for (int r = 0; r < R; r++) best[r] = f32(kNever);
  for (int tile = 0; tile * kLanes < most; tile++) {
    // Two sums each, as one would wait for itself.
    I32 even[R], odd[R];
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) {
      even[r] = taken_back(q_sum[r]);
      odd[r] = i32(0);
    }
    for (int64_t s = 0; s < width / 8; s++) {
      const int64_t at = tile * panel + s * 64;
      fetch(keys.next + 2 * at);
      fetch(keys.next + 2 * at + 64);
      const B64 high = load64(keys.high + at), low = load64(keys.low + at);
      B64 below = halves(half_up(high), low), above = halves(high, half_down(low));
      if (!kUnsigned) {
        below = flip_sign_bit(below);
        above = flip_sign_bit(above);
      }
#pragma GCC unroll 4
      for (int r = 0; r < R; r++) {
        even[r] = dot_keys_at(even[r], below, q + r * width + s * 8);
        odd[r] = dot_keys_at(odd[r], above, q + r * width + s * 8 + 4);
      }
    }
    // Scales and rests lie between the planes, ten lines: what is left at the end.
    fetch(keys.next + 2 * kTokenTiles * panel + tile * 128);
    fetch(keys.next + 2 * kTokenTiles * panel + tile * 128 + 64);
    const int first = tile * kLanes;
    const F32 scale = load(keys.scale + first);
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) {
      const F32 score = to_f32(even[r] + odd[r]) * scale;
      best[r] = max(first_lanes(visible[r] - first, score, f32(kNever)), best[r]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; r++) {
    const float top = largest(best[r]);
    out[r] = top == kNever ? kNever : top * q_scale[r];
  }
}

void score_both(const KeyPlanes& keys, int64_t width, const int8_t* q, const int32_t* q_sum,
                const float* q_scale, const int* visible, int64_t rows, float* out) {
  int64_t row = 0;
  const auto next = [&]<int R>() {
    score_both_of<R>(keys, width, q + row * width, q_sum + row, q_scale + row, visible + row,
                     out + row);
    row += R;
  };
  while (row + 3 <= rows) next.template operator()<3>();
  if (row + 2 == rows) next.template operator()<2>();
  if (row + 1 == rows) next.template operator()<1>();
}

void join_planes(const uint8_t* high, const uint8_t* low, int64_t width, uint8_t* keys) {
#pragma GCC unroll 4
  for (int64_t at = 0; at < kTokens * width / 2; at += 64) {
    const B64 h = load64(high + at), l = load64(low + at);
    store64(keys + 2 * at, halves(half_up(h), l));
    store64(keys + 2 * at + 64, halves(h, half_down(l)));
  }
}

BS_INLINE F32 load_element(const float* p) { return load(p); }
BS_INLINE F32 load_element(const uint16_t* p) { return load_bf16(p); }

// Sixteen tokens' dots with R rows, each a chain over the width.
template <int R, typename T>
BS_INLINE void float_dots(const T* keys, int64_t width, const float* q, F32 (&acc)[R]) {
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) acc[r] = f32(0);
  for (int64_t e = 0; e < width; e++) {
    const F32 key = load_element(keys + e * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) acc[r] = fma(f32(q[r * width + e]), key, acc[r]);
  }
}

template <typename T>
void score_float(const T* keys, int64_t width, const float* q, const int* visible, int64_t rows,
                 float* out) {
  for (int64_t row = 0; row < rows; row++) {
    F32 best = f32(kNever);
    for (int tile = 0; tile * kLanes < visible[row]; tile++) {
      F32 acc[1];
      float_dots<1>(keys + tile * width * kLanes, width, q + row * width, acc);
      best = max(first_lanes(visible[row] - tile * kLanes, acc[0], f32(kNever)), best);
    }
    out[row] = largest(best);
  }
}

void score_bf16(const uint16_t* keys, int64_t width, const float* q, const int* visible,
                int64_t rows, float* out) {
  score_float(keys, width, q, visible, rows, out);
}
void score_f32(const float* keys, int64_t width, const float* q, const int* visible, int64_t rows,
               float* out) {
  score_float(keys, width, q, visible, rows, out);
}

BS_INLINE float exp2_of(float x) { return _mm256_cvtss_f32(low_half(exp2(f32(x)))); }

// Scores of one row in base-2 logarithms [128] become weights relative to the block's largest;
// tiles beyond what is visible become zeros. Notes the block's largest and sum.
BS_INLINE void soften(float* scores, int visible, float* block_largest, float* block_sum) {
  const int tiles = (visible + kLanes - 1) / kLanes;
  F32 top = f32(kNever);
  for (int t = 0; t < tiles; t++) {
    const F32 s = first_lanes(visible - t * kLanes, load(scores + t * kLanes), f32(kNever));
    store(scores + t * kLanes, s);
    top = max(s, top);
  }
  const float most = largest(top);
  F32 total = f32(0);
  for (int t = 0; t < tiles; t++) {
    const F32 p = exp2(load(scores + t * kLanes) - f32(most));
    store(scores + t * kLanes, p);
    total = total + p;
  }
  for (int t = tiles; t < kTokenTiles; t++) store(scores + t * kLanes, f32(0));
  *block_largest = most;
  *block_sum = sum(total);
}

// Folds a block into the row's running state; returns the factors of what was there and of the
// block.
struct Fold {
  float old, block;
};
BS_INLINE Fold fold(const AttendState& state, int64_t row, float block_largest, float block_sum) {
  const float before = state.largest[row];
  const float now = before > block_largest ? before : block_largest;
  const Fold f = {exp2_of(before - now), exp2_of(block_largest - now)};
  state.largest[row] = now;
  state.sum[row] = state.sum[row] * f.old + block_sum * f.block;
  state.block_largest[row] = block_largest;
  state.block_sum[row] = block_sum;
  return f;
}

// Dots over tokens of R rows' unsigned weights [R][128] with P times sixteen columns of values.
template <int R, int P>
BS_INLINE void weigh(const uint8_t* weights, const uint8_t* values, int64_t width, int64_t steps,
                     I32 (&acc)[R][P]) {
  for (int64_t s = 0; s < steps; s++) {
    B64 value[P];
#pragma GCC unroll 4
    for (int p = 0; p < P; p++) value[p] = load64(values + s * width * 4 + p * 64);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      const B64 weight = broadcast4(weights + r * kTokens + s * 4);
#pragma GCC unroll 4
      for (int p = 0; p < P; p++) acc[r][p] = dot_unsigned(acc[r][p], weight, value[p]);
    }
  }
}

template <int R, int P>
BS_INLINE void weigh_columns(const KvBlock& block, const AttendState& state, int64_t row,
                             const uint8_t* weights, int64_t steps, const Fold* folds,
                             int64_t column) {
  I32 acc[R][P];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int p = 0; p < P; p++) acc[r][p] = i32(0);
  }
  weigh<R, P>(weights, static_cast<const uint8_t*>(block.values) + column * 4, state.width, steps,
              acc);
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
    if (folds[r].block < 0) continue;
#pragma GCC unroll 4
    for (int p = 0; p < P; p++) {
      float* const out = state.out + (row + r) * state.width + column + p * kLanes;
      store(out, fma(to_f32(acc[r][p]), f32(folds[r].block), load(out) * f32(folds[r].old)));
    }
  }
}

// Scores of G rows [128 each] become unsigned weights [128 each] and factors of the fold; Full where
// all see the whole block, else G is 1. Three passes over the scores; a pass ends in a reduction,
// whose latency the other rows fill.
template <int G, bool Full>
BS_INLINE void weigh_group(const KvBlock& block, int sees, const AttendState& state, int64_t row,
                           float* scores, uint8_t* weights, Fold* folds) {
  static_assert(Full || G == 1);
  const int tiles = Full ? kTokenTiles : (sees + kLanes - 1) / kLanes;
  const auto seen = [&](int t, F32 x, float other) __attribute__((always_inline)) {
    return Full ? x : first_lanes(sees - t * kLanes, x, f32(other));
  };
  F32 top[G], total[G], top_weight[G];
  float most[G];
#pragma GCC unroll 4
  for (int g = 0; g < G; g++) {
    top[g] = f32(kNever);
    total[g] = top_weight[g] = f32(0);
  }
  for (int t = 0; t < tiles; t++) {
#pragma GCC unroll 4
    for (int g = 0; g < G; g++) {
      top[g] = max(seen(t, load(scores + g * kTokens + t * kLanes), kNever), top[g]);
    }
  }
#pragma GCC unroll 4
  for (int g = 0; g < G; g++) most[g] = largest(top[g]);
  for (int t = 0; t < tiles; t++) {
    // A token's own scale goes into its weight; what is left has one scale a block.
    const F32 scale = seen(t, load(block.value_scale + t * kLanes), 0);
#pragma GCC unroll 4
    for (int g = 0; g < G; g++) {
      float* const at = scores + g * kTokens + t * kLanes;
      const F32 p = exp2(seen(t, load(at), kNever) - f32(most[g]));
      const F32 weight = p * scale;
      total[g] = total[g] + p;
      top_weight[g] = max(weight, top_weight[g]);
      store(at, weight);
    }
  }
  float inverse[G], most_weight[G];
#pragma GCC unroll 4
  for (int g = 0; g < G; g++) {
    most_weight[g] = largest(top_weight[g]);
    inverse[g] = most_weight[g] > 0 ? 255.0f / most_weight[g] : 0.0f;
  }
  for (int t = 0; t < tiles; t++) {
#pragma GCC unroll 4
    for (int g = 0; g < G; g++) {
      const int at = g * kTokens + t * kLanes;
      store_bytes(weights + at, to_i32(load(scores + at) * f32(inverse[g])));
    }
  }
  if (!Full) memset(weights + tiles * kLanes, 0, static_cast<size_t>(kTokenTiles - tiles) * kLanes);
#pragma GCC unroll 4
  for (int g = 0; g < G; g++) {
    folds[g] = fold(state, row + g, most[g], sum(total[g]));
    folds[g].block *= most_weight[g] / 255.0f;
  }
}

// The same for `rows` rows, at most Most, that see from nothing to all of the block.
template <int Most>
BS_INLINE void weigh_tokens(const KvBlock& block, const int* visible, const AttendState& state,
                            int64_t row, int rows, float* scores, uint8_t* weights, Fold* folds) {
  constexpr int kTogether = 3;
  const int* const sees = visible + row;
  for (int r = 0; r < rows;) {
    float* const of_scores = scores + r * kTokens;
    uint8_t* const to = weights + r * kTokens;
    if constexpr (Most >= kTogether) {
      if (r + kTogether <= rows && sees[r] == kTokens && sees[r + 1] == kTokens &&
          sees[r + 2] == kTokens) {
        weigh_group<kTogether, true>(block, kTokens, state, row + r, of_scores, to, folds + r);
        r += kTogether;
        continue;
      }
    }
    if (sees[r]) {
      weigh_group<1, false>(block, sees[r], state, row + r, of_scores, to, folds + r);
    } else {
      memset(to, 0, kTokens);
      folds[r] = {1, -1};
    }
    r++;
  }
}

template <int R>
void attend_rows_i8(const KvBlock& block, const int* visible, const AttendState& state,
                    int64_t row) {
  const int most = most_visible(visible + row, R);
  if (!most) return;
  alignas(64) float scores[R][kTokens];
  alignas(64) uint8_t weights[R][kTokens];
  Fold folds[R];
  score_tiles<R>(static_cast<const uint8_t*>(block.keys), block.key_scale, state.width,
                 state.q + row * state.width, state.q_sum + row, most,
                 [&](int r, int tile, F32 score) __attribute__((always_inline)) {
                   store(scores[r] + tile * kLanes, score * f32(state.q_scale[row + r]));
                 });
  weigh_tokens<R>(block, visible, state, row, R, scores[0], weights[0], folds);
  const int64_t steps = (most + 3) / 4;
  // GCC 12 keeps twelve sums in registers here, and spills most of twenty-four.
  constexpr int kRows = R > 6 ? R / 2 : R;
  for (int first = 0; first < R; first += kRows) {
    int64_t column = 0;
    for (; column + kPanelTile * kLanes <= state.width; column += kPanelTile * kLanes) {
      weigh_columns<kRows, kPanelTile>(block, state, row + first, weights[first], steps,
                                       folds + first, column);
    }
    for (; column < state.width; column += kLanes) {
      weigh_columns<kRows, 1>(block, state, row + first, weights[first], steps, folds + first,
                              column);
    }
  }
}

#ifdef BS_AMX
// Sixteen rows on tiles, whose dots are the same; rows beyond the last are computed and left alone.
void attend_tiles_i8(const KvBlock& block, const int* visible, const AttendState& state,
                     int64_t row) {
  const int rows = static_cast<int>(state.rows - row < kTileRows ? state.rows - row : kTileRows);
  const int most = most_visible(visible + row, rows);
  if (!most) return;
  alignas(64) int32_t dots[kTileRows][kTokens];
  alignas(64) float scores[kTileRows][kTokens];
  alignas(64) uint8_t weights[kTileRows][kTokens] = {};
  Fold folds[kTileRows];
  const auto* const keys = static_cast<const uint8_t*>(block.keys);
  const auto* const values = static_cast<const uint8_t*>(block.values);
  const int8_t* const q = state.q + row * state.width;
  const int64_t width = state.width;
  for (int t = 0; t * kLanes < most; t += 2) {
    _tile_zero(0);
    _tile_zero(1);
    for (int64_t e = 0; e < width; e += kTileBytes) {
      _tile_loadd(4, q + e, width);
      _tile_loadd(6, keys + (t * width + e) * kLanes, 64);
      _tile_loadd(7, keys + ((t + 1) * width + e) * kLanes, 64);
      _tile_dpbsud(0, 4, 6);
      _tile_dpbsud(1, 4, 7);
    }
    _tile_stored(0, &dots[0][t * kLanes], sizeof dots[0]);
    _tile_stored(1, &dots[0][(t + 1) * kLanes], sizeof dots[0]);
  }
  for (int r = 0; r < rows; r++) {
    const I32 start = taken_back(state.q_sum[row + r]);
    const F32 q_scale = f32(state.q_scale[row + r]);
    for (int t = 0; t * kLanes < most; t++) {
      const F32 dot = to_f32(load(&dots[r][t * kLanes]) + start);
      store(&scores[r][t * kLanes], dot * load(block.key_scale + t * kLanes) * q_scale);
    }
  }
  weigh_tokens<kTileRows>(block, visible, state, row, rows, scores[0], weights[0], folds);
  // Two columns of tiles at a time, one pair behind the tiles: what they store is read later.
  alignas(64) int32_t parts[2][2][kTileRows][kLanes];
  const auto fold_in = [&](int64_t column) {
    for (int p = 0; p < 2; p++) {
      for (int r = 0; r < rows; r++) {
        if (folds[r].block < 0) continue;
        float* const out = state.out + (row + r) * width + column + p * kLanes;
        const F32 part = to_f32(load(parts[column / 32 & 1][p][r]));
        store(out, fma(part, f32(folds[r].block), load(out) * f32(folds[r].old)));
      }
    }
  };
  for (int64_t column = 0; column < width; column += 32) {
    _tile_zero(2);
    _tile_zero(3);
    for (int t = 0; t < most; t += static_cast<int>(kTileBytes)) {
      const uint8_t* const from = values + t * width + column * 4;
      _tile_loadd(5, &weights[0][t], kTokens);
      _tile_loadd(6, from, width * 4);
      _tile_loadd(7, from + 64, width * 4);
      _tile_dpbusd(2, 5, 6);
      _tile_dpbusd(3, 5, 7);
    }
    _tile_stored(2, parts[column / 32 & 1][0], 64);
    _tile_stored(3, parts[column / 32 & 1][1], 64);
    if (column) fold_in(column - 32);
  }
  fold_in(width - 32);
}
#endif

void attend_i8(const KvBlock& block, const int* visible, const AttendState& state) {
  int64_t row = 0;
#ifdef BS_AMX
  if (state.width % kTileBytes == 0 && state.rows > 6) {
    const Tiles tiles;
    for (; row < state.rows; row += kTileRows) attend_tiles_i8(block, visible, state, row);
    return;
  }
#endif
  for (; row + kRowTile <= state.rows; row += kRowTile) {
    attend_rows_i8<kRowTile>(block, visible, state, row);
  }
  if (kRowTile > 6) {
    for (; row + 6 <= state.rows; row += 6) attend_rows_i8<6>(block, visible, state, row);
  }
  for (; row + 3 <= state.rows; row += 3) attend_rows_i8<3>(block, visible, state, row);
  for (; row < state.rows; row++) attend_rows_i8<1>(block, visible, state, row);
}

template <int R, typename T>
void attend_rows_float(const KvBlock& block, const int* visible, const AttendState& state,
                       int64_t row) {
  const int most = most_visible(visible + row, R);
  if (!most) return;
  const int64_t width = state.width;
  const T* const keys = static_cast<const T*>(block.keys);
  const T* const values = static_cast<const T*>(block.values);
  alignas(64) float scores[R][kTokens];
  Fold folds[R];
  for (int tile = 0; tile * kLanes < most; tile++) {
    F32 acc[R];
    float_dots<R>(keys + tile * width * kLanes, width, state.q_float + row * width, acc);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) store(scores[r] + tile * kLanes, acc[r]);
  }
  for (int r = 0; r < R; r++) {
    folds[r] = {1, -1};
    if (!visible[row + r]) {
      for (int t = 0; t < kTokenTiles; t++) store(scores[r] + t * kLanes, f32(0));
      continue;
    }
    float block_largest, block_sum;
    soften(scores[r], visible[row + r], &block_largest, &block_sum);
    folds[r] = fold(state, row + r, block_largest, block_sum);
  }
  for (int64_t column = 0; column < width; column += kLanes) {
    for (int r = 0; r < R; r++) {
      if (folds[r].block < 0) continue;
      // Tokens that this row does not see are left out, not multiplied by zero: they may be NaN.
      F32 acc = f32(0);
      for (int t = 0; t < visible[row + r]; t++) {
        acc = fma(f32(scores[r][t]), load_element(values + t * width + column), acc);
      }
      float* const out = state.out + (row + r) * width + column;
      store(out, fma(acc, f32(folds[r].block), load(out) * f32(folds[r].old)));
    }
  }
}

template <typename T>
BS_INLINE void attend_float(const KvBlock& block, const int* visible, const AttendState& state) {
  int64_t row = 0;
  for (; row + 6 <= state.rows; row += 6) attend_rows_float<6, T>(block, visible, state, row);
  for (; row + 3 <= state.rows; row += 3) attend_rows_float<3, T>(block, visible, state, row);
  for (; row < state.rows; row++) attend_rows_float<1, T>(block, visible, state, row);
}

void attend_bf16(const KvBlock& block, const int* visible, const AttendState& state) {
  attend_float<uint16_t>(block, visible, state);
}
void attend_f32(const KvBlock& block, const int* visible, const AttendState& state) {
  attend_float<float>(block, visible, state);
}

}  // namespace

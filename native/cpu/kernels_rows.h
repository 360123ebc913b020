// Norms, rotations and activations of a row. Part of kernels.cpp.
#pragma once

namespace {

void rms_norm(const float* x, const float* w, float eps, int64_t d, float* y) {
  F32 squares = f32(0);
  int64_t i = 0;
  for (; i + kLanes <= d; i += kLanes) {
    const F32 v = load(x + i);
    squares = fma(v, v, squares);
  }
  const int rest = static_cast<int>(d - i);
  if (rest) {
    const F32 v = load_first(x + i, rest);
    squares = fma(v, v, squares);
  }
  // Correctly rounded on every processor, unlike an approximate reciprocal.
  const F32 mean = f32(sum(squares) / static_cast<float>(d) + eps);
  const F32 factor =
      f32(1) / f32(_mm_cvtss_f32(_mm_sqrt_ss(_mm256_castps256_ps128(low_half(mean)))));
  for (i = 0; i + kLanes <= d; i += kLanes) store(y + i, load(x + i) * factor * load(w + i));
  if (rest) store_first(y + i, rest, load_first(x + i, rest) * factor * load_first(w + i, rest));
}

void rotate(float* x, const float* cosine, const float* sine, int64_t half) {
  for (int64_t i = 0; i < half; i += kLanes) {
    const int n = static_cast<int>(half - i < kLanes ? half - i : kLanes);
    const F32 first = load_first(x + i, n), second = load_first(x + half + i, n);
    const F32 c = load_first(cosine + i, n), s = load_first(sine + i, n);
    store_first(x + i, n, fma(first, c, f32(0) - second * s));
    store_first(x + half + i, n, fma(second, c, first * s));
  }
}

BS_INLINE F32 silu(F32 g) {
  // 1 / (1 + 2^(-|g| log2 e)) is the sigmoid of |g|; the other side by symmetry.
  const F32 e = exp2(f32(0) - abs(g) * f32(1.44269504f));
  const F32 positive = f32(1) / (f32(1) + e);
  const F32 of_abs = max(g, f32(0)) * positive;
  return of_abs + min(g, f32(0)) * (e * positive);
}

void silu_mul(float* gate, const float* up, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(gate + i, silu(load(gate + i)) * load(up + i));
  const int rest = static_cast<int>(count - i);
  if (rest) {
    store_first(gate + i, rest, silu(load_first(gate + i, rest)) * load_first(up + i, rest));
  }
}

void add(float* x, const float* y, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(x + i, load(x + i) + load(y + i));
  for (; i < count; i++) x[i] += y[i];
}

void exp2_all(const float* x, int64_t count, float* out) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const int n = static_cast<int>(count - i < kLanes ? count - i : kLanes);
    store_first(out + i, n, exp2(load_first(x + i, n)));
  }
}

// What stays in float runs 16 lanes wide through every stage, short strides inside a vector.
void hadamard(float* x, int64_t width) {
  const int64_t run = width & -width;
  for (int64_t at = 0; at < width; at += kLanes) {
    F32 v = load(x + at);
    v = butterfly<1>(v);
    v = butterfly<2>(v);
    v = butterfly<4>(v);
    v = butterfly<8>(v);
    store(x + at, v);
  }
  for (int64_t stride = kLanes; stride < run; stride *= 2) {
    for (int64_t base = 0; base < width; base += 2 * stride) {
      for (int64_t at = base; at < base + stride; at += kLanes) {
        const F32 a = load(x + at), b = load(x + at + stride);
        store(x + at, a + b);
        store(x + at + stride, a - b);
      }
    }
  }
}

float quantize(const float* x, int64_t width, int8_t* bytes, int32_t* total) {
  F32 top = f32(0);
  for (int64_t i = 0; i < width; i += kLanes) top = max(abs(load(x + i)), top);
  const float most = largest(top);
  const F32 inverse = f32(most > 0 ? 127.0f / most : 0.0f);
  I32 all = i32(0);
  for (int64_t i = 0; i < width; i += kLanes) {
    const I32 q = to_i32(load(x + i) * inverse);
    all = all + q;
    store_bytes(reinterpret_cast<uint8_t*>(bytes) + i, q);
  }
  if (total) *total = sum(all);
  return most / 127.0f;
}

}  // namespace

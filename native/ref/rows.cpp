#include <cmath>

#include "ref.h"
#include "thread_pool.h"

namespace blocksight::ref {

void rms_norm(const float* x, const float* w, float eps, int64_t m, int64_t d, float* y,
              ThreadPool& pool) {
  pool.parallel_for(m, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const float* const in = x + i * d;
      const double factor = 1.0 / std::sqrt(dot(in, in, d) / static_cast<double>(d) + double{eps});
      for (int64_t j = 0; j < d; j++) {
        y[i * d + j] = static_cast<float>(double{in[j]} * factor * double{w[j]});
      }
    }
  });
}

// Frequencies theta^(-2i/E) are rounded to fp32, as every published implementation holds them: at
// position 4,000 the rounding is 1e-4 radians, more than all other errors of this tier together.
// The angle itself is not rounded.
void rope(const RopeArgs& args, ThreadPool& pool) {
  const int64_t half = args.head_dim / 2;
  std::vector<float> frequency(static_cast<size_t>(half));
  for (int64_t i = 0; i < half; i++) {
    const double exponent = -static_cast<double>(i) / static_cast<double>(half);
    frequency[static_cast<size_t>(i)] = static_cast<float>(std::pow(double{args.theta}, exponent));
  }
  pool.parallel_for(args.m, 16, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      for (int64_t i = 0; i < half; i++) {
        const double angle = double{frequency[static_cast<size_t>(i)]} * args.positions[row];
        const double c = std::cos(angle), s = std::sin(angle);
        for (int64_t head = 0; head < args.heads; head++) {
          float* const x = args.x + (row * args.heads + head) * args.head_dim;
          const double first = double{x[i]}, second = double{x[i + half]};
          x[i] = static_cast<float>(first * c - second * s);
          x[i + half] = static_cast<float>(second * c + first * s);
        }
      }
    }
  });
}

void silu_mul(float* gate, const float* up, int64_t count, ThreadPool& pool) {
  pool.parallel_for(count, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const double g = double{gate[i]};
      gate[i] = static_cast<float>(g / (1.0 + std::exp(-g)) * double{up[i]});
    }
  });
}

void add(float* x, const float* y, int64_t count, ThreadPool& pool) {
  pool.parallel_for(count, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) x[i] += y[i];
  });
}

}  // namespace blocksight::ref

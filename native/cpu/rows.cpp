#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <vector>

#include "cpu.h"
#include "gguf.h"
#include "thread_pool.h"

namespace blocksight::cpu {

namespace {

// Cosines and sines of 128 positions, kept for as long as the process runs: a conversation and
// segments of 2,048 tokens need 2 MB of them, computing them for every layer would cost a tenth of
// prefill.
class Turns {
 public:
  // [head_dim / 2] cosines, then as many sines, of each of the run's 128 positions.
  const float* run_of(float theta, int64_t head_dim, uint32_t position) {
    const std::lock_guard lock(mutex_);
    std::vector<float>& run = runs_[{theta, head_dim, position / kRun}];
    if (run.empty()) fill(run, theta, head_dim, position / kRun * kRun);
    return run.data();
  }
  static constexpr uint32_t kRun = 128;

 private:
  static void fill(std::vector<float>& run, float theta, int64_t head_dim, uint32_t first) {
    const int64_t half = head_dim / 2;
    run.resize(static_cast<size_t>(kRun * head_dim));
    for (int64_t i = 0; i < half; i++) {
      // Rounded to fp32, as in the `ref` tier.
      const auto frequency = static_cast<float>(
          std::pow(double{theta}, -static_cast<double>(i) / static_cast<double>(half)));
      for (uint32_t p = 0; p < kRun; p++) {
        const double angle = double{frequency} * (first + p);
        run[static_cast<size_t>(p * head_dim + i)] = static_cast<float>(std::cos(angle));
        run[static_cast<size_t>(p * head_dim + half + i)] = static_cast<float>(std::sin(angle));
      }
    }
  }

  struct Key {
    float theta;
    int64_t head_dim;
    uint32_t run;
    auto operator<=>(const Key&) const = default;
  };
  std::mutex mutex_;
  std::map<Key, std::vector<float>> runs_;
};

Turns& turns() {
  static Turns all;
  return all;
}

// A few rows are not worth waking threads for.
constexpr int64_t kFew = 4;

}  // namespace

void embed(const StoredMatrix& matrix, const uint32_t* ids, int64_t m, float* y) {
  for (int64_t i = 0; i < m; i++) {
    const auto row = static_cast<size_t>(stored_row(matrix, ids[i]));
    dequantize_row(matrix.type, matrix.data + row * matrix.row_bytes, matrix.cols,
                   y + i * matrix.cols);
  }
}

void rms_norm(const Kernels& kernels, const float* x, const float* w, float eps, int64_t m,
              int64_t d, float* y, ThreadPool& pool) {
  const int64_t grain = m <= kFew ? m : std::max<int64_t>(1, 16384 / d);
  pool.parallel_for(m, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) kernels.rms_norm(x + i * d, w, eps, d, y + i * d);
  });
}

void rope(const Kernels& kernels, const RopeArgs& args, ThreadPool& pool) {
  const int64_t half = args.head_dim / 2;
  std::vector<const float*> runs(static_cast<size_t>(args.m));
  for (size_t i = 0; i < runs.size(); i++) {
    const bool same = i && args.positions[i] / Turns::kRun == args.positions[i - 1] / Turns::kRun;
    runs[i] = same ? runs[i - 1] : turns().run_of(args.theta, args.head_dim, args.positions[i]);
  }
  pool.parallel_for(args.m, args.m <= kFew ? args.m : 32, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const float* const cosine =
          runs[static_cast<size_t>(i)] + args.positions[i] % Turns::kRun * args.head_dim;
      for (int64_t h = 0; h < args.heads; h++) {
        kernels.rotate(args.x + (i * args.heads + h) * args.head_dim, cosine, cosine + half, half);
      }
    }
  });
}

void silu_mul(const Kernels& kernels, float* gate, const float* up, int64_t count,
              ThreadPool& pool) {
  pool.parallel_for(count, 32768, [&](int64_t begin, int64_t end) {
    kernels.silu_mul(gate + begin, up + begin, end - begin);
  });
}

void add(const Kernels& kernels, float* x, const float* y, int64_t count, ThreadPool& pool) {
  pool.parallel_for(count, 65536, [&](int64_t begin, int64_t end) {
    kernels.add(x + begin, y + begin, end - begin);
  });
}

}  // namespace blocksight::cpu

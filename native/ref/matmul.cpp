#include "gguf.h"
#include "ref.h"
#include "thread_pool.h"

namespace blocksight::ref {

double dot(const float* x, const float* y, int64_t count) {
  constexpr int64_t kSums = 8;
  double sums[kSums] = {};
  int64_t i = 0;
  for (; i + kSums <= count; i += kSums) {
    for (int64_t s = 0; s < kSums; s++) sums[s] += double{x[i + s]} * double{y[i + s]};
  }
  for (; i < count; i++) sums[0] += double{x[i]} * double{y[i]};
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

std::unique_ptr<PreparedMatrix> prepare(const Linear&, Numerics, ThreadPool&) { return nullptr; }

namespace {

void read_row(const StoredMatrix& matrix, int64_t row, float* out) {
  const std::byte* at =
      matrix.data + static_cast<size_t>(stored_row(matrix, row)) * matrix.row_bytes;
  dequantize_row(matrix.type, at, matrix.cols, out);
}

// x Aᵀ [m][rank], kept in fp64 until the second product.
std::vector<double> low_rank_inner(const LowRank& delta, const float* x, int64_t m, int64_t cols) {
  std::vector<double> inner(static_cast<size_t>(m * delta.rank));
  for (int64_t i = 0; i < m; i++) {
    for (int64_t r = 0; r < delta.rank; r++) {
      inner[static_cast<size_t>(i * delta.rank + r)] =
          dot(x + i * cols, delta.a.data() + r * cols, cols);
    }
  }
  return inner;
}

}  // namespace

void matmul(const MatmulArgs& args, ThreadPool& pool) {
  for (size_t l = 0; l < args.linears.size(); l++) {
    const Linear& linear = *args.linears[l];
    const StoredMatrix& weight = linear.weight;
    float* const y = args.y[l];
    const int64_t rank = linear.low_rank ? linear.low_rank->rank : 0;
    const std::vector<double> inner =
        rank ? low_rank_inner(*linear.low_rank, args.x, args.m, weight.cols)
             : std::vector<double>{};
    pool.parallel_for(weight.rows, 16, [&](int64_t begin, int64_t end) {
      std::vector<float> w(static_cast<size_t>(weight.cols));
      for (int64_t row = begin; row < end; row++) {
        read_row(weight, row, w.data());
        const double bias =
            linear.bias.empty() ? 0.0 : double{linear.bias[static_cast<size_t>(row)]};
        for (int64_t i = 0; i < args.m; i++) {
          double sum = dot(args.x + i * weight.cols, w.data(), weight.cols) + bias;
          if (rank) {
            double delta = 0;
            for (int64_t r = 0; r < rank; r++) {
              delta += inner[static_cast<size_t>(i * rank + r)] *
                       double{linear.low_rank->b[static_cast<size_t>(row * rank + r)]};
            }
            sum += double{linear.low_rank->scale} * delta;
          }
          y[i * weight.rows + row] = static_cast<float>(sum);
        }
      }
    });
  }
}

void embed(const StoredMatrix& matrix, const uint32_t* ids, int64_t m, float* y) {
  for (int64_t i = 0; i < m; i++) read_row(matrix, ids[i], y + i * matrix.cols);
}

}  // namespace blocksight::ref

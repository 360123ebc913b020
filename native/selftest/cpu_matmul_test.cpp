#include <algorithm>
#include <cmath>

#include "check.h"
#include "cpu_tables.h"
#include "paged.h"

namespace blocksight {
namespace {

using check::NamedTable;
using check::StoredWeights;

constexpr WeightType kTypes[] = {WeightType::f32,  WeightType::f16,  WeightType::bf16,
                                 WeightType::q4_0, WeightType::q4_1, WeightType::q5_0,
                                 WeightType::q5_1, WeightType::q8_0, WeightType::q4_k,
                                 WeightType::q5_k, WeightType::q6_k, WeightType::iq4_nl};

std::vector<float> product(const OpTable& table, Linear& linear, const std::vector<float>& x,
                           int64_t m, Numerics numerics, Phase phase, int threads = 2) {
  ThreadPool pool(threads);
  linear.prepared = table.prepare(linear, numerics, pool);
  // Guard bands: a kernel that writes beyond its rows or columns is seen.
  constexpr size_t kGuard = 64;
  const auto count = static_cast<size_t>(m * linear.weight.rows);
  std::vector<float> y(count + 2 * kGuard, 12345.0f);
  const Linear* const linears[] = {&linear};
  float* const outputs[] = {y.data() + kGuard};
  table.matmul({.x = x.data(), .m = m, .linears = linears, .y = outputs, .phase = phase}, pool);
  for (size_t i = 0; i < kGuard; i++) {
    CHECK_EQ(y[i], 12345.0f);
    CHECK_EQ(y[count + kGuard + i], 12345.0f);
  }
  return {y.begin() + kGuard, y.end() - kGuard};
}

// Whether a type is packed as signed bytes, 32 to a scale, unless it has nibbles or stays fp32.
bool becomes_bytes(WeightType type) {
  return type != WeightType::f32 && type != WeightType::q4_0 && type != WeightType::q4_1 &&
         type != WeightType::q4_k;
}

// Standard deviation of an output under the rounding of the i8 numerics: of activations per 32
// inputs (bf16 tiles round by 2^-9 of the value, which is 2^-8 / sqrt(12) at most; decoding keeps
// sixteen bits), of packing per 32 inputs, of f16 scales.
double rounding_error(WeightType type, Phase phase, const std::vector<float>& w, const float* x) {
  double variance = 0;
  for (size_t begin = 0; begin < w.size(); begin += 128) {
    const size_t end = std::min(begin + 128, w.size());
    double most_w = 0;
    for (size_t i = begin; i < end; i++) most_w = std::max(most_w, std::abs(double{w[i]}));
    for (size_t sub = begin; sub < end; sub += 32) {
      double most_packed = 0, most_x = 0;
      for (size_t i = sub; i < std::min(sub + 32, end); i++) {
        most_packed = std::max(most_packed, std::abs(double{w[i]}));
        most_x = std::max(most_x, std::abs(double{x[i]}));
      }
      for (size_t i = sub; i < std::min(sub + 32, end); i++) {
        const double step_x =
            std::max(most_x / (phase == Phase::prefill ? 127 : 4095), std::abs(x[i]) * 0x1p-8);
        // Steps of weights are at most twice largest / 2047: what a panel's nibbles could hold.
        const double step_w = std::max(2 * most_w / 2047, std::abs(w[i]) * 0x1p-8) +
                              (becomes_bytes(type) ? most_packed / 127 : 0);
        variance += (step_x * step_x * w[i] * w[i] + step_w * step_w * x[i] * x[i]) / 12;
      }
    }
  }
  return std::sqrt(variance);
}

void check_against_ref(const NamedTable& named, StoredWeights& weights, int64_t m,
                       Numerics numerics, Phase phase) {
  const int64_t rows = weights.linear.weight.rows, cols = weights.linear.weight.cols;
  std::vector<float> x = check::random_floats(7, m * cols);
  // One channel far larger than the others, as models have them.
  for (int64_t i = 0; i < m; i++) x[static_cast<size_t>(i * cols + 5)] *= 20;
  const std::vector<float> want =
      product(ref_table(), weights.linear, x, m, Numerics::f32, Phase::prefill);
  const std::vector<float> got = product(*named.table, weights.linear, x, m, numerics, phase);
  double worst = 0;
  for (int64_t r = 0; r < rows; r++) {
    const std::vector<float> w = weights.row(r);
    for (int64_t i = 0; i < m; i++) {
      double squares = 0, error = 0;
      for (int64_t k = 0; k < cols; k++) {
        const double one = double{x[static_cast<size_t>(i * cols + k)]} * w[static_cast<size_t>(k)];
        squares += one * one;
      }
      // bf16 rounds both sides to 8 bits; fp32 only sums, but scales are f16.
      const bool is_exact = weights.linear.weight.type == WeightType::f32 &&
                            !(std::string(named.isa) == "amx" && phase == Phase::prefill);
      if (numerics == Numerics::i8 && !is_exact) {
        error = rounding_error(weights.linear.weight.type, phase, w, x.data() + i * cols);
      } else {
        error = std::sqrt(squares) * (numerics == Numerics::bf16 ? 0x1p-9 : 0x1p-12);
      }
      // The delta's own products are bf16 on tiles: 2^-8 of them is generous.
      if (const auto& delta = weights.linear.low_rank) {
        double part = 0;
        for (int64_t k = 0; k < delta->rank; k++) {
          double inner = 0;
          for (int64_t c = 0; c < cols; c++) {
            inner += double{x[static_cast<size_t>(i * cols + c)]} *
                     delta->a[static_cast<size_t>(k * cols + c)];
          }
          part += std::abs(inner * delta->b[static_cast<size_t>(r * delta->rank + k)]);
        }
        error += 0x1p-8 * part * double{delta->scale} / 6;
      }
      const auto at = static_cast<size_t>(i * rows + r);
      worst = std::max(worst, std::abs(double{got[at]} - want[at]) / (error + 1e-6));
    }
  }
  // Of some thousand outputs the worst would lie at 4 were errors independent; the sixteen values of
  // a block's nibbles round alike wherever they stand.
  if (!(worst < 8)) {
    check::fail(__FILE__, __LINE__,
                std::string(named.isa) + " " + weight_type_name(weights.linear.weight.type) +
                    (phase == Phase::decode ? " decode" : " prefill") + ": " +
                    std::to_string(worst) + " standard deviations");
  }
}

TEST("cpu matmul stays within rounding of ref for every stored format") {
  for (const NamedTable& named : check::cpu_tables()) {
    for (const WeightType type : kTypes) {
      StoredWeights weights(type, 70, 768, 11);
      for (const Phase phase : {Phase::prefill, Phase::decode}) {
        check_against_ref(named, weights, 29, Numerics::i8, phase);
      }
    }
  }
}

TEST("cpu matmul in bf16 stays within bf16 rounding of ref for every stored format") {
  for (const NamedTable& named : check::cpu_tables()) {
    for (const WeightType type : kTypes) {
      // Formats of more than eight bits a weight round to bf16; the others fit it but for scales.
      StoredWeights weights(type, 70, 768, 12);
      check_against_ref(named, weights, 29, Numerics::bf16, Phase::prefill);
      check_against_ref(named, weights, 3, Numerics::bf16, Phase::decode);
    }
  }
}

TEST("cpu matmul handles widths that fill no panel and no group") {
  for (const NamedTable& named : check::cpu_tables()) {
    for (const int64_t cols : {32, 64, 96, 160, 576, 2080}) {
      for (const int64_t rows : {1, 15, 16, 17, 33}) {
        for (const WeightType type : {WeightType::q4_1, WeightType::q8_0, WeightType::f32}) {
          StoredWeights weights(type, rows, cols, 13);
          check_against_ref(named, weights, 5, Numerics::i8, Phase::prefill);
          check_against_ref(named, weights, 5, Numerics::i8, Phase::decode);
        }
      }
    }
  }
}

TEST("cpu matmul adds bias and delta, and reads interleaved rows in order") {
  for (const NamedTable& named : check::cpu_tables()) {
    for (const WeightType type : {WeightType::q4_1, WeightType::f16, WeightType::f32}) {
      StoredWeights weights(type, 96, 576, 14);
      weights.linear.weight.interleave_heads = 3;
      weights.linear.bias = check::random_floats(15, 96);
      weights.add_low_rank(8, 16);
      for (const Phase phase : {Phase::prefill, Phase::decode}) {
        check_against_ref(named, weights, 13, Numerics::i8, phase);
      }
    }
  }
}

TEST("cpu matmul gives every product of a call the same as alone") {
  for (const NamedTable& named : check::cpu_tables()) {
    StoredWeights a(WeightType::q4_1, 48, 576, 1), b(WeightType::q8_0, 40, 576, 2);
    StoredWeights c(WeightType::f32, 20, 576, 3);
    a.add_low_rank(16, 4);
    c.add_low_rank(20, 5);
    const std::vector<float> x = check::random_floats(6, 9 * 576);
    const std::vector<float> alone[] = {
        product(*named.table, a.linear, x, 9, Numerics::i8, Phase::prefill),
        product(*named.table, b.linear, x, 9, Numerics::i8, Phase::prefill),
        product(*named.table, c.linear, x, 9, Numerics::i8, Phase::prefill)};
    std::vector<float> y[] = {std::vector<float>(alone[0].size()),
                              std::vector<float>(alone[1].size()),
                              std::vector<float>(alone[2].size())};
    const Linear* const linears[] = {&a.linear, &b.linear, &c.linear};
    float* const outputs[] = {y[0].data(), y[1].data(), y[2].data()};
    ThreadPool pool(2);
    named.table->matmul({.x = x.data(), .m = 9, .linears = linears, .y = outputs}, pool);
    for (int i = 0; i < 3; i++) CHECK(y[i] == alone[i]);
  }
}

TEST("a row of a cpu matmul does not depend on the rows beside it, nor on threads") {
  for (const NamedTable& named : check::cpu_tables()) {
    for (const WeightType type : {WeightType::q4_k, WeightType::q6_k, WeightType::f32}) {
      for (const Numerics numerics : {Numerics::i8, Numerics::bf16}) {
        for (const Phase phase : {Phase::prefill, Phase::decode}) {
          constexpr int64_t kRows = 530, kCols = 512;
          StoredWeights weights(type, 40, kCols, 21);
          weights.add_low_rank(16, 22);
          const std::vector<float> x = check::random_floats(23, kRows * kCols);
          const std::vector<float> all =
              product(*named.table, weights.linear, x, kRows, numerics, phase, 1);
          CHECK(all == product(*named.table, weights.linear, x, kRows, numerics, phase, 3));
          for (const auto& [first, m] : std::initializer_list<std::pair<int64_t, int64_t>>{
                   {0, 1}, {1, 2}, {5, 3}, {7, 17}, {511, 2}, {517, 13}, {100, 129}}) {
            const std::vector<float> some(x.begin() + first * kCols,
                                          x.begin() + (first + m) * kCols);
            const std::vector<float> y =
                product(*named.table, weights.linear, some, m, numerics, phase);
            CHECK(std::equal(y.begin(), y.end(), all.begin() + first * 40));
          }
        }
      }
    }
  }
}

TEST("integer products of the cpu tier are bit for bit the same on every instruction set") {
  const std::vector<NamedTable> tables = check::cpu_tables();
  for (const WeightType type : kTypes) {
    for (const Phase phase : {Phase::prefill, Phase::decode}) {
      StoredWeights weights(type, 52, 768, 31);
      weights.add_low_rank(16, 32);
      const std::vector<float> x = check::random_floats(33, 41 * 768);
      const std::vector<float> first =
          product(*tables[0].table, weights.linear, x, 41, Numerics::i8, phase);
      for (const NamedTable& named : tables) {
        // Prefill on tiles multiplies in bf16.
        if (phase == Phase::prefill && std::string(named.isa) == "amx") continue;
        if (first != product(*named.table, weights.linear, x, 41, Numerics::i8, phase)) {
          check::fail(__FILE__, __LINE__,
                      std::string(named.isa) + weight_type_name(type) +
                          (phase == Phase::decode ? " decode" : " prefill"));
        }
      }
    }
  }
}

// Pairs of largest bytes saturate 16 bits where products are added in pairs (maddubs).
TEST("cpu matmul is exact where every byte is as large as it gets") {
  for (const NamedTable& named : check::cpu_tables()) {
    for (const float sign : {1.0f, -1.0f}) {
      StoredWeights weights(WeightType::q8_0, 16, 256, 41);
      for (size_t at = 0; at < weights.bytes.size(); at += 34) {
        const uint16_t one = cpu::float_to_half(1.0f);
        std::memcpy(weights.bytes.data() + at, &one, 2);
        std::memset(weights.bytes.data() + at + 2, sign > 0 ? 127 : -127, 32);
      }
      const std::vector<float> x(256 * 4, 127.0f);
      for (const Phase phase : {Phase::prefill, Phase::decode}) {
        for (const float y : product(*named.table, weights.linear, x, 4, Numerics::i8, phase)) {
          CHECK_EQ(y, sign * 127.0f * 127.0f * 256.0f);
        }
      }
    }
  }
}

TEST("cpu matmul of zeros is zero") {
  for (const NamedTable& named : check::cpu_tables()) {
    for (const WeightType type : {WeightType::q4_1, WeightType::q8_0}) {
      StoredWeights weights(type, 16, 256, 51);
      const std::vector<float> random = check::random_floats(52, 256), zeros(256, 0.0f);
      for (const Phase phase : {Phase::prefill, Phase::decode}) {
        for (const float y : product(*named.table, weights.linear, zeros, 1, Numerics::i8, phase)) {
          CHECK_EQ(y, 0.0f);
        }
        std::fill(weights.bytes.begin(), weights.bytes.end(), std::byte{0});
        for (const float y :
             product(*named.table, weights.linear, random, 1, Numerics::i8, phase)) {
          CHECK_EQ(y, 0.0f);
        }
      }
    }
  }
}

}  // namespace
}  // namespace blocksight

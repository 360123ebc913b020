#include <algorithm>
#include <cmath>

#include "check.h"
#include "cpu_tables.h"
#include "paged.h"

namespace blocksight {
namespace {

using check::NamedTable;

void check_close(const std::vector<float>& got, const std::vector<float>& want, double tolerance) {
  double worst = 0;
  for (size_t i = 0; i < got.size(); i++) {
    worst = std::max(worst, std::abs(double{got[i]} - want[i]) / (1 + std::abs(double{want[i]})));
  }
  CHECK(worst < tolerance);
}

TEST("cpu norms, rotations and activations agree with ref to fp32 rounding") {
  ThreadPool pool(2);
  for (const NamedTable& named : check::cpu_tables()) {
    for (const int64_t d : {1, 15, 16, 64, 576, 577, 1536}) {
      const std::vector<float> x = check::random_floats(1, 7 * d), w = check::random_floats(2, d);
      std::vector<float> want(x.size()), got(x.size());
      ref_table().rms_norm(x.data(), w.data(), 1e-5f, 7, d, want.data(), pool);
      named.table->rms_norm(x.data(), w.data(), 1e-5f, 7, d, got.data(), pool);
      check_close(got, want, 1e-6);

      std::vector<float> gate = x, up = check::random_floats(3, 7 * d), gate_ref = x;
      for (size_t i = 0; i < gate.size(); i += 3) gate[i] = gate_ref[i] = x[i] * 100;
      ref_table().silu_mul(gate_ref.data(), up.data(), 7 * d, pool);
      named.table->silu_mul(gate.data(), up.data(), 7 * d, pool);
      check_close(gate, gate_ref, 1e-6);

      std::vector<float> sum = x, sum_ref = x;
      ref_table().add(sum_ref.data(), up.data(), 7 * d, pool);
      named.table->add(sum.data(), up.data(), 7 * d, pool);
      CHECK(sum == sum_ref);
    }
    for (const int64_t head_dim : {2, 48, 64, 80, 128}) {
      const std::vector<uint32_t> positions = {0, 1, 127, 128, 2047, 4223, 130};
      std::vector<float> got = check::random_floats(4, 7 * 3 * head_dim), want = got;
      RopeArgs args = {.x = want.data(),
                       .m = 7,
                       .heads = 3,
                       .head_dim = head_dim,
                       .positions = positions.data(),
                       .theta = 1e6f};
      ref_table().rope(args, pool);
      args.x = got.data();
      named.table->rope(args, pool);
      check_close(got, want, 1e-6);
    }
  }
}

TEST("cpu norms, rotations and activations are bit for bit the same on every instruction set") {
  ThreadPool pool(2);
  const std::vector<NamedTable> tables = check::cpu_tables();
  std::vector<float> first;
  for (const NamedTable& named : tables) {
    std::vector<float> x = check::random_floats(5, 9 * 577);
    const std::vector<float> w = check::random_floats(6, 577);
    named.table->rms_norm(x.data(), w.data(), 1e-6f, 9, 577, x.data(), pool);
    named.table->silu_mul(x.data() + 577, x.data(), 8 * 577, pool);
    const std::vector<uint32_t> positions = {3, 700, 2100};
    named.table->rope({.x = x.data(),
                       .m = 3,
                       .heads = 2,
                       .head_dim = 96,
                       .positions = positions.data(),
                       .theta = 1e4f},
                      pool);
    if (first.empty()) first = x;
    CHECK(x == first);
  }
}

TEST("cpu embedding reads the same rows as ref") {
  for (const NamedTable& named : check::cpu_tables()) {
    check::StoredWeights weights(WeightType::q6_k, 9, 512, 7);
    const std::vector<uint32_t> ids = {8, 0, 3, 3};
    std::vector<float> got(4 * 512), want(4 * 512);
    named.table->embed(weights.linear.weight, ids.data(), 4, got.data());
    ref_table().embed(weights.linear.weight, ids.data(), 4, want.data());
    CHECK(got == want);
  }
}

TEST("half precision of the cpu tier survives the way there and back") {
  for (uint32_t bits = 0; bits < 0x10000; bits++) {
    const auto half = static_cast<uint16_t>(bits);
    const float x = cpu::half_to_float(half);
    if (std::isnan(x)) {
      CHECK(std::isnan(cpu::half_to_float(cpu::float_to_half(x))));
    } else {
      CHECK_EQ(cpu::float_to_half(x), half);
    }
  }
  CHECK_EQ(cpu::float_to_half(65519.0f), 0x7BFF);
  CHECK_EQ(cpu::float_to_half(65520.0f), 0x7C00);
  CHECK_EQ(cpu::float_to_half(0x1p-25f), 0);
  CHECK_EQ(cpu::float_to_half(0x1.8p-24f), 2);
  CHECK_EQ(cpu::float_to_bf16(1.00390625f), 0x3F80);
}

}  // namespace
}  // namespace blocksight

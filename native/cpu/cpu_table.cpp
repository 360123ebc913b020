// One op table an instruction set, and the choice among them.
#include <string_view>

#include "cpu.h"
#include "processor.h"

namespace blocksight {

namespace {

template <const cpu::Kernels& K>
OpTable make_table() {
  OpTable table;
  table.tier = "cpu";
  table.kernel_ids = [] {
    const std::string isa = K.isa;
    return std::vector<std::pair<std::string, std::string>>{
        {"prefill", K.prefill}, {"decode", K.decode}, {"bf16", K.bf16}, {"embed", "scalar"},
        {"rmsNorm", isa},       {"rope", isa},        {"siluMul", isa}, {"add", isa},
        {"store", isa},         {"select", isa},      {"attend", isa}};
  };
  table.prepare = cpu::prepare;
  table.matmul = [](const MatmulArgs& args, ThreadPool& pool) { cpu::matmul(K, args, pool); };
  table.embed = cpu::embed;
  table.rms_norm = [](const float* x, const float* w, float eps, int64_t m, int64_t d, float* y,
                      ThreadPool& pool) { cpu::rms_norm(K, x, w, eps, m, d, y, pool); };
  table.rope = [](const RopeArgs& args, ThreadPool& pool) { cpu::rope(K, args, pool); };
  table.silu_mul = [](float* gate, const float* up, int64_t count, ThreadPool& pool) {
    cpu::silu_mul(K, gate, up, count, pool);
  };
  table.add = [](float* x, const float* y, int64_t count, ThreadPool& pool) {
    cpu::add(K, x, y, count, pool);
  };
  table.page_format = cpu::page_format;
  table.store = [](const StoreArgs& args, ThreadPool& pool) { cpu::store(K, args, pool); };
  table.seal = cpu::seal;
  table.select = [](const SelectArgs& args, ThreadPool& pool) { cpu::select(K, args, pool); };
  table.attend = [](const AttendArgs& args, ThreadPool& pool) { cpu::attend(K, args, pool); };
  return table;
}

}  // namespace

const OpTable* cpu_table(const char* isa) {
  static const OpTable avx2 = make_table<cpu::kAvx2Kernels>();
  static const OpTable vnni = make_table<cpu::kAvx512VnniKernels>();
  static const OpTable amx = make_table<cpu::kAmxKernels>();
  const cpu::Features& has = cpu::features();
  const std::string_view name = isa ? isa : "";
  const auto wanted = [&](const char* which) { return name.empty() || name == which; };
  if (has.amx && wanted("amx")) return &amx;
  if (has.avx512vnni && wanted("avx512vnni")) return &vnni;
  if (has.avx2 && wanted("avx2")) return &avx2;
  return nullptr;
}

}  // namespace blocksight

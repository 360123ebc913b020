#include "ref.h"

namespace blocksight {

namespace {

std::vector<std::pair<std::string, std::string>> kernel_ids() {
  return {{"matmul", "ref"}, {"embed", "ref"},   {"rmsNorm", "ref"},
          {"rope", "ref"},   {"siluMul", "ref"}, {"add", "ref"},
          {"store", "ref"},  {"select", "ref"},  {"attend", "ref"}};
}

}  // namespace

const OpTable& ref_table() {
  static const OpTable table = {
      .tier = "ref",
      .kernel_ids = kernel_ids,
      .prepare = ref::prepare,
      .matmul = ref::matmul,
      .embed = ref::embed,
      .rms_norm = ref::rms_norm,
      .rope = ref::rope,
      .silu_mul = ref::silu_mul,
      .add = ref::add,
      .page_format = ref::page_format,
      .store = ref::store,
      .seal = ref::seal,
      .select = ref::select,
      .attend = ref::attend,
  };
  return table;
}

}  // namespace blocksight

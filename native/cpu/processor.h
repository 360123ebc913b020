// What this processor can do, and the operating system has switched on.
#pragma once

#include <string>
#include <vector>

namespace blocksight::cpu {

struct Features {
  bool avx2 = false;        // with FMA and F16C
  bool avx512vnni = false;  // F, BW, DQ, VL, VNNI
  bool amx = false;         // tiles of int8 and bf16, AVX-512 BF16, permission granted
};

// Asked once; asks Linux for the use of AMX tiles.
const Features& features();
// "avx2", "fma", … for the status page.
std::vector<std::string> feature_names();

}  // namespace blocksight::cpu

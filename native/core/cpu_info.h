// What the processor is, for `doctor` and for the number of threads.
#pragma once

#include <string>
#include <vector>

namespace blocksight {

// At least 1; counts only what this process may run on.
int physical_cores();
std::string cpu_name();
// Instruction sets that a kernel of ours may use, for example {"avx2", "avx512vnni"}.
std::vector<std::string> cpu_features();

}  // namespace blocksight

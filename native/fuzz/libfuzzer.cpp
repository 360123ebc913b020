// libFuzzer's entry; BLOCKSIGHT_FUZZ_TARGET is the target's name.
#include "targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const blocksight::FuzzTarget& target = blocksight::fuzz_target(BLOCKSIGHT_FUZZ_TARGET);
  target.run(data, size);
  return 0;
}

#include "processor.h"

#include <cpuid.h>

#include <cstdint>

#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace blocksight::cpu {

namespace {

struct Leaf {
  uint32_t a = 0, b = 0, c = 0, d = 0;
};

Leaf cpuid(uint32_t leaf, uint32_t sub = 0) {
  Leaf out;
  if (!__get_cpuid_count(leaf, sub, &out.a, &out.b, &out.c, &out.d)) return {};
  return out;
}

// Which register states the operating system saves.
uint64_t saved_states() {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

bool may_use_tiles() {
#if defined(__linux__) && defined(SYS_arch_prctl)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

bool bit(uint32_t word, int index) { return word >> index & 1; }

Features ask() {
  Features out;
  const Leaf one = cpuid(1);
  if (!bit(one.c, 27)) return out;  // OSXSAVE
  const uint64_t saved = saved_states();
  const auto saves = [&](uint64_t mask) { return (saved & mask) == mask; };
  const Leaf seven = cpuid(7), seven_one = cpuid(7, 1);
  const bool fma = bit(one.c, 12), f16c = bit(one.c, 29);
  out.avx2 = saves(0x6) && bit(seven.b, 5) && fma && f16c;
  const bool avx512 =
      bit(seven.b, 16) && bit(seven.b, 17) && bit(seven.b, 30) && bit(seven.b, 31);  // F DQ BW VL
  out.avx512vnni = out.avx2 && saves(0xE6) && avx512 && bit(seven.c, 11);
  const bool tiles = bit(seven.d, 24) && bit(seven.d, 25) && bit(seven.d, 22);  // tile int8 bf16
  out.amx = out.avx512vnni && saves(0x60000) && tiles && bit(seven_one.a, 5) && may_use_tiles();
  return out;
}

}  // namespace

const Features& features() {
  static const Features asked = ask();
  return asked;
}

std::vector<std::string> feature_names() {
  std::vector<std::string> out;
  if (features().avx2) out.insert(out.end(), {"avx2", "fma", "f16c"});
  if (features().avx512vnni) out.insert(out.end(), {"avx512", "avx512vnni"});
  if (features().amx) out.insert(out.end(), {"amx-int8", "amx-bf16"});
  return out;
}

}  // namespace blocksight::cpu

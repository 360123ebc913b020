#include "cpu_info.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <thread>
#include <utility>

#ifdef __linux__
#include <sched.h>
#endif

namespace blocksight {

namespace {

// The first value of a key in /proc/cpuinfo; "" elsewhere than on Linux.
std::string cpuinfo(const std::string& key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(key, 0) != 0) continue;
    const size_t colon = line.find(": ");
    return colon == std::string::npos ? "" : line.substr(colon + 2);
  }
  return "";
}

}  // namespace

int physical_cores() {
  const int logical = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
#ifdef __linux__
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return logical;
  std::set<std::string> cores;  // one core's threads name the same siblings
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                       "/topology/thread_siblings_list");
    std::string siblings = "cpu" + std::to_string(cpu);
    std::getline(file, siblings);
    cores.insert(siblings);
  }
  return std::max(1, static_cast<int>(cores.size()));
#else
  return logical;
#endif
}

std::string cpu_name() {
  const std::string name = cpuinfo("model name");
  return name.empty() ? "unknown processor" : name;
}

std::vector<std::string> cpu_features() {
  std::vector<std::string> found;
  std::istringstream flags(cpuinfo("flags"));
  const std::set<std::string> present(std::istream_iterator<std::string>(flags), {});
  const std::pair<const char*, const char*> known[] = {{"avx2", "avx2"},
                                                       {"fma", "fma"},
                                                       {"f16c", "f16c"},
                                                       {"avx512f", "avx512f"},
                                                       {"avx512bw", "avx512bw"},
                                                       {"avx512_vnni", "avx512vnni"},
                                                       {"avx512_bf16", "avx512bf16"},
                                                       {"amx_int8", "amxint8"},
                                                       {"amx_bf16", "amxbf16"}};
  for (const auto& [flag, name] : known) {
    if (present.contains(flag)) found.push_back(name);
  }
  return found;
}

}  // namespace blocksight

// What the programs of this folder share: options of the form --NAME=VALUE, and medians.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

namespace blocksight {

inline std::map<std::string, std::string> options;

inline std::string option(const char* name, const char* otherwise) {
  const auto found = options.find(name);
  return found == options.end() ? otherwise : found->second;
}

inline int number(const char* name, int otherwise) {
  const auto found = options.find(name);
  return found == options.end() ? otherwise : std::atoi(found->second.c_str());
}

// False, with the usage told, where an argument has another form.
inline bool read_options(int argc, char** argv, const char* usage) {
  for (int i = 1; i < argc; i++) {
    const std::string text = argv[i];
    const size_t equals = text.find('=');
    if (text.rfind("--", 0) != 0 || equals == std::string::npos) {
      std::fprintf(stderr, "usage: %s\n", usage);
      return false;
    }
    options[text.substr(2, equals - 2)] = text.substr(equals + 1);
  }
  return true;
}

// The upper one of an even number; 0 where there is nothing.
inline double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

}  // namespace blocksight

// Runs every TEST whose name contains --only, and ends with one line that counts them.
#include <cstring>
#include <exception>
#include <iostream>
#include <map>

#include "check.h"

namespace blocksight::check {
namespace {
int failures_in_case = 0;
std::map<std::string, std::string> options;
}  // namespace

std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

void fail(const char* file, int line, const std::string& what) {
  failures_in_case++;
  if (failures_in_case <= 20) std::cout << "    " << file << ":" << line << "  " << what << "\n";
}

std::string option(const std::string& name) {
  const auto found = options.find(name);
  return found == options.end() ? "" : found->second;
}

int run(int argc, char** argv) {
  for (int i = 1; i < argc; i++) {
    const std::string text = argv[i];
    const size_t equals = text.find('=');
    if (text.rfind("--", 0) != 0 || equals == std::string::npos) {
      std::cerr << "usage: blocksight_test [--only=TEXT] [--NAME=VALUE]...\n";
      return 2;
    }
    options[text.substr(2, equals - 2)] = text.substr(equals + 1);
  }
  int passed = 0, failed = 0, skipped = 0;
  for (const Case& test : cases()) {
    if (std::string(test.name).find(option("only")) == std::string::npos) continue;
    if (*test.needs && option(test.needs).empty()) continue;
    failures_in_case = 0;
    try {
      test.run();
    } catch (const Skipped& skip) {
      std::cout << "  skipped  " << test.name << " (" << skip.reason << ")\n";
      skipped++;
      continue;
    } catch (const std::exception& error) {
      fail(test.name, 0, std::string("threw: ") + error.what());
    }
    std::cout << (failures_in_case ? "  FAILED   " : "  ok       ") << test.name << std::endl;
    (failures_in_case ? failed : passed)++;
  }
  std::cout << "native: " << passed << " passed, " << failed << " failed, " << skipped << " skipped\n";
  return failed || passed + skipped == 0 ? 1 : 0;
}

}  // namespace blocksight::check

int main(int argc, char** argv) { return blocksight::check::run(argc, argv); }

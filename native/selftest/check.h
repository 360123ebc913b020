// A test is a sentence about behaviour. Failures print file, line and values; the run goes on.
//   TEST("keeps the local block last when it is also a top scorer") { CHECK_EQ(a, b); }
#pragma once

#include <cmath>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace blocksight::check {

struct Case {
  const char* name;
  void (*run)();
  const char* needs;  // an option of the command line; without it the case is not run nor counted
};
std::vector<Case>& cases();
struct Register {
  Register(const char* name, void (*run)(), const char* needs = "") {
    cases().push_back({name, run, needs});
  }
};
// Thrown by SKIP; the runner counts it by name.
struct Skipped {
  std::string reason;
};
void fail(const char* file, int line, const std::string& what);
// Value of --name=value on the test binary's command line, or "".
std::string option(const std::string& name);

template <typename T>
std::string show(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

}  // namespace blocksight::check

#define BS_JOIN2(a, b) a##b
#define BS_JOIN(a, b) BS_JOIN2(a, b)
#define TEST(name) TEST_WITH("", name)
#define TEST_WITH(option, name)                                               \
  static void BS_JOIN(bs_test_, __LINE__)();                                  \
  static const ::blocksight::check::Register BS_JOIN(bs_register_, __LINE__)( \
      name, &BS_JOIN(bs_test_, __LINE__), option);                            \
  static void BS_JOIN(bs_test_, __LINE__)()
#define CHECK(condition)                                                         \
  do {                                                                           \
    if (!(condition)) ::blocksight::check::fail(__FILE__, __LINE__, #condition); \
  } while (0)
// Copies both: `(f().at(0))` may refer into a temporary.
#define CHECK_EQ(a, b)                                                                             \
  do {                                                                                             \
    const auto bs_a = (a);                                                                         \
    const auto bs_b = (b);                                                                         \
    if (!(bs_a == bs_b))                                                                           \
      ::blocksight::check::fail(__FILE__, __LINE__,                                                \
                                std::string(#a " == " #b ": ") + ::blocksight::check::show(bs_a) + \
                                    " against " + ::blocksight::check::show(bs_b));                \
  } while (0)
#define CHECK_NEAR(a, b, tolerance)                                                 \
  do {                                                                              \
    const double bs_a = (a), bs_b = (b);                                            \
    if (!(std::abs(bs_a - bs_b) <= (tolerance)))                                    \
      ::blocksight::check::fail(__FILE__, __LINE__,                                 \
                                std::string(#a " near " #b ": ") +                  \
                                    ::blocksight::check::show(bs_a) + " against " + \
                                    ::blocksight::check::show(bs_b));               \
  } while (0)
#define SKIP(reason) \
  throw ::blocksight::check::Skipped { reason }

// Files made in memory for tests of hostile input.
#pragma once

#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"

namespace blocksight {

class Bytes {
 public:
  template <typename T>
  Bytes& number(T value) {
    text_.append(reinterpret_cast<const char*>(&value), sizeof(T));
    return *this;
  }
  Bytes& raw(std::string_view text) {
    text_.append(text);
    return *this;
  }
  // A GGUF string: 64-bit length, then bytes.
  Bytes& string(std::string_view text) { return number(uint64_t{text.size()}).raw(text); }
  Bytes& pad(size_t alignment) {
    text_.resize((text_.size() + alignment - 1) / alignment * alignment, '\0');
    return *this;
  }
  Bytes& zeros(size_t count) {
    text_.append(count, '\0');
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

inline const std::byte* as_bytes(const std::string& text) {
  return reinterpret_cast<const std::byte*>(text.data());
}

// The status that `run` throws; nullopt where it throws nothing.
inline std::optional<Error> thrown(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    return error;
  }
  return {};
}

}  // namespace blocksight

// The call throws Error with this status and names `fragment`.
#define CHECK_THROWS(expression, expected, fragment)                                  \
  do {                                                                                \
    const auto bs_error_value = ::blocksight::thrown([&] { (void)(expression); });    \
    if (!bs_error_value)                                                              \
      ::blocksight::check::fail(__FILE__, __LINE__, #expression " threw nothing");    \
    else if (bs_error_value->status() != (expected) ||                                \
             std::string(bs_error_value->what()).find(fragment) == std::string::npos) \
      ::blocksight::check::fail(__FILE__, __LINE__,                                   \
                                #expression " threw status " +                        \
                                    std::to_string(bs_error_value->status()) + ": " + \
                                    bs_error_value->what());                          \
  } while (0)

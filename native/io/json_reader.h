// A small strict JSON reader (RFC 8259) for hostile input: depth and size are bounded, duplicate
// keys, lone surrogates, invalid UTF-8, raw control characters and anything behind the value are
// refused. Numbers are doubles.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace blocksight {

class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;  // in the file's order

  static constexpr size_t kMaxDepth = 32;
  static constexpr size_t kMaxBytes = size_t{16} << 20;

  // Throws Error (BS_CORRUPT), naming the byte where reading stopped.
  static Json parse(std::string_view text);

  explicit Json(std::nullptr_t) : value_(nullptr) {}
  explicit Json(bool value) : value_(value) {}
  explicit Json(double value) : value_(value) {}
  explicit Json(std::string value) : value_(std::move(value)) {}
  explicit Json(Array value) : value_(std::move(value)) {}
  explicit Json(Object value) : value_(std::move(value)) {}

  // Null where the value has another type.
  const std::string* string() const { return std::get_if<std::string>(&value_); }
  const Array* array() const { return std::get_if<Array>(&value_); }
  const Object* object() const { return std::get_if<Object>(&value_); }
  std::optional<double> number() const;
  std::optional<bool> boolean() const;
  // A number without a fraction, 0 to 2^53.
  std::optional<uint64_t> integer() const;
  // Null where this is no object or lacks the key.
  const Json* find(std::string_view key) const;

 private:
  std::variant<std::nullptr_t, bool, double, std::string, Array, Object> value_;
};

}  // namespace blocksight

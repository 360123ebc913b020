// Writes the JSON of the describe calls; nothing here reads JSON.
#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>
#include <vector>

namespace blocksight {

inline std::string json_quote(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

class JsonObject {
 public:
  JsonObject& raw(std::string_view key, std::string_view json) {
    if (!body_.empty()) body_ += ',';
    body_.append(json_quote(key)).append(1, ':').append(json);
    return *this;
  }
  JsonObject& text(std::string_view key, std::string_view value) {
    return raw(key, json_quote(value));
  }
  template <typename Number>
    requires std::integral<Number> || std::floating_point<Number>
  JsonObject& number(std::string_view key, Number value) {
    char buffer[32];
    return raw(key, {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr});
  }
  JsonObject& texts(std::string_view key, const std::vector<std::string>& values) {
    std::string list;
    for (const std::string& value : values) {
      list.append(list.empty() ? "[" : ",").append(json_quote(value));
    }
    return raw(key, list.empty() ? "[]" : list + "]");
  }
  std::string str() const { return std::string(1, '{').append(body_).append(1, '}'); }

 private:
  std::string body_;
};

}  // namespace blocksight

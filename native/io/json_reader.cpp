#include "json_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/error.h"
#include "utf8.h"

namespace blocksight {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Json document() {
    Json value = any(0);
    space();
    if (at_ != text_.size()) fail("something behind the value");
    return value;
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw Error(BS_CORRUPT, std::string("JSON: ") + what + " at byte " + std::to_string(at_));
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    at_++;
    return true;
  }
  void expect(char c, const char* what) {
    if (!take(c)) fail(what);
  }
  void space() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') at_++;
  }
  void word(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) fail("an unknown word");
    at_ += expected.size();
  }

  Json any(size_t depth) {
    if (depth > Json::kMaxDepth) fail("too many levels");
    space();
    switch (peek()) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"':
        return Json(string());
      case 't':
        word("true");
        return Json(true);
      case 'f':
        word("false");
        return Json(false);
      case 'n':
        word("null");
        return Json(nullptr);
      default:
        return Json(number());
    }
  }

  Json object(size_t depth) {
    Json::Object members;
    at_++;
    space();
    if (take('}')) return Json(std::move(members));
    do {
      space();
      if (peek() != '"') fail("a key is expected");
      std::string key = string();
      space();
      expect(':', "':' is expected");
      members.emplace_back(std::move(key), any(depth + 1));
      space();
    } while (take(','));
    expect('}', "',' or '}' is expected");
    std::vector<std::string_view> keys;
    for (const auto& [key, value] : members) keys.push_back(key);
    std::sort(keys.begin(), keys.end());
    if (std::adjacent_find(keys.begin(), keys.end()) != keys.end()) fail("a duplicate key before");
    return Json(std::move(members));
  }

  Json array(size_t depth) {
    Json::Array items;
    at_++;
    space();
    if (take(']')) return Json(std::move(items));
    do {
      items.push_back(any(depth + 1));
      space();
    } while (take(','));
    expect(']', "',' or ']' is expected");
    return Json(std::move(items));
  }

  std::string string() {
    std::string out;
    at_++;
    for (;;) {
      if (at_ >= text_.size()) fail("a string without an end");
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') {
        at_++;
        return out;
      }
      if (c < 0x20) fail("a control character in a string");
      if (c == '\\') {
        at_++;
        escape(out);
      } else {
        const Utf8Char decoded = utf8_decode(text_, at_);
        if (!decoded.valid) fail("invalid UTF-8");
        out.append(text_.substr(at_, decoded.size));
        at_ += decoded.size;
      }
    }
  }

  void escape(std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
    const char c = peek();
    if (const size_t i = kNames.find(c); i != std::string_view::npos && c != '\0') {
      at_++;
      out += kValues[i];
      return;
    }
    if (!take('u')) fail("an unknown escape");
    uint32_t code = hex4();
    if (code >= 0xDC00 && code < 0xE000) fail("a lone surrogate");
    if (code >= 0xD800 && code < 0xDC00) {
      if (!take('\\') || !take('u')) fail("a lone surrogate");
      const uint32_t low = hex4();
      if (low < 0xDC00 || low >= 0xE000) fail("a lone surrogate");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    utf8_append(out, code);
  }

  uint32_t hex4() {
    uint32_t code = 0;
    for (int i = 0; i < 4; i++) {
      const char c = peek();
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) fail("four hexadecimal digits are expected");
      code = code << 4 | static_cast<uint32_t>(digit);
      at_++;
    }
    return code;
  }

  void digits() {
    if (peek() < '0' || peek() > '9') fail("a value is expected");
    while (peek() >= '0' && peek() <= '9') at_++;
  }

  double number() {
    const size_t start = at_;
    take('-');
    if (!take('0')) digits();
    if (take('.')) digits();
    if (peek() == 'e' || peek() == 'E') {
      at_++;
      if (!take('-')) take('+');
      digits();
    }
    double value = 0;
    const auto result = std::from_chars(text_.data() + start, text_.data() + at_, value);
    if (result.ec != std::errc() || result.ptr != text_.data() + at_) fail("a number out of range");
    return value;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Json Json::parse(std::string_view text) {
  if (text.size() > kMaxBytes)
    throw Error(BS_CORRUPT, "JSON: " + std::to_string(text.size()) + " bytes are too many");
  return Parser(text).document();
}

std::optional<double> Json::number() const {
  if (const double* value = std::get_if<double>(&value_)) return *value;
  return {};
}

std::optional<bool> Json::boolean() const {
  if (const bool* value = std::get_if<bool>(&value_)) return *value;
  return {};
}

std::optional<uint64_t> Json::integer() const {
  const auto value = number();
  if (!value || *value < 0 || *value > 0x1p53 || std::floor(*value) != *value) return {};
  return static_cast<uint64_t>(*value);
}

const Json* Json::find(std::string_view key) const {
  if (const Object* members = object())
    for (const auto& [name, value] : *members)
      if (name == key) return &value;
  return nullptr;
}

}  // namespace blocksight

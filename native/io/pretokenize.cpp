#include "pretokenize.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "unicode_table.h"
#include "utf8.h"

namespace blocksight {
namespace {

// Bytes that are no UTF-8 are `other`, one by one, so that any input has one well-defined cut.
enum Class : uint8_t { other, letter, number, space, late_number };

// One byte a code point: 1.1 MB once, and no search in the scan.
const std::vector<uint8_t>& classes() {
  static const std::vector<uint8_t> table = [] {
    std::vector<uint8_t> out(0x110000, other);
    const auto fill = [&](const auto& ranges, Class c) {
      for (const CodeRange& r : ranges) std::fill(&out[r.first], &out[r.last] + 1, c);
    };
    fill(kLetters, letter);
    fill(kNumbers, number);
    fill(kSpaces, space);
    fill(kLateNumbers, late_number);
    return out;
  }();
  return table;
}

struct Char {
  Class kind;
  uint32_t size;
};

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text), classes_(classes().data()) {}

  bool ended(size_t at) const { return at >= text_.size(); }
  char byte(size_t at) const { return at < text_.size() ? text_[at] : '\0'; }
  Char look(size_t at) const {
    const auto lead = static_cast<uint8_t>(text_[at]);
    if (lead < 0x80) return {static_cast<Class>(classes_[lead]), 1};
    const Utf8Char c = utf8_decode(text_, at);
    return {c.valid ? static_cast<Class>(classes_[c.code]) : other, c.size};
  }
  template <typename Belongs>
  size_t run(size_t at, Belongs belongs) const {
    while (!ended(at)) {
      const Char c = look(at);
      if (!belongs(c.kind)) break;
      at += c.size;
    }
    return at;
  }
  size_t letters(size_t at) const {
    return run(at, [](Class c) { return c == letter; });
  }

  // Length of 's 't 'm 'd 're 've 'll at the apostrophe `at`, or 0. With `fold`, any case, and the
  // long s (U+017F), which folds to s.
  size_t contraction(size_t at, bool fold) const {
    const auto lower = [&](size_t i) {
      const char c = byte(i);
      return fold && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    };
    const char a = lower(at + 1), b = lower(at + 2);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return 3;
    if (fold && byte(at + 1) == '\xC5' && byte(at + 2) == '\xBF') return 3;
    return 0;
  }

 private:
  std::string_view text_;
  const uint8_t* classes_;
};

bool is_newline(char c) { return c == '\r' || c == '\n'; }

}  // namespace

size_t next_word_smollm(std::string_view text, size_t at) {
  const Scanner scan(text);
  const auto is_digit = [](Class c) { return c == number || c == late_number; };
  const Char first = scan.look(at);
  if (is_digit(first.kind)) return at + first.size;
  if (text[at] == '\'')
    if (const size_t size = scan.contraction(at, false); size > 0) return at + size;

  size_t start = at;
  Class kind = first.kind;
  if (text[at] == ' ' && !scan.ended(at + 1)) {
    const Class next = scan.look(at + 1).kind;
    if (next == letter || next == other) start = at + 1, kind = next;
  }
  if (kind == letter) return scan.letters(start);
  if (kind == other) return scan.run(start, [](Class c) { return c == other; });

  // White space gives its last character to the word behind it, unless nothing or a digit follows:
  // digits are cut out first, so a run before one ends its piece.
  size_t last = at, end = at;
  while (!scan.ended(end)) {
    const Char c = scan.look(end);
    if (c.kind != space) return is_digit(c.kind) || last == at ? end : last;
    last = end;
    end += c.size;
  }
  return end;
}

size_t next_word_qwen2(std::string_view text, size_t at) {
  const Scanner scan(text);
  const auto is_other = [](Class c) { return c == other || c == late_number; };
  const Char first = scan.look(at);
  if (text[at] == '\'')
    if (const size_t size = scan.contraction(at, true); size > 0) return at + size;
  if (first.kind == letter) return scan.letters(at);
  if (first.kind == number) return at + first.size;

  const size_t behind = at + first.size;
  const bool more = !scan.ended(behind);
  const Class next = more ? scan.look(behind).kind : space;
  if (next == letter && !is_newline(text[at])) return scan.letters(behind);
  if (is_other(first.kind) || (text[at] == ' ' && is_other(next))) {
    size_t end = scan.run(is_other(first.kind) ? at : behind, is_other);
    while (is_newline(scan.byte(end))) end++;
    return end;
  }

  // White space: up to its last line break; without one, all but the last character, which belongs
  // to the word behind it.
  size_t last = at, end = at, line_end = at;
  while (!scan.ended(end)) {
    const Char c = scan.look(end);
    if (c.kind != space) break;
    last = end;
    end += c.size;
    if (is_newline(text[last])) line_end = end;
  }
  if (line_end > at) return line_end;
  return scan.ended(end) || last == at ? end : last;
}

NextWord next_word_for(std::string_view pre) {
  if (pre == "smollm") return next_word_smollm;
  if (pre == "qwen2") return next_word_qwen2;
  return nullptr;
}

}  // namespace blocksight

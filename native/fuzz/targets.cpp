#include "targets.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "adapter.h"
#include "core/error.h"
#include "gguf.h"
#include "io/json_reader.h"
#include "selftest/bytes.h"
#include "tokenizer.h"
#include "utf8.h"

namespace blocksight {
namespace {

void require(bool condition, const char* promise) {
  if (condition) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

void read_tensors(const GgufFile& file) {
  for (const std::string_view name : file.tensor_names()) {
    const StoredMatrix m = *file.tensor(name);
    require(m.rows > 0 && m.cols > 0, "a tensor has rows and columns");
    std::vector<float> row(static_cast<size_t>(m.cols));
    for (const int64_t r : {int64_t{0}, m.rows - 1})
      dequantize_row(m.type, m.data + static_cast<size_t>(r) * m.row_bytes, m.cols, row.data());
  }
}

void gguf(const uint8_t* data, size_t size) {
  try {
    const auto file = GgufFile::parse(reinterpret_cast<const std::byte*>(data), size);
    read_tensors(*file);
    for (const char* key : {"general.architecture", "tokenizer.ggml.tokens",
                            "tokenizer.ggml.token_type", "tokenizer.ggml.scores", "x"}) {
      (void)file->unsigned_value(key), (void)file->float_value(key), (void)file->string_value(key);
      (void)file->string_array(key), (void)file->int_array(key), (void)file->float_array(key);
    }
    const auto tokenizer = Tokenizer::from_gguf(*file);
    std::vector<uint32_t> ids, ends;
    tokenizer->encode("if (x1 == \t'é')\n  return <s>;", true, ids, ends);
    for (const uint32_t id : ids)
      require(id < tokenizer->vocab_size(), "an id is in the vocabulary");
  } catch (const Error&) {
  }
}

void adapter(const uint8_t* data, size_t size) {
  try {
    const auto file = Adapter::parse(reinterpret_cast<const std::byte*>(data), size);
    require(file->meta().layout.prefix.size() == kBlockTokens, "the prefix has 128 ids");
    (void)file->low_rank(0, "attn_q", 4, 3);
    (void)file->tensor("layers.0.index_q_norm.weight", 1, 4);
  } catch (const Error&) {
  }
}

void json(const uint8_t* data, size_t size) {
  try {
    (void)Json::parse({reinterpret_cast<const char*>(data), size});
  } catch (const Error&) {
  }
}

// All 256 bytes, some merges that meet in words of any kind, two special tokens.
std::shared_ptr<Tokenizer> sample_tokenizer(const char* pre) {
  std::vector<std::string> tokens, merges;
  uint32_t next = 256;
  for (uint32_t b = 0; b < 256; b++) {
    std::string text;
    utf8_append(text, (b >= 33 && b <= 126) || (b >= 161 && b != 173) ? b : next++);
    tokens.push_back(text);
  }
  for (const char* merge : {"a a", "aa a", "a b", "Ġ a", "Ġ Ġ", "ĠĠ ĠĠ", "' s", "Ċ Ċ", "- -",
                            "-- --", "Ã ©", "æ Ĺ", "æĹ ¥", "r e", "' re"}) {
    const std::string text = merge;
    merges.push_back(text);
    tokens.push_back(text.substr(0, text.find(' ')) + text.substr(text.find(' ') + 1));
  }
  tokens.insert(tokens.end(), {"<s>", "<s>a"});
  Bytes out = Bytes().raw("GGUF").number(uint32_t{3}).number(uint64_t{0}).number(uint64_t{5});
  const auto strings = [&](const char* key, const std::vector<std::string>& values) {
    out.string(key).number(uint32_t{9}).number(uint32_t{8}).number(uint64_t{values.size()});
    for (const std::string& value : values) out.string(value);
  };
  out.string("tokenizer.ggml.model").number(uint32_t{8}).string("gpt2");
  out.string("tokenizer.ggml.pre").number(uint32_t{8}).string(pre);
  strings("tokenizer.ggml.tokens", tokens);
  strings("tokenizer.ggml.merges", merges);
  out.string("tokenizer.ggml.token_type").number(uint32_t{9}).number(uint32_t{5});
  out.number(uint64_t{tokens.size()});
  for (size_t i = 0; i < tokens.size(); i++) out.number(int32_t{i < tokens.size() - 2 ? 1 : 3});
  return Tokenizer::from_gguf(*GgufFile::parse(as_bytes(out.text()), out.text().size()));
}

void tokenizer(const uint8_t* data, size_t size) {
  static const std::shared_ptr<Tokenizer> all[] = {sample_tokenizer("smollm"),
                                                   sample_tokenizer("qwen2")};
  if (size == 0) return;
  const Tokenizer& chosen = *all[data[0] & 1];
  const bool parse_special = (data[0] & 2) != 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::vector<uint32_t> ids, ends;
  chosen.encode(text, parse_special, ids, ends);
  require(ids.size() == ends.size(), "every id has an end");
  std::string decoded;
  for (size_t i = 0; i < ids.size(); i++) {
    decoded += chosen.token_bytes(ids[i]);
    require(decoded.size() == ends[i], "spans are the tokens' bytes");
    require(parse_special || ids[i] < 271, "text never becomes a special token");
  }
  require(decoded == text, "any bytes come back");
}

constexpr FuzzTarget kTargets[] = {
    {"gguf", gguf}, {"adapter", adapter}, {"json", json}, {"tokenizer", tokenizer}};

}  // namespace

std::span<const FuzzTarget> fuzz_targets() { return kTargets; }

const FuzzTarget& fuzz_target(const char* name) {
  for (const FuzzTarget& target : kTargets)
    if (std::strcmp(target.name, name) == 0) return target;
  std::fprintf(stderr, "no fuzz target %s\n", name);
  std::abort();
}

}  // namespace blocksight

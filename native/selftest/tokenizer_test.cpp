#include "tokenizer.h"

#include <chrono>
#include <thread>

#include "bpe.h"
#include "bytes.h"
#include "check.h"
#include "pretokenize.h"
#include "tokenizer_vectors.h"

namespace blocksight {
namespace {

std::shared_ptr<Tokenizer> shipped(const char* model) {
  const std::string path = std::string("media/models/") + model + ".tokenizer.gguf";
  const auto missing = thrown([&] { MappedFile file(path); });
  if (missing) SKIP("run from the repository's root to find media/models");
  return Tokenizer::from_gguf(*GgufFile::open(path));
}

std::string decode(const Tokenizer& tokenizer, const std::vector<uint32_t>& ids) {
  std::string out;
  for (const uint32_t id : ids) out += tokenizer.token_bytes(id);
  return out;
}

std::string join(const std::vector<uint32_t>& ids) {
  std::string out;
  for (const uint32_t id : ids) out += std::to_string(id) + " ";
  return out;
}

// Ends ascend, no token is empty, and the last ends with the text.
void check_spans(std::string_view text, const std::vector<uint32_t>& ends) {
  uint32_t begin = 0;
  for (const uint32_t end : ends) {
    CHECK(end > begin);
    begin = end;
  }
  if (!ends.empty()) CHECK_EQ(size_t{begin}, text.size());
}

struct TinyParts {
  std::string model = "gpt2", pre = "smollm";
  std::vector<std::string> tokens = {"a", "b", "c", "ab", "abc", "<s>", "Ġ", "Ġa"};
  std::vector<std::string> merges = {"a b", "ab c", "Ġ a"};
  std::vector<int32_t> types = {1, 1, 1, 1, 1, 3, 1, 1};
};

std::string tiny_file(const TinyParts& parts) {
  Bytes out = Bytes().raw("GGUF").number(uint32_t{3}).number(uint64_t{0}).number(uint64_t{5});
  const auto strings = [&](const char* key, const std::vector<std::string>& values) {
    out.string(key).number(uint32_t{9}).number(uint32_t{8}).number(uint64_t{values.size()});
    for (const std::string& value : values) out.string(value);
  };
  out.string("tokenizer.ggml.model").number(uint32_t{8}).string(parts.model);
  out.string("tokenizer.ggml.pre").number(uint32_t{8}).string(parts.pre);
  strings("tokenizer.ggml.tokens", parts.tokens);
  strings("tokenizer.ggml.merges", parts.merges);
  out.string("tokenizer.ggml.token_type").number(uint32_t{9}).number(uint32_t{5});
  out.number(uint64_t{parts.types.size()});
  for (const int32_t type : parts.types) out.number(type);
  return out.text();
}

std::shared_ptr<Tokenizer> tiny(const TinyParts& parts = {}) {
  const std::string file = tiny_file(parts);
  return Tokenizer::from_gguf(*GgufFile::parse(as_bytes(file), file.size()));
}

TEST("the coder's and the scout's ids are the reference's, on texts with pitfalls") {
  const auto coder = shipped("coder"), scout = shipped("scout");
  CHECK_EQ(coder->vocab_size(), 151936u);
  CHECK_EQ(scout->vocab_size(), 49152u);
  CHECK(kTokenizerVectors.size() > 30);
  for (const TokenizerVector& vector : kTokenizerVectors) {
    CHECK_EQ(join(coder->encode(vector.text)), join(vector.coder));
    CHECK_EQ(join(scout->encode(vector.text)), join(vector.scout));
  }
}

TEST("any bytes come back from the coder's tokens") {
  const auto coder = shipped("coder");
  uint32_t state = 1;
  for (int round = 0; round < 300; round++) {
    std::string text;
    for (int i = 0; i < 200; i++) {
      state = state * 1664525u + 1013904223u;
      text +=
          static_cast<char>(round % 2 ? state >> 24 : (state >> 28 ? 'a' + (state >> 27) : 0xE3));
    }
    std::vector<uint32_t> ids, ends;
    coder->encode(text, false, ids, ends);
    CHECK(decode(*coder, ids) == text);
    check_spans(text, ends);
    uint32_t begin = 0;
    for (size_t i = 0; i < ids.size(); i++) {
      CHECK(text.substr(begin, ends[i] - begin) == coder->token_bytes(ids[i]));
      begin = ends[i];
    }
  }
}

TEST("bytes that the scout's vocabulary lacks are counted in the token behind them") {
  const auto scout = shipped("scout");
  const std::string text = "ab\x04\x04 cd\xF1";  // no token has the bytes 04 and F1
  std::vector<uint32_t> ids, ends;
  scout->encode(text, false, ids, ends);
  CHECK(decode(*scout, ids) == "ab cd");
  check_spans(text, ends);
  CHECK(scout->encode("\x04").empty());
}

TEST("special tokens are parsed only when asked for, the longest first") {
  const auto coder = shipped("coder");
  const std::string text = "<|im_start|>user\nhi<|im_end|><|im_";
  std::vector<uint32_t> ids, ends;
  coder->encode(text, true, ids, ends);
  CHECK_EQ(ids.front(), 151644u);
  CHECK_EQ(coder->special_id("<|im_end|>"), 151645u);
  CHECK_EQ(coder->special_id("user"), kNoToken);
  CHECK_EQ(std::count(ids.begin(), ids.end(), 151645u), std::ptrdiff_t{1});
  CHECK(decode(*coder, ids) == text);
  check_spans(text, ends);
  for (const auto& [special, id] : coder->special())
    for (const uint32_t plain : coder->encode(special)) CHECK(plain != id);

  TinyParts parts;
  parts.tokens.push_back("<s>a");
  parts.types.push_back(4);
  std::vector<uint32_t> longest, longest_ends;
  tiny(parts)->encode("<s>abc<s>", true, longest, longest_ends);
  CHECK_EQ(join(longest), "8 1 2 5 ");
}

TEST("encoding appends, and does not depend on what was encoded before or beside it") {
  const auto coder = shipped("coder");
  std::string text;
  for (int i = 0; i < 3000; i++) text += "name_" + std::to_string(i * 7919) + " = f(x);\n";
  const std::vector<uint32_t> expected = shipped("coder")->encode(text);
  std::vector<uint32_t> ids = {7}, ends = {0};
  coder->encode(text, false, ids, ends);
  CHECK_EQ(ids.size(), expected.size() + 1);
  CHECK_EQ(ids[0], 7u);
  std::vector<std::thread> threads;
  std::vector<int> right(4, 0);
  for (size_t t = 0; t < right.size(); t++)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 5; i++) right[t] += coder->encode(text) == expected;
    });
  for (std::thread& thread : threads) thread.join();
  for (const int count : right) CHECK_EQ(count, 5);
}

TEST("a line of 5 MB without a break takes no quadratic time and is still exact") {
  const auto coder = shipped("coder");
  for (const char* unit : {"ab", " ", "=", "\xE6\x97\xA5", "\xFF"}) {
    std::string text;
    const size_t size = std::string_view(unit) == "ab" ? 5'000'000 : 500'000;
    while (text.size() < size) text += unit;
    const auto start = std::chrono::steady_clock::now();
    const std::vector<uint32_t> ids = coder->encode(text);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    CHECK(elapsed.count() < 30);  // quadratic: hours
    CHECK(decode(*coder, ids) == text);
  }
}

// Merges by the definition: the lowest rank, leftmost, one at a time.
void merge_plainly(const MergeTable& table, std::vector<Symbol>& word) {
  for (;;) {
    size_t best = word.size();
    uint32_t best_rank = kNoToken;
    for (size_t i = 0; i + 1 < word.size(); i++)
      if (const uint32_t rank = table.rank(word[i].id, word[i + 1].id); rank < best_rank)
        best = i, best_rank = rank;
    if (best == word.size()) return;
    word[best] = {table.merged(best_rank), word[best].size + word[best + 1].size};
    word.erase(word.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

TEST("merging with a heap, with a scan and by the definition give the same tokens") {
  // Strings over two letters up to length 8, merged in an arbitrary order.
  std::vector<std::string> tokens = {"a", "b"};
  std::vector<MergeTable::Merge> merges;
  uint32_t state = 5;
  const auto pick = [&](size_t count) {
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % count;
  };
  while (merges.size() < 60) {
    const size_t left = pick(tokens.size()), right = pick(tokens.size());
    const std::string whole = tokens[left] + tokens[right];
    const bool known = std::any_of(merges.begin(), merges.end(), [&](const auto& merge) {
      return merge.left == left && merge.right == right;
    });
    if (known || whole.size() > 8) continue;
    size_t id =
        static_cast<size_t>(std::find(tokens.begin(), tokens.end(), whole) - tokens.begin());
    if (id == tokens.size()) tokens.push_back(whole);
    merges.push_back(
        {static_cast<uint32_t>(left), static_cast<uint32_t>(right), static_cast<uint32_t>(id)});
  }
  const MergeTable table(merges);
  WordMerger merger;
  for (int round = 0; round < 400; round++) {
    std::vector<Symbol> word(1 + pick(200)), plain;
    for (Symbol& symbol : word) symbol = {static_cast<uint32_t>(pick(2)), 1};
    plain = word;
    merger.merge(table, word);
    merge_plainly(table, plain);
    CHECK_EQ(word.size(), plain.size());
    for (size_t i = 0; i < std::min(word.size(), plain.size()); i++)
      CHECK(word[i].id == plain[i].id && word[i].size == plain[i].size);
  }
}

TEST("every word has at least one byte and words tile any text") {
  uint32_t state = 3;
  for (const char* pre : {"smollm", "qwen2"}) {
    const NextWord next = next_word_for(pre);
    for (int round = 0; round < 200; round++) {
      std::string text;
      for (int i = 0; i < 100; i++) {
        state = state * 1664525u + 1013904223u;
        constexpr std::string_view kLikely =
            " \n\r\t'sStTrevlmd1a\xE2\x80\xA8\xC5\xBF\xC3\xA9\xF0\x9F";
        text +=
            state >> 30 ? kLikely[(state >> 8) % kLikely.size()] : static_cast<char>(state >> 16);
      }
      for (size_t at = 0; at < text.size();) {
        const size_t end = next(text, at);
        CHECK(end > at && end <= text.size());
        if (end <= at || end > text.size()) return;
        at = end;
      }
    }
  }
}

TEST("a tokenizer that is not byte-level BPE, or of another split, is refused by name") {
  CHECK_EQ(join(tiny()->encode("abc ab a")), "4 6 3 7 ");
  CHECK_THROWS(tiny({.model = "llama"}), BS_UNSUPPORTED_TOKENIZER, "\"llama\"");
  CHECK_THROWS(tiny({.pre = "llama-bpe"}), BS_UNSUPPORTED_TOKENIZER, "\"llama-bpe\"");
}

TEST("a tokenizer that contradicts itself is refused") {
  const auto changed = [](auto change) {
    TinyParts parts;
    change(parts);
    return tiny(parts);
  };
  using P = TinyParts;
  CHECK_THROWS(changed([](P& p) { p.types.pop_back(); }), BS_CORRUPT, "7 entries for 8 tokens");
  CHECK_THROWS(changed([](P& p) { p.types[0] = 9; }), BS_CORRUPT, "unknown type 9");
  CHECK_THROWS(changed([](P& p) { p.tokens.clear(), p.types.clear(); }), BS_CORRUPT, "tokens");
  CHECK_THROWS(changed([](P& p) { p.tokens[1] = "a"; }), BS_CORRUPT, "token 1 stands twice");
  CHECK_THROWS(changed([](P& p) { p.tokens[5] = ""; }), BS_CORRUPT, "special token 5");
  CHECK_THROWS(changed([](P& p) { p.merges[0] = "ab"; }), BS_CORRUPT, "merge 0 has no space");
  CHECK_THROWS(changed([](P& p) { p.merges[0] = "a x"; }), BS_CORRUPT, "merge 0 names");
  CHECK_THROWS(changed([](P& p) { p.merges[0] = "b a"; }), BS_CORRUPT, "merge 0 names");
  CHECK_THROWS(changed([](P& p) { p.merges[1] = "a b"; }), BS_CORRUPT, "a merge stands twice");
  // A merge into a special token: text would become that token.
  CHECK_THROWS(changed([](P& p) { p.types[3] = 3; }), BS_CORRUPT, "names");
}

TEST("a tokenizer's hash names its tokens, merges, types and split") {
  const std::string base = tiny()->hash();
  CHECK_EQ(tiny()->hash(), base);
  TinyParts split{.pre = "qwen2"}, types, tokens, merges;
  types.types[5] = 4;
  tokens.tokens[5] = "<t>";
  merges.merges.pop_back();
  for (const TinyParts& parts : {split, types, tokens, merges}) CHECK(tiny(parts)->hash() != base);
}

TEST("ids outside the vocabulary and padding have no bytes") {
  TinyParts parts;
  parts.tokens.push_back("[PAD8]");
  parts.types.push_back(5);
  const auto tokenizer = tiny(parts);
  CHECK_EQ(tokenizer->vocab_size(), 9u);
  CHECK_EQ(tokenizer->token_bytes(6), " ");
  CHECK_EQ(tokenizer->token_bytes(5), "<s>");
  CHECK(tokenizer->token_bytes(8).empty());
  CHECK(tokenizer->token_bytes(9).empty());
  CHECK(tokenizer->token_bytes(kNoToken).empty());
}

}  // namespace
}  // namespace blocksight

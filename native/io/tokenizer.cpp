#include "tokenizer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <unordered_map>

#include "bpe.h"
#include "core/error.h"
#include "pretokenize.h"
#include "sha256.h"
#include "utf8.h"

namespace blocksight {
namespace {

// tokenizer.ggml.token_type
enum TokenType : int32_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5 };

[[noreturn]] void corrupt(const std::string& what) {
  throw Error(BS_CORRUPT, "tokenizer: " + what);
}

// GPT-2's alphabet: printable Latin-1 stands for itself, the other 68 bytes for U+0100 onwards.
std::array<uint32_t, 256> byte_alphabet() {
  std::array<uint32_t, 256> out{};
  uint32_t next = 256;
  for (uint32_t b = 0; b < 256; b++) {
    const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b != 173);
    out[b] = printable ? b : next++;
  }
  return out;
}

std::string alphabet_text(uint8_t byte) {
  static const std::array<uint32_t, 256> alphabet = byte_alphabet();
  std::string out;
  utf8_append(out, alphabet[byte]);
  return out;
}

// The bytes of a token written in the alphabet; its own text where it is not.
std::string token_text_bytes(std::string_view text) {
  static const std::array<int16_t, 324> bytes = [] {
    std::array<int16_t, 324> out;
    out.fill(-1);
    const std::array<uint32_t, 256> alphabet = byte_alphabet();
    for (size_t b = 0; b < 256; b++) out[alphabet[b]] = static_cast<int16_t>(b);
    return out;
  }();
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = utf8_decode(text, at);
    if (!c.valid || c.code >= bytes.size() || bytes[c.code] < 0) return std::string(text);
    out += static_cast<char>(bytes[c.code]);
    at += c.size;
  }
  return out;
}

// Words that were merged before, direct-mapped: a new word replaces what lies in its place. An
// entry is one cache line; longer words are merged anew.
class WordCache {
 public:
  static constexpr size_t kMaxBytes = 23, kMaxTokens = 9, kEntries = size_t{1} << 15;

  struct Key {
    std::array<uint64_t, 3> part{};  // the word's bytes, zeros, and its length in the last byte
  };
  struct Entry {
    Key key;
    std::array<uint32_t, kMaxTokens> ids;
    uint32_t count;
  };

  static Key key(std::string_view word) {
    Key key;
    std::memcpy(key.part.data(), word.data(), word.size());
    key.part[2] |= uint64_t{word.size()} << 56;
    return key;
  }
  Entry& place(const Key& key) {
    uint64_t h = key.part[0] * 0x9E3779B97F4A7C15u;
    h = (h ^ h >> 32 ^ key.part[1]) * 0xBF58476D1CE4E5B9u;
    h = (h ^ h >> 32 ^ key.part[2]) * 0x94D049BB133111EBu;
    return entries_[static_cast<size_t>(h >> 40) % kEntries];
  }

 private:
  std::vector<Entry> entries_ = std::vector<Entry>(kEntries);
};

struct Workspace {
  WordCache cache;
  WordMerger merger;
  std::vector<Symbol> word;
};

class BpeTokenizer final : public Tokenizer {
 public:
  explicit BpeTokenizer(const GgufFile& file) : merges_({}) {
    const std::string_view model = file.need_string("tokenizer.ggml.model");
    if (model != "gpt2")
      throw Error(BS_UNSUPPORTED_TOKENIZER, "the tokenizer model \"" + std::string(model) +
                                                "\" is not supported; gpt2 (byte-level BPE) is");
    pre_ = file.string_value("tokenizer.ggml.pre").value_or("(none)");
    next_word_ = next_word_for(pre_);
    if (next_word_ == nullptr)
      throw Error(BS_UNSUPPORTED_TOKENIZER,
                  "the pre-tokenizer \"" + pre_ + "\" is not supported; smollm and qwen2 are");
    const auto tokens = file.string_array("tokenizer.ggml.tokens");
    const auto merges = file.string_array("tokenizer.ggml.merges");
    if (!tokens || tokens->empty()) corrupt("tokenizer.ggml.tokens is missing");
    if (!merges) corrupt("tokenizer.ggml.merges is missing");
    if (tokens->size() > INT32_MAX) corrupt("too many tokens");
    std::vector<int32_t> types(tokens->size(), normal);
    if (const auto given = file.int_array("tokenizer.ggml.token_type")) {
      if (given->size() != tokens->size())
        corrupt("tokenizer.ggml.token_type has " + std::to_string(given->size()) + " entries for " +
                std::to_string(tokens->size()) + " tokens");
      types = *given;
    }
    read_tokens(*tokens, types);
    read_merges(*tokens, types, *merges);
    hash_ = hash_of(*tokens, types, *merges);
  }

  void encode(std::string_view text, bool parse_special, std::vector<uint32_t>& ids,
              std::vector<uint32_t>& ends) const override {
    if (text.size() >= kNoToken)
      throw Error(BS_INVALID_ARGUMENT, "a text of 4 GiB or more cannot be tokenized at once");
    const size_t before = ids.size();
    std::unique_ptr<Workspace> workspace = take_workspace();
    size_t at = 0;
    while (at < text.size()) {
      size_t begin = text.size(), end = text.size();
      uint32_t id = kNoToken;
      if (parse_special) find_special(text, at, begin, end, id);
      encode_plain(text.substr(0, begin), at, *workspace, ids, ends);
      if (id != kNoToken) {
        ids.push_back(id);
        ends.push_back(static_cast<uint32_t>(end));
      }
      at = end;
    }
    // Bytes without a token belong to the token behind them, at the end to the last one.
    if (ids.size() > before) ends.back() = static_cast<uint32_t>(text.size());
    give_workspace(std::move(workspace));
  }

  std::string_view token_bytes(uint32_t id) const override {
    if (id >= vocab_size()) return {};
    return std::string_view(bytes_).substr(starts_[id], starts_[id + 1] - starts_[id]);
  }
  uint32_t vocab_size() const override { return static_cast<uint32_t>(starts_.size() - 1); }
  const std::string& pre() const override { return pre_; }
  const std::string& hash() const override { return hash_; }
  const std::map<std::string, uint32_t>& special() const override { return special_; }

 private:
  void read_tokens(const std::vector<std::string_view>& tokens, const std::vector<int32_t>& types) {
    starts_.push_back(0);
    for (size_t i = 0; i < tokens.size(); i++) {
      if (types[i] < normal || types[i] > 6)
        corrupt("token " + std::to_string(i) + " has the unknown type " + std::to_string(types[i]));
      if (types[i] == control || types[i] == user_defined) {
        if (tokens[i].empty() || !special_.emplace(tokens[i], i).second)
          corrupt("the special token " + std::to_string(i) + " is empty or stands twice");
        bytes_ += tokens[i];
      } else if (types[i] != unused) {
        bytes_ += token_text_bytes(tokens[i]);
      }
      if (bytes_.size() >= kNoToken) corrupt("the tokens are too long");
      starts_.push_back(static_cast<uint32_t>(bytes_.size()));
    }
    for (const auto& [text, id] : special_) {
      special_lead_[static_cast<uint8_t>(text[0])] = true;
      special_by_length_.emplace_back(text, id);
    }
    std::stable_sort(special_by_length_.begin(), special_by_length_.end(),
                     [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
  }

  // Only normal tokens take part in merging: text can never become a special token.
  void read_merges(const std::vector<std::string_view>& tokens, const std::vector<int32_t>& types,
                   const std::vector<std::string_view>& merges) {
    std::unordered_map<std::string_view, uint32_t> ids;
    ids.reserve(tokens.size());
    for (size_t i = 0; i < tokens.size(); i++)
      if (types[i] == normal && !ids.emplace(tokens[i], static_cast<uint32_t>(i)).second)
        corrupt("token " + std::to_string(i) + " stands twice");
    const auto find = [&](std::string_view text) {
      const auto found = ids.find(text);
      return found == ids.end() ? kNoToken : found->second;
    };
    for (size_t b = 0; b < 256; b++) byte_ids_[b] = find(alphabet_text(static_cast<uint8_t>(b)));

    std::vector<MergeTable::Merge> list;
    list.reserve(merges.size());
    std::string whole;
    for (size_t i = 0; i < merges.size(); i++) {
      const size_t cut = merges[i].find(' ');
      if (cut == std::string_view::npos) corrupt("merge " + std::to_string(i) + " has no space");
      const std::string_view left = merges[i].substr(0, cut), right = merges[i].substr(cut + 1);
      whole.assign(left).append(right);
      const MergeTable::Merge merge{find(left), find(right), find(whole)};
      if (merge.left == kNoToken || merge.right == kNoToken || merge.merged == kNoToken)
        corrupt("merge " + std::to_string(i) + " names something that is no token");
      list.push_back(merge);
    }
    merges_ = MergeTable(std::move(list));
    if (!merges_.unique()) corrupt("a merge stands twice");
  }

  std::string hash_of(const std::vector<std::string_view>& tokens,
                      const std::vector<int32_t>& types,
                      const std::vector<std::string_view>& merges) const {
    Sha256 sha;
    const auto number = [&](uint64_t n) { sha.update(&n, sizeof(n)); };
    const auto string = [&](std::string_view text) {
      number(text.size());
      sha.update(text.data(), text.size());
    };
    string(pre_);
    number(tokens.size());
    for (const std::string_view token : tokens) string(token);
    sha.update(types.data(), types.size() * sizeof(types[0]));
    number(merges.size());
    for (const std::string_view merge : merges) string(merge);
    return hex(sha.digest());
  }

  // The first special token from `at` on, the longest where several begin there.
  void find_special(std::string_view text, size_t at, size_t& begin, size_t& end,
                    uint32_t& id) const {
    for (size_t i = at; i < text.size(); i++) {
      if (!special_lead_[static_cast<uint8_t>(text[i])]) continue;
      for (const auto& [special, special_id] : special_by_length_)
        if (text.substr(i, special.size()) == special) {
          begin = i, end = i + special.size(), id = special_id;
          return;
        }
    }
  }

  // The words of text[at..]; positions count from the text's beginning.
  void encode_plain(std::string_view text, size_t at, Workspace& workspace,
                    std::vector<uint32_t>& ids, std::vector<uint32_t>& ends) const {
    while (at < text.size()) {
      const size_t end = next_word_(text, at);
      encode_word(text.substr(at, end - at), at, workspace, ids, ends);
      at = end;
    }
  }

  void encode_word(std::string_view word, size_t at, Workspace& workspace,
                   std::vector<uint32_t>& ids, std::vector<uint32_t>& ends) const {
    const bool small = word.size() <= WordCache::kMaxBytes;
    WordCache::Key key;
    WordCache::Entry* entry = nullptr;
    auto end = static_cast<uint32_t>(at);
    if (small) {
      key = WordCache::key(word);
      entry = &workspace.cache.place(key);
      if (entry->key.part == key.part) {
        for (uint32_t i = 0; i < entry->count; i++) {
          const uint32_t id = entry->ids[i];
          ids.push_back(id);
          end += starts_[id + 1] - starts_[id];
          ends.push_back(end);
        }
        return;
      }
    }
    std::vector<Symbol>& symbols = workspace.word;
    symbols.clear();
    uint32_t dropped = 0, pending = 0;
    for (const char c : word) {
      const uint32_t id = byte_ids_[static_cast<uint8_t>(c)];
      if (id == kNoToken) {
        dropped++, pending++;
        continue;
      }
      symbols.push_back({id, 1 + pending});
      pending = 0;
    }
    workspace.merger.merge(merges_, symbols);
    for (const Symbol& symbol : symbols) {
      ids.push_back(symbol.id);
      end += symbol.size;
      ends.push_back(end);
    }
    if (!small || dropped > 0 || symbols.size() > WordCache::kMaxTokens) return;
    entry->key = key;
    entry->count = static_cast<uint32_t>(symbols.size());
    for (size_t i = 0; i < symbols.size(); i++) entry->ids[i] = symbols[i].id;
  }

  // A workspace has a warm cache; concurrent callers get one each, and give it back.
  std::unique_ptr<Workspace> take_workspace() const {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<Workspace>();
    std::unique_ptr<Workspace> workspace = std::move(idle_.back());
    idle_.pop_back();
    return workspace;
  }
  void give_workspace(std::unique_ptr<Workspace> workspace) const {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kMaxIdle) idle_.push_back(std::move(workspace));
  }
  static constexpr size_t kMaxIdle = 8;

  std::string pre_, hash_;
  NextWord next_word_ = nullptr;
  std::string bytes_;             // of all tokens
  std::vector<uint32_t> starts_;  // [vocab + 1] into bytes_
  std::array<uint32_t, 256> byte_ids_{};
  MergeTable merges_;
  std::map<std::string, uint32_t> special_;
  std::vector<std::pair<std::string, uint32_t>> special_by_length_;
  std::array<bool, 256> special_lead_{};
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Workspace>> idle_;
};

}  // namespace

std::shared_ptr<Tokenizer> Tokenizer::from_gguf(const GgufFile& file) {
  return std::make_shared<BpeTokenizer>(file);
}

uint32_t Tokenizer::special_id(std::string_view text) const {
  const auto found = special().find(std::string(text));
  return found == special().end() ? kNoToken : found->second;
}

std::vector<uint32_t> Tokenizer::encode(std::string_view text) const {
  std::vector<uint32_t> ids, ends;
  encode(text, false, ids, ends);
  return ids;
}

}  // namespace blocksight

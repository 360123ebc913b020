// Byte-level BPE from a GGUF's tokens and merges, with the pre-tokenizers `smollm` and `qwen2`.
// Other pre-tokenizers are named and refused (BS_UNSUPPORTED_TOKENIZER). Text is bytes: nothing is
// normalised (upstream Qwen applies NFC), and invalid UTF-8 is ordinary text, byte by byte.
//
// A vocabulary may lack single bytes: the scout's has no token for 15 bytes that begin no common
// UTF-8 character and for six control characters. Like the reference implementation, encoding drops
// such a byte; it is counted in the span of the token behind it (at the end: of the last token), so
// spans always tile the text, and decode(encode(x)) == x for any x whose bytes all have tokens.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gguf.h"

namespace blocksight {

class Tokenizer {
 public:
  static std::shared_ptr<Tokenizer> from_gguf(const GgufFile&);
  virtual ~Tokenizer() = default;

  // Appends ids and exclusive byte end offsets. Thread-safe. `parse_special` only for our own
  // template text: file text and questions never become special tokens.
  virtual void encode(std::string_view text, bool parse_special, std::vector<uint32_t>& ids,
                      std::vector<uint32_t>& ends) const = 0;
  // Empty for an unknown id and for padding of the vocabulary.
  virtual std::string_view token_bytes(uint32_t id) const = 0;
  virtual uint32_t vocab_size() const = 0;
  virtual const std::string& pre() const = 0;
  virtual const std::string& hash() const = 0;  // sha256 hex of tokens, merges, types, pre
  // Control and user-defined tokens.
  virtual const std::map<std::string, uint32_t>& special() const = 0;
  // 0xFFFFFFFF when the text is no special token.
  uint32_t special_id(std::string_view text) const;

  std::vector<uint32_t> encode(std::string_view text) const;
};

}  // namespace blocksight

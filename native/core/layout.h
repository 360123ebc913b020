// Where tokens stand: the prefix, positions of segments and conversation, headers. An adapter says
// it; a model without one gets the defaults of the independent layout.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "adapter.h"
#include "tokenizer.h"

namespace blocksight {

inline constexpr uint32_t kSegmentBlocks = 15;  // with block 0 a segment sees at most 16 blocks
inline constexpr uint32_t kWindowTokens = 2048;
inline constexpr uint32_t kWindowBlocks = kWindowTokens / kBlockTokens;

enum class LayoutKind : uint8_t { independent, causal };

struct Layout {
  LayoutKind kind = LayoutKind::independent;
  std::vector<uint32_t> prefix;  // block 0: exactly 128 ids
  // Independent layout. In the causal one a token's position is its slot.
  uint32_t segment_position = 128, conversation_position = 2176;
  std::string header, part;
  std::optional<uint32_t> citation_token;  // the model cites: the special token of `header`
  uint32_t filler = 0;                     // a newline; fills files to a block in the causal layout
};

// Throws Error (BS_CORRUPT) where the adapter's values do not fit the tokenizer.
Layout layout_of_adapter(const AdapterLayout&, const Tokenizer&, LayoutKind);

// `prefix_text`: the rendered system turn, special tokens and all; newline tokens fill it to one
// block before its last special token, hence inside the turn. Null: our own text in ChatML where
// the tokenizer has its tokens, else as plain text. Throws Error (BS_INVALID_ARGUMENT) where the
// text is longer than a block.
Layout default_layout(const char* prefix_text, const Tokenizer&, LayoutKind);

}  // namespace blocksight

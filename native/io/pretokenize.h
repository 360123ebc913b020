// Cuts text into the words that byte-pair merges may not cross. The published pre-tokenizers are
// regular expressions; here each is a scanner that gives the same cuts in linear time.
#pragma once

#include <cstddef>
#include <string_view>

namespace blocksight {

// Where the word that begins at `at` ends; at < text.size(), the result is above `at`.
using NextWord = size_t (*)(std::string_view text, size_t at);

// Single digits, then GPT-2's split of what lies between them:
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
size_t next_word_smollm(std::string_view text, size_t at);

//   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*
//   |\s*[\r\n]+|\s+(?!\S)|\s+
size_t next_word_qwen2(std::string_view text, size_t at);

// By the name in `tokenizer.ggml.pre`; null for any other.
NextWord next_word_for(std::string_view pre);

}  // namespace blocksight

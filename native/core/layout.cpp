#include "layout.h"

#include <algorithm>
#include <set>

#include "error.h"

namespace blocksight {

namespace {

constexpr uint32_t kNoToken = 0xFFFFFFFFu;

// The system text that the coder was tuned with, without its last fillers.
constexpr char kSystemText[] =
    "You answer questions about the source code of one repository. Its files come next, each part "
    "under a line with its path. Answer from these files, briefly and exactly, and name in "
    "backticks "
    "the path of the file in which the answer stands. Quote names and signatures as they are "
    "written "
    "in the code. Prefer the definition to its uses; if several files match, name the one that "
    "defines it. If the repository does not contain the answer, say that it is not defined in this "
    "repository.";

uint32_t newline_token(const Tokenizer& tokenizer) {
  const std::vector<uint32_t> ids = tokenizer.encode("\n");
  if (ids.size() != 1) {
    throw Error(BS_UNSUPPORTED_TOKENIZER, "The tokenizer has no single token for a newline.");
  }
  return ids[0];
}

constexpr std::string_view kSystemPlace = "{system}";

std::string default_prefix_text(const Tokenizer& tokenizer) {
  const std::string open = "<|im_start|>", close = "<|im_end|>";
  const std::string place(kSystemPlace);
  if (tokenizer.special_id(open) == kNoToken || tokenizer.special_id(close) == kNoToken) {
    return place;
  }
  return open + "system\n" + place + close + "\n";
}

std::string with_system_text(std::string text) {
  if (const size_t at = text.find(kSystemPlace); at != std::string::npos) {
    text.replace(at, kSystemPlace.size(), kSystemText);
  }
  return text;
}

std::vector<uint32_t> filled_prefix(const std::string& text, const Tokenizer& tokenizer) {
  std::vector<uint32_t> ids, ends;
  tokenizer.encode(text, true, ids, ends);
  if (ids.size() > kBlockTokens) {
    throw Error(BS_INVALID_ARGUMENT, "The system text has " + std::to_string(ids.size()) +
                                         " tokens; one block holds 128.");
  }
  std::set<uint32_t> special;
  for (const auto& [name, id] : tokenizer.special()) special.insert(id);
  const auto last =
      std::find_if(ids.rbegin(), ids.rend(), [&](uint32_t id) { return special.contains(id); });
  // Behind the last special token, if there is none: at the end.
  const auto at = last == ids.rend() ? ids.end() : std::prev(last.base());
  ids.insert(at, kBlockTokens - ids.size(), newline_token(tokenizer));
  return ids;
}

}  // namespace

Layout layout_of_adapter(const AdapterLayout& from, const Tokenizer& tokenizer, LayoutKind kind) {
  Layout layout;
  layout.kind = kind;
  layout.prefix = from.prefix;
  layout.segment_position = from.segment_position;
  layout.conversation_position = from.conversation_position;
  layout.header = from.header;
  layout.part = from.part;
  layout.filler = newline_token(tokenizer);
  const bool in_vocabulary = std::all_of(from.prefix.begin(), from.prefix.end(),
                                         [&](uint32_t id) { return id < tokenizer.vocab_size(); });
  if (from.prefix.size() != kBlockTokens || !in_vocabulary) {
    throw Error(BS_CORRUPT, "The adapter's prefix is not one block of the model's tokens.");
  }
  constexpr uint32_t kMostPosition = 1u << 24;  // exact in fp32, and far beyond any context
  if (from.segment_position > kMostPosition || from.conversation_position > kMostPosition) {
    throw Error(BS_CORRUPT, "The adapter's positions are out of range.");
  }
  const std::string opening = from.header.substr(0, from.header.find('>') + 1);
  const uint32_t token = tokenizer.special_id(opening);
  if (token == kNoToken) {
    throw Error(BS_CORRUPT, "The adapter's header does not open with a special token.");
  }
  if (from.citation) layout.citation_token = token;
  return layout;
}

Layout default_layout(const char* prefix_text, const Tokenizer& tokenizer, LayoutKind kind) {
  Layout layout;
  layout.kind = kind;
  const std::string text = prefix_text ? prefix_text : default_prefix_text(tokenizer);
  layout.prefix = filled_prefix(with_system_text(text), tokenizer);
  layout.filler = newline_token(tokenizer);
  std::string opening = "# ";
  for (const char* special : {"<file_sep>", "<|file_sep|>"}) {
    if (tokenizer.special_id(special) != kNoToken) opening = special;
  }
  layout.header = opening + "{path}{part}\n";
  layout.part = " (part {k} of {n})";
  return layout;
}

}  // namespace blocksight

// Packs of made tokens over made models.
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>

#include "core/pack.h"
#include "tiny_model.h"

namespace blocksight::check {

// Segment i is file i.
inline std::unique_ptr<Pack> pack_of(const std::shared_ptr<Model>& model,
                                     const std::vector<std::vector<uint32_t>>& segments) {
  std::vector<bs_segment> given;
  for (size_t i = 0; i < segments.size(); i++) {
    given.push_back({.ids = segments[i].data(),
                     .count = static_cast<uint32_t>(segments[i].size()),
                     .file = static_cast<uint32_t>(i)});
  }
  return std::make_unique<Pack>(model, given);
}

// Greedy, traced, not citing; the prompt is one user turn.
inline bs_ask_options ask_options(const std::vector<uint32_t>& prompt,
                                  const std::vector<uint32_t>& sight, uint32_t max_tokens) {
  bs_ask_options options = {};
  options.prompt = prompt.data();
  options.prompt_count = prompt.size();
  options.sight = sight.data();
  options.sight_count = sight.size();
  options.max_tokens = max_tokens;
  options.top_p = options.repetition_penalty = 1;
  options.trace = 1;
  return options;
}

// Changes the last byte of every piece of the KV part, in the file that whoever has it open reads.
inline void spoil(const std::filesystem::path& path, const PageSize& size) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  const auto bytes = static_cast<std::streamoff>(std::filesystem::file_size(path));
  const auto piece = static_cast<std::streamoff>(size.kv_bytes / size.kv_pieces);
  for (size_t i = 0; i < size.kv_pieces; i++) {
    const std::streamoff at = bytes - 1 - static_cast<std::streamoff>(i) * piece;
    file.seekg(at);
    const auto byte = static_cast<char>(file.get() ^ 1);
    file.seekp(at);
    file.put(byte);
  }
}

}  // namespace blocksight::check

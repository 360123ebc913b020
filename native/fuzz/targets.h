// What is fuzzed. Each takes any bytes; it may refuse them with Error, and nothing else: no crash,
// no other exception, no broken promise (which aborts). libFuzzer runs them one by one
// (fuzz/sources.cmake), the native tests with a bounded number of mutated seeds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace blocksight {

struct FuzzTarget {
  const char* name;  // also the folder of its seeds in fuzz/corpus
  void (*run)(const uint8_t* data, size_t size);
};

// gguf: the file, all its tensors, and a tokenizer from it. adapter: the file and all its deltas.
// json: one document. tokenizer: the first byte picks split and specials, the rest is text.
std::span<const FuzzTarget> fuzz_targets();
const FuzzTarget& fuzz_target(const char* name);

}  // namespace blocksight

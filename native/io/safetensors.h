// safetensors: eight bytes of header length, a JSON header, tensors. Hostile input: the tensors
// must tile the data exactly, in some order, without a gap or an overlap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace blocksight {

struct SafeTensor {
  std::string dtype;           // as written: "F32", "I8", ...
  std::vector<int64_t> shape;  // at most 8 dimensions, none of them 0
  const std::byte* data = nullptr;
  size_t bytes = 0;
};

struct SafeTensors {
  std::map<std::string, std::string, std::less<>> metadata;
  std::map<std::string, SafeTensor, std::less<>> tensors;
};

// Views into `data`. Throws Error: BS_TRUNCATED, BS_CORRUPT.
SafeTensors parse_safetensors(const std::byte* data, size_t size);

}  // namespace blocksight

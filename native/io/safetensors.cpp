#include "safetensors.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "json_reader.h"

namespace blocksight {
namespace {

[[noreturn]] void corrupt(const std::string& what) {
  throw Error(BS_CORRUPT, "safetensors: " + what);
}

uint64_t element_bytes(const std::string& dtype) {
  if (dtype == "F32" || dtype == "I32" || dtype == "U32") return 4;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16" || dtype == "U16") return 2;
  if (dtype == "I8" || dtype == "U8" || dtype == "BOOL" || dtype == "F8_E4M3" || dtype == "F8_E5M2")
    return 1;
  if (dtype == "F64" || dtype == "I64" || dtype == "U64") return 8;
  corrupt("the type " + dtype.substr(0, 16) + " is unknown");
}

struct Place {
  uint64_t begin, end;
};

SafeTensor read_tensor(const std::string& name, const Json& entry, Place& place) {
  const std::string which = "tensor " + name.substr(0, 80);
  const Json *dtype = entry.find("dtype"), *shape = entry.find("shape"),
             *offsets = entry.find("data_offsets");
  if (dtype == nullptr || shape == nullptr || offsets == nullptr || dtype->string() == nullptr ||
      shape->array() == nullptr || offsets->array() == nullptr || offsets->array()->size() != 2 ||
      entry.object()->size() != 3)
    corrupt(which + " is not described by dtype, shape and two data_offsets");
  SafeTensor tensor;
  tensor.dtype = *dtype->string();
  uint64_t bytes = element_bytes(tensor.dtype);
  if (shape->array()->size() > 8) corrupt(which + " has more than 8 dimensions");
  for (const Json& dimension : *shape->array()) {
    const auto length = dimension.integer();
    if (!length || *length == 0 || *length > (uint64_t{1} << 48) / bytes)
      corrupt(which + " has an impossible shape");
    bytes *= *length;
    tensor.shape.push_back(static_cast<int64_t>(*length));
  }
  const auto begin = (*offsets->array())[0].integer(), end = (*offsets->array())[1].integer();
  if (!begin || !end || *end < *begin || *end - *begin != bytes)
    corrupt(which + " has offsets that do not hold its " + std::to_string(bytes) + " bytes");
  place = {*begin, *end};
  tensor.bytes = static_cast<size_t>(bytes);
  return tensor;
}

}  // namespace

SafeTensors parse_safetensors(const std::byte* data, size_t size) {
  uint64_t header_size = 0;
  if (size < 8) throw Error(BS_TRUNCATED, "safetensors: the file ends in its header's length");
  std::memcpy(&header_size, data, 8);
  if (header_size > Json::kMaxBytes)
    corrupt("a header of " + std::to_string(header_size) + " bytes is too large");
  if (header_size > size - 8)
    throw Error(BS_TRUNCATED, "safetensors: the header has " + std::to_string(header_size) +
                                  " bytes, the file " + std::to_string(size));
  const std::string_view text(reinterpret_cast<const char*>(data) + 8,
                              static_cast<size_t>(header_size));
  if (text.empty() || text[0] != '{') corrupt("the header is no JSON object");
  const Json header = Json::parse(text);
  const std::byte* body = data + 8 + header_size;
  const uint64_t body_size = size - 8 - header_size;

  SafeTensors out;
  std::vector<Place> places;
  for (const auto& [name, entry] : *header.object()) {
    if (name == "__metadata__") {
      if (entry.object() == nullptr) corrupt("__metadata__ is no object");
      for (const auto& [key, value] : *entry.object()) {
        if (value.string() == nullptr) corrupt("__metadata__ holds something that is no string");
        out.metadata.emplace(key, *value.string());
      }
      continue;
    }
    Place place{};
    SafeTensor tensor = read_tensor(name, entry, place);
    if (place.end > body_size)
      throw Error(BS_TRUNCATED, "safetensors: tensor " + name.substr(0, 80) + " ends at byte " +
                                    std::to_string(place.end) + " of " + std::to_string(body_size));
    tensor.data = body + place.begin;
    places.push_back(place);
    out.tensors.emplace(name, std::move(tensor));
  }
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return a.begin < b.begin; });
  uint64_t covered = 0;
  for (const Place& place : places) {
    if (place.begin != covered)
      corrupt(place.begin < covered ? "two tensors overlap" : "a gap between two tensors");
    covered = place.end;
  }
  if (covered != body_size)
    corrupt(std::to_string(body_size - covered) + " bytes behind the last tensor");
  return out;
}

}  // namespace blocksight

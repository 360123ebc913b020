#include "gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <map>

#include "core/error.h"
#include "float16.h"

namespace blocksight {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF is read in place");

// Value types of the metadata section.
enum class ValueType : uint32_t {
  u8 = 0,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64
};

constexpr size_t kMaxDimensions = 4;
constexpr size_t kMaxTensorName = 64;
constexpr size_t kMaxKey = 65535;
constexpr int kMaxArrayDepth = 4;

// Bytes of a fixed-size value; 0 for strings, arrays and types that do not exist.
size_t value_size(ValueType type) {
  switch (type) {
    case ValueType::u8:
    case ValueType::i8:
    case ValueType::boolean:
      return 1;
    case ValueType::u16:
    case ValueType::i16:
      return 2;
    case ValueType::u32:
    case ValueType::i32:
    case ValueType::f32:
      return 4;
    case ValueType::u64:
    case ValueType::i64:
    case ValueType::f64:
      return 8;
    default:
      return 0;
  }
}

struct FileType {
  uint32_t id;
  const char* name;
  std::optional<WeightType> type;
};

// Tensor types by their number in the file. Those without a WeightType are named and refused.
constexpr FileType kFileTypes[] = {{0, "F32", WeightType::f32},
                                   {1, "F16", WeightType::f16},
                                   {2, "Q4_0", WeightType::q4_0},
                                   {3, "Q4_1", WeightType::q4_1},
                                   {6, "Q5_0", WeightType::q5_0},
                                   {7, "Q5_1", WeightType::q5_1},
                                   {8, "Q8_0", WeightType::q8_0},
                                   {9, "Q8_1", {}},
                                   {10, "Q2_K", {}},
                                   {11, "Q3_K", {}},
                                   {12, "Q4_K", WeightType::q4_k},
                                   {13, "Q5_K", WeightType::q5_k},
                                   {14, "Q6_K", WeightType::q6_k},
                                   {15, "Q8_K", {}},
                                   {16, "IQ2_XXS", {}},
                                   {17, "IQ2_XS", {}},
                                   {18, "IQ3_XXS", {}},
                                   {19, "IQ1_S", {}},
                                   {20, "IQ4_NL", WeightType::iq4_nl},
                                   {21, "IQ3_S", {}},
                                   {22, "IQ2_S", {}},
                                   {23, "IQ4_XS", {}},
                                   {24, "I8", {}},
                                   {25, "I16", {}},
                                   {26, "I32", {}},
                                   {27, "I64", {}},
                                   {28, "F64", {}},
                                   {29, "IQ1_M", {}},
                                   {30, "BF16", WeightType::bf16},
                                   {34, "TQ1_0", {}},
                                   {35, "TQ2_0", {}},
                                   {39, "MXFP4", {}}};

// Quotes a name from the file for a message: short, printable ASCII.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, 80)) out += c >= ' ' && c <= '~' && c != '"' ? c : '?';
  return out + (text.size() > 80 ? "…\"" : "\"");
}

[[noreturn]] void corrupt(const std::string& what) { throw Error(BS_CORRUPT, "GGUF: " + what); }

// Every read is checked against the end; nothing is allocated from a number that was not.
class Reader {
 public:
  Reader(const std::byte* data, size_t size) : data_(data), size_(size) {}

  size_t position() const { return position_; }
  size_t left() const { return size_ - position_; }
  const std::byte* here() const { return data_ + position_; }

  void skip(uint64_t bytes, const char* what) {
    if (bytes > left())
      throw Error(BS_TRUNCATED, std::string("GGUF: ") + what + " needs " + std::to_string(bytes) +
                                    " bytes at " + std::to_string(position_) + " of " +
                                    std::to_string(size_));
    position_ += static_cast<size_t>(bytes);
  }
  template <typename T>
  T number(const char* what) {
    const std::byte* p = here();
    skip(sizeof(T), what);
    T value;
    std::memcpy(&value, p, sizeof(T));
    return value;
  }
  std::string_view string(const char* what) {
    const auto length = number<uint64_t>(what);
    const auto* p = reinterpret_cast<const char*>(here());
    skip(length, what);
    return {p, static_cast<size_t>(length)};
  }
  // A count of things that take at least `least` bytes each cannot exceed what is left.
  void check_count(uint64_t count, size_t least, const char* what) const {
    if (count > left() / least)
      throw Error(BS_TRUNCATED, std::string("GGUF: ") + std::to_string(count) + " " + what +
                                    " cannot fit in the " + std::to_string(left()) +
                                    " bytes that are left");
  }

 private:
  const std::byte* data_;
  size_t size_;
  size_t position_ = 0;
};

// Where a value lies. Strings in arrays keep their length prefix and are walked when asked for.
struct Value {
  ValueType type;
  ValueType element = ValueType::u8;  // arrays
  uint64_t count = 1;
  const std::byte* data = nullptr;
  size_t size = 0;
};

void skip_array(Reader& reader, Value* out, int depth) {
  if (depth > kMaxArrayDepth) corrupt("arrays are nested more than 4 deep");
  const auto element = static_cast<ValueType>(reader.number<uint32_t>("an array's type"));
  const auto count = reader.number<uint64_t>("an array's length");
  const std::byte* start = reader.here();
  if (const size_t size = value_size(element); size > 0) {
    reader.check_count(count, size, "array elements");
    reader.skip(count * size, "an array");
  } else if (element == ValueType::string) {
    reader.check_count(count, 8, "strings");
    for (uint64_t i = 0; i < count; i++) reader.string("a string in an array");
  } else if (element == ValueType::array) {
    reader.check_count(count, 12, "arrays");
    for (uint64_t i = 0; i < count; i++) skip_array(reader, nullptr, depth + 1);
  } else {
    corrupt("an array of the unknown type " + std::to_string(static_cast<uint32_t>(element)));
  }
  if (out != nullptr)
    *out = {ValueType::array, element, count, start, static_cast<size_t>(reader.here() - start)};
}

Value read_value(Reader& reader) {
  const auto type = static_cast<ValueType>(reader.number<uint32_t>("a value's type"));
  Value value{type};
  if (const size_t size = value_size(type); size > 0) {
    value.data = reader.here();
    value.size = size;
    reader.skip(size, "a value");
    if (type == ValueType::boolean && std::to_integer<uint8_t>(*value.data) > 1)
      corrupt("a boolean that is neither 0 nor 1");
  } else if (type == ValueType::string) {
    const std::string_view text = reader.string("a string");
    value.data = reinterpret_cast<const std::byte*>(text.data());
    value.size = text.size();
  } else if (type == ValueType::array) {
    skip_array(reader, &value, 1);
  } else {
    corrupt("a value of the unknown type " + std::to_string(static_cast<uint32_t>(type)));
  }
  return value;
}

template <typename T>
T load(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof(T));
  return value;
}

// An integer of any width as (negative, magnitude-preserving) 64 bits; nullopt for other types.
std::optional<int64_t> signed_integer(ValueType type, const std::byte* p) {
  switch (type) {
    case ValueType::u8:
      return load<uint8_t>(p);
    case ValueType::i8:
      return load<int8_t>(p);
    case ValueType::u16:
      return load<uint16_t>(p);
    case ValueType::i16:
      return load<int16_t>(p);
    case ValueType::u32:
      return load<uint32_t>(p);
    case ValueType::i32:
      return load<int32_t>(p);
    case ValueType::i64:
      return load<int64_t>(p);
    case ValueType::u64:
      if (const auto v = load<uint64_t>(p); v <= uint64_t{INT64_MAX}) return int64_t(v);
      return {};
    case ValueType::boolean:
      return load<uint8_t>(p);
    default:
      return {};
  }
}

class ParsedGguf final : public GgufFile {
 public:
  ParsedGguf(const std::byte* data, size_t size, std::unique_ptr<MappedFile> file)
      : file_(std::move(file)) {
    Reader reader(data, size);
    if (size < 4 || std::memcmp(data, "GGUF", 4) != 0)
      throw Error(size < 4 ? BS_TRUNCATED : BS_CORRUPT, "GGUF: the file does not begin with GGUF");
    reader.skip(4, "the magic");
    const auto version = reader.number<uint32_t>("the version");
    if (version != 2 && version != 3)
      corrupt((version & 0xFFFF) == 0 ? std::string("the file is big-endian")
                                      : "version " + std::to_string(version) + " is not 2 or 3");
    const auto tensor_count = reader.number<uint64_t>("the tensor count");
    const auto value_count = reader.number<uint64_t>("the key count");
    reader.check_count(value_count, 13, "keys");
    read_values(reader, value_count);
    reader.check_count(tensor_count, 32, "tensors");
    read_tensors(reader, tensor_count, data, size);
  }

  std::optional<uint64_t> unsigned_value(std::string_view key) const override {
    const Value* value = find(key);
    if (value == nullptr) return {};
    if (value->type == ValueType::u64) return load<uint64_t>(value->data);
    const auto number = signed_integer(value->type, value->data);
    if (!number || *number < 0) return {};
    return static_cast<uint64_t>(*number);
  }

  std::optional<double> float_value(std::string_view key) const override {
    const Value* value = find(key);
    if (value == nullptr) return {};
    if (value->type == ValueType::f32) return load<float>(value->data);
    if (value->type == ValueType::f64) return load<double>(value->data);
    return {};
  }

  std::optional<std::string_view> string_value(std::string_view key) const override {
    const Value* value = find(key);
    if (value == nullptr || value->type != ValueType::string) return {};
    return std::string_view(reinterpret_cast<const char*>(value->data), value->size);
  }

  std::optional<std::vector<std::string_view>> string_array(std::string_view key) const override {
    const Value* value = array(key);
    if (value == nullptr || value->element != ValueType::string) return {};
    std::vector<std::string_view> out;
    out.reserve(static_cast<size_t>(value->count));
    Reader reader(value->data, value->size);
    for (uint64_t i = 0; i < value->count; i++) out.push_back(reader.string("a string"));
    return out;
  }

  std::optional<std::vector<int32_t>> int_array(std::string_view key) const override {
    const Value* value = array(key);
    if (value == nullptr) return {};
    const size_t size = value_size(value->element);
    std::vector<int32_t> out;
    if (size == 0) return {};
    out.reserve(static_cast<size_t>(value->count));
    for (uint64_t i = 0; i < value->count; i++) {
      const auto number = signed_integer(value->element, value->data + i * size);
      if (!number || *number < INT32_MIN || *number > INT32_MAX) return {};
      out.push_back(static_cast<int32_t>(*number));
    }
    return out;
  }

  std::optional<std::vector<float>> float_array(std::string_view key) const override {
    const Value* value = array(key);
    if (value == nullptr || value->element != ValueType::f32) return {};
    std::vector<float> out(static_cast<size_t>(value->count));
    if (!out.empty()) std::memcpy(out.data(), value->data, value->size);
    return out;
  }

  std::optional<StoredMatrix> tensor(std::string_view name) const override {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) return {};
    return found->second;
  }

  void unload() const override {
    if (file_) file_->unload();
  }

  std::vector<std::string_view> tensor_names() const override {
    std::vector<std::string_view> out;
    for (const auto& [name, matrix] : tensors_) out.push_back(name);
    return out;
  }

 private:
  const Value* find(std::string_view key) const {
    const auto found = values_.find(key);
    return found == values_.end() ? nullptr : &found->second;
  }
  const Value* array(std::string_view key) const {
    const Value* value = find(key);
    return value != nullptr && value->type == ValueType::array ? value : nullptr;
  }

  void read_values(Reader& reader, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
      const std::string_view key = reader.string("a key");
      if (key.empty() || key.size() > kMaxKey)
        corrupt("a key of " + std::to_string(key.size()) + " bytes");
      if (!values_.emplace(key, read_value(reader)).second)
        corrupt("the key " + quoted(key) + " stands twice");
    }
  }

  void read_tensors(Reader& reader, uint64_t count, const std::byte* data, size_t size) {
    uint64_t alignment = 32;
    if (find("general.alignment") != nullptr) {
      alignment = need_unsigned("general.alignment");
      if (alignment < 8 || alignment > 65536 || !std::has_single_bit(alignment))
        corrupt("general.alignment is " + std::to_string(alignment));
    }
    struct Place {
      uint64_t offset, bytes;
      std::string_view name;
    };
    std::vector<Place> places;
    places.reserve(static_cast<size_t>(count));
    for (uint64_t i = 0; i < count; i++) {
      const std::string_view name = reader.string("a tensor's name");
      if (name.empty() || name.size() > kMaxTensorName)
        corrupt("a tensor's name of " + std::to_string(name.size()) + " bytes");
      StoredMatrix matrix = read_shape(reader, name);
      const auto offset = reader.number<uint64_t>("a tensor's offset");
      if (offset % alignment != 0)
        corrupt("tensor " + quoted(name) + " is not aligned to " + std::to_string(alignment));
      // Cannot overflow: read_shape allows 2^60 elements of at most four bytes.
      places.push_back({offset, static_cast<uint64_t>(matrix.rows) * matrix.row_bytes, name});
      if (!tensors_.emplace(name, matrix).second)
        corrupt("the tensor " + quoted(name) + " stands twice");
    }
    const uint64_t start = (reader.position() + alignment - 1) / alignment * alignment;
    const uint64_t available = start <= size ? size - start : 0;
    for (const Place& place : places) {
      if (place.offset > available || place.bytes > available - place.offset)
        throw Error(BS_TRUNCATED, "GGUF: tensor " + quoted(place.name) + " needs " +
                                      std::to_string(place.bytes) + " bytes at " +
                                      std::to_string(place.offset) + " of " +
                                      std::to_string(available) + " bytes of data");
      tensors_.find(place.name)->second.data = data + start + place.offset;
    }
    std::sort(places.begin(), places.end(),
              [](const Place& a, const Place& b) { return a.offset < b.offset; });
    for (size_t i = 1; i < places.size(); i++)
      if (places[i].offset < places[i - 1].offset + places[i - 1].bytes)
        corrupt("tensors " + quoted(places[i - 1].name) + " and " + quoted(places[i].name) +
                " overlap");
  }

  // Dimensions and type. The first dimension is the row's length; the others are folded into rows.
  static StoredMatrix read_shape(Reader& reader, std::string_view name) {
    const auto dimensions = reader.number<uint32_t>("a tensor's rank");
    if (dimensions == 0 || dimensions > kMaxDimensions)
      corrupt("tensor " + quoted(name) + " has " + std::to_string(dimensions) + " dimensions");
    StoredMatrix matrix;
    matrix.rows = 1;
    uint64_t elements = 1;
    for (uint32_t d = 0; d < dimensions; d++) {
      const auto length = reader.number<uint64_t>("a tensor's shape");
      if (length == 0) corrupt("tensor " + quoted(name) + " is empty");
      if (length > (uint64_t{1} << 60) / elements)
        corrupt("tensor " + quoted(name) + " is too large");
      elements *= length;
      if (d == 0)
        matrix.cols = static_cast<int64_t>(length);
      else
        matrix.rows *= static_cast<int64_t>(length);
    }
    const auto id = reader.number<uint32_t>("a tensor's type");
    const FileType* known = std::find_if(std::begin(kFileTypes), std::end(kFileTypes),
                                         [&](const FileType& t) { return t.id == id; });
    if (known == std::end(kFileTypes))
      throw Error(BS_UNSUPPORTED_QUANTIZATION,
                  "tensor " + quoted(name) + " has the unknown type " + std::to_string(id));
    if (!known->type)
      throw Error(BS_UNSUPPORTED_QUANTIZATION,
                  "tensor " + quoted(name) + " is quantised as " + known->name +
                      "; F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K and "
                      "IQ4_NL can be read");
    matrix.type = *known->type;
    if (matrix.cols % weights_per_block(matrix.type) != 0)
      corrupt("tensor " + quoted(name) + " has rows of " + std::to_string(matrix.cols) +
              " weights, no multiple of " + std::to_string(weights_per_block(matrix.type)));
    matrix.row_bytes = blocksight::row_bytes(matrix.type, matrix.cols);
    return matrix;
  }

  std::unique_ptr<MappedFile> file_;
  std::map<std::string_view, Value> values_;
  std::map<std::string_view, StoredMatrix> tensors_;
};

}  // namespace

std::shared_ptr<GgufFile> GgufFile::open(const std::string& path) {
  auto file = std::make_unique<MappedFile>(path);
  const std::byte* data = file->data();
  const size_t size = file->size();
  try {
    return std::make_shared<ParsedGguf>(data, size, std::move(file));
  } catch (const Error& error) {
    throw Error(error.status(), path + ": " + error.what());
  }
}

std::shared_ptr<GgufFile> GgufFile::parse(const std::byte* data, size_t size) {
  return std::make_shared<ParsedGguf>(data, size, nullptr);
}

uint64_t GgufFile::need_unsigned(std::string_view key) const {
  if (const auto value = unsigned_value(key)) return *value;
  corrupt("the key " + quoted(key) + " is missing or is no unsigned integer");
}

double GgufFile::need_float(std::string_view key) const {
  if (const auto value = float_value(key)) return *value;
  corrupt("the key " + quoted(key) + " is missing or is no float");
}

std::string_view GgufFile::need_string(std::string_view key) const {
  if (const auto value = string_value(key)) return *value;
  corrupt("the key " + quoted(key) + " is missing or is no string");
}

StoredMatrix GgufFile::need_tensor(std::string_view name, int64_t rows, int64_t cols) const {
  const auto matrix = tensor(name);
  if (!matrix) corrupt("the tensor " + quoted(name) + " is missing");
  if (matrix->rows != rows || matrix->cols != cols)
    corrupt("the tensor " + quoted(name) + " is " + std::to_string(matrix->rows) + " × " +
            std::to_string(matrix->cols) + ", expected " + std::to_string(rows) + " × " +
            std::to_string(cols));
  return *matrix;
}

std::vector<float> GgufFile::need_vector(std::string_view name, int64_t count) const {
  const StoredMatrix matrix = need_tensor(name, 1, count);
  if (matrix.type != WeightType::f32 && matrix.type != WeightType::f16 &&
      matrix.type != WeightType::bf16)
    corrupt("the vector " + quoted(name) + " is quantised as " + weight_type_name(matrix.type));
  std::vector<float> out(static_cast<size_t>(count));
  dequantize_row(matrix.type, matrix.data, count, out.data());
  return out;
}

}  // namespace blocksight

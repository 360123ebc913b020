#include "gguf.h"

#include "bytes.h"
#include "check.h"

namespace blocksight {
namespace {

enum : uint32_t { kU8 = 0, kU32 = 4, kI32 = 5, kF32 = 6, kBool = 7, kString = 8, kArray = 9 };

Bytes head(uint64_t tensors, uint64_t values, uint32_t version = 3) {
  return Bytes().raw("GGUF").number(version).number(tensors).number(values);
}

struct Shape {
  std::string name = "a.weight";
  std::vector<uint64_t> dims = {32, 2};
  uint32_t type = 0;  // F32
  uint64_t offset = 0;
};

std::string with_tensors(const std::vector<Shape>& shapes, size_t data) {
  Bytes out = head(shapes.size(), 0);
  for (const Shape& shape : shapes) {
    out.string(shape.name).number(static_cast<uint32_t>(shape.dims.size()));
    for (const uint64_t dim : shape.dims) out.number(dim);
    out.number(shape.type).number(shape.offset);
  }
  return out.pad(32).zeros(data).text();
}

std::shared_ptr<GgufFile> parse(const std::string& text) {
  return GgufFile::parse(as_bytes(text), text.size());
}

const std::string& sample() {
  static const std::string text = [] {
    Bytes out = head(2, 5);
    out.string("general.architecture").number(kString).string("llama");
    out.string("llama.block_count").number(kU32).number(uint32_t{30});
    out.string("llama.eps").number(kF32).number(0.5f);
    out.string("words").number(kArray).number(kString).number(uint64_t{2}).string("a").string("");
    out.string("types").number(kArray).number(kI32).number(uint64_t{2}).number(-1).number(7);
    out.string("m").number(uint32_t{2}).number(uint64_t{32}).number(uint64_t{2});
    out.number(uint32_t{8}).number(uint64_t{0});  // Q8_0: 2 rows of 34 bytes
    out.string("v")
        .number(uint32_t{1})
        .number(uint64_t{4})
        .number(uint32_t{0})
        .number(uint64_t{96});
    out.pad(32).zeros(96);
    for (int i = 0; i < 4; i++) out.number(static_cast<float>(i));
    return out.text();
  }();
  return text;
}

TEST("reads values, arrays and tensors of a GGUF file") {
  const auto file = parse(sample());
  CHECK_EQ(file->need_string("general.architecture"), "llama");
  CHECK_EQ(file->need_unsigned("llama.block_count"), uint64_t{30});
  CHECK_EQ(file->need_float("llama.eps"), 0.5);
  CHECK_EQ(file->string_array("words")->at(0), "a");
  CHECK_EQ(file->string_array("words")->at(1), "");
  CHECK_EQ(file->int_array("types")->at(0), -1);
  const StoredMatrix m = file->need_tensor("m", 2, 32);
  CHECK(m.type == WeightType::q8_0);
  CHECK_EQ(m.row_bytes, size_t{34});
  CHECK_EQ(file->need_vector("v", 4).at(3), 3.0f);
  CHECK_EQ(file->tensor_names().size(), size_t{2});
}

TEST("a GGUF value that is missing or of another type is named") {
  const auto file = parse(sample());
  CHECK(!file->unsigned_value("general.architecture"));
  CHECK(!file->string_value("llama.block_count"));
  CHECK(!file->float_value("llama.block_count"));
  CHECK(!file->int_array("words"));
  CHECK(!file->float_array("types"));
  CHECK_THROWS(file->need_unsigned("llama.none"), BS_CORRUPT, "\"llama.none\"");
  CHECK_THROWS(file->need_tensor("m", 2, 64), BS_CORRUPT, "2 × 32, expected 2 × 64");
  CHECK_THROWS(file->need_tensor("n", 2, 64), BS_CORRUPT, "\"n\" is missing");
  CHECK_THROWS(file->need_vector("m", 32), BS_CORRUPT, "1 × 32");
}

TEST("a GGUF file cut anywhere is refused") {
  const std::string& whole = sample();
  for (size_t size = 0; size < whole.size(); size++) {
    const std::string cut = whole.substr(0, size);
    const auto error = thrown([&] { parse(cut); });
    CHECK(error && error->status() == BS_TRUNCATED);
    if (!error || error->status() != BS_TRUNCATED) return;
  }
}

TEST("no byte of a GGUF file can be changed into a crash") {
  for (size_t i = 0; i < sample().size(); i++)
    for (const int value : {0x00, 0x01, 0x7F, 0x80, 0xFF}) {
      std::string changed = sample();
      changed[i] = static_cast<char>(value);
      (void)thrown([&] {
        const auto file = parse(changed);
        for (const std::string_view name : file->tensor_names()) {
          const StoredMatrix m = *file->tensor(name);
          std::vector<float> row(static_cast<size_t>(m.cols));
          for (int64_t r = 0; r < m.rows; r++)
            dequantize_row(m.type, m.data + static_cast<size_t>(r) * m.row_bytes, m.cols,
                           row.data());
        }
        (void)file->string_array("words");
      });
    }
}

TEST("lengths and counts that do not fit a GGUF file are refused before anything is allocated") {
  const uint64_t huge[] = {uint64_t{1} << 40, ~uint64_t{0}, ~uint64_t{0} - 7, uint64_t{1} << 63};
  for (const uint64_t n : huge) {
    CHECK_THROWS(parse(head(n, 0).text()), BS_TRUNCATED, "tensors");
    CHECK_THROWS(parse(head(0, n).text()), BS_TRUNCATED, "keys");
    CHECK_THROWS(parse(head(0, 1).number(n).raw("key").zeros(16).text()), BS_TRUNCATED, "a key");
    CHECK_THROWS(parse(head(0, 1).string("k").number(kString).number(n).zeros(9).text()),
                 BS_TRUNCATED, "a string");
    for (const uint32_t type : {kU8, kU32, kString, kArray})
      CHECK_THROWS(parse(head(0, 1).string("k").number(kArray).number(type).number(n).text()),
                   BS_TRUNCATED, "cannot fit");
    CHECK_THROWS(parse(with_tensors({{.offset = n & ~uint64_t{31}}}, 256)), BS_TRUNCATED,
                 "bytes of data");
  }
}

TEST("tensors of impossible shape are refused") {
  const uint64_t big = uint64_t{1} << 40;
  CHECK_THROWS(parse(with_tensors({{.dims = {}}}, 256)), BS_CORRUPT, "0 dimensions");
  CHECK_THROWS(parse(with_tensors({{.dims = {1, 1, 1, 1, 1}}}, 256)), BS_CORRUPT, "5 dimensions");
  CHECK_THROWS(parse(with_tensors({{.dims = {32, 0}}}, 256)), BS_CORRUPT, "is empty");
  CHECK_THROWS(parse(with_tensors({{.dims = {big, big}}}, 256)), BS_CORRUPT, "too large");
  CHECK_THROWS(parse(with_tensors({{.dims = {big, big, big, big}}}, 256)), BS_CORRUPT, "too large");
  CHECK_THROWS(parse(with_tensors({{.dims = {~uint64_t{0}}}}, 256)), BS_CORRUPT, "too large");
  CHECK_THROWS(parse(with_tensors({{.dims = {33}, .type = 8}}, 256)), BS_CORRUPT, "multiple of 32");
  CHECK_THROWS(parse(with_tensors({{.dims = {32}, .type = 12}}, 256)), BS_CORRUPT,
               "multiple of 256");
  CHECK_THROWS(parse(with_tensors({{.offset = 8}}, 512)), BS_CORRUPT, "not aligned");
  CHECK_THROWS(parse(with_tensors({{.dims = {32, 3}}}, 256)), BS_TRUNCATED,
               "384 bytes at 0 of 256");
  CHECK_THROWS(parse(with_tensors({{.name = ""}}, 256)), BS_CORRUPT, "name of 0 bytes");
  CHECK_THROWS(parse(with_tensors({{.name = std::string(65, 'n')}}, 256)), BS_CORRUPT, "65 bytes");
}

TEST("tensors that overlap or stand twice are refused") {
  CHECK_THROWS(parse(with_tensors({{}, {.name = "b", .offset = 224}}, 512)), BS_CORRUPT,
               "\"a.weight\" and \"b\" overlap");
  CHECK_THROWS(parse(with_tensors({{}, {.offset = 256}}, 512)), BS_CORRUPT, "stands twice");
  CHECK_EQ(parse(with_tensors({{}, {.name = "b", .offset = 256}}, 512))->tensor_names().size(),
           size_t{2});
}

TEST("an unknown or unsupported quantisation is refused by name") {
  CHECK_THROWS(parse(with_tensors({{.dims = {256}, .type = 10}}, 512)), BS_UNSUPPORTED_QUANTIZATION,
               "\"a.weight\" is quantised as Q2_K");
  CHECK_THROWS(parse(with_tensors({{.dims = {256}, .type = 39}}, 512)), BS_UNSUPPORTED_QUANTIZATION,
               "MXFP4");
  for (const uint32_t type : {4u, 5u, 31u, 1000u, 0xFFFFFFFFu})
    CHECK_THROWS(parse(with_tensors({{.type = type}}, 512)), BS_UNSUPPORTED_QUANTIZATION,
                 "unknown type " + std::to_string(type));
}

TEST("arrays nested without end, unknown types and duplicate keys are refused") {
  Bytes nested = head(0, 1).string("k").number(kArray);
  for (int i = 0; i < 10000; i++) nested.number(kArray).number(uint64_t{1});
  CHECK_THROWS(parse(nested.zeros(64).text()), BS_CORRUPT, "nested more than 4 deep");
  CHECK_THROWS(parse(head(0, 1).string("k").number(uint32_t{13}).zeros(64).text()), BS_CORRUPT,
               "unknown type 13");
  CHECK_THROWS(parse(head(0, 1).string("k").number(kArray).number(uint32_t{99}).zeros(64).text()),
               BS_CORRUPT, "unknown type 99");
  CHECK_THROWS(parse(head(0, 1).string("k").number(kBool).number(uint8_t{2}).zeros(64).text()),
               BS_CORRUPT, "boolean");
  Bytes twice = head(0, 2);
  for (int i = 0; i < 2; i++) twice.string("k").number(kU32).number(uint32_t{1});
  CHECK_THROWS(parse(twice.text()), BS_CORRUPT, "\"k\" stands twice");
}

TEST("other versions, byte orders, alignments and files are refused") {
  CHECK_THROWS(parse("GGML" + std::string(60, '\0')), BS_CORRUPT, "does not begin with GGUF");
  CHECK_THROWS(parse(head(0, 0, 1).text()), BS_CORRUPT, "version 1");
  CHECK_THROWS(parse(head(0, 0, 0x03000000).text()), BS_CORRUPT, "big-endian");
  CHECK_EQ(parse(head(0, 0, 2).text())->tensor_names().size(), size_t{0});
  for (const uint32_t alignment : {0u, 1u, 24u, 1u << 20})
    CHECK_THROWS(
        parse(head(0, 1).string("general.alignment").number(kU32).number(alignment).text()),
        BS_CORRUPT, "general.alignment");
  CHECK_THROWS(GgufFile::open("/no/such/file.gguf"), BS_NOT_FOUND, "/no/such/file.gguf");
  CHECK_THROWS(GgufFile::open("/"), BS_UNREADABLE, "not a regular file");
}

}  // namespace
}  // namespace blocksight

#include <bit>

#include "check.h"
#include "dequantize_vectors.h"
#include "float16.h"
#include "gguf.h"

namespace blocksight {
namespace {

TEST("dequantises every readable type to the reference's bits") {
  CHECK_EQ(kDequantizeVectors.size(), size_t{12});
  for (const DequantizeVector& vector : kDequantizeVectors) {
    const auto count = static_cast<int64_t>(vector.expected.size());
    CHECK_EQ(row_bytes(vector.type, count), vector.stored.size());
    std::vector<float> out(vector.expected.size());
    dequantize_row(vector.type, reinterpret_cast<const std::byte*>(vector.stored.data()), count,
                   out.data());
    size_t wrong = 0;
    for (size_t i = 0; i < out.size(); i++)
      wrong += std::bit_cast<uint32_t>(out[i]) != vector.expected[i];
    if (wrong > 0) check::fail(__FILE__, __LINE__, weight_type_name(vector.type));
  }
}

TEST("widens every half-precision value exactly") {
  CHECK_EQ(f16_to_float(0x0001), 0x1p-24f);
  CHECK_EQ(f16_to_float(0x03FF), 0x1.ff8p-15f);
  CHECK_EQ(f16_to_float(0x0400), 0x1p-14f);
  CHECK_EQ(f16_to_float(0x7BFF), 65504.0f);
  CHECK(std::isinf(f16_to_float(0xFC00)) && f16_to_float(0xFC00) < 0);
  CHECK(std::isnan(f16_to_float(0x7E00)));
  CHECK(std::signbit(f16_to_float(0x8000)));
}

}  // namespace
}  // namespace blocksight

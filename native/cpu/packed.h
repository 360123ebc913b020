// A weight as the `cpu` tier holds it: panels of 16 rows, in one form for prefill and decode.
//
// Four-bit formats keep their nibbles, so that a packed matrix is as small as the file (5 bits a
// weight) and the file's own bytes are not needed any more. Other formats become one signed byte
// with a scale per 32 inputs (8.5 bits a weight), or bf16 in the bf16 numerics. The int8 product
// expands a panel at a time into cache, nibbles to bytes, values and scales unchanged: a fiftieth of
// the product's time at 512 rows, and it saves the 8-bit copy (1.3 GB for the coder).
#pragma once

#include "buffer.h"
#include "kernels.h"
#include "op_table.h"

namespace blocksight::cpu {

class PackedMatrix : public PreparedMatrix {
 public:
  PackedMatrix(const Linear&, Numerics, ThreadPool&);

  // What a decoded token reads: buffers themselves are rounded up to huge pages.
  size_t bytes() const override {
    return static_cast<size_t>(panels()) * panel_bytes_ +
           static_cast<size_t>(rank_ * (cols_ + panels() * kPanel)) * sizeof(float);
  }
  Numerics numerics() const { return numerics_; }
  Form form() const { return form_; }
  // Whether products run on quantised rows (else on fp32 or bf16 ones).
  bool is_i8() const {
    return form_ == Form::byte || (form_ == Form::nibble && numerics_ == Numerics::i8);
  }
  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  int64_t padded() const { return padded_; }
  int64_t panels() const { return (rows_ + kPanel - 1) / kPanel; }
  Panel panel(int64_t index) const;

  // The delta's factors as fp32 panels; rank rounded up to 16, scale folded into b.
  int64_t rank() const { return rank_; }
  const float* low_rank_a(int64_t index) const {
    return low_rank_a_.as<float>() + index * cols_ * kPanel;
  }
  // For tiles in bf16, depth rounded up to 32.
  int64_t tile_rank() const { return (rank_ + 31) / 32 * 32; }
  const uint16_t* tile_a(int64_t index) const {
    return tile_a_.as<uint16_t>() + index * padded_ * kPanel;
  }
  const uint16_t* tile_b(int64_t index) const {
    return tile_b_.as<uint16_t>() + index * tile_rank() * kPanel;
  }
  const float* low_rank_b(int64_t index) const {
    return low_rank_b_.as<float>() + index * rank_ * kPanel;
  }
  // In bytes for integer products, each factor times a power of two that keeps its scales in the
  // range of f16; delta_unit() undoes both and has the delta's scale. Layout as the weight's.
  Panel byte_a(int64_t index) const {
    return {Form::byte, byte_a_.as<const uint8_t>() + index * byte_panel(padded_)};
  }
  Panel byte_b(int64_t index) const {
    return {Form::byte, byte_b_.as<const uint8_t>() + index * byte_panel(byte_rank())};
  }
  int64_t byte_rank() const { return (rank_ + 63) / 64 * 64; }
  float delta_unit() const { return delta_unit_; }

 private:
  void pack_rows(const StoredMatrix&, int64_t panel);
  void pack_low_rank(const LowRank&);
  void pack_tiles(const LowRank&);
  void pack_low_rank_bytes(const LowRank&);
  static int64_t byte_panel(int64_t padded) { return padded / 64 * pair_bytes(Form::byte); }

  Numerics numerics_;
  Form form_;
  int64_t rows_, cols_, padded_, rank_ = 0;
  size_t panel_bytes_ = 0;
  float delta_unit_ = 1;
  Buffer weight_, low_rank_a_, low_rank_b_, tile_a_, tile_b_, byte_a_, byte_b_;
};

}  // namespace blocksight::cpu

// What the translation units of one instruction set export: plain functions on pointers, one table
// each. Memory, threads and shapes are decided above them, in code for the baseline processor.
//
// Layouts (R rows of a weight are its outputs, K its inputs):
// - A panel is 16 rows of a weight, [K/4][16][4] bytes: lanes are rows. `tokens` of a page are laid
//   out alike, so that one dot product serves both.
// - Activations are int8 per row and kGroup inputs, with one scale each; the padded width is a
//   multiple of 64.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace blocksight::cpu {

inline constexpr int64_t kPanel = 16;     // rows of a panel
inline constexpr int64_t kSub = 32;       // inputs that share a stored scale
inline constexpr int64_t kGroup = 128;    // inputs that share a scale in the int8 product
inline constexpr int64_t kTileCols = 32;  // two panels

// How a panel is stored. nibble: [K/32][4][64] bytes, byte (r, j) of quarter s holds input
// 4s + j below and 16 + 4s + j above, value = scale * nibble + minimum. byte: [K/4][16][4] signed,
// value = scale * byte. half: bf16 [K/2][16][2]. single: fp32 [K][16].
enum class Form : uint8_t { nibble, byte, half, single };

struct Panel {
  Form form;
  const uint8_t* data;
  const uint16_t* scale;    // f16 [K/32][16]
  const uint16_t* minimum;  // f16 [K/32][16], nibble only
};

// A quantised row. padded = cols rounded up to 64; groups = ceil(padded / kGroup).
struct QuantizedRow {
  int8_t* bytes;       // [padded / 64][64]
  int64_t run_stride;  // bytes from 64 inputs to the next: 64, or 1024 in tile order
  float* scale;        // [groups]
  int32_t* sum;        // [groups], of the bytes
  int32_t* sub_sum;    // [padded / kSub], of the bytes
};

// Products may read activations up to the next multiple of this many rows.
inline constexpr int64_t kRowsReadable = 16;

// y[rows][cols] (+)= activations x panels, inputs [0, depth) of both.
struct I8Product {
  const int8_t* x;  // [rows][x_stride]; in tile order [rows / 16][x_stride / 64][16][64]
  int64_t x_stride;
  const float* x_scale;  // [rows][group_stride]
  const int32_t* x_sum;  // [rows][group_stride]
  int64_t group_stride;
  const uint8_t* w[2];      // panels from expand_i8; the second may repeat the first
  const float* w_scale[2];  // [groups][16]
  int64_t depth;            // a multiple of 64
  float* y;                 // [rows][y_stride]
  int64_t y_stride;
  int64_t rows;
  int cols;         // 1 to 32 columns that exist
  bool accumulate;  // else y is overwritten
};

struct F32Product {
  const float* x;  // [rows][x_stride]
  int64_t x_stride;
  const float* w[2];  // panels [depth][16]
  int64_t depth;
  float* y;
  int64_t y_stride;
  int64_t rows;
  int cols;
  bool accumulate;
};

// bf16 x panels [depth/2][16][2]; depth a multiple of 32.
struct Bf16Product {
  const uint16_t* x;
  int64_t x_stride;
  const uint16_t* w[2];
  int64_t depth;
  float* y;
  int64_t y_stride;
  int64_t rows;
  int cols;
  bool accumulate;
};

// Decode: y[rows][16 of one panel] straight from the stored form (nibble or byte).
struct I8Matvec {
  const int8_t* x;
  int64_t x_stride;
  const float* x_scale;
  int64_t group_stride;
  const int32_t* x_sub_sum;
  int64_t sub_stride;
  Panel panel;
  int64_t depth;
  float* y;
  int64_t y_stride;
  int64_t rows;
  int cols;  // 1 to 16
};

// One group's keys and values of a page. int8: keys are tokens [8][width/4][16][4] with 128 added,
// values [128/4][width][4], each token with a scale. bf16 and fp32: keys [8][width][16], values
// [128][width]. width is padded to 16.
struct KvBlock {
  const void* keys;
  const void* values;
  const float* key_scale;    // [128], int8 only
  const float* value_scale;  // [128], int8 only
};

inline constexpr int64_t kAttendRows = 24;  // (row, head) pairs that read a block together

// The running state of up to kAttendRows (row, head) pairs over their blocks, ascending.
struct AttendState {
  int64_t rows, width;
  const int8_t* q;  // int8: [rows][width]
  const int32_t* q_sum;
  const float* q_scale;  // times log2(e) / sqrt(E)
  const float* q_float;  // bf16, fp32: [rows][width], scaled alike
  float* out;            // [rows][width]
  float* largest;        // [rows], -inf at first
  float* sum;            // [rows], 0 at first
  float* block_largest;  // [rows], of the last block
  float* block_sum;      // [rows]
};

struct Kernels {
  const char* isa;
  const char* matmul_i8;  // kernel ids
  const char* matmul_bf16;
  bool has_bf16;  // bf16_product exists
  // i8_product wants activations in tiles of 16 rows and 64 inputs, one behind the other.
  bool in_tiles;

  void (*rms_norm)(const float* x, const float* w, float eps, int64_t d, float* y);
  void (*rotate)(float* x, const float* cosine, const float* sine, int64_t half);
  void (*silu_mul)(float* gate, const float* up, int64_t count);
  void (*add)(float* x, const float* y, int64_t count);
  void (*to_bf16)(const float* x, int64_t count, uint16_t* y);  // nearest even

  void (*quantize_row)(const float* x, int64_t cols, int64_t padded, const QuantizedRow&);
  // Inputs [begin, end) of a panel for i8_product: bytes [(end-begin)/4][16][4] and scales
  // [groups][16]. begin is a multiple of kGroup, end of 64.
  void (*expand_i8)(const Panel&, int64_t begin, int64_t end, uint8_t* bytes, float* scale);
  void (*expand_f32)(const Panel&, int64_t begin, int64_t end, float* out);
  void (*expand_bf16)(const Panel&, int64_t begin, int64_t end, uint16_t* out);
  void (*i8_product)(const I8Product&);
  void (*f32_product)(const F32Product&);
  void (*bf16_product)(const Bf16Product&);
  void (*i8_matvec)(const I8Matvec&);

  // Orthogonal up to a factor: Hadamard over runs of the largest power of two in width, in place.
  void (*hadamard)(float* x, int64_t width);
  // One vector to int8, scale = largest / 127; returns the scale. sum may be null.
  float (*quantize)(const float* x, int64_t width, int8_t* bytes, int32_t* sum);
  // visible[row]: tokens of the block each row sees, from the first; 0: the row is left alone.
  void (*attend_i8)(const KvBlock&, const int* visible, const AttendState&);
  void (*attend_bf16)(const KvBlock&, const int* visible, const AttendState&);
  void (*attend_f32)(const KvBlock&, const int* visible, const AttendState&);
  // out[i] = 2^x[i]
  void (*exp2)(const float* x, int64_t count, float* out);
  // The largest score of each query over the first visible[row] tokens; -inf where none.
  // int8 keys: scores are scale * key_scale * dot.
  void (*score_i8)(const uint8_t* keys, const float* key_scale, int64_t width, const int8_t* q,
                   const int32_t* q_sum, const float* q_scale, const int* visible, int64_t rows,
                   float* out);
  void (*score_bf16)(const uint16_t* keys, int64_t width, const float* q, const int* visible,
                     int64_t rows, float* out);
  void (*score_f32)(const float* keys, int64_t width, const float* q, const int* visible,
                    int64_t rows, float* out);
};

extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512VnniKernels;
extern const Kernels kAmxKernels;

}  // namespace blocksight::cpu

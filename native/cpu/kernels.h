// What the translation units of one instruction set export: plain functions on pointers, one table
// each. Memory, threads and shapes are decided above them, in code for the baseline processor.
//
// Layouts (R rows of a weight are its outputs, K its inputs):
// - A panel is 16 rows of a weight, [K/4][16][4] bytes: lanes are rows. `tokens` of a page are laid
//   out alike, so that one dot product serves both.
// - Activations are integers with one scale per row and run of inputs; the padded width is a
//   multiple of 64. Prefill multiplies bytes per kSub inputs, decoding 16-bit numbers per kGroup,
//   both by the weights as they are stored.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace blocksight::cpu {

inline constexpr int64_t kPanel = 16;   // rows of a panel
inline constexpr int64_t kSub = 32;     // inputs that share a stored scale
inline constexpr int64_t kGroup = 128;  // inputs that share a scale in integer products
inline constexpr int64_t kTileCols = 32;  // two panels

// How a panel is stored. nibble: [4][64] bytes for 32 inputs, byte (r, j) of quarter s holds input
// 4s + j below and 16 + 4s + j above, value = scale * nibble + minimum. byte: [8][16][4] signed,
// value = scale * byte. Of both, 64 inputs with their scales lie together, so that decoding reads
// one stream. half: bf16 [K/2][16][2]. single: fp32 [K][16].
enum class Form : uint8_t { nibble, byte, half, single };

// Bytes of 32 inputs of a panel, and of 64 with scales (and minimums) behind them, all f16 [2][16].
inline constexpr int64_t sub_bytes(Form form) { return form == Form::nibble ? 256 : 512; }
inline constexpr int64_t pair_bytes(Form form) {
  return 2 * sub_bytes(form) + (form == Form::nibble ? 128 : 64);
}

struct Panel {
  Form form;
  const uint8_t* data;

  // Of 32 inputs of nibbles or bytes.
  const uint8_t* values(int64_t sub) const {
    return data + sub / 2 * pair_bytes(form) + sub % 2 * sub_bytes(form);
  }
  const uint16_t* scale(int64_t sub) const {
    return reinterpret_cast<const uint16_t*>(data + sub / 2 * pair_bytes(form) +
                                             2 * sub_bytes(form)) +
           sub % 2 * kPanel;
  }
  const uint16_t* minimum(int64_t sub) const { return scale(sub) + 2 * kPanel; }
};

// A row for decoding: value = scale * (256 high + low), groups = ceil(padded / kGroup).
struct SplitRow {
  int8_t* high;      // [padded]
  int8_t* low;       // [padded]
  float* scale;      // [groups]
  int32_t* sub_sum;  // [padded / kSub], of 256 high + low
  float* sub_value;  // [padded / kSub], scale * sub_sum
};

// Products may read activations up to the next multiple of this many rows.
inline constexpr int64_t kRowsReadable = 16;

// 32 inputs of a row for prefill: value = scale * byte, or scale * (byte + extra byte) for the four
// around the largest, whose integers would else need a ninth bit. One cache line.
struct alignas(64) ByteRun {
  int8_t bytes[kSub];
  int8_t extra[4];
  int32_t extra_at;  // where the four's weights lie in the bytes of 32 inputs of a panel
  int32_t sum;       // of bytes and extra bytes
  float scale, value;  // value = scale * sum
};
// Rows whose runs lie together, input by input: [rows / kRunRows][padded / kSub][kRunRows]. Rows
// that are missing in the last of them are zeros.
inline constexpr int64_t kRunRows = 6;

// y[rows][cols] (+)= activations x panels, inputs [0, depth) of both.
struct I8Product {
  const ByteRun* x;
  int64_t x_stride;  // runs of kRunRows rows
  Form form;
  const uint8_t* w[2];      // panels [depth/4][16][4]; the second may repeat the first
  const float* w_scale[2];  // scale and minimum, [depth / kSub][2][16]
  int64_t depth;            // a multiple of 16
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

// bf16 panels [depth/2][16][2]; depth a multiple of 32. Activations lie in tiles of 16 rows and 32
// inputs, one behind the other.
struct Bf16Product {
  const uint16_t* x;  // [rows / 16][x_stride / 32][16][32]
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
struct Matvec {
  const int8_t* high;  // [rows][x_stride]
  const int8_t* low;
  int64_t x_stride;
  const float* x_scale;  // [rows][group_stride]
  int64_t group_stride;
  const int32_t* x_sub_sum;  // [rows][sub_stride]
  const float* x_sub_value;  // [rows][sub_stride]
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

// Index keys in int8 lie in two planes of [8][width/8][16][4] bytes, one of the high halves of all
// bytes and one of the low ones: below stands input 8s + j, above input 8s + 4 + j.
//
// A byte is 16 high + low, so its dot with a query is 16 q.high + 7.5 sum(q) + q.(low - 7.5), and
// the last term is at most |q| |low - 7.5|. `rest` is that length, rounded up, in units of
// sqrt(width) / 32: at most 240, whatever the width.
struct KeyPlanes {
  const uint8_t* high;
  const float* scale;   // [128], of a key's bytes
  const uint8_t* rest;  // [128]
  const uint8_t* low;
  // The high plane of the keys that are scored after these, which begins to come meanwhile with
  // what lies behind it; these themselves where there are none.
  const uint8_t* next;
};
inline constexpr int64_t kRestUnits = 32;

struct PlaneQueries {
  const int8_t* q;       // [rows][width]
  const int32_t* sum;    // of a query's bytes
  const int32_t* start;  // what a bound has besides 16 q.high
  const float* length;   // |q| sqrt(width) / 32, rounded up
  const float* scale;
  int64_t rows;
};

// (row, head) pairs that read a block together, at most: three times twelve in registers, two times
// sixteen on tiles.
inline constexpr int64_t kAttendRows = 36, kAttendTileRows = 32;

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
  const char* prefill;  // kernel ids of products
  const char* decode;
  const char* bf16;
  bool has_tiles;  // bf16_product exists, and is how prefill multiplies in every numerics

  void (*rms_norm)(const float* x, const float* w, float eps, int64_t d, float* y);
  void (*rotate)(float* x, const float* cosine, const float* sine, int64_t half);
  void (*silu_mul)(float* gate, const float* up, int64_t count);
  void (*add)(float* x, const float* y, int64_t count);

  // A row of activations for prefill, in bytes (every kRunRows-th run) and, where there are tiles,
  // in bf16: 32 inputs to the next run_stride elements further.
  void (*quantize_row)(const float* x, int64_t cols, int64_t padded, ByteRun* out);
  void (*round_row)(const float* x, int64_t cols, int64_t padded, uint16_t* out,
                    int64_t run_stride);
  void (*split_row)(const float* x, int64_t cols, int64_t padded, const SplitRow&);
  // Inputs [begin, end) of a panel for the products. begin and end are multiples of 64.
  // i8: nibble and byte panels only.
  void (*expand_i8)(const Panel&, int64_t begin, int64_t end, uint8_t* out, float* scale);
  void (*expand_f32)(const Panel&, int64_t begin, int64_t end, float* out);
  void (*expand_bf16)(const Panel&, int64_t begin, int64_t end, uint16_t* out);
  void (*i8_product)(const I8Product&);
  void (*f32_product)(const F32Product&);
  void (*bf16_product)(const Bf16Product&);
  void (*matvec)(const Matvec&);

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
  // The same scores of the keys in panels of sixteen where a bound from the high plane reaches
  // least[row]; only of these the low plane is read. So a score of at least `least` is the block's,
  // and a block of which nothing was scored has none. Returns a bit for every panel scored.
  unsigned (*score_planes)(const KeyPlanes&, int64_t width, const PlaneQueries&, const int* visible,
                           const float* least, float* out);
  // What score_i8 gives, from both planes: for a few queries, as each three join them anew.
  void (*score_both)(const KeyPlanes&, int64_t width, const int8_t* q, const int32_t* q_sum,
                     const float* q_scale, const int* visible, int64_t rows, float* out);
  // The bytes that a high and a low plane are made of, as score_i8 wants them.
  void (*join_planes)(const uint8_t* high, const uint8_t* low, int64_t width, uint8_t* keys);
  void (*score_bf16)(const uint16_t* keys, int64_t width, const float* q, const int* visible,
                     int64_t rows, float* out);
  void (*score_f32)(const float* keys, int64_t width, const float* q, const int* visible,
                    int64_t rows, float* out);
};

extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512VnniKernels;
extern const Kernels kAmxKernels;

}  // namespace blocksight::cpu

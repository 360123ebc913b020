// The operations a tier implements, and the structs they agree on.
//
// Shapes: M rows of activations (fp32, row-major), D model width, H query heads, G groups (KV heads),
// E head width, I index width, K blocks a row selects (16). A slot is block * 128 + offset.
//
// A row's result depends on the row alone: never on M, on the tile it fell into, or on threads. So
// that pages are the same however they were computed, a tier picks kernels by `Phase`, never by M.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace blocksight {

class ThreadPool;

inline constexpr uint32_t kBlockTokens = 128;
inline constexpr uint32_t kNoBlock = 0xFFFFFFFFu;
inline constexpr uint32_t kSelected = 16;

enum class WeightType : uint8_t {
  f32, f16, bf16, q4_0, q4_1, q5_0, q5_1, q8_0, q4_k, q5_k, q6_k, iq4_nl
};

// A matrix as it lies in the (memory-mapped) file. y = x Wᵀ: `rows` outputs, `cols` inputs.
struct StoredMatrix {
  WeightType type = WeightType::f32;
  int64_t rows = 0, cols = 0;
  const std::byte* data = nullptr;  // rows * row_bytes, owned by the file
  size_t row_bytes = 0;
  // llama.cpp stores q and k of architecture "llama" with interleaved rotary pairs. When
  // `interleave_heads` is not 0, row r of the matrix as used is row `stored_row(r)` of the file.
  int64_t interleave_heads = 0;
};

// Rotary pairs (i, i + E / 2) of a head lie in the file as (2i, 2i + 1).
inline int64_t stored_row(const StoredMatrix& matrix, int64_t row) {
  if (matrix.interleave_heads == 0) return row;
  const int64_t width = matrix.rows / matrix.interleave_heads, half = width / 2;
  const int64_t head = row / width, in_head = row % width;
  return head * width + 2 * (in_head % half) + in_head / half;
}

// The adapter's delta, kept beside the base weight: y += scale (x Aᵀ) Bᵀ.
struct LowRank {
  int64_t rank = 0;
  float scale = 0;
  std::vector<float> a;  // [rank][cols]
  std::vector<float> b;  // [rows][rank]
};

// A tier's own form of a matrix (packed tiles); what it holds is the tier's business.
class PreparedMatrix {
 public:
  virtual ~PreparedMatrix() = default;
  virtual size_t bytes() const = 0;
};

struct Linear {
  StoredMatrix weight;
  std::vector<float> bias;  // [rows] or empty
  std::optional<LowRank> low_rank;
  std::unique_ptr<PreparedMatrix> prepared;
};

enum class Phase : uint8_t { prefill, decode };
// i8: integers or bf16, whichever the processor multiplies faster, within the accuracy that is
// asked for; weights of at most 8 bits. bf16: no coarser than bf16 anywhere.
enum class Numerics : uint8_t { f32, bf16, i8 };
enum class KvType : uint8_t { f32, bf16, i8 };

// Several products of the same rows: a tier quantises x once. y[i] is [m][linears[i]->rows].
struct MatmulArgs {
  const float* x = nullptr;  // [m][cols]
  int64_t m = 0;
  std::span<const Linear* const> linears;
  std::span<float* const> y;
  Phase phase = Phase::prefill;
};

struct RopeArgs {
  float* x = nullptr;  // [m][heads][head_dim], rotated in place; halves: (i, i + head_dim / 2)
  int64_t m = 0;
  int64_t heads = 0, head_dim = 0;
  const uint32_t* positions = nullptr;  // [m]
  float theta = 0;
};

// What a page holds per layer; sizes of a model.
struct PageShape {
  int64_t layers = 0, groups = 0, head_dim = 0;
  int64_t index_dim = 0;  // 0: index source `keys`, scores come from K itself
  KvType kv = KvType::f32;
};

// A page is 128 slots of one timeline block, all layers. Two parts, stored apart on disk: the index
// part is scanned whole at every step, the KV part only where selected. Layout inside a layer's
// bytes is the tier's; a tier's `id` and the KV type are in the page's key.
struct PageFormat {
  size_t index_bytes_per_layer = 0;
  size_t kv_bytes_per_layer = 0;
  // Equal pieces that a layer's KV part may be read in: one a group, where each group's bytes lie
  // together, or all of it.
  size_t kv_pieces_per_layer = 1;
};

class LazyKv;

struct Page {
  std::byte* index = nullptr;  // of layer 0: index_bytes_per_layer, 64-byte aligned
  size_t index_stride = 0;     // bytes from one layer's to the next's
  std::byte* kv = nullptr;     // [layers][kv_bytes_per_layer], 64-byte aligned
  LazyKv* lazy = nullptr;      // pieces of `kv` may still lie on disk; null: all is here
};

// What a row can see: a table of pages by block id. A block out of sight has valid 0 and is never
// scored nor read.
struct Timeline {
  const Page* const* pages = nullptr;  // [blocks]
  const uint8_t* valid = nullptr;      // [blocks], tokens in the block, 0 to 128
  uint32_t blocks = 0;
};

// A row sees every valid slot of blocks below `block`, and slots 0..offset of `block`, its own.
struct RowPlace {
  const Timeline* timeline = nullptr;
  uint32_t block = 0, offset = 0;
};

// How many slots of `block`, from its first, the row sees; 0 where it is not in sight.
inline uint32_t visible_slots(const RowPlace& row, uint32_t block) {
  if (block > row.block) return 0;
  return block == row.block ? row.offset + 1 : row.timeline->valid[block];
}

struct StoreArgs {
  const PageShape* shape = nullptr;
  int64_t layer = 0, m = 0;
  const RowPlace* rows = nullptr;  // [m]; row goes to slot (block, offset) of its timeline
  const float* k = nullptr;        // [m][G][E], rotated
  const float* v = nullptr;        // [m][G][E]
  const float* index_k = nullptr;  // [m][I], normalised; null when index_dim is 0
};

// How a selection reads the index; every way gives the same bits. by_size: whichever is faster for
// the rows and blocks at hand. The others are for tests and benchmarks.
enum class Scan : uint8_t { by_size, whole, planes };

// What selections read of an index, counted as they read it.
struct ScanCount {
  uint64_t bytes = 0;
  uint64_t panels = 0;  // of sixteen keys in sight, looked at
  uint64_t whole = 0;   // of these, read in whole and not only in their high plane
};

// Selection (spec/msa.md section 2): raw dots, token-causal, max over the block, top K, ties to the
// lower block id, forced blocks in and counted. Forced ids ascend and end with the row's own block.
struct SelectArgs {
  const PageShape* shape = nullptr;
  int64_t layer = 0, m = 0;
  const RowPlace* rows = nullptr;
  const float* index_q = nullptr;  // [m][G][I]; `keys`: [m][G][E], the mean of the group's rotated heads
  const uint32_t* forced = nullptr;  // [m][forced_count], kNoBlock entries are skipped
  int64_t forced_count = 0;
  uint32_t k = kSelected;
  uint32_t* blocks = nullptr;  // out [m][G][k] ascending, tail kNoBlock
  float* score = nullptr;      // out [m][G][k], tail 0
  Scan scan = Scan::by_size;
  ScanCount* count = nullptr;  // added to, where it is not null
};

// Two-phase block-sparse attention: softmax(q k / sqrt(E)) v over the visible slots of the selected
// blocks, with the softmax weight of each block averaged over the group's heads.
struct AttendArgs {
  const PageShape* shape = nullptr;
  int64_t layer = 0, m = 0;
  int64_t heads = 0;
  const RowPlace* rows = nullptr;
  const float* q = nullptr;          // [m][H][E], rotated; head h belongs to group h / (H / G)
  const uint32_t* blocks = nullptr;  // [m][G][k]; null: all blocks up to the row's own (at most k)
  uint32_t k = kSelected;
  float* out = nullptr;              // [m][H][E]
  float* mass = nullptr;             // [m][G][k] or null
  Phase phase = Phase::prefill;
};

// One tier. Every entry is filled; a tier without a kernel of its own for an operation points to
// the tier below.
struct OpTable {
  const char* tier = "";
  // Operation -> kernel id, for the status page and benchmark lines.
  std::vector<std::pair<std::string, std::string>> (*kernel_ids)() = nullptr;

  // The tier's form of weight, bias and delta together; null where it works on the stored bytes.
  // After it a tier that holds a form of its own reads `weight.data` no more (`embed` still does).
  std::unique_ptr<PreparedMatrix> (*prepare)(const Linear&, Numerics, ThreadPool&) = nullptr;
  void (*matmul)(const MatmulArgs&, ThreadPool&) = nullptr;
  // Rows of a stored matrix as fp32: y[m][cols].
  void (*embed)(const StoredMatrix&, const uint32_t* ids, int64_t m, float* y) = nullptr;
  // y = x / sqrt(mean(x^2) + eps) * w; y may be x.
  void (*rms_norm)(const float* x, const float* w, float eps, int64_t m, int64_t d, float* y,
                   ThreadPool&) = nullptr;
  void (*rope)(const RopeArgs&, ThreadPool&) = nullptr;
  // gate = silu(gate) * up
  void (*silu_mul)(float* gate, const float* up, int64_t count, ThreadPool&) = nullptr;
  void (*add)(float* x, const float* y, int64_t count, ThreadPool&) = nullptr;

  PageFormat (*page_format)(const PageShape&) = nullptr;
  void (*store)(const StoreArgs&, ThreadPool&) = nullptr;
  // Where a block's last rows are unused, repeat the last valid key so that block maxima stand.
  void (*seal)(const PageShape&, const Page&, uint32_t valid) = nullptr;
  void (*select)(const SelectArgs&, ThreadPool&) = nullptr;
  void (*attend)(const AttendArgs&, ThreadPool&) = nullptr;
};

const OpTable& ref_table();
// The best table for this processor, or the named one; null when the processor lacks it.
const OpTable* cpu_table(const char* isa);

}  // namespace blocksight

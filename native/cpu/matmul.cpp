// Products of activations with packed matrices: how work is cut and where it lies; kernels_matmul.h
// has the arithmetic.
#include <algorithm>
#include <cstring>
#include <span>

#include "cpu.h"
#include "packed.h"
#include "thread_pool.h"

namespace blocksight::cpu {

namespace {

// Rows that share an expanded panel: enough to hide the expansion, few enough that their bytes stay
// in the second-level cache beside it.
constexpr int64_t kRowChunk = 480;
static_assert(kRowChunk % kRunRows == 0 && kRowChunk % kRowsReadable == 0);
// Inputs expanded at a time: two panels of bytes with their scales take 22 KiB, and stay in the
// first-level cache while rows pass. The scout's width is one such run.
constexpr int64_t kDepth = 576, kFloatDepth = 512;
// For tiles, which read as fast as the first-level cache gives: two panels of bf16 in 40 KiB.
constexpr int64_t kTileDepth = 640;
constexpr int64_t kTilePanels = kTileCols / kPanel;

const PackedMatrix& packed(const Linear* linear) {
  return static_cast<const PackedMatrix&>(*linear->prepared);
}

// Activations in the forms that the linears of one call need. Kept by the calling thread between
// calls, as prefill would else map and unmap some 20 MB for every product.
struct Activations {
  int64_t cols = 0, padded = 0, groups = 0, rank = 0, tile_rank = 0;
  int64_t delta_runs = 0;  // of a row, of all linears in integers
  Buffer words, runs, high, low, scale, sub_sum, sub_value, inner, inner_words, delta;
};

// How a matrix is multiplied: never chosen by the number of rows, so that a row's result is one.
enum class Way { i8, bf16, f32, matvec };

Way way_of(const Kernels& kernels, const MatmulArgs& args, const Linear* linear) {
  const PackedMatrix& matrix = packed(linear);
  const bool prefill = args.phase == Phase::prefill;
  if (matrix.is_i8() && !prefill) return Way::matvec;
  // Prefill only: a question's few rows would waste tiles, and its numbers decide the answer.
  if (kernels.has_tiles && prefill && matrix.numerics() != Numerics::f32) return Way::bf16;
  return matrix.is_i8() ? Way::i8 : Way::f32;
}

int64_t delta_runs(const PackedMatrix& matrix) { return (matrix.rank() + kSub - 1) / kSub; }

void quantize_rows(const Kernels& kernels, const MatmulArgs& args, Activations& a,
                   ThreadPool& pool) {
  const int64_t tiles = (args.m + kRunRows - 1) / kRunRows, runs = a.padded / kSub * kRunRows;
  a.runs.reserve(static_cast<size_t>(tiles * runs) * sizeof(ByteRun));
  pool.parallel_for(tiles, 4, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin * kRunRows; row < end * kRunRows; row++) {
      ByteRun* const to = a.runs.as<ByteRun>() + row / kRunRows * runs + row % kRunRows;
      if (row < args.m) {
        kernels.quantize_row(args.x + row * a.cols, a.cols, a.padded, to);
      } else {
        for (int64_t i = 0; i < runs; i += kRunRows) to[i] = {};
      }
    }
  });
}

void split_rows(const Kernels& kernels, const MatmulArgs& args, Activations& a, ThreadPool& pool) {
  const auto m = static_cast<size_t>(args.m), padded = static_cast<size_t>(a.padded);
  a.high.reserve(m * padded);
  a.low.reserve(m * padded);
  a.scale.reserve(m * static_cast<size_t>(a.groups) * sizeof(float));
  a.sub_sum.reserve(m * padded / kSub * sizeof(int32_t));
  a.sub_value.reserve(m * padded / kSub * sizeof(float));
  pool.parallel_for(args.m, 4, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      kernels.split_row(args.x + row * a.cols, a.cols, a.padded,
                        {.high = a.high.as<int8_t>() + row * a.padded,
                         .low = a.low.as<int8_t>() + row * a.padded,
                         .scale = a.scale.as<float>() + row * a.groups,
                         .sub_sum = a.sub_sum.as<int32_t>() + row * (a.padded / kSub),
                         .sub_value = a.sub_value.as<float>() + row * (a.padded / kSub)});
    }
  });
}

// In tiles of 16 rows and 32 inputs.
void round_rows(const Kernels& kernels, const MatmulArgs& args, Activations& a, ThreadPool& pool) {
  constexpr int64_t kRows = kRowsReadable, kRun = 32;
  a.words.reserve(static_cast<size_t>((args.m + kRows) * a.padded) * sizeof(uint16_t));
  pool.parallel_for(args.m, 16, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      uint16_t* const to =
          a.words.as<uint16_t>() + row / kRows * kRows * a.padded + row % kRows * kRun;
      kernels.round_row(args.x + row * a.cols, a.cols, a.padded, to, kRows * kRun);
    }
  });
}

// Where a tile's weights are expanded to; one a thread.
struct Expanded {
  Buffer weight, scale;
};
thread_local Expanded expanded;

// Runs of rows from a multiple of kRunRows: [rows / kRunRows][stride / kRunRows][kRunRows].
struct Runs {
  const ByteRun* first;
  int64_t stride;
};

// What `cols` outputs (of one or two panels) get of `depth` inputs of `rows` rows, which are read
// once for every two panels, weights once a call: rows times as many products as bytes of weights.
void i8_columns(const Kernels& kernels, const Runs& x, std::span<const Panel> panels, int64_t depth,
                int64_t rows, int64_t cols, float* y, int64_t y_stride, bool accumulate) {
  constexpr int64_t kScales = kDepth / kSub * 2 * kPanel;
  expanded.weight.reserve(kTilePanels * kDepth * kPanel);
  expanded.scale.reserve(kTilePanels * kScales * sizeof(float));
  const auto last = static_cast<int64_t>(panels.size()) - 1;
  I8Product product = {};
  for (int64_t begin = 0; begin < depth; begin += kDepth) {
    const int64_t end = std::min(begin + kDepth, depth);
    for (int64_t p = 0; p < kTilePanels; p++) {
      const int64_t at = std::min(p, last);
      uint8_t* const weight = expanded.weight.as<uint8_t>() + at * kDepth * kPanel;
      float* const scale = expanded.scale.as<float>() + at * kScales;
      // Panels are stored by 64 inputs.
      const int64_t stored = (end + 63) / 64 * 64;
      if (p == at) {
        kernels.expand_i8(panels[static_cast<size_t>(p)], begin, stored, weight, scale);
      }
      product.w[p] = weight;
      product.w_scale[p] = scale;
    }
    product.x = x.first + begin / kSub * kRunRows;
    product.x_stride = x.stride;
    product.form = panels[0].form;
    product.depth = end - begin;
    product.y = y;
    product.y_stride = y_stride;
    product.rows = rows;
    product.cols = static_cast<int>(cols);
    product.accumulate = accumulate || begin > 0;
    kernels.i8_product(product);
  }
}

Runs runs_of(const Activations& a, int64_t row) {
  const int64_t stride = a.padded / kSub * kRunRows;
  return {a.runs.as<ByteRun>() + row / kRunRows * stride, stride};
}

// x Aᵀ of the linears in integers, in runs for the product with B, every linear's side by side.
// Both products of a delta are in bytes; at rank 16 they are a twentieth of the scout's.
void low_rank_runs(const Kernels& kernels, const MatmulArgs& args, Activations& a,
                   ThreadPool& pool) {
  std::vector<const PackedMatrix*> matrices;
  int64_t most_rank = 0;
  a.delta_runs = 0;
  for (const Linear* linear : args.linears) {
    const PackedMatrix& matrix = packed(linear);
    if (!matrix.rank() || way_of(kernels, args, linear) != Way::i8) continue;
    matrices.push_back(&matrix);
    most_rank = std::max(most_rank, matrix.rank());
    a.delta_runs += delta_runs(matrix);
  }
  if (matrices.empty()) return;
  constexpr int64_t kRows = 8 * kRunRows;
  const int64_t tiles = (args.m + kRunRows - 1) / kRunRows;
  a.delta.reserve(static_cast<size_t>(tiles * a.delta_runs * kRunRows) * sizeof(ByteRun));
  pool.parallel_for((args.m + kRows - 1) / kRows, 1, [&](int64_t begin, int64_t end) {
    thread_local std::vector<float> inner;
    inner.resize(static_cast<size_t>(kRows * most_rank));
    for (int64_t row = begin * kRows; row < std::min(end * kRows, args.m); row += kRows) {
      const int64_t rows = std::min(kRows, args.m - row);
      int64_t run = 0;
      for (const PackedMatrix* matrix : matrices) {
        const int64_t rank = matrix->rank(), runs = delta_runs(*matrix);
        for (int64_t r = 0; r < rank; r += kTileCols) {
          const int64_t cols = std::min(kTileCols, rank - r), panel = r / kPanel;
          const Panel panels[] = {matrix->byte_a(panel),
                                  matrix->byte_a(cols > kPanel ? panel + 1 : panel)};
          i8_columns(kernels, runs_of(a, row), {panels, static_cast<size_t>(cols / kPanel)},
                     a.padded, rows, cols, inner.data() + r, rank, false);
        }
        for (int64_t i = 0; i < (rows + kRunRows - 1) / kRunRows * kRunRows; i++) {
          const int64_t tile = (row + i) / kRunRows;
          ByteRun* const to =
              a.delta.as<ByteRun>() + (tile * a.delta_runs + run) * kRunRows + i % kRunRows;
          if (i < rows) kernels.quantize_row(inner.data() + i * rank, rank, runs * kSub, to);
          for (int64_t k = 0; k < runs * kRunRows; k += kRunRows) {
            if (i >= rows) to[k] = {};
            to[k].scale *= matrix->delta_unit();
            to[k].value *= matrix->delta_unit();
          }
        }
        run += runs;
      }
    }
  });
}

// x Aᵀ of every other linear with a delta, side by side: inner[m][rank].
void low_rank_inner(const Kernels& kernels, const MatmulArgs& args, Activations& a,
                    ThreadPool& pool) {
  std::vector<const float*> panels;
  for (const Linear* linear : args.linears) {
    const PackedMatrix& matrix = packed(linear);
    if (way_of(kernels, args, linear) == Way::i8) continue;
    for (int64_t r = 0; r < matrix.rank() / kPanel; r++) panels.push_back(matrix.low_rank_a(r));
  }
  a.rank = static_cast<int64_t>(panels.size()) * kPanel;
  if (!a.rank) return;
  a.inner.reserve(static_cast<size_t>(args.m * a.rank) * sizeof(float));
  constexpr int64_t kRows = 96;
  const int64_t chunks = (args.m + kRows - 1) / kRows;
  const auto tiles = static_cast<int64_t>((panels.size() + kTilePanels - 1) / kTilePanels);
  pool.parallel_for(chunks * tiles, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t row = i / tiles * kRows, first = i % tiles * kTilePanels;
      const bool is_pair = first + 1 < static_cast<int64_t>(panels.size());
      kernels.f32_product({.x = args.x + row * a.cols,
                           .x_stride = a.cols,
                           .w = {panels[static_cast<size_t>(first)],
                                 panels[static_cast<size_t>(is_pair ? first + 1 : first)]},
                           .depth = a.cols,
                           .y = a.inner.as<float>() + row * a.rank + first * kPanel,
                           .y_stride = a.rank,
                           .rows = std::min(kRows, args.m - row),
                           .cols = static_cast<int>(is_pair ? kTileCols : kPanel),
                           .accumulate = false});
    }
  });
}

// The same on tiles, from rows in bf16 and to bf16 in tile order, every linear's part rounded up to
// 32 columns.
void low_rank_tiles(const Kernels& kernels, const MatmulArgs& args, Activations& a,
                    ThreadPool& pool) {
  a.rank = a.tile_rank = 0;
  for (const Linear* linear : args.linears) {
    a.rank += packed(linear).rank();
    a.tile_rank += packed(linear).tile_rank();
  }
  if (!a.rank) return;
  a.inner.reserve(static_cast<size_t>(args.m * a.rank) * sizeof(float));
  a.inner_words.reserve(static_cast<size_t>((args.m + kRowsReadable) * a.tile_rank) *
                        sizeof(uint16_t));
  constexpr int64_t kRows = 64, kRun = 32;
  pool.parallel_for((args.m + kRows - 1) / kRows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin * kRows; row < std::min(end * kRows, args.m); row += kRows) {
      const int64_t rows = std::min(kRows, args.m - row);
      int64_t column = 0, word = 0;
      for (const Linear* linear : args.linears) {
        const PackedMatrix& matrix = packed(linear);
        float* const inner = a.inner.as<float>() + row * a.rank + column;
        for (int64_t r = 0; r * kPanel < matrix.rank(); r += kTilePanels) {
          const bool is_pair = (r + 1) * kPanel < matrix.rank();
          kernels.bf16_product({.x = a.words.as<uint16_t>() + row * a.padded,
                                .x_stride = a.padded,
                                .w = {matrix.tile_a(r), matrix.tile_a(is_pair ? r + 1 : r)},
                                .depth = a.padded,
                                .y = inner + r * kPanel,
                                .y_stride = a.rank,
                                .rows = rows,
                                .cols = static_cast<int>(is_pair ? kTileCols : kPanel),
                                .accumulate = false});
        }
        for (int64_t i = row; i < row + rows; i++) {
          uint16_t* const to = a.inner_words.as<uint16_t>() +
                               i / kRowsReadable * kRowsReadable * a.tile_rank +
                               word * kRowsReadable + i % kRowsReadable * kRun;
          kernels.round_row(inner + (i - row) * a.rank, matrix.rank(), matrix.tile_rank(), to,
                            kRowsReadable * kRun);
        }
        column += matrix.rank();
        word += matrix.tile_rank();
      }
    }
  });
}

// Two panels of one linear for a run of rows.
struct Tile {
  const Linear* linear;
  const PackedMatrix* matrix;
  float* y;                   // [m][rows of the linear]
  int64_t inner, inner_word;  // first column of the linear's part of `inner`, `inner_words`
  int64_t delta_run;          // the linear's first run among the deltas'
  int64_t panel, row, rows;
  int cols;
};

void tile_i8(const Kernels& kernels, const Tile& t, const Activations& a) {
  const PackedMatrix& matrix = *t.matrix;
  const auto panels = static_cast<size_t>((t.cols + kPanel - 1) / kPanel);
  float* const y = t.y + t.row * matrix.rows() + t.panel * kPanel;
  const auto add = [&](const Runs& x, const Panel& first, const Panel& second, int64_t depth,
                       bool accumulate) {
    const Panel both[] = {first, second};
    i8_columns(kernels, x, {both, panels}, depth, t.rows, t.cols, y, matrix.rows(), accumulate);
  };
  const int64_t next = t.panel + static_cast<int64_t>(panels) - 1;
  add(runs_of(a, t.row), matrix.panel(t.panel), matrix.panel(next), a.padded, false);
  if (!matrix.rank()) return;
  const int64_t stride = a.delta_runs * kRunRows;
  const ByteRun* const delta =
      a.delta.as<ByteRun>() + t.row / kRunRows * stride + t.delta_run * kRunRows;
  add({delta, stride}, matrix.byte_b(t.panel), matrix.byte_b(next), matrix.rank(), true);
}

void tile_f32(const Kernels& kernels, const Tile& t, const MatmulArgs& args) {
  const int64_t panels = (t.cols + kPanel - 1) / kPanel, cols = t.matrix->cols();
  const bool is_single = t.matrix->form() == Form::single;
  const int64_t depth = is_single ? cols : kFloatDepth;
  if (!is_single) expanded.weight.reserve(kTilePanels * kFloatDepth * kPanel * sizeof(float));
  for (int64_t begin = 0; begin < cols; begin += depth) {
    const float* w[kTilePanels];
    for (int64_t p = 0; p < kTilePanels; p++) {
      const int64_t at = std::min(p, panels - 1);
      const Panel panel = t.matrix->panel(t.panel + at);
      w[p] = reinterpret_cast<const float*>(panel.data);
      if (is_single) continue;
      float* const to = expanded.weight.as<float>() + at * kFloatDepth * kPanel;
      w[p] = to;
      if (p == at)
        kernels.expand_f32(panel, begin, std::min(begin + depth, t.matrix->padded()), to);
    }
    kernels.f32_product({.x = args.x + t.row * cols + begin,
                         .x_stride = cols,
                         .w = {w[0], w[1]},
                         .depth = std::min(depth, cols - begin),
                         .y = t.y + t.row * t.matrix->rows() + t.panel * kPanel,
                         .y_stride = t.matrix->rows(),
                         .rows = t.rows,
                         .cols = t.cols,
                         .accumulate = begin > 0});
  }
}

void tile_bf16(const Kernels& kernels, const Tile& t, const Activations& a) {
  expanded.weight.reserve(kTilePanels * kTileDepth * kPanel * sizeof(uint16_t));
  const int64_t panels = (t.cols + kPanel - 1) / kPanel;
  for (int64_t begin = 0; begin < a.padded; begin += kTileDepth) {
    const int64_t end = std::min(begin + kTileDepth, a.padded);
    const uint16_t* w[kTilePanels];
    for (int64_t p = 0; p < kTilePanels; p++) {
      const int64_t at = std::min(p, panels - 1);
      uint16_t* const to = expanded.weight.as<uint16_t>() + at * kTileDepth * kPanel;
      if (p == at) kernels.expand_bf16(t.matrix->panel(t.panel + p), begin, end, to);
      w[p] = to;
    }
    kernels.bf16_product({.x = a.words.as<uint16_t>() + t.row * a.padded + begin * kRowsReadable,
                          .x_stride = a.padded,
                          .w = {w[0], w[1]},
                          .depth = end - begin,
                          .y = t.y + t.row * t.matrix->rows() + t.panel * kPanel,
                          .y_stride = t.matrix->rows(),
                          .rows = t.rows,
                          .cols = t.cols,
                          .accumulate = begin > 0});
  }
}

void tile_matvec(const Kernels& kernels, const Tile& t, const Activations& a) {
  for (int64_t p = 0; p * kPanel < t.cols; p++) {
    kernels.matvec({.high = a.high.as<int8_t>() + t.row * a.padded,
                    .low = a.low.as<int8_t>() + t.row * a.padded,
                    .x_stride = a.padded,
                    .x_scale = a.scale.as<float>() + t.row * a.groups,
                    .group_stride = a.groups,
                    .x_sub_sum = a.sub_sum.as<int32_t>() + t.row * (a.padded / kSub),
                    .x_sub_value = a.sub_value.as<float>() + t.row * (a.padded / kSub),
                    .sub_stride = a.padded / kSub,
                    .panel = t.matrix->panel(t.panel + p),
                    .depth = a.padded,
                    .y = t.y + t.row * t.matrix->rows() + (t.panel + p) * kPanel,
                    .y_stride = t.matrix->rows(),
                    .rows = t.rows,
                    .cols = static_cast<int>(std::min<int64_t>(kPanel, t.cols - p * kPanel))});
  }
}

void add_bias(const Tile& t) {
  const float* const bias = t.linear->bias.data() + t.panel * kPanel;
  for (int64_t row = t.row; row < t.row + t.rows; row++) {
    float* const y = t.y + row * t.matrix->rows() + t.panel * kPanel;
    for (int c = 0; c < t.cols; c++) y[c] += bias[c];
  }
}

void add_low_rank(const Kernels& kernels, const Tile& t, const Activations& a) {
  const bool is_pair = t.cols > kPanel;
  kernels.f32_product(
      {.x = a.inner.as<float>() + t.row * a.rank + t.inner,
       .x_stride = a.rank,
       .w = {t.matrix->low_rank_b(t.panel), t.matrix->low_rank_b(is_pair ? t.panel + 1 : t.panel)},
       .depth = t.matrix->rank(),
       .y = t.y + t.row * t.matrix->rows() + t.panel * kPanel,
       .y_stride = t.matrix->rows(),
       .rows = t.rows,
       .cols = t.cols,
       .accumulate = true});
}

void add_low_rank_tiles(const Kernels& kernels, const Tile& t, const Activations& a) {
  const bool is_pair = t.cols > kPanel;
  kernels.bf16_product(
      {.x = a.inner_words.as<uint16_t>() + t.row * a.tile_rank + t.inner_word * kRowsReadable,
       .x_stride = a.tile_rank,
       .w = {t.matrix->tile_b(t.panel), t.matrix->tile_b(is_pair ? t.panel + 1 : t.panel)},
       .depth = t.matrix->tile_rank(),
       .y = t.y + t.row * t.matrix->rows() + t.panel * kPanel,
       .y_stride = t.matrix->rows(),
       .rows = t.rows,
       .cols = t.cols,
       .accumulate = true});
}

}  // namespace

std::unique_ptr<PreparedMatrix> prepare(const Linear& linear, Numerics numerics, ThreadPool& pool) {
  return std::make_unique<PackedMatrix>(linear, numerics, pool);
}

void matmul(const Kernels& kernels, const MatmulArgs& args, ThreadPool& pool) {
  if (args.m == 0 || args.linears.empty()) return;
  thread_local Activations activations;
  Activations& a = activations;
  a.cols = packed(args.linears[0]).cols();
  a.padded = packed(args.linears[0]).padded();
  a.groups = (a.padded + kGroup - 1) / kGroup;
  const auto any = [&](Way way) {
    return std::any_of(args.linears.begin(), args.linears.end(),
                       [&](const Linear* linear) { return way_of(kernels, args, linear) == way; });
  };
  if (any(Way::i8)) quantize_rows(kernels, args, a, pool);
  if (any(Way::bf16)) round_rows(kernels, args, a, pool);
  if (any(Way::matvec)) split_rows(kernels, args, a, pool);
  const bool on_tiles = any(Way::bf16);
  low_rank_runs(kernels, args, a, pool);
  (on_tiles ? low_rank_tiles : low_rank_inner)(kernels, args, a, pool);

  std::vector<Tile> tiles;
  int64_t inner = 0, inner_word = 0, delta_run = 0;
  for (size_t l = 0; l < args.linears.size(); l++) {
    const PackedMatrix& matrix = packed(args.linears[l]);
    for (int64_t panel = 0; panel < matrix.panels(); panel += kTilePanels) {
      tiles.push_back(
          {.linear = args.linears[l],
           .matrix = &matrix,
           .y = args.y[l],
           .inner = inner,
           .inner_word = inner_word,
           .delta_run = delta_run,
           .panel = panel,
           .row = 0,
           .rows = 0,
           .cols = static_cast<int>(std::min(kTileCols, matrix.rows() - panel * kPanel))});
    }
    if (way_of(kernels, args, args.linears[l]) == Way::i8) {
      delta_run += delta_runs(matrix);
      continue;
    }
    inner += matrix.rank();
    inner_word += matrix.tile_rank();
  }
  const auto count = static_cast<int64_t>(tiles.size());
  const int64_t chunks = (args.m + kRowChunk - 1) / kRowChunk;
  const int64_t grain = std::clamp<int64_t>(count * chunks / (pool.threads() * 16), 1, 8);
  pool.parallel_for(count * chunks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      Tile t = tiles[static_cast<size_t>(i % count)];
      t.row = i / count * kRowChunk;
      t.rows = std::min(kRowChunk, args.m - t.row);
      const Way way = way_of(kernels, args, t.linear);
      switch (way) {
        case Way::i8:
          tile_i8(kernels, t, a);
          break;
        case Way::bf16:
          tile_bf16(kernels, t, a);
          break;
        case Way::f32:
          tile_f32(kernels, t, args);
          break;
        case Way::matvec:
          tile_matvec(kernels, t, a);
          break;
      }
      if (!t.linear->bias.empty()) add_bias(t);
      if (way == Way::i8 || !t.matrix->rank()) continue;
      (on_tiles ? add_low_rank_tiles : add_low_rank)(kernels, t, a);
    }
  });
}

}  // namespace blocksight::cpu

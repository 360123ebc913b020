// Products of activations with packed matrices: how work is cut and where it lies; kernels_matmul.h
// has the arithmetic.
#include <algorithm>
#include <cstring>

#include "cpu.h"
#include "packed.h"
#include "thread_pool.h"

namespace blocksight::cpu {

namespace {

// Rows that share an expanded panel: enough to hide the expansion, few enough that their bytes stay
// in the second-level cache beside it.
constexpr int64_t kRowChunk = 512;
// Inputs expanded at a time: two panels take 64 KiB as bytes.
constexpr int64_t kDepth = 2048, kFloatDepth = 512;
constexpr int64_t kTilePanels = kTileCols / kPanel;

const PackedMatrix& packed(const Linear* linear) {
  return static_cast<const PackedMatrix&>(*linear->prepared);
}

// Activations in the forms that the linears of one call need. Kept by the calling thread between
// calls, as prefill would else map and unmap some 20 MB for every product.
struct Activations {
  int64_t cols = 0, padded = 0, groups = 0, rank = 0;
  Buffer bytes, scale, sum, sub_sum, half, inner;
};

void quantize_rows(const Kernels& kernels, const MatmulArgs& args, Activations& a,
                   ThreadPool& pool) {
  const auto m = static_cast<size_t>(args.m), padded = static_cast<size_t>(a.padded);
  a.bytes.reserve((m + kRowsReadable) * padded);
  a.scale.reserve(m * static_cast<size_t>(a.groups) * sizeof(float));
  a.sum.reserve(m * static_cast<size_t>(a.groups) * sizeof(int32_t));
  a.sub_sum.reserve(m * padded / kSub * sizeof(int32_t));
  constexpr int64_t kTile = kRowsReadable, kRun = 64;
  const bool tiles = kernels.in_tiles && args.phase == Phase::prefill;
  pool.parallel_for(args.m, 16, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t first =
          tiles ? row / kTile * kTile * a.padded + row % kTile * kRun : row * a.padded;
      kernels.quantize_row(args.x + row * a.cols, a.cols, a.padded,
                           {.bytes = a.bytes.as<int8_t>() + first,
                            .run_stride = tiles ? kTile * kRun : kRun,
                            .scale = a.scale.as<float>() + row * a.groups,
                            .sum = a.sum.as<int32_t>() + row * a.groups,
                            .sub_sum = a.sub_sum.as<int32_t>() + row * (a.padded / kSub)});
    }
  });
}

void round_rows(const Kernels& kernels, const MatmulArgs& args, Activations& a, ThreadPool& pool) {
  a.half.reserve(static_cast<size_t>((args.m + kRowsReadable) * a.padded) * sizeof(uint16_t));
  pool.parallel_for(args.m, 16, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      uint16_t* const to = a.half.as<uint16_t>() + row * a.padded;
      kernels.to_bf16(args.x + row * a.cols, a.cols, to);
      std::fill(to + a.cols, to + a.padded, uint16_t{0});
    }
  });
}

// x Aᵀ of every linear with a delta, side by side: inner[m][rank].
void low_rank_inner(const Kernels& kernels, const MatmulArgs& args, Activations& a,
                    ThreadPool& pool) {
  std::vector<const float*> panels;
  for (const Linear* linear : args.linears) {
    const PackedMatrix& matrix = packed(linear);
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

// Two panels of one linear for a run of rows.
struct Tile {
  const Linear* linear;
  const PackedMatrix* matrix;
  float* y;       // [m][rows of the linear]
  int64_t inner;  // first column of the linear's part of `inner`
  int64_t panel, row, rows;
  int cols;
};

// Where a tile's weights are expanded to; one a thread.
struct Expanded {
  Buffer weight, scale;
};
thread_local Expanded expanded;

void tile_i8(const Kernels& kernels, const Tile& t, const Activations& a) {
  expanded.weight.reserve(kTilePanels * kDepth * kPanel);
  expanded.scale.reserve(kTilePanels * kDepth / kGroup * kPanel * sizeof(float));
  const int64_t panels = (t.cols + kPanel - 1) / kPanel;
  I8Product product = {};
  for (int64_t begin = 0; begin < a.padded; begin += kDepth) {
    const int64_t end = std::min(begin + kDepth, a.padded);
    for (int64_t p = 0; p < kTilePanels; p++) {
      const int64_t at = std::min(p, panels - 1);
      uint8_t* const bytes = expanded.weight.as<uint8_t>() + at * kDepth * kPanel;
      float* const scale = expanded.scale.as<float>() + at * kDepth / kGroup * kPanel;
      if (p == at) kernels.expand_i8(t.matrix->panel(t.panel + p), begin, end, bytes, scale);
      product.w[p] = bytes;
      product.w_scale[p] = scale;
    }
    product.x =
        a.bytes.as<int8_t>() + t.row * a.padded + begin * (kernels.in_tiles ? kRowsReadable : 1);
    product.x_stride = a.padded;
    product.x_scale = a.scale.as<float>() + t.row * a.groups + begin / kGroup;
    product.x_sum = a.sum.as<int32_t>() + t.row * a.groups + begin / kGroup;
    product.group_stride = a.groups;
    product.depth = end - begin;
    product.y = t.y + t.row * t.matrix->rows() + t.panel * kPanel;
    product.y_stride = t.matrix->rows();
    product.rows = t.rows;
    product.cols = t.cols;
    product.accumulate = begin > 0;
    kernels.i8_product(product);
  }
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
  expanded.weight.reserve(kTilePanels * kDepth * kPanel * sizeof(uint16_t));
  const int64_t panels = (t.cols + kPanel - 1) / kPanel;
  for (int64_t begin = 0; begin < a.padded; begin += kDepth) {
    const int64_t end = std::min(begin + kDepth, a.padded);
    const uint16_t* w[kTilePanels];
    for (int64_t p = 0; p < kTilePanels; p++) {
      const int64_t at = std::min(p, panels - 1);
      uint16_t* const to = expanded.weight.as<uint16_t>() + at * kDepth * kPanel;
      if (p == at) kernels.expand_bf16(t.matrix->panel(t.panel + p), begin, end, to);
      w[p] = to;
    }
    kernels.bf16_product({.x = a.half.as<uint16_t>() + t.row * a.padded + begin,
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
    kernels.i8_matvec({.x = a.bytes.as<int8_t>() + t.row * a.padded,
                       .x_stride = a.padded,
                       .x_scale = a.scale.as<float>() + t.row * a.groups,
                       .group_stride = a.groups,
                       .x_sub_sum = a.sub_sum.as<int32_t>() + t.row * (a.padded / kSub),
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
  const auto any = [&](auto&& test) {
    return std::any_of(args.linears.begin(), args.linears.end(),
                       [&](const Linear* linear) { return test(packed(linear)); });
  };
  const auto in_bf16 = [&](const PackedMatrix& matrix) {
    return kernels.has_bf16 && matrix.numerics() == Numerics::bf16;
  };
  if (any([](const PackedMatrix& matrix) { return matrix.is_i8(); })) {
    quantize_rows(kernels, args, a, pool);
  }
  if (any(in_bf16)) round_rows(kernels, args, a, pool);
  low_rank_inner(kernels, args, a, pool);

  std::vector<Tile> tiles;
  int64_t inner = 0;
  for (size_t l = 0; l < args.linears.size(); l++) {
    const PackedMatrix& matrix = packed(args.linears[l]);
    for (int64_t panel = 0; panel < matrix.panels(); panel += kTilePanels) {
      tiles.push_back(
          {.linear = args.linears[l],
           .matrix = &matrix,
           .y = args.y[l],
           .inner = inner,
           .panel = panel,
           .row = 0,
           .rows = 0,
           .cols = static_cast<int>(std::min(kTileCols, matrix.rows() - panel * kPanel))});
    }
    inner += matrix.rank();
  }
  const auto count = static_cast<int64_t>(tiles.size());
  const int64_t chunks = (args.m + kRowChunk - 1) / kRowChunk;
  const int64_t grain = std::clamp<int64_t>(count * chunks / (pool.threads() * 16), 1, 8);
  pool.parallel_for(count * chunks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      Tile t = tiles[static_cast<size_t>(i % count)];
      t.row = i / count * kRowChunk;
      t.rows = std::min(kRowChunk, args.m - t.row);
      if (t.matrix->is_i8()) {
        (args.phase == Phase::prefill ? tile_i8 : tile_matvec)(kernels, t, a);
      } else if (in_bf16(*t.matrix)) {
        tile_bf16(kernels, t, a);
      } else {
        tile_f32(kernels, t, args);
      }
      if (!t.linear->bias.empty()) add_bias(t);
      if (t.matrix->rank()) add_low_rank(kernels, t, a);
    }
  });
}

}  // namespace blocksight::cpu

// Products on AMX tiles. Part of kernels.cpp where it is compiled for them.
//
// All tiles are 16 rows of 64 bytes; rows beyond a product's last are read (the caller's buffers
// hold them) and thrown away. A row's sums run over inputs in the same order whatever stands beside
// it.
#pragma once

namespace {

struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64);

// Tiles in use make a thread's context larger to switch, so they are given back at once.
struct Tiles {
  Tiles() {
    static const TileConfig config;
    _tile_loadconfig(&config);
  }
  ~Tiles() { _tile_release(); }
};

constexpr int kTileRows = 16;
constexpr int64_t kTileBytes = 64;

// Adds the products of 32 rows (or 16) with two panels to tiles 0 to 3.
template <bool Two>
BS_INLINE void multiply_tiles(const uint16_t* x, int64_t x_stride, const uint16_t* w0,
                              const uint16_t* w1, int64_t depth) {
  for (int64_t k = 0; k < depth; k += 32) {
    // The panels stay in the first-level cache; activations come from the second in time.
    const uint16_t* const ahead = x + (k + 64) * kTileRows;
    for (int line = 0; line < kTileRows; line++) {
      _mm_prefetch(ahead + line * 32, _MM_HINT_T0);
      if (Two) _mm_prefetch(ahead + kTileRows * x_stride + line * 32, _MM_HINT_T0);
    }
    _tile_loadd(4, x + k * kTileRows, 64);
    _tile_loadd(6, w0 + k * kPanel, 64);
    _tile_loadd(7, w1 + k * kPanel, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    if (Two) {
      _tile_loadd(5, x + kTileRows * (x_stride + k), 64);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
}

template <bool Two>
BS_INLINE void load_results(const float* from, int64_t stride, int64_t row_tile, int64_t panel) {
  _tile_loadd(0, from, stride * 4);
  _tile_loadd(1, from + panel, stride * 4);
  if (Two) {
    _tile_loadd(2, from + row_tile, stride * 4);
    _tile_loadd(3, from + row_tile + panel, stride * 4);
  }
}
template <bool Two>
BS_INLINE void store_results(float* to, int64_t stride, int64_t row_tile, int64_t panel) {
  _tile_stored(0, to, stride * 4);
  _tile_stored(1, to + panel, stride * 4);
  if (Two) {
    _tile_stored(2, to + row_tile, stride * 4);
    _tile_stored(3, to + row_tile + panel, stride * 4);
  }
}
template <bool Two>
BS_INLINE void zero_results() {
  _tile_zero(0);
  _tile_zero(1);
  if (Two) {
    _tile_zero(2);
    _tile_zero(3);
  }
}

// Results go by way of memory where the tile is not whole: [row tile][panel][16][16].
template <bool Two>
void bf16_edge(const Bf16Product& a, int64_t row) {
  constexpr int kRows = Two ? 2 * kTileRows : kTileRows;
  alignas(64) float kept[kRows * kTileCols];
  const int64_t rows = a.rows - row < kRows ? a.rows - row : kRows;
  float* const y = a.y + row * a.y_stride;
  const int cols[2] = {a.cols < kLanes ? a.cols : kLanes, a.cols - kLanes};
  const auto kept_at = [&](int64_t r, int p) __attribute__((always_inline)) {
    return kept + r / kTileRows * 512 + p * 256 + r % kTileRows * kPanel;
  };
  for (int64_t r = 0; r < kRows; r++) {
    for (int p = 0; p < 2; p++) {
      const bool is_there = a.accumulate && r < rows && cols[p] > 0;
      const float* const from = y + r * a.y_stride + p * kPanel;
      store(kept_at(r, p), is_there ? load_first(from, cols[p]) : f32(0));
    }
  }
  load_results<Two>(kept, kPanel, 512, 256);
  multiply_tiles<Two>(a.x + row * a.x_stride, a.x_stride, a.w[0], a.w[1], a.depth);
  store_results<Two>(kept, kPanel, 512, 256);
  for (int64_t r = 0; r < rows; r++) {
    for (int p = 0; p < 2; p++) {
      if (cols[p] > 0) store_first(y + r * a.y_stride + p * kPanel, cols[p], load(kept_at(r, p)));
    }
  }
}

void bf16_product(const Bf16Product& a) {
  const Tiles tiles;
  int64_t row = 0;
  for (; a.cols == kTileCols && a.rows - row >= 2 * kTileRows; row += 2 * kTileRows) {
    float* const y = a.y + row * a.y_stride;
    if (a.accumulate) {
      load_results<true>(y, a.y_stride, kTileRows * a.y_stride, kPanel);
    } else {
      zero_results<true>();
    }
    multiply_tiles<true>(a.x + row * a.x_stride, a.x_stride, a.w[0], a.w[1], a.depth);
    store_results<true>(y, a.y_stride, kTileRows * a.y_stride, kPanel);
  }
  for (; a.rows - row > kTileRows; row += 2 * kTileRows) bf16_edge<true>(a, row);
  if (row < a.rows) bf16_edge<false>(a, row);
}

constexpr bool kHasTiles = true;

}  // namespace

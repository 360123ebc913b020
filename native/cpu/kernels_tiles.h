// Products on AMX tiles. Part of kernels.cpp where it is compiled for them.
//
// int8 results are those of the vector kernels bit for bit: tiles only compute the exact dots. All
// tiles are 16 rows of 64 bytes; rows beyond a product's last are read (the caller's buffers hold
// them) and thrown away.
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
constexpr int64_t kTileInputs = 64;

// Dots of 32 rows (or 16) with two panels over one group, as [row tile][panel][16][16]. x is in
// tile order: rows of a matrix, some thousand bytes apart, would each need a page and defeat the
// prefetcher.
template <bool Two>
BS_INLINE void tile_dots(const int8_t* x, int64_t x_stride, const uint8_t* w0, const uint8_t* w1,
                         int64_t inputs, int32_t* out) {
  _tile_zero(0);
  _tile_zero(1);
  if (Two) {
    _tile_zero(2);
    _tile_zero(3);
  }
  for (int64_t k = 0; k < inputs; k += kTileInputs) {
    _tile_loadd(4, x + k * kTileRows, 64);
    _tile_loadd(6, w0 + k * kPanel, 64);
    _tile_loadd(7, w1 + k * kPanel, 64);
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    if (Two) {
      _tile_loadd(5, x + kTileRows * (x_stride + k), 64);
      _tile_dpbssd(2, 5, 6);
      _tile_dpbssd(3, 5, 7);
    }
  }
  _tile_stored(0, out, 64);
  _tile_stored(1, out + 256, 64);
  if (Two) {
    _tile_stored(2, out + 512, 64);
    _tile_stored(3, out + 768, 64);
  }
}

template <bool Two>
void i8_tiles(const I8Product& a, int64_t row) {
  constexpr int kRows = Two ? 2 * kTileRows : kTileRows;
  alignas(64) float kept[kRows][kTileCols];
  alignas(64) int32_t part[2][kRows * kTileCols];
  const int64_t rows = a.rows - row < kRows ? a.rows - row : kRows;
  float* const y = a.y + row * a.y_stride;
  const int cols[2] = {a.cols < kLanes ? a.cols : kLanes, a.cols - kLanes};
  for (int64_t r = 0; r < kRows; r++) {
    for (int p = 0; p < 2; p++) {
      const bool is_there = a.accumulate && r < rows && cols[p] > 0;
      const float* const from = y + r * a.y_stride + p * kPanel;
      store(&kept[r][p * kPanel], is_there ? load_first(from, cols[p]) : f32(0));
    }
  }
  const int64_t groups = (a.depth + kGroup - 1) / kGroup;
  // One group behind the tiles: loading what a tile has just stored would wait for the store.
  for (int64_t g = 0; g <= groups; g++) {
    if (g < groups) {
      const int64_t begin = g * kGroup;
      const int64_t inputs = a.depth - begin < kGroup ? a.depth - begin : kGroup;
      tile_dots<Two>(a.x + row * a.x_stride + begin * kTileRows, a.x_stride,
                     a.w[0] + begin * kPanel, a.w[1] + begin * kPanel, inputs, part[g & 1]);
    }
    if (g == 0) continue;
    const F32 scale0 = load(a.w_scale[0] + (g - 1) * kPanel);
    const F32 scale1 = load(a.w_scale[1] + (g - 1) * kPanel);
    const float* const x_scale = a.x_scale + row * a.group_stride + g - 1;
    // What the next group loads: tile loads wait for the second-level cache otherwise.
    const int64_t next = (g + 1) * kGroup * kPanel;
    const int8_t* const next_x = a.x + row * a.x_stride + next;
    for (int64_t r = 0; r < rows; r++) {
      _mm_prefetch(next_x + r * 64, _MM_HINT_T0);
      _mm_prefetch(next_x + r * 64 + kTileRows * a.x_stride, _MM_HINT_T0);
      _mm_prefetch(a.w[0] + next + r * 64, _MM_HINT_T0);
      _mm_prefetch(a.w[1] + next + r * 64, _MM_HINT_T0);
      const F32 x = f32(x_scale[r * a.group_stride]);
      const int32_t* const dots = part[(g - 1) & 1] + r / kTileRows * 512 + r % kTileRows * kPanel;
      store(&kept[r][0], fma(x, to_f32(load(dots)) * scale0, load(&kept[r][0])));
      store(&kept[r][kPanel], fma(x, to_f32(load(dots + 256)) * scale1, load(&kept[r][kPanel])));
    }
  }
  for (int64_t r = 0; r < rows; r++) {
    for (int p = 0; p < 2; p++) {
      if (cols[p] > 0)
        store_first(y + r * a.y_stride + p * kPanel, cols[p], load(&kept[r][p * kPanel]));
    }
  }
}

void i8_product(const I8Product& a) {
  const Tiles tiles;
  int64_t row = 0;
  for (; a.rows - row > kTileRows; row += 2 * kTileRows) i8_tiles<true>(a, row);
  if (row < a.rows) i8_tiles<false>(a, row);
}

template <bool Two>
void bf16_tiles(const Bf16Product& a, int64_t row) {
  constexpr int kRows = Two ? 2 * kTileRows : kTileRows;
  alignas(64) float kept[kRows * kTileCols];  // as tile_dots() lays them out
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
  const uint16_t* const x = a.x + row * a.x_stride;
  const int64_t stride = a.x_stride * 2;
  _tile_loadd(0, kept, 64);
  _tile_loadd(1, kept + 256, 64);
  if (Two) {
    _tile_loadd(2, kept + 512, 64);
    _tile_loadd(3, kept + 768, 64);
  }
  for (int64_t k = 0; k < a.depth; k += 32) {
    _tile_loadd(4, x + k, stride);
    _tile_loadd(6, a.w[0] + k * kPanel, 64);
    _tile_loadd(7, a.w[1] + k * kPanel, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    if (Two) {
      _tile_loadd(5, x + kTileRows * a.x_stride + k, stride);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, kept, 64);
  _tile_stored(1, kept + 256, 64);
  if (Two) {
    _tile_stored(2, kept + 512, 64);
    _tile_stored(3, kept + 768, 64);
  }
  for (int64_t r = 0; r < rows; r++) {
    for (int p = 0; p < 2; p++) {
      if (cols[p] > 0) store_first(y + r * a.y_stride + p * kPanel, cols[p], load(kept_at(r, p)));
    }
  }
}

constexpr bool kHasBf16 = true, kInTiles = true;
void bf16_product(const Bf16Product& a) {
  const Tiles tiles;
  int64_t row = 0;
  for (; a.rows - row > kTileRows; row += 2 * kTileRows) bf16_tiles<true>(a, row);
  if (row < a.rows) bf16_tiles<false>(a, row);
}

}  // namespace

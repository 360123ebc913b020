// The `ref` tier: what every operation of op_table.h means, in scalar code. Inputs and outputs are
// fp32, sums are fp64, so that another tier is measured against rounding of its own only. Threads
// share out rows; no sum is ever split between them.
#pragma once

#include "op_table.h"

namespace blocksight::ref {

// Sum of x[i] y[i] in fp64: eight running sums, so that a compiler may keep them in vectors without
// being allowed to reorder, added up in a fixed order.
double dot(const float* x, const float* y, int64_t count);

// matmul.cpp. Weights stay as they lie in the file; a row is dequantised when it is used, so
// `prepare` has nothing to hold and returns null.
std::unique_ptr<PreparedMatrix> prepare(const Linear&, Numerics, ThreadPool&);
void matmul(const MatmulArgs&, ThreadPool&);
void embed(const StoredMatrix&, const uint32_t* ids, int64_t m, float* y);

// rows.cpp
void rms_norm(const float* x, const float* w, float eps, int64_t m, int64_t d, float* y,
              ThreadPool&);
void rope(const RopeArgs&, ThreadPool&);
void silu_mul(float* gate, const float* up, int64_t count, ThreadPool&);
void add(float* x, const float* y, int64_t count, ThreadPool&);

// pages.cpp. A layer's index part is [128][I], its KV part K [G][128][E] then V [G][128][E].
PageFormat page_format(const PageShape&);
void store(const StoreArgs&, ThreadPool&);
void seal(const PageShape&, const Page&, uint32_t valid);
float* index_rows(const Page&, int64_t layer);
float* key_rows(const PageShape&, const Page&, int64_t layer, int64_t group);
float* value_rows(const PageShape&, const Page&, int64_t layer, int64_t group);

// select.cpp, attend.cpp
void select(const SelectArgs&, ThreadPool&);
void attend(const AttendArgs&, ThreadPool&);

}  // namespace blocksight::ref

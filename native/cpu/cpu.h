// The `cpu` tier above its kernels: memory, threads and shapes. Every function takes the kernels of
// one instruction set; cpu_table.cpp makes an op table of them for each.
#pragma once

#include "kernels.h"
#include "op_table.h"

namespace blocksight::cpu {

// matmul.cpp
std::unique_ptr<PreparedMatrix> prepare(const Linear&, Numerics, ThreadPool&);
void matmul(const Kernels&, const MatmulArgs&, ThreadPool&);

// rows.cpp
void embed(const StoredMatrix&, const uint32_t* ids, int64_t m, float* y);
void rms_norm(const Kernels&, const float* x, const float* w, float eps, int64_t m, int64_t d,
              float* y, ThreadPool&);
void rope(const Kernels&, const RopeArgs&, ThreadPool&);
void silu_mul(const Kernels&, float* gate, const float* up, int64_t count, ThreadPool&);
void add(const Kernels&, float* x, const float* y, int64_t count, ThreadPool&);

// pages.cpp
PageFormat page_format(const PageShape&);
void store(const Kernels&, const StoreArgs&, ThreadPool&);
void seal(const PageShape&, const Page&, uint32_t valid);

// select.cpp, attend.cpp
void select(const Kernels&, const SelectArgs&, ThreadPool&);
void attend(const Kernels&, const AttendArgs&, ThreadPool&);

}  // namespace blocksight::cpu

// The kernels, compiled once per instruction set (sources.cmake) with flags of its own.
#include "kernels.h"

#include "simd.h"
//
#include "kernels_matmul.h"
#ifdef BS_AMX
#include "kernels_tiles.h"
#endif
#include "kernels_pages.h"
#include "kernels_rows.h"

namespace blocksight::cpu {

#ifndef BS_KERNELS
#error "BS_KERNELS names the exported table"
#endif

const Kernels BS_KERNELS = {
    .isa = BS_ISA,
    .prefill = kHasTiles ? BS_ISA "-bf16" : BS_ISA "-i8-deltas",
    .decode = BS_ISA "-nibbles",
    .bf16 = kHasTiles ? BS_ISA "-bf16" : BS_ISA "-f32",
    .has_tiles = kHasTiles,
    .rms_norm = rms_norm,
    .rotate = rotate,
    .silu_mul = silu_mul,
    .add = add,
    .quantize_row = quantize_row,
    .round_row = round_row,
    .split_row = split_row,
    .expand_i8 = expand_i8,
    .expand_f32 = expand_f32,
    .expand_bf16 = expand_bf16,
    .i8_product = i8_product,
    .f32_product = f32_product,
    .bf16_product = bf16_product,
    .matvec = matvec,
    .hadamard = hadamard,
    .quantize = quantize,
    .attend_i8 = attend_i8,
    .attend_bf16 = attend_bf16,
    .attend_f32 = attend_f32,
    .exp2 = exp2_all,
    .score_i8 = score_i8,
    .score_planes = score_planes,
    .score_both = score_both,
    .join_planes = join_planes,
    .score_bf16 = score_bf16,
    .score_f32 = score_f32,
};

}  // namespace blocksight::cpu

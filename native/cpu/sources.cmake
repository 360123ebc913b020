# The kernels are one source, compiled per instruction set into objects of their own; everything
# else of this folder is for the baseline processor. Contraction is off, so that an expression
# means the same operations in each of them.
file(GLOB CPU_SOURCES CONFIGURE_DEPENDS cpu/*.cpp)
list(FILTER CPU_SOURCES EXCLUDE REGEX "kernels\\.cpp$")
target_sources(blocksight_engine PRIVATE ${CPU_SOURCES})

function(blocksight_kernels isa table)
  add_library(blocksight_kernels_${isa} OBJECT cpu/kernels.cpp)
  target_link_libraries(blocksight_kernels_${isa} PRIVATE blocksight_options)
  target_compile_options(blocksight_kernels_${isa} PRIVATE
    -O3 -ffp-contract=off -fno-exceptions -fno-math-errno ${ARGN})
  target_compile_definitions(blocksight_kernels_${isa} PRIVATE
    BS_KERNELS=${table} BS_ISA="${isa}")
  target_sources(blocksight_engine PRIVATE $<TARGET_OBJECTS:blocksight_kernels_${isa}>)
endfunction()

set(AVX2_FLAGS -mavx2 -mfma -mf16c)
# GCC 12 takes the deliberately undefined operand in its own AVX-512 headers for a mistake.
set(AVX512_FLAGS -Wno-maybe-uninitialized -Wno-uninitialized ${AVX2_FLAGS}
  -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mprefer-vector-width=512)
blocksight_kernels(avx2 kAvx2Kernels ${AVX2_FLAGS})
blocksight_kernels(avx512vnni kAvx512VnniKernels ${AVX512_FLAGS})
blocksight_kernels(amx kAmxKernels ${AVX512_FLAGS} -mavx512bf16 -mamx-tile -mamx-int8 -mamx-bf16)
target_compile_definitions(blocksight_kernels_amx PRIVATE BS_AMX)

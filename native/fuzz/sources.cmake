# One libFuzzer binary a target, address and undefined behaviour checked:
#   CXX=clang++ cmake -S native -B build/fuzz -DBLOCKSIGHT_FUZZ=ON -DCMAKE_BUILD_TYPE=RelWithDebInfo \
#     -DBLOCKSIGHT_SANITIZE=address,undefined
#   cmake --build build/fuzz --target fuzz_gguf
#   build/fuzz/fuzz_gguf -max_total_time=60 build/corpus-gguf native/fuzz/corpus/gguf
# Without Clang, the native tests run the same targets on mutated seeds (selftest/fuzz_test.cpp).
if(NOT CMAKE_CXX_COMPILER_ID MATCHES Clang)
  message(FATAL_ERROR "BLOCKSIGHT_FUZZ needs Clang: set CXX=clang++")
endif()
# Only what reads files and text is needed, so only that is built, and instrumented.
file(GLOB FUZZED_SOURCES CONFIGURE_DEPENDS io/*.cpp)
add_library(blocksight_fuzzed STATIC EXCLUDE_FROM_ALL ${FUZZED_SOURCES} fuzz/targets.cpp)
target_link_libraries(blocksight_fuzzed PUBLIC blocksight_options)
target_compile_options(blocksight_fuzzed PUBLIC -fsanitize=fuzzer-no-link)
foreach(target gguf adapter json tokenizer)
  add_executable(fuzz_${target} EXCLUDE_FROM_ALL fuzz/libfuzzer.cpp)
  target_compile_definitions(fuzz_${target} PRIVATE BLOCKSIGHT_FUZZ_TARGET="${target}")
  target_link_options(fuzz_${target} PRIVATE -fsanitize=fuzzer)
  target_link_libraries(fuzz_${target} PRIVATE blocksight_fuzzed)
endforeach()

# The Node addon: everything JavaScript sees of the engine, through blocksight.h only. It is built
# where Node's headers are installed (npm ci) and is not part of sanitizer builds: Node is not
# instrumented, and the native tests cover the library.
set(NODE_MODULES ${CMAKE_CURRENT_SOURCE_DIR}/../node_modules)
if(NOT EXISTS ${NODE_MODULES}/node-api-headers/include/node_api.h OR
   NOT EXISTS ${NODE_MODULES}/node-addon-api/napi.h)
  message(WARNING "The addon is not built: run npm ci first (node-api-headers, node-addon-api).")
  return()
endif()
if(BLOCKSIGHT_SANITIZE OR NOT UNIX)
  return()
endif()

# Node's names for this platform: linux-x64, linux-arm64, darwin-arm64.
string(TOLOWER ${CMAKE_SYSTEM_NAME} NODE_PLATFORM)
string(TOLOWER ${CMAKE_SYSTEM_PROCESSOR} NODE_ARCH)
string(REGEX REPLACE "^(x86_64|amd64)$" "x64" NODE_ARCH ${NODE_ARCH})
string(REGEX REPLACE "^aarch64$" "arm64" NODE_ARCH ${NODE_ARCH})

file(GLOB ADDON_SOURCES CONFIGURE_DEPENDS addon/*.cpp)
add_library(blocksight_addon MODULE ${ADDON_SOURCES})
set_target_properties(blocksight_addon PROPERTIES
  PREFIX "" SUFFIX ".node" OUTPUT_NAME blocksight
  LIBRARY_OUTPUT_DIRECTORY
    ${CMAKE_CURRENT_SOURCE_DIR}/../dist/native/${NODE_PLATFORM}-${NODE_ARCH})
target_include_directories(blocksight_addon SYSTEM PRIVATE
  ${NODE_MODULES}/node-api-headers/include ${NODE_MODULES}/node-addon-api)
target_compile_definitions(blocksight_addon PRIVATE
  NAPI_VERSION=8 NAPI_DISABLE_CPP_EXCEPTIONS NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED
  # While an environment ends, every call into it fails; that must not end the process.
  NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS)
target_link_libraries(blocksight_addon PRIVATE blocksight_engine)
if(APPLE)
  target_link_options(blocksight_addon PRIVATE -undefined dynamic_lookup)
else()
  # libstdc++ inside, libgcc_s outside. Inside, because GCC 12's condition_variable::wait would ask
  # for GLIBCXX_3.4.30, newer than what comes with glibc 2.34; libgcc_s outside, because the static
  # one asks for _dl_find_object of glibc 2.35. test/unit/addonSymbols.test.ts reads the result.
  target_link_options(blocksight_addon PRIVATE
    -static-libstdc++ -Wl,--gc-sections -Wl,-z,relro,-z,now
    -Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/addon/exports.map)
  set_target_properties(blocksight_addon PROPERTIES
    LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/addon/exports.map)
endif()

// XXH64 with seed 0: the page store's checksum. 64 bits, portable and faster than any disk (several
// bytes a cycle on one core), where CRC32C has 32 bits and needs an instruction per architecture.
// It finds damage; it is no defence against someone who may write to the store's folder.
#pragma once

#include <cstddef>
#include <cstdint>

namespace blocksight {

uint64_t checksum64(const void* data, size_t size);

}  // namespace blocksight

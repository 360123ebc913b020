// Reading: prefill of a pack's segments, rows of several segments at once, in chunks.
#pragma once

#include <functional>

#include "blocksight.h"
#include "cancel.h"
#include "pack.h"

namespace blocksight {

// Rows of a chunk: reading stops, yields and reports between chunks. 256 rows keep every kernel
// busy and take about two seconds where the coder reads slowest.
inline constexpr size_t kChunkRows = 256;

using ReadProgress = std::function<void(const bs_read_progress&)>;

// Reads `options.segments` in their order (in the causal layout also all segments before them).
// Pages that are held are taken; of a segment that was read in part, the rest is computed. Fills
// `result` also when it throws. Throws Error: BS_CANCELLED (what was finished stays),
// BS_INVALID_ARGUMENT, and what PageCache::insert throws.
void read_segments(Pack&, const bs_read_options&, const ReadProgress&, const bs_cancel*,
                   bs_read_result& result);

}  // namespace blocksight

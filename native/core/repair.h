// A stored page is checked where its bytes are wanted, and that may be in the middle of an answer.
#pragma once

#include "graph.h"
#include "pack.h"

namespace blocksight {

// Computes the segment of a page anew, fills the page and saves it again. For pages of the
// independent layout. Throws Error: BS_CORRUPT where no segment has the page, and what
// PageCache::insert throws.
void repair(const Pack&, const Page* broken);

// What `run` gives, which reads pages; run again after each repair.
template <typename Run>
auto over_whole_pages(const Pack& pack, const Run& run) {
  for (;;) {
    try {
      return run();
    } catch (const BrokenPage& broken) {
      repair(pack, broken.page);
    }
  }
}

}  // namespace blocksight

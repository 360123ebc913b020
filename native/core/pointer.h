// Which file a citation names (spec/contracts.md, "pointer").
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "blocksight.h"
#include "conversation.h"

namespace blocksight {

// A file that may be cited and its path's ids as in its header, ended by the newline.
struct CitablePath {
  uint32_t file = 0;
  std::span<const uint32_t> ids;
};

// Of the 8 files with the highest focus (by `focus`, per file; ties to the lower file) the one with
// the highest log p(path | conversation) + weight log(max(focus, 1e-6)). `hidden` is the normalised
// state of the conversation's last row, the citation token's. Candidates come best first; those
// whose path does not fit the window are left out. The conversation is not changed.
std::vector<bs_candidate> point(const Model&, Graph&, const Conversation&,
                                std::span<const float> hidden, std::span<const double> focus,
                                std::span<const CitablePath>);

}  // namespace blocksight

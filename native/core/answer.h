// One question: read the conversation against what is in sight, then write the answer.
#pragma once

#include <functional>

#include "blocksight.h"
#include "cancel.h"
#include "pack.h"

namespace blocksight {

using OnStep = std::function<void(const bs_step&)>;

// Fills `result`. Cancelling is a result; steps so far were reported. Throws Error:
// BS_INVALID_ARGUMENT for options, BS_WINDOW_FULL when the prompt alone does not fit.
void answer(const Pack&, const bs_ask_options&, const OnStep&, const bs_cancel*,
            bs_ask_result& result);

}  // namespace blocksight

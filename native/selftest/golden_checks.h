// What a tier must agree on with the numpy reference; used for every tier.
#pragma once

#include "golden.h"

namespace blocksight::check {

// `ref`: K, V and index keys of single slots within 1e-3 relative.
void check_probes(const Golden&, const Pack&);

// Answers freely: the same tokens; per row the same selections wherever the reference's margin
// exceeds 1e-3, mass within 2e-3 wherever the selection is the same; the same focus within 1e-3.
// With `pointed` the engine writes the citations: the same candidates and choice, log p within
// 1e-2.
void check_answer(const Golden&, const GoldenResult&, const Pack&);

// With the reference's tokens forced: focus of every file within `focus_tolerance`, and the same
// best token wherever the reference's margin exceeds 0.5 nat. Prints the largest differences.
void check_forced(const Golden&, const GoldenResult&, const Pack&, double focus_tolerance);

// `ref`, but for check_imposed able to select what the reference selected.
const OpTable& imposing_table();
// With the reference's selections imposed on every row of the prompt: mass within 2e-3 and the
// eight best logits within 2e-2. Needs all steps of the prompt and a model over imposing_table().
void check_imposed(const GoldenResult&, const Pack&);

}  // namespace blocksight::check

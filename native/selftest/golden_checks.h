// What a tier must agree on with the numpy reference; used for every tier.
#pragma once

#include "golden.h"

namespace blocksight::check {

// `ref`: K, V and index keys of single slots within 1e-3 relative.
void check_probes(const Golden&, const Pack&);

// Answers freely: the same tokens, the same end. Where the golden has citations the engine writes
// them: the same candidates in the same order, log p within 1e-2. Prints how many selections are
// the same: one tie in layer 0 that rounding breaks the other way changes what later layers see.
void check_answer(const Golden&, const GoldenResult&, const Pack&);

// With the reference's tokens forced: focus of every file within `focus_tolerance`, and the same
// best token wherever the reference's margin exceeds 0.5 nat. Prints the largest differences.
void check_forced(const Golden&, const GoldenResult&, const Pack&, double focus_tolerance);

// `ref`, but for check_selections able to follow what the reference selected.
const OpTable& following_table();
// With the reference's tokens and, after each choice of our own, its selections: our own are the
// same sets wherever its margin exceeds 1e-3, the mass is within 2e-3, and the eight best logits
// before every token within 2e-2. Needs the steps of all rows and a model over following_table().
void check_selections(const GoldenResult&, const Pack&);
bool has_all_steps(const GoldenResult&);

}  // namespace blocksight::check

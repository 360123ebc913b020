#include "golden_checks.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>

#include "check.h"
#include "core/answer.h"
#include "core/conversation.h"
#include "core/focus.h"
#include "core/graph.h"
#include "ref/ref.h"

namespace blocksight::check {

namespace {

double relative_difference(const float* ours, const std::vector<double>& theirs) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < theirs.size(); i++) {
    difference += (double{ours[i]} - theirs[i]) * (double{ours[i]} - theirs[i]);
    size += theirs[i] * theirs[i];
  }
  return std::sqrt(difference / size);
}

PageRef page_at(const Pack& pack, uint32_t block) {
  if (block == 0) return pack.model().prefix_page();
  for (size_t s = 0; s < pack.segment_count(); s++) {
    const PackSegment& segment = pack.segment(s);
    if (block < segment.first_block + segment.block_count()) {
      return segment.pages[block - segment.first_block];
    }
  }
  throw std::out_of_range("no such block");
}

std::set<uint32_t> selected(const uint32_t* row) {
  return {row, std::find(row, row + kSelected, kNoBlock)};
}

size_t same_selections(const GoldenStep& theirs, const uint32_t* blocks, size_t& pairs) {
  size_t same = 0;
  for (const auto& groups : theirs.blocks) {
    for (const std::vector<uint32_t>& expected : groups) {
      same += selected(blocks) == std::set<uint32_t>(expected.begin(), expected.end()) ? 1 : 0;
      pairs++;
      blocks += kSelected;
    }
  }
  return same;
}

std::vector<uint32_t> all_segments(const Pack& pack) {
  std::vector<uint32_t> all(pack.segment_count());
  for (uint32_t i = 0; i < all.size(); i++) all[i] = i;
  return all;
}

double largest_focus_difference(const Golden& golden, const GoldenResult& result,
                                const std::vector<double>& focus) {
  const std::vector<std::string> files = golden.files();
  double largest = 0;
  for (const auto& [path, expected] : result.files) {
    const auto file = static_cast<size_t>(std::ranges::find(files, path) - files.begin());
    largest = std::max(largest, std::abs(focus[file] - expected));
  }
  return largest;
}

}  // namespace

void check_probes(const Golden& golden, const Pack& pack) {
  const PageShape& shape = pack.model().page_shape();
  double largest = 0;
  for (const GoldenProbe& probe : golden.probes) {
    const PageRef held = page_at(pack, probe.slot / kBlockTokens);
    const Page& page = held->page();
    const int64_t offset = probe.slot % kBlockTokens;
    for (int64_t g = 0; g < shape.groups; g++) {
      const int64_t at = offset * shape.head_dim;
      const float* const k = ref::key_rows(shape, page, probe.layer, g) + at;
      const float* const v = ref::value_rows(shape, page, probe.layer, g) + at;
      largest = std::max(largest, relative_difference(k, probe.k[static_cast<size_t>(g)]));
      largest = std::max(largest, relative_difference(v, probe.v[static_cast<size_t>(g)]));
    }
    const float* const index = ref::index_rows(page, probe.layer) + offset * shape.index_dim;
    largest = std::max(largest, relative_difference(index, probe.index_key));
  }
  std::printf("    %zu probes, largest relative difference %.1e\n", golden.probes.size(), largest);
  CHECK(!golden.probes.empty());
  CHECK(largest <= 1e-3);
}

void check_answer(const Golden& golden, const GoldenResult& result, const Pack& pack) {
  const std::vector<uint32_t> sight = all_segments(pack);
  const std::vector<std::string> files = golden.files();
  // Paths to cite, per file, from the reference's own candidates.
  std::vector<std::vector<uint32_t>> path_ids(files.size());
  if (!result.pointed.empty()) {
    for (const GoldenCandidate& candidate : result.pointed[0]) {
      const auto file = std::ranges::find(files, candidate.path) - files.begin();
      path_ids[static_cast<size_t>(file)] = candidate.ids;
    }
  }
  std::vector<const uint32_t*> cite_ids;
  std::vector<uint32_t> cite_counts;
  for (const std::vector<uint32_t>& ids : path_ids) {
    cite_ids.push_back(ids.data());
    cite_counts.push_back(static_cast<uint32_t>(ids.size()));
  }
  bs_ask_options options = {};
  options.prompt = result.prompt.data();
  options.prompt_count = result.prompt.size();
  options.sight = sight.data();
  options.sight_count = sight.size();
  // One more than the reference wrote, unless it was cut at its own limit of 48 or 64 tokens.
  const bool ended = result.top.size() > result.answer.size();
  options.max_tokens = static_cast<uint32_t>(result.answer.size()) + (ended ? 1 : 0);
  options.top_p = options.repetition_penalty = 1;
  options.trace = 1;
  if (!result.pointed.empty()) {
    options.cite_ids = cite_ids.data();
    options.cite_counts = cite_counts.data();
    options.cite_files = files.size();
  }

  std::vector<uint32_t> answer_tokens;
  std::vector<std::vector<bs_candidate>> citations;
  size_t next = 0, pairs = 0, same = 0;
  bs_ask_result asked;
  answer(
      pack, options,
      [&](const bs_step& step) {
        if (step.kind != BS_QUESTION) answer_tokens.push_back(step.token);
        if (step.candidate_count) {
          citations.emplace_back(step.candidates, step.candidates + step.candidate_count);
        }
        while (next < result.steps.size() && result.steps[next].row < step.index) next++;
        if (next == result.steps.size() || result.steps[next].row != step.index) return;
        CHECK_EQ(step.token, result.steps[next].token);
        same += same_selections(result.steps[next], step.blocks, pairs);
      },
      nullptr, asked);
  CHECK(answer_tokens == result.answer);
  if (ended) CHECK(asked.stop == BS_STOP_EOS);
  CHECK(pairs > 0);
  std::printf("    %s: %zu tokens; %zu of %zu selections are the same\n",
              result.question.substr(0, 60).c_str(), answer_tokens.size(), same, pairs);
  CHECK_EQ(citations.size(), result.pointed.size());
  for (size_t c = 0; c < std::min(citations.size(), result.pointed.size()); c++) {
    CHECK_EQ(citations[c].size(), result.pointed[c].size());
    for (size_t i = 0; i < std::min(citations[c].size(), result.pointed[c].size()); i++) {
      CHECK_EQ(files[citations[c][i].file], result.pointed[c][i].path);
      CHECK_NEAR(double{citations[c][i].log_prob}, result.pointed[c][i].log_prob, 1e-2);
    }
  }
}

void check_forced(const Golden& golden, const GoldenResult& result, const Pack& pack,
                  double focus_tolerance) {
  const Model& model = pack.model();
  Graph graph(model);
  Conversation conversation(pack, all_segments(pack), 0);
  Focus focus(pack);
  Selections selections;
  Batch batch;
  conversation.place(result.prompt, batch);
  std::span<const float> hidden = graph.converse(batch, batch.size() - 1, &selections);
  for (size_t row = 0; row < batch.size(); row++) focus.add(selections, row);
  const double focus_difference = largest_focus_difference(golden, result, focus.of_files());
  CHECK(focus_difference <= focus_tolerance);

  size_t compared = 0, close = 0;
  std::vector<float> logits;
  for (size_t i = 0; i < result.top.size(); i++) {
    const auto& best = result.top[i];
    if (best.size() >= 2) {  // a path that the engine wrote has none
      graph.logits(hidden, Phase::decode, logits);
      const auto token = static_cast<uint32_t>(std::ranges::max_element(logits) - logits.begin());
      if (best[0].second - best[1].second > 0.5) {
        CHECK_EQ(token, best[0].first);
        compared++;
      } else {
        close++;
      }
    }
    if (i == result.answer.size()) break;
    batch.clear();
    batch.phase = Phase::decode;
    conversation.place({&result.answer[i], 1}, batch);
    hidden = graph.converse(batch, 0, nullptr);
  }
  CHECK(compared > 0);
  std::printf(
      "    %s: largest difference in focus %.4f; best token the same %zu times, %zu with a "
      "margin under 0.5 not compared\n",
      result.question.substr(0, 60).c_str(), focus_difference, compared, close);
}

namespace {

// What is followed, and how our own choices compare; an op table cannot carry state of its own.
struct Following {
  const GoldenResult* result = nullptr;  // null: nothing is followed
  uint32_t first_block = 0;
  size_t pairs = 0, ties = 0, different = 0;
};
Following following;

void select_and_follow(const SelectArgs& args, ThreadPool& pool) {
  ref_table().select(args, pool);
  if (!following.result) return;
  for (int64_t row = 0; row < args.m; row++) {
    const RowPlace& place = args.rows[row];
    const uint32_t at = (place.block - following.first_block) * kBlockTokens + place.offset;
    const GoldenStep& step = following.result->steps[at];
    const auto& groups = step.blocks[static_cast<size_t>(args.layer)];
    for (size_t g = 0; g < groups.size(); g++) {
      uint32_t* const own = args.blocks + (static_cast<size_t>(row) * groups.size() + g) * args.k;
      following.pairs++;
      if (selected(own) != std::set<uint32_t>(groups[g].begin(), groups[g].end())) {
        const auto margin = step.margin[static_cast<size_t>(args.layer)][g];
        (margin && *margin <= 1e-3 ? following.ties : following.different)++;
      }
      std::fill_n(own, args.k, kNoBlock);
      std::ranges::copy(groups[g], own);
    }
  }
}

}  // namespace

const OpTable& following_table() {
  static const OpTable table = [] {
    OpTable own = ref_table();
    own.select = select_and_follow;
    return own;
  }();
  return table;
}

bool has_all_steps(const GoldenResult& result) {
  return result.steps.size() == result.prompt.size() + result.answer.size();
}

void check_selections(const GoldenResult& result, const Pack& pack) {
  const Model& model = pack.model();
  std::vector<uint32_t> ids = result.prompt;
  ids.insert(ids.end(), result.answer.begin(), result.answer.end());
  Graph graph(model);
  Conversation conversation(pack, all_segments(pack), 0);
  Selections selections;
  Batch batch;
  conversation.place(ids, batch);
  following = {.result = &result, .first_block = pack.block_count()};
  const std::span<const float> hidden = graph.converse(batch, 0, &selections);
  following.result = nullptr;

  double mass_difference = 0;
  const auto groups = static_cast<size_t>(model.shape().groups);
  for (size_t row = 0; row < ids.size(); row++) {
    const GoldenStep& step = result.steps[row];
    for (size_t layer = 0; layer < step.mass.size(); layer++) {
      for (size_t g = 0; g < groups; g++) {
        const float* const mass =
            &selections.mass[((layer * ids.size() + row) * groups + g) * kSelected];
        for (size_t j = 0; j < step.mass[layer][g].size(); j++) {
          mass_difference =
              std::max(mass_difference, std::abs(double{mass[j]} - step.mass[layer][g][j]));
        }
      }
    }
  }
  double logit_difference = 0;
  const auto width = static_cast<size_t>(model.shape().width);
  std::vector<float> logits;
  for (size_t i = 0; i < result.top.size(); i++) {
    if (result.top[i].empty()) continue;  // a token of a path that the engine wrote
    const size_t row = result.prompt.size() - 1 + i;
    graph.logits(hidden.subspan(row * width, width), Phase::decode, logits);
    for (const auto& [token, logit] : result.top[i]) {
      logit_difference = std::max(logit_difference, std::abs(double{logits[token]} - logit));
    }
  }
  std::printf(
      "    selections followed: of %zu own ones %zu differ at a tie, %zu elsewhere; largest "
      "difference in mass %.1e, in logits %.1e\n",
      following.pairs, following.ties, following.different, mass_difference, logit_difference);
  CHECK(following.pairs > 0);
  CHECK_EQ(following.different, 0u);
  CHECK(mass_difference <= 2e-3);
  CHECK(logit_difference <= 2e-2);
}

}  // namespace blocksight::check

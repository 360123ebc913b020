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

struct Agreement {
  size_t pairs = 0, same = 0, ties = 0;
  double largest_mass_difference = 0;
};

// One row's [layer][group] selections against the reference's.
void compare_step(const GoldenStep& theirs, const uint32_t* blocks, const float* mass,
                  Agreement& agreement) {
  for (size_t layer = 0; layer < theirs.blocks.size(); layer++) {
    const size_t groups = theirs.blocks[layer].size();
    for (size_t g = 0; g < groups; g++) {
      const size_t at = (layer * groups + g) * kSelected;
      const std::vector<uint32_t>& expected = theirs.blocks[layer][g];
      const auto margin = theirs.margin[layer][g];
      agreement.pairs++;
      if (selected(blocks + at) != std::set<uint32_t>(expected.begin(), expected.end())) {
        agreement.ties++;
        CHECK(margin && *margin <= 1e-3);
        continue;
      }
      agreement.same++;
      for (size_t j = 0; j < expected.size(); j++) {
        agreement.largest_mass_difference =
            std::max(agreement.largest_mass_difference,
                     std::abs(double{mass[at + j]} - theirs.mass[layer][g][j]));
      }
    }
  }
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
    const float* const index = ref::index_rows(shape, page, probe.layer) + offset * shape.index_dim;
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
  Agreement agreement;
  size_t next = 0;
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
        compare_step(result.steps[next], step.blocks, step.mass, agreement);
      },
      nullptr, asked);
  CHECK(answer_tokens == result.answer);
  if (ended) CHECK(asked.stop == BS_STOP_EOS);
  std::printf(
      "    %s: %zu tokens; of %zu selections %zu are the same, %zu differ at a tie; "
      "largest difference in mass %.1e\n",
      result.question.substr(0, 60).c_str(), answer_tokens.size(), agreement.pairs, agreement.same,
      agreement.ties, agreement.largest_mass_difference);
  CHECK(agreement.pairs > 0);
  CHECK(agreement.largest_mass_difference <= 2e-3);

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

// The reference's selections while they are imposed; an op table cannot carry state of its own.
const GoldenResult* imposed = nullptr;
uint32_t imposed_first_block = 0;

void select_or_impose(const SelectArgs& args, ThreadPool& pool) {
  if (!imposed) return ref_table().select(args, pool);
  for (int64_t row = 0; row < args.m; row++) {
    const RowPlace& place = args.rows[row];
    const uint32_t at = (place.block - imposed_first_block) * kBlockTokens + place.offset;
    const auto& groups = imposed->steps[at].blocks[static_cast<size_t>(args.layer)];
    for (size_t g = 0; g < groups.size(); g++) {
      uint32_t* const out = args.blocks + (static_cast<size_t>(row) * groups.size() + g) * args.k;
      std::fill_n(out, args.k, kNoBlock);
      std::ranges::copy(groups[g], out);
    }
  }
}

}  // namespace

const OpTable& imposing_table() {
  static const OpTable table = [] {
    OpTable own = ref_table();
    own.select = select_or_impose;
    return own;
  }();
  return table;
}

void check_imposed(const GoldenResult& result, const Pack& pack) {
  const Model& model = pack.model();
  imposed = &result;
  imposed_first_block = pack.block_count();
  Graph graph(model);
  Conversation conversation(pack, all_segments(pack), 0);
  Selections selections;
  Batch batch;
  conversation.place(result.prompt, batch);
  const std::span<const float> hidden = graph.converse(batch, batch.size() - 1, &selections);
  std::vector<float> logits;
  graph.logits(hidden, Phase::decode, logits);
  imposed = nullptr;
  double largest = 0;
  for (const auto& [token, logit] : result.top[0]) {
    largest = std::max(largest, std::abs(double{logits[token]} - logit));
  }
  Agreement agreement;
  const auto groups = static_cast<size_t>(model.shape().groups);
  const auto layers = static_cast<size_t>(model.shape().layers);
  for (size_t row = 0; row < batch.size(); row++) {
    std::vector<uint32_t> blocks;
    std::vector<float> mass;
    for (size_t layer = 0; layer < layers; layer++) {
      const size_t at = (layer * batch.size() + row) * groups * kSelected;
      blocks.insert(blocks.end(), &selections.blocks[at],
                    &selections.blocks[at] + groups * kSelected);
      mass.insert(mass.end(), &selections.mass[at], &selections.mass[at] + groups * kSelected);
    }
    compare_step(result.steps[row], blocks.data(), mass.data(), agreement);
  }
  std::printf("    selection imposed: largest difference in logits %.1e, in mass %.1e\n", largest,
              agreement.largest_mass_difference);
  CHECK(largest <= 2e-2);
  CHECK(agreement.same == agreement.pairs);
  CHECK(agreement.largest_mass_difference <= 2e-3);
}

}  // namespace blocksight::check

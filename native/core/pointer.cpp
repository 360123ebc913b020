#include "pointer.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "model.h"
#include "sampler.h"

namespace blocksight {

namespace {

constexpr size_t kCandidates = 8;
constexpr double kLeastFocus = 1e-6;
constexpr size_t kLogitRows = 32;  // of 150,000 logits each: 19 MB

std::vector<CitablePath> most_focused(std::span<const CitablePath> paths,
                                      std::span<const double> focus, uint32_t room) {
  std::vector<CitablePath> fitting;
  for (const CitablePath& path : paths) {
    if (!path.ids.empty() && path.ids.size() <= room && path.file < focus.size()) {
      fitting.push_back(path);
    }
  }
  std::stable_sort(fitting.begin(), fitting.end(), [&](const CitablePath& a, const CitablePath& b) {
    return focus[a.file] != focus[b.file] ? focus[a.file] > focus[b.file] : a.file < b.file;
  });
  fitting.resize(std::min(fitting.size(), kCandidates));
  return fitting;
}

// Sum of log p over rows of hidden states and the tokens that followed them.
void add_log_probabilities(Graph& graph, std::span<const float> hidden, size_t width,
                           std::span<const uint32_t> next, std::span<const size_t> owner,
                           std::vector<double>& sums) {
  std::vector<float> logits;
  for (size_t begin = 0; begin < next.size(); begin += kLogitRows) {
    const size_t rows = std::min(kLogitRows, next.size() - begin);
    graph.logits(hidden.subspan(begin * width, rows * width), Phase::prefill, logits);
    const size_t vocab = logits.size() / rows;
    for (size_t r = 0; r < rows; r++) {
      sums[owner[begin + r]] += log_probability(
          std::span<const float>(logits).subspan(r * vocab, vocab), next[begin + r]);
    }
  }
}

}  // namespace

std::vector<bs_candidate> point(const Model& model, Graph& graph, const Conversation& conversation,
                                std::span<const float> hidden, std::span<const double> focus,
                                std::span<const CitablePath> paths) {
  const std::vector<CitablePath> candidates = most_focused(paths, focus, conversation.room());
  if (candidates.empty()) return {};
  // Row by row: the state before a token, the token, whose it is. All first tokens share a row.
  const size_t width = hidden.size();
  std::vector<float> states;
  std::vector<uint32_t> next;
  std::vector<size_t> owner;
  for (size_t c = 0; c < candidates.size(); c++) {
    states.insert(states.end(), hidden.begin(), hidden.end());
    next.push_back(candidates[c].ids[0]);
    owner.push_back(c);
  }
  Batch batch;
  std::vector<std::unique_ptr<Conversation>> forks;
  for (size_t c = 0; c < candidates.size(); c++) {
    const std::span<const uint32_t> ids = candidates[c].ids;
    forks.push_back(conversation.fork());
    forks.back()->place(ids.first(ids.size() - 1), batch);
    next.insert(next.end(), ids.begin() + 1, ids.end());
    owner.insert(owner.end(), ids.size() - 1, c);
  }
  if (batch.size()) {
    const std::span<const float> rest = graph.converse(batch, 0, nullptr);
    states.insert(states.end(), rest.begin(), rest.end());
  }
  std::vector<double> log_prob(candidates.size());
  add_log_probabilities(graph, states, width, next, owner, log_prob);

  const auto value = [&](size_t c) {
    const double least = std::max(focus[candidates[c].file], kLeastFocus);
    return log_prob[c] + double{model.pointer_weight()} * std::log(least);
  };
  std::vector<size_t> order(candidates.size());
  for (size_t c = 0; c < order.size(); c++) order[c] = c;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return value(a) > value(b); });
  std::vector<bs_candidate> out;
  for (const size_t c : order) {
    out.push_back({.file = candidates[c].file,
                   .log_prob = static_cast<float>(log_prob[c]),
                   .focus = static_cast<float>(focus[candidates[c].file])});
  }
  return out;
}

}  // namespace blocksight

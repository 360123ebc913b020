#include "answer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>

#include "conversation.h"
#include "error.h"
#include "focus.h"
#include "graph.h"
#include "pointer.h"
#include "reading.h"
#include "repair.h"
#include "sampler.h"

namespace blocksight {

namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

void check_tokens(const Model& model, std::span<const uint32_t> ids, const char* what) {
  for (const uint32_t id : ids) {
    if (id >= model.shape().vocab) {
      throw Error(BS_INVALID_ARGUMENT, std::string(what) + " has the token " + std::to_string(id) +
                                           ", which is outside the vocabulary.");
    }
  }
}

void check_options(const Pack& pack, const bs_ask_options& o) {
  if (!o.prompt || o.prompt_count == 0 || o.turn_start >= o.prompt_count) {
    throw Error(BS_INVALID_ARGUMENT, "The prompt has no current user turn.");
  }
  if (o.prompt_count > kWindowTokens) {
    throw Error(BS_WINDOW_FULL, "The question has " + std::to_string(o.prompt_count) +
                                    " tokens; the conversation's window holds 2,048.");
  }
  check_tokens(pack.model(), {o.prompt, o.prompt_count}, "The prompt");
  if (o.sight_count && !o.sight) throw Error(BS_INVALID_ARGUMENT, "There is no list of segments.");
  const bool sampling_fits = o.temperature >= 0 && o.temperature < 1000 && o.top_p > 0 &&
                             o.top_p <= 1 && o.repetition_penalty > 0 &&
                             o.repetition_penalty < 1000;
  if (!sampling_fits) throw Error(BS_INVALID_ARGUMENT, "A sampling option is out of range.");
  for (size_t file = 0; o.cite_ids && file < o.cite_files; file++) {
    if (!o.cite_counts || (o.cite_counts[file] && !o.cite_ids[file])) {
      throw Error(BS_INVALID_ARGUMENT, "A file to cite has no path.");
    }
  }
}

class Answering {
 public:
  Answering(const Pack& pack, const bs_ask_options& options, const OnStep& on_step,
            const bs_cancel* cancel, bs_ask_result& result)
      : pack_(pack),
        model_(pack.model()),
        options_(options),
        on_step_(on_step),
        cancel_(cancel),
        result_(result),
        graph_(model_),
        conversation_(pack, {options.sight, options.sight_count},
                      static_cast<uint32_t>(options.turn_start)),
        focus_(pack),
        sampler_({.temperature = options.temperature,
                  .top_p = options.top_p,
                  .top_k = options.top_k,
                  .repetition_penalty = options.repetition_penalty,
                  .seed = options.seed}) {
    for (size_t file = 0; options.cite_ids && file < options.cite_files; file++) {
      const std::span<const uint32_t> ids(options.cite_ids[file], options.cite_counts[file]);
      check_tokens(model_, ids, "A path");
      if (is_in_sight(static_cast<uint32_t>(file))) {
        paths_.push_back({.file = static_cast<uint32_t>(file), .ids = ids});
      }
    }
  }

  void run() {
    if (!read_prompt()) return stop(BS_STOP_CANCELLED);
    if (options_.max_tokens == 0) return stop(BS_STOP_MAX_TOKENS);
    const Clock::time_point decode_start = Clock::now();
    stop(write());
    result_.decode_ms = ms_since(decode_start);
  }

 private:
  void stop(bs_stop why) {
    result_.stop = why;
    result_.answer_tokens = static_cast<uint32_t>(answer_.size());
  }

  bool is_in_sight(uint32_t file) const {
    const std::span<const uint32_t> sight(options_.sight, options_.sight_count);
    return std::ranges::any_of(sight, [&](uint32_t s) { return pack_.segment(s).file == file; });
  }

  // False when cancelled.
  bool read_prompt() {
    const std::span<const uint32_t> prompt(options_.prompt, options_.prompt_count);
    for (size_t begin = 0; begin < prompt.size(); begin += kChunkRows) {
      if (is_cancelled(cancel_)) return false;
      const auto ids = prompt.subspan(begin, std::min(kChunkRows, prompt.size() - begin));
      extend(ids, Phase::prefill);
      for (size_t row = 0; row < ids.size(); row++) {
        if (begin + row < options_.turn_start) continue;
        focus_.add(selections_, row);
        report(row, BS_QUESTION, ids[row], {});
      }
    }
    return true;
  }

  bs_stop write() {
    while (answer_.size() < options_.max_tokens) {
      if (is_cancelled(cancel_)) return BS_STOP_CANCELLED;
      graph_.logits(hidden_, Phase::decode, logits_);
      const uint32_t token = sampler_.next(logits_, answer_);
      if (answer_.empty()) result_.first_token_ms = ms_since(start_);
      if (model_.is_end_of_turn(token)) return BS_STOP_EOS;
      if (conversation_.room() == 0) return BS_STOP_WINDOW;
      answer_.push_back(token);
      extend({&token, 1}, Phase::decode);
      report(0, BS_ANSWER, token, {});
      const bool cites = model_.layout().citation_token == token && !paths_.empty();
      if (cites && !cite()) return BS_STOP_WINDOW;
    }
    return BS_STOP_MAX_TOKENS;
  }

  // Writes the path that the pointer chooses; false when none fits the window.
  bool cite() {
    const std::vector<bs_candidate> candidates =
        over_whole_pages(pack_, [&] {
          return point(model_, graph_, conversation_, hidden_, focus_.of_files(), paths_);
        });
    if (candidates.empty()) return false;
    const auto chosen = std::ranges::find(paths_, candidates[0].file, &CitablePath::file);
    extend(chosen->ids, Phase::prefill);
    for (size_t row = 0; row < chosen->ids.size(); row++) {
      answer_.push_back(chosen->ids[row]);
      report(row, BS_CITATION, chosen->ids[row],
             row == 0 ? candidates : std::vector<bs_candidate>{});
    }
    return true;
  }

  // Appends tokens; afterwards hidden_ is the last one's state and selections_ what all selected.
  void extend(std::span<const uint32_t> ids, Phase phase) {
    batch_.clear();
    batch_.phase = phase;
    conversation_.place(ids, batch_);
    const std::span<const float> last = over_whole_pages(
        pack_, [&] { return graph_.converse(batch_, batch_.size() - 1, &selections_); });
    hidden_.assign(last.begin(), last.end());
  }

  void report(size_t row, bs_step_kind kind, uint32_t token,
              const std::vector<bs_candidate>& candidates) {
    if (!options_.trace || !on_step_) return;
    const size_t layers = static_cast<size_t>(model_.shape().layers);
    const size_t entries = selections_.row_entries;
    step_blocks_.resize(layers * entries);
    step_score_.resize(layers * entries);
    step_mass_.resize(layers * entries);
    for (size_t layer = 0; layer < layers; layer++) {
      const size_t from = (layer * selections_.rows + row) * entries, to = layer * entries;
      std::copy_n(&selections_.blocks[from], entries, &step_blocks_[to]);
      std::copy_n(&selections_.score[from], entries, &step_score_[to]);
      std::copy_n(&selections_.mass[from], entries, &step_mass_[to]);
    }
    on_step_({.kind = kind,
              .index = steps_++,
              .token = token,
              .entries = step_blocks_.size(),
              .blocks = step_blocks_.data(),
              .score = step_score_.data(),
              .mass = step_mass_.data(),
              .candidates = candidates.empty() ? nullptr : candidates.data(),
              .candidate_count = candidates.size()});
  }

  const Clock::time_point start_ = Clock::now();
  const Pack& pack_;
  const Model& model_;
  const bs_ask_options& options_;
  const OnStep& on_step_;
  const bs_cancel* cancel_;
  bs_ask_result& result_;
  Graph graph_;
  Conversation conversation_;
  Focus focus_;
  Sampler sampler_;
  std::vector<CitablePath> paths_;  // of files in sight
  Batch batch_;
  Selections selections_;
  std::vector<float> hidden_, logits_;
  std::vector<uint32_t> answer_;
  uint32_t steps_ = 0;
  std::vector<uint32_t> step_blocks_;
  std::vector<float> step_score_, step_mass_;
};

}  // namespace

void answer(const Pack& pack, const bs_ask_options& options, const OnStep& on_step,
            const bs_cancel* cancel, bs_ask_result& result) {
  result = {};
  check_options(pack, options);
  const Priority::Foreground first(pack.model().engine().priority());
  Answering(pack, options, on_step, cancel, result).run();
}

}  // namespace blocksight

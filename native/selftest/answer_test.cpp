// Answers of made models: steps, ends, follow-ups, sampling and citations.
#include "core/answer.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "bytes.h"
#include "check.h"
#include "core/conversation.h"
#include "core/focus.h"
#include "core/pointer.h"
#include "core/sampler.h"
#include "golden.h"
#include "op_table.h"
#include "tiny_pack.h"

using namespace blocksight;
using namespace blocksight::check;

namespace {

std::unique_ptr<Pack> three_files(const std::shared_ptr<Model>& model) {
  auto pack = pack_of(model, {tiny_tokens(1, 400), tiny_tokens(2, 1300), tiny_tokens(3, 900)});
  read_all(*pack);
  return pack;
}

struct Recorded {
  std::vector<bs_step_kind> kinds;
  std::vector<uint32_t> tokens;
  std::vector<std::vector<bs_candidate>> candidates;
  bs_ask_result result;

  std::vector<uint32_t> of(bs_step_kind kind) const {
    std::vector<uint32_t> out;
    for (size_t i = 0; i < tokens.size(); i++) {
      if (kinds[i] == kind) out.push_back(tokens[i]);
    }
    return out;
  }
};

Recorded record(const Pack& pack, const bs_ask_options& options,
                const bs_cancel* cancel = nullptr) {
  Recorded out;
  answer(
      pack, options,
      [&](const bs_step& step) {
        CHECK_EQ(step.index, out.tokens.size());
        CHECK_EQ(step.entries, size_t{2 * 2 * 16});
        out.kinds.push_back(step.kind);
        out.tokens.push_back(step.token);
        if (step.candidate_count) {
          out.candidates.emplace_back(step.candidates, step.candidates + step.candidate_count);
        }
      },
      cancel, out.result);
  return out;
}

const std::vector<uint32_t> kSight = {0, 1, 2};

}  // namespace

TEST("answer: the current turn's tokens are question steps, what follows are answer steps") {
  const auto pack = three_files(tiny_model(ref_table()));
  const std::vector<uint32_t> prompt = tiny_tokens(8, 300);
  bs_ask_options options = ask_options(prompt, kSight, 5);
  options.turn_start = 280;
  const Recorded r = record(*pack, options);
  CHECK(r.of(BS_QUESTION) == std::vector<uint32_t>(prompt.begin() + 280, prompt.end()));
  CHECK_EQ(r.of(BS_ANSWER).size(), size_t{r.result.answer_tokens});
  CHECK(r.result.stop == BS_STOP_MAX_TOKENS || r.result.stop == BS_STOP_EOS);
  options.max_tokens = 0;
  const Recorded question_only = record(*pack, options);
  CHECK_EQ(question_only.tokens.size(), 20u);
  CHECK_EQ(question_only.result.answer_tokens, 0u);
  options.trace = 0;
  CHECK(record(*pack, options).tokens.empty());
}

TEST("answer: a follow-up reads the conversation again and goes on as if it had never stopped") {
  const auto pack = three_files(tiny_model(ref_table()));
  std::vector<uint32_t> prompt = tiny_tokens(8, 120);
  const std::vector<uint32_t> whole = record(*pack, ask_options(prompt, kSight, 12)).of(BS_ANSWER);
  CHECK(whole.size() > 4);
  prompt.insert(prompt.end(), whole.begin(), whole.begin() + 4);
  const std::vector<uint32_t> rest = record(*pack, ask_options(prompt, kSight, 8)).of(BS_ANSWER);
  CHECK(std::equal(rest.begin(), rest.end(), whole.begin() + 4, whole.end()));
}

TEST("answer: the window's end stops an answer, and a prompt beyond it is refused") {
  const auto pack = three_files(tiny_model(ref_table()));
  const std::vector<uint32_t> full = tiny_tokens(8, kWindowTokens - 3);
  const Recorded r = record(*pack, ask_options(full, kSight, 100));
  CHECK_EQ(r.result.stop, BS_STOP_WINDOW);
  CHECK_EQ(r.result.answer_tokens, 3u);
  const std::vector<uint32_t> over = tiny_tokens(8, kWindowTokens + 1);
  CHECK_THROWS(record(*pack, ask_options(over, kSight, 1)), BS_WINDOW_FULL, "2049");
}

TEST("answer: cancelling ends within one step, and steps so far were reported") {
  const auto pack = three_files(tiny_model(ref_table()));
  const std::vector<uint32_t> prompt = tiny_tokens(8, 30);
  bs_cancel cancel;
  bs_ask_result result;
  size_t steps = 0;
  answer(
      *pack, ask_options(prompt, kSight, 1000),
      [&](const bs_step& step) {
        steps++;
        if (step.kind == BS_ANSWER) cancel.requested = true;
      },
      &cancel, result);
  CHECK_EQ(result.stop, BS_STOP_CANCELLED);
  CHECK_EQ(steps, 31u);
  CHECK_EQ(result.answer_tokens, 1u);
}

TEST("answer: options that make no sense are refused") {
  const auto pack = three_files(tiny_model(ref_table()));
  const std::vector<uint32_t> prompt = {1, 2, kTinyVocab};
  CHECK_THROWS(record(*pack, ask_options(prompt, kSight, 1)), BS_INVALID_ARGUMENT, "vocabulary");
  const std::vector<uint32_t> fine = {1, 2};
  bs_ask_options options = ask_options(fine, kSight, 1);
  options.turn_start = 2;
  CHECK_THROWS(record(*pack, options), BS_INVALID_ARGUMENT, "user turn");
  options = ask_options(fine, kSight, 1);
  options.top_p = 0;
  CHECK_THROWS(record(*pack, options), BS_INVALID_ARGUMENT, "sampling");
}

TEST("pointer: the chosen file has the highest log p of its path + weight x log focus") {
  const auto model = tiny_model(ref_table(), {.with_adapter = true});
  const auto pack = three_files(model);
  const std::vector<std::vector<uint32_t>> paths = {
      {'a', '/', 'x', '\n'}, {'b', '\n'}, {'c', '\n'}};
  std::vector<CitablePath> citable;
  for (uint32_t file = 0; file < 3; file++) citable.push_back({.file = file, .ids = paths[file]});

  // 127 tokens: the longer path crosses into a new block.
  const std::vector<uint32_t> prompt = tiny_tokens(8, 127);
  Graph graph(*model);
  const auto start = [&](Conversation& conversation) {
    Batch batch;
    conversation.place(prompt, batch);
    const std::span<const float> hidden = graph.converse(batch, batch.size() - 1, nullptr);
    return std::vector<float>(hidden.begin(), hidden.end());
  };
  Conversation conversation(*pack, kSight, 0);
  const std::vector<float> hidden = start(conversation);
  const std::vector<double> focus = {0.2, 0.5, 0};
  const std::vector<bs_candidate> found =
      point(*model, graph, conversation, hidden, focus, citable);
  CHECK_EQ(found.size(), 3u);
  CHECK_EQ(conversation.length(), 127u);

  // The same, one token at a time in a conversation of its own.
  std::vector<double> value(3), log_p(3);
  std::vector<float> logits;
  for (size_t file = 0; file < 3; file++) {
    Conversation own(*pack, kSight, 0);
    std::vector<float> state = start(own);
    for (const uint32_t token : paths[file]) {
      graph.logits(state, Phase::prefill, logits);
      log_p[file] += log_probability(logits, token);
      Batch batch;
      own.place({&token, 1}, batch);
      const std::span<const float> next = graph.converse(batch, 0, nullptr);
      state.assign(next.begin(), next.end());
    }
    value[file] = log_p[file] + 1.5 * std::log(std::max(focus[file], 1e-6));
  }
  for (size_t i = 0; i < found.size(); i++) {
    CHECK_NEAR(double{found[i].log_prob}, log_p[found[i].file], 1e-4);
    if (i > 0) CHECK(value[found[i - 1].file] >= value[found[i].file]);
  }
}

TEST("pointer: where the answer emits the file token the engine writes a path that exists") {
  const auto model = tiny_model(ref_table(), {.with_adapter = true});
  const auto pack = three_files(model);
  const std::vector<uint32_t> prompt = tiny_tokens(8, 30), sight = {0, 2};
  const std::vector<std::vector<uint32_t>> paths = {{'a', '\n'}, {'b', '\n'}, {'c', 'd', '\n'}};
  const uint32_t* ids[3] = {paths[0].data(), paths[1].data(), paths[2].data()};
  const uint32_t counts[3] = {2, 2, 3};
  bs_ask_options options = ask_options(prompt, sight, 60);
  options.temperature = 900;  // every token alike: within a few seeds the file token comes
  Recorded r;
  for (options.seed = 0; options.seed < 50; options.seed++) {
    options.cite_ids = nullptr;
    const Recorded free = record(*pack, options);
    CHECK(free.of(BS_CITATION).empty());
    options.cite_ids = ids;
    options.cite_counts = counts;
    options.cite_files = 3;
    r = record(*pack, options);
    if (!r.candidates.empty()) break;
  }
  CHECK(!r.candidates.empty());
  for (size_t i = 0, citation = 0; i < r.tokens.size(); i++) {
    if (r.kinds[i] != BS_ANSWER || r.tokens[i] != kTinyFile) continue;
    const std::vector<bs_candidate>& candidates = r.candidates[citation++];
    CHECK_EQ(candidates.size(), 2u);  // file 1 is not in sight
    const std::vector<uint32_t>& path = paths[candidates[0].file];
    for (size_t t = 0; t < path.size(); t++) {
      CHECK_EQ(r.kinds[i + 1 + t], BS_CITATION);
      CHECK_EQ(r.tokens[i + 1 + t], path[t]);
    }
  }
}

TEST("sampler: greedy takes the largest logit, the lower id of equals, and respects the penalty") {
  const std::vector<float> logits = {1, 3, 3, -2};
  Sampler greedy({});
  CHECK_EQ(greedy.next(logits, {}), 1u);
  Sampler penalised({.repetition_penalty = 2});
  const std::vector<uint32_t> answer = {1};
  CHECK_EQ(penalised.next(logits, answer), 2u);
}

TEST("sampler: draws as often as softmax says, only from top-k and top-p, the same for one seed") {
  const std::vector<float> logits = {0, std::log(2.0f), std::log(5.0f), std::log(2.0f)};
  const auto shares = [&](Sampling sampling) {
    sampling.temperature = 1;
    sampling.seed = 5;
    Sampler sampler(sampling);
    std::vector<double> out(4);
    for (int i = 0; i < 20000; i++) out[sampler.next(logits, {})] += 1.0 / 20000;
    return out;
  };
  const std::vector<double> all = shares({});
  const double expected[4] = {0.1, 0.2, 0.5, 0.2};
  for (size_t i = 0; i < 4; i++) CHECK_NEAR(all[i], expected[i], 0.015);
  const std::vector<double> two = shares({.top_k = 2});
  CHECK_NEAR(two[1], 2.0 / 7, 0.015);
  CHECK_EQ(two[0] + two[3], 0.0);
  const std::vector<double> nucleus = shares({.top_p = 0.6f});
  CHECK_NEAR(nucleus[2], 5.0 / 7, 0.015);
  CHECK_EQ(nucleus[0] + nucleus[3], 0.0);
  CHECK(shares({}) == all);
}

TEST("sampler: logits that are no numbers are never drawn") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Sampler sampler({.temperature = 1});
  for (int i = 0; i < 20; i++) CHECK_EQ(sampler.next(std::vector<float>{nan, 1, nan}, {}), 1u);
}

namespace {

std::map<std::string, std::string> files_of(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    files[entry.path()] = std::string(std::istreambuf_iterator<char>(file), {});
  }
  return files;
}

void check_repair(const OpTable& table) {
  const TempDir dir;
  TinyOptions options = {.with_adapter = true};
  const std::vector<uint32_t> prompt = tiny_tokens(8, 300);
  const bs_ask_options ask = ask_options(prompt, kSight, 5);
  const Recorded expected = record(*three_files(tiny_model(table, options)), ask);

  options.store_dir = dir.path("store");
  three_files(tiny_model(table, options));
  const auto model = tiny_model(table, options);
  CHECK(model->page_size().kv_pieces > 1);
  const auto pack = three_files(model);
  const std::string store = dir.path("store") + "/v1";
  const std::map<std::string, std::string> saved = files_of(store);
  CHECK_EQ(saved.size(), size_t{1 + 4 + 11 + 8});
  for (const auto& [path, bytes] : saved) spoil(path, model->page_size());
  const Recorded repaired = record(*pack, ask);
  CHECK(repaired.tokens == expected.tokens);
  CHECK(repaired.kinds == expected.kinds);
  // What was repaired is saved again; the rest is found broken and computed by who reads it next.
  size_t again = 0;
  for (const auto& [path, bytes] : files_of(store)) again += bytes == saved.at(path);
  CHECK(again > 0);
  const auto next = three_files(tiny_model(table, options));
  CHECK(record(*next, ask).tokens == expected.tokens);
}

}  // namespace

TEST("answer: a stored page that turns out broken while it is answered from is computed anew") {
  check_repair(ref_table());
  if (const OpTable* const table = cpu_table(nullptr)) check_repair(*table);
}

#include <condition_variable>
#include <cstring>
#include <mutex>

#include "calls.h"
#include "task.h"

namespace blocksight::addon {
namespace {

// Steps that wait for JavaScript. At 10 KiB a step (coder) this is 5 MiB; a full queue holds the
// native loop back, it does not grow.
constexpr size_t kMostWaiting = 512;

// A copy of bs_step: its arrays are valid during the callback only.
struct Step {
  bs_step_kind kind;
  uint32_t index, token;
  std::string bytes;
  std::vector<uint32_t> blocks;
  std::vector<float> score, mass;
  std::vector<bs_candidate> candidates;
};

const char* kind_name(bs_step_kind kind) {
  switch (kind) {
    case BS_QUESTION:
      return "question";
    case BS_ANSWER:
      return "answer";
    case BS_CITATION:
      return "citation";
  }
  return "answer";
}

const char* stop_name(bs_stop stop) {
  switch (stop) {
    case BS_STOP_EOS:
      return "eos";
    case BS_STOP_MAX_TOKENS:
      return "maxTokens";
    case BS_STOP_CANCELLED:
      return "cancelled";
    case BS_STOP_WINDOW:
      return "windowFull";
  }
  return "eos";
}

struct Settings {
  std::vector<uint32_t> prompt, sight;
  uint32_t turn_start = 0, max_tokens = 0, top_k = 0;
  double temperature = 0, top_p = 1, repetition_penalty = 1, seed = 0;
  bool has_citations = false;
  std::vector<std::vector<uint32_t>> cite_ids;
};

class Ask final : public Task {
 public:
  Ask(std::shared_ptr<PackHandle> pack, Settings settings, const Napi::Function& on_steps,
      std::shared_ptr<CancelHandle> cancel)
      : pack_(std::move(pack)),
        settings_(std::move(settings)),
        on_steps_(Napi::Persistent(on_steps)),
        cancel_(std::move(cancel)) {}

 private:
  bs_status run(bs_error* error) override {
    std::vector<const uint32_t*> cite_ids;
    std::vector<uint32_t> cite_counts;
    for (const std::vector<uint32_t>& ids : settings_.cite_ids) {
      cite_ids.push_back(ids.data());
      cite_counts.push_back(static_cast<uint32_t>(ids.size()));
    }
    bs_ask_options options{};
    options.prompt = settings_.prompt.data();
    options.prompt_count = settings_.prompt.size();
    options.turn_start = settings_.turn_start;
    options.sight = settings_.sight.data();
    options.sight_count = settings_.sight.size();
    options.max_tokens = settings_.max_tokens;
    options.temperature = static_cast<float>(settings_.temperature);
    options.top_p = static_cast<float>(settings_.top_p);
    options.repetition_penalty = static_cast<float>(settings_.repetition_penalty);
    options.top_k = settings_.top_k;
    options.seed = static_cast<uint64_t>(settings_.seed);
    options.trace = 1;
    options.cite_ids = settings_.has_citations ? cite_ids.data() : nullptr;
    options.cite_counts = cite_counts.data();
    options.cite_files = cite_ids.size();
    tokenizer_ = bs_model_tokenizer(pack_->owner->model);
    return bs_ask(
        pack_->pack, &options,
        [](void* user, const bs_step* step) { static_cast<Ask*>(user)->note(*step); }, this,
        cancel_->cancel, &answer_, error);
  }

  void note(const bs_step& step) {
    Step copy;
    copy.kind = step.kind;
    copy.index = step.index;
    copy.token = step.token;
    size_t length = 0;
    const char* bytes = bs_tokenizer_token_bytes(tokenizer_, step.token, &length);
    if (length > 0) copy.bytes.assign(bytes, length);
    copy.blocks.assign(step.blocks, step.blocks + step.entries);
    copy.score.assign(step.score, step.score + step.entries);
    copy.mass.assign(step.mass, step.mass + step.entries);
    if (step.candidate_count > 0) {
      copy.candidates.assign(step.candidates, step.candidates + step.candidate_count);
    }
    {
      std::unique_lock<std::mutex> lock(mutex_);
      room_.wait(lock, [this] { return waiting_.size() < kMostWaiting || is_abandoned_; });
      if (is_abandoned_) return;
      waiting_.push_back(std::move(copy));
    }
    if (!wake()) bs_cancel_request(cancel_->cancel);
  }

  // All that came since the last time in one array: the rows of a chunk travel together.
  void deliver(Napi::Env env) override {
    std::vector<Step> steps;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      steps.swap(waiting_);
    }
    room_.notify_one();
    if (steps.empty()) return;
    const auto array = Napi::Array::New(env, steps.size());
    for (uint32_t i = 0; i < steps.size() && !env.IsExceptionPending(); i++) {
      const Napi::HandleScope scope(env);
      array.Set(i, step_value(env, steps[i]));
    }
    if (!env.IsExceptionPending()) on_steps_.Call({array});
    check_callback(env);
  }

  // The three arrays are views of one buffer.
  static Napi::Value step_value(Napi::Env env, const Step& step) {
    const auto value = Napi::Object::New(env);
    const size_t entries = step.blocks.size(), size = entries * sizeof(uint32_t);
    auto buffer = Napi::ArrayBuffer::New(env, 3 * size);
    if (buffer.IsEmpty()) return value;  // the environment is ending
    auto* const memory = static_cast<uint8_t*>(buffer.Data());
    if (entries > 0) {
      std::memcpy(memory, step.blocks.data(), size);
      std::memcpy(memory + size, step.score.data(), size);
      std::memcpy(memory + 2 * size, step.mass.data(), size);
    }
    value.Set("kind", kind_name(step.kind));
    value.Set("index", Napi::Number::New(env, step.index));
    value.Set("tokenId", Napi::Number::New(env, step.token));
    value.Set("bytes", u8_value(env, reinterpret_cast<const uint8_t*>(step.bytes.data()),
                                step.bytes.size()));
    value.Set("blocks", Napi::Uint32Array::New(env, entries, buffer, 0));
    value.Set("score", Napi::Float32Array::New(env, entries, buffer, size));
    value.Set("mass", Napi::Float32Array::New(env, entries, buffer, 2 * size));
    if (step.candidates.empty()) return value;
    const auto candidates = Napi::Array::New(env, step.candidates.size());
    for (uint32_t i = 0; i < step.candidates.size(); i++) {
      const auto candidate = Napi::Object::New(env);
      candidate.Set("file", Napi::Number::New(env, step.candidates[i].file));
      candidate.Set("logProb", Napi::Number::New(env, step.candidates[i].log_prob));
      candidate.Set("focus", Napi::Number::New(env, step.candidates[i].focus));
      candidates.Set(i, candidate);
    }
    const auto citation = Napi::Object::New(env);
    citation.Set("file", Napi::Number::New(env, step.candidates[0].file));
    citation.Set("candidates", candidates);
    value.Set("citation", citation);
    return value;
  }

  Napi::Value result(Napi::Env env) override {
    const auto done = Napi::Object::New(env);
    done.Set("stopReason", stop_name(answer_.stop));
    done.Set("answerTokens", Napi::Number::New(env, answer_.answer_tokens));
    done.Set("firstTokenMs", Napi::Number::New(env, answer_.first_token_ms));
    done.Set("decodeMs", Napi::Number::New(env, answer_.decode_ms));
    return done;
  }

  void cancel() override {
    bs_cancel_request(cancel_->cancel);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      is_abandoned_ = true;
    }
    room_.notify_one();
  }

  const std::shared_ptr<PackHandle> pack_;
  const Settings settings_;
  const Napi::FunctionReference on_steps_;
  const std::shared_ptr<CancelHandle> cancel_;
  bs_tokenizer* tokenizer_ = nullptr;
  bs_ask_result answer_{};
  std::mutex mutex_;  // guards the two below
  std::vector<Step> waiting_;
  bool is_abandoned_ = false;
  std::condition_variable room_;
};

}  // namespace

Napi::Value ask(const Napi::CallbackInfo& info) {
  Reader reader(info);
  const auto pack = handle<PackHandle>(reader, info, 0);
  const Napi::Object given = reader.object(info[1], "options");
  const auto u32 = [&](const char* name) { return reader.u32(reader.property(given, name), name); };
  Settings settings;
  settings.prompt = reader.u32_array(reader.property(given, "prompt"), "prompt");
  settings.sight = reader.u32_array(reader.property(given, "sight"), "sight");
  settings.turn_start = u32("turnStart");
  settings.max_tokens = u32("maxTokens");
  settings.top_k = u32("topK");
  reader.maybe(given, "temperature", &settings.temperature);
  reader.maybe(given, "topP", &settings.top_p);
  reader.maybe(given, "repetitionPenalty", &settings.repetition_penalty);
  reader.maybe(given, "seed", &settings.seed);
  if (!(settings.seed >= 0 && settings.seed <= 9007199254740991.0)) {
    reader.fail("seed", "an integer from 0 to 2^53 - 1");
  }
  const Napi::Value cite_ids = reader.property(given, "citeIds");
  settings.has_citations = reader.ok() && !cite_ids.IsUndefined();
  if (settings.has_citations) settings.cite_ids = reader.u32_arrays(cite_ids, "citeIds");
  if (reader.ok() && settings.turn_start >= settings.prompt.size()) {
    reader.fail("turnStart", "an index into `prompt`");
  }
  const Napi::Function on_steps = reader.function(info[2], "onSteps");
  const auto cancel = handle<CancelHandle>(reader, info, 3);
  if (!reader.ok()) return info.Env().Undefined();
  for (const uint32_t segment : settings.sight) {
    if (segment >= pack->segments) reader.fail("sight", "indices of the pack's segments");
  }
  if (!reader.ok()) return info.Env().Undefined();
  return Task::start(info.Env(),
                     std::make_unique<Ask>(pack, std::move(settings), on_steps, cancel));
}

}  // namespace blocksight::addon

#include <mutex>

#include "calls.h"
#include "open_task.h"

namespace blocksight::addon {
namespace {

class OpenPack final : public OpenTask<PackHandle> {
 public:
  OpenPack(std::shared_ptr<ModelHandle> model, std::vector<std::vector<uint32_t>> tokens,
           std::vector<uint32_t> files)
      : tokens_(std::move(tokens)), files_(std::move(files)) {
    handle_->owner = std::move(model);
    handle_->segments = tokens_.size();
  }

 private:
  bs_status run(bs_error* error) override {
    std::vector<bs_segment> segments(tokens_.size());
    for (size_t i = 0; i < segments.size(); i++) {
      segments[i] = {tokens_[i].data(), static_cast<uint32_t>(tokens_[i].size()), files_[i]};
    }
    return bs_pack_create(handle_->owner->model, segments.data(), segments.size(), &handle_->pack,
                          error);
  }
  std::vector<std::vector<uint32_t>> tokens_;
  const std::vector<uint32_t> files_;
};

// Asks the store for every page, so it is work for a thread too.
class PackHeld final : public Task {
 public:
  explicit PackHeld(std::shared_ptr<PackHandle> pack)
      : pack_(std::move(pack)), held_(pack_->segments) {}

 private:
  bs_status run(bs_error* error) override { return bs_pack_held(pack_->pack, held_.data(), error); }
  Napi::Value result(Napi::Env env) override { return u8_value(env, held_.data(), held_.size()); }
  const std::shared_ptr<PackHandle> pack_;
  std::vector<uint8_t> held_;
};

class Read final : public Task {
 public:
  struct Settings {
    std::vector<uint32_t> segments;
    bool is_background = false;
    double budget_ms = 0, at_least = 0;
  };

  Read(std::shared_ptr<PackHandle> pack, Settings settings, const Napi::Function& on_progress,
       std::shared_ptr<CancelHandle> cancel)
      : pack_(std::move(pack)),
        settings_(std::move(settings)),
        on_progress_(Napi::Persistent(on_progress)),
        cancel_(std::move(cancel)) {}

 private:
  bs_status run(bs_error* error) override {
    bs_read_options options{};
    options.segments = settings_.segments.data();
    options.count = settings_.segments.size();
    options.background = settings_.is_background;
    options.budget_ms = settings_.budget_ms;
    options.at_least = static_cast<size_t>(settings_.at_least);
    const bs_status status = bs_read(
        pack_->pack, &options,
        [](void* user, const bs_read_progress* progress) {
          static_cast<Read*>(user)->note(*progress);
        },
        this, cancel_->cancel, &read_, error);
    was_cancelled_ = status == BS_CANCELLED;
    return was_cancelled_ ? BS_OK : status;
  }

  // Only the latest progress is worth telling.
  void note(const bs_read_progress& progress) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      progress_ = progress;
      has_progress_ = true;
    }
    if (!wake()) bs_cancel_request(cancel_->cancel);
  }

  void deliver(Napi::Env env) override {
    bs_read_progress progress;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!has_progress_) return;
      has_progress_ = false;
      progress = progress_;
    }
    const auto told = Napi::Object::New(env);
    told.Set("segment", Napi::Number::New(env, progress.segment));
    told.Set("doneTokens", Napi::Number::New(env, static_cast<double>(progress.done_tokens)));
    told.Set("totalTokens", Napi::Number::New(env, static_cast<double>(progress.total_tokens)));
    told.Set("tokensPerSecond", Napi::Number::New(env, progress.tokens_per_second));
    on_progress_.Call({told});
    check_callback(env);
  }

  Napi::Value result(Napi::Env env) override {
    const auto done = Napi::Object::New(env);
    done.Set("read", Napi::Number::New(env, static_cast<double>(read_.read)));
    done.Set("prefillTokens", Napi::Number::New(env, static_cast<double>(read_.prefill_tokens)));
    done.Set("reusedTokens", Napi::Number::New(env, static_cast<double>(read_.reused_tokens)));
    done.Set("elapsedMs", Napi::Number::New(env, read_.elapsed_ms));
    done.Set("cancelled", Napi::Boolean::New(env, was_cancelled_));
    if (read_.store.status != BS_OK) {
      done.Set("storeFailure", error_value(env, read_.store.status, read_.store.message));
    }
    return done;
  }

  void cancel() override { bs_cancel_request(cancel_->cancel); }

  const std::shared_ptr<PackHandle> pack_;
  const Settings settings_;
  const Napi::FunctionReference on_progress_;
  const std::shared_ptr<CancelHandle> cancel_;
  bs_read_result read_{};
  bool was_cancelled_ = false;
  std::mutex mutex_;  // guards the two below
  bs_read_progress progress_{};
  bool has_progress_ = false;
};

}  // namespace

Napi::Value open_pack(const Napi::CallbackInfo& info) {
  Reader reader(info);
  const auto model = handle<ModelHandle>(reader, info, 0);
  std::vector<std::vector<uint32_t>> tokens = reader.u32_arrays(info[1], "tokens");
  std::vector<uint32_t> files = reader.u32_array(info[2], "fileOfSegment");
  if (reader.ok() && files.size() != tokens.size()) {
    reader.fail("fileOfSegment", "as long as `tokens`");
  }
  if (!reader.ok()) return info.Env().Undefined();
  return Task::start(info.Env(),
                     std::make_unique<OpenPack>(model, std::move(tokens), std::move(files)));
}

Napi::Value pack_held(const Napi::CallbackInfo& info) {
  Reader reader(info);
  const auto pack = handle<PackHandle>(reader, info, 0);
  if (!pack) return info.Env().Undefined();
  return Task::start(info.Env(), std::make_unique<PackHeld>(pack));
}

Napi::Value read(const Napi::CallbackInfo& info) {
  Reader reader(info);
  const auto pack = handle<PackHandle>(reader, info, 0);
  const Napi::Object given = reader.object(info[1], "options");
  Read::Settings settings;
  settings.segments = reader.u32_array(reader.property(given, "segments"), "segments");
  settings.is_background = reader.boolean(reader.property(given, "background"), "background");
  reader.maybe(given, "budgetMs", &settings.budget_ms);
  reader.maybe(given, "atLeast", &settings.at_least);
  if (!(settings.budget_ms >= 0)) reader.fail("budgetMs", "a time from 0 up");
  if (!(settings.at_least >= 0 && settings.at_least <= UINT32_MAX)) {
    reader.fail("atLeast", "a count from 0 up");
  }
  const Napi::Function on_progress = reader.function(info[2], "onProgress");
  const auto cancel = handle<CancelHandle>(reader, info, 3);
  if (!reader.ok()) return info.Env().Undefined();
  for (const uint32_t segment : settings.segments) {
    if (segment >= pack->segments) reader.fail("segments", "indices of the pack's segments");
  }
  if (!reader.ok()) return info.Env().Undefined();
  return Task::start(info.Env(),
                     std::make_unique<Read>(pack, std::move(settings), on_progress, cancel));
}

}  // namespace blocksight::addon

#include <cstring>

#include "calls.h"
#include "open_task.h"

namespace blocksight::addon {
namespace {

const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

struct EngineSettings {
  double threads = 0, store_limit_bytes = 0, memory_limit_bytes = 0;
  std::string tier, isa, numerics, kv, store_path;
};

class OpenEngine final : public OpenTask<EngineHandle> {
 public:
  explicit OpenEngine(EngineSettings settings) : settings_(std::move(settings)) {}

 private:
  bs_status run(bs_error* error) override {
    bs_engine_options options{};
    options.threads = static_cast<int>(settings_.threads);
    options.tier = or_null(settings_.tier);
    options.isa = or_null(settings_.isa);
    options.numerics = or_null(settings_.numerics);
    options.kv = or_null(settings_.kv);
    options.store_dir = or_null(settings_.store_path);
    options.store_limit_bytes = static_cast<uint64_t>(settings_.store_limit_bytes);
    options.memory_limit_bytes = static_cast<uint64_t>(settings_.memory_limit_bytes);
    return bs_engine_create(&options, &handle_->engine, error);
  }
  const EngineSettings settings_;
};

class ClearPages final : public Task {
 public:
  ClearPages(std::shared_ptr<EngineHandle> engine, bool disk)
      : engine_(std::move(engine)), disk_(disk) {}

 private:
  bs_status run(bs_error* error) override { return bs_clear_pages(engine_->engine, disk_, error); }
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }
  const std::shared_ptr<EngineHandle> engine_;
  const bool disk_;
};

struct ModelSettings {
  std::string model_path, adapter_path, index_source, layout, prefix_text, sha256;
};

class OpenModel final : public OpenTask<ModelHandle> {
 public:
  OpenModel(std::shared_ptr<EngineHandle> engine, ModelSettings settings)
      : settings_(std::move(settings)) {
    handle_->owner = std::move(engine);
  }

 private:
  bs_status run(bs_error* error) override {
    bs_model_options options{};
    options.model_path = settings_.model_path.c_str();
    options.adapter_path = or_null(settings_.adapter_path);
    options.index_source = or_null(settings_.index_source);
    options.layout = or_null(settings_.layout);
    options.prefix_text = or_null(settings_.prefix_text);
    options.model_sha256 = or_null(settings_.sha256);
    return bs_model_open(handle_->owner->engine, &options, &handle_->model, error);
  }
  const ModelSettings settings_;
};

}  // namespace

Napi::Value open_engine(const Napi::CallbackInfo& info) {
  Reader reader(info);
  const Napi::Object given = reader.object(info[0], "options");
  EngineSettings settings;
  reader.maybe(given, "threads", &settings.threads);
  reader.maybe(given, "tier", &settings.tier);
  reader.maybe(given, "isa", &settings.isa);
  reader.maybe(given, "numerics", &settings.numerics);
  reader.maybe(given, "kv", &settings.kv);
  reader.maybe(given, "storePath", &settings.store_path);
  reader.maybe(given, "storeLimitBytes", &settings.store_limit_bytes);
  reader.maybe(given, "memoryLimitBytes", &settings.memory_limit_bytes);
  // Written so that NaN fails too; 2^53 is where doubles stop being exact.
  const auto within = [&](double value, double most, const char* name) {
    if (!(value >= 0 && value <= most)) reader.fail(name, "a size from 0 up");
  };
  within(settings.threads, 1024, "threads");
  within(settings.store_limit_bytes, 9007199254740992.0, "storeLimitBytes");
  within(settings.memory_limit_bytes, 9007199254740992.0, "memoryLimitBytes");
  if (!reader.ok()) return info.Env().Undefined();
  return Task::start(info.Env(), std::make_unique<OpenEngine>(std::move(settings)));
}

Napi::Value describe_engine(const Napi::CallbackInfo& info) {
  Reader reader(info);
  const auto engine = handle<EngineHandle>(reader, info, 0);
  if (!engine) return info.Env().Undefined();
  return Napi::String::New(info.Env(), bs_engine_describe(engine->engine));
}

Napi::Value clear_pages(const Napi::CallbackInfo& info) {
  Reader reader(info);
  const auto engine = handle<EngineHandle>(reader, info, 0);
  const bool disk = reader.boolean(info[1], "disk");
  if (!reader.ok()) return info.Env().Undefined();
  return Task::start(info.Env(), std::make_unique<ClearPages>(engine, disk));
}

Napi::Value open_model(const Napi::CallbackInfo& info) {
  Reader reader(info);
  const auto engine = handle<EngineHandle>(reader, info, 0);
  const Napi::Object given = reader.object(info[1], "options");
  ModelSettings settings;
  settings.model_path = reader.text(reader.property(given, "modelPath"), "modelPath");
  reader.maybe(given, "adapterPath", &settings.adapter_path);
  reader.maybe(given, "indexSource", &settings.index_source);
  reader.maybe(given, "layout", &settings.layout);
  reader.maybe(given, "prefixText", &settings.prefix_text);
  reader.maybe(given, "sha256", &settings.sha256);
  if (!reader.ok()) return info.Env().Undefined();
  return Task::start(info.Env(), std::make_unique<OpenModel>(engine, std::move(settings)));
}

Napi::Value describe_model(const Napi::CallbackInfo& info) {
  Reader reader(info);
  const auto model = handle<ModelHandle>(reader, info, 0);
  if (!model) return info.Env().Undefined();
  return Napi::String::New(info.Env(), bs_model_describe(model->model));
}

Napi::Value model_tokenizer(const Napi::CallbackInfo& info) {
  Reader reader(info);
  const auto model = handle<ModelHandle>(reader, info, 0);
  if (!model) return info.Env().Undefined();
  const auto tokenizer = std::make_shared<TokenizerHandle>();
  tokenizer->tokenizer = bs_model_tokenizer(model->model);
  tokenizer->owner = model;
  return Napi::Number::New(info.Env(), table(info.Env()).add(tokenizer));
}

}  // namespace blocksight::addon

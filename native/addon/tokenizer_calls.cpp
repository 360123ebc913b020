#include "calls.h"
#include "open_task.h"

namespace blocksight::addon {
namespace {

struct Tokens {
  std::vector<uint32_t> ids, ends;
};

bs_status encode_text(bs_tokenizer* tokenizer, const std::string& text, bool parse_special,
                      Tokens* out, bs_error* error) {
  size_t count = 0;
  out->ids.resize(text.size());
  out->ends.resize(text.size());
  const bs_status status = bs_tokenizer_encode(tokenizer, text.data(), text.size(), parse_special,
                                               out->ids.data(), out->ends.data(), &count, error);
  out->ids.resize(status == BS_OK ? count : 0);
  out->ends.resize(out->ids.size());
  out->ids.shrink_to_fit();
  out->ends.shrink_to_fit();
  return status;
}

class OpenTokenizer final : public OpenTask<TokenizerHandle> {
 public:
  explicit OpenTokenizer(std::string path) : path_(std::move(path)) {}

 private:
  bs_status run(bs_error* error) override {
    return bs_tokenizer_open(path_.c_str(), &handle_->tokenizer, error);
  }
  const std::string path_;
};

// Many texts in one go; file text, so special tokens are never parsed.
class EncodeAll final : public Task {
 public:
  EncodeAll(std::shared_ptr<TokenizerHandle> tokenizer, std::vector<std::string> texts)
      : tokenizer_(std::move(tokenizer)), texts_(std::move(texts)) {}

 private:
  bs_status run(bs_error* error) override {
    tokens_.resize(texts_.size());
    for (size_t i = 0; i < texts_.size() && !is_cancelled_; i++) {
      const bs_status status =
          encode_text(tokenizer_->tokenizer, texts_[i], false, &tokens_[i], error);
      if (status != BS_OK) return status;
    }
    return BS_OK;
  }
  Napi::Value result(Napi::Env env) override {
    const auto ids = Napi::Array::New(env, tokens_.size());
    const auto ends = Napi::Array::New(env, tokens_.size());
    for (uint32_t i = 0; i < tokens_.size() && !env.IsExceptionPending(); i++) {
      const Napi::HandleScope scope(env);
      ids.Set(i, u32_value(env, tokens_[i].ids));
      ends.Set(i, u32_value(env, tokens_[i].ends));
    }
    const auto both = Napi::Object::New(env);
    both.Set("ids", ids);
    both.Set("ends", ends);
    return both;
  }
  void cancel() override { is_cancelled_ = true; }

  const std::shared_ptr<TokenizerHandle> tokenizer_;
  const std::vector<std::string> texts_;
  std::vector<Tokens> tokens_;
  std::atomic<bool> is_cancelled_{false};
};

}  // namespace

Napi::Value open_tokenizer(const Napi::CallbackInfo& info) {
  Reader reader(info);
  std::string path = reader.text(info[0], "path");
  if (!reader.ok()) return info.Env().Undefined();
  return Task::start(info.Env(), std::make_unique<OpenTokenizer>(std::move(path)));
}

Napi::Value describe_tokenizer(const Napi::CallbackInfo& info) {
  Reader reader(info);
  const auto tokenizer = handle<TokenizerHandle>(reader, info, 0);
  if (!tokenizer) return info.Env().Undefined();
  return Napi::String::New(info.Env(), bs_tokenizer_describe(tokenizer->tokenizer));
}

Napi::Value encode_all(const Napi::CallbackInfo& info) {
  Reader reader(info);
  const auto tokenizer = handle<TokenizerHandle>(reader, info, 0);
  std::vector<std::string> texts = reader.bytes_arrays(info[1], "texts");
  if (!reader.ok()) return info.Env().Undefined();
  return Task::start(info.Env(), std::make_unique<EncodeAll>(tokenizer, std::move(texts)));
}

// One short text at once: a question, a path, a piece of the chat template.
Napi::Value encode(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Reader reader(info);
  const auto tokenizer = handle<TokenizerHandle>(reader, info, 0);
  const std::string text = reader.bytes(info[1], "text");
  const bool parse_special = reader.boolean(info[2], "parseSpecial");
  if (!reader.ok()) return env.Undefined();
  Tokens tokens;
  bs_error error{};
  const bs_status status = encode_text(tokenizer->tokenizer, text, parse_special, &tokens, &error);
  if (status == BS_OK) return u32_value(env, tokens.ids);
  napi_throw(env, error_value(env, status, error.message));
  return env.Undefined();
}

}  // namespace blocksight::addon

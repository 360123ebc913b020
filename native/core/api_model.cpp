#include "blocksight.h"
#include "boundary.h"
#include "json_writer.h"

namespace blocksight {

std::string describe_tokenizer(const Tokenizer& tokenizer, std::string_view name,
                               std::string_view chat_template) {
  JsonObject special;
  for (const auto& [text, id] : tokenizer.special()) special.number(text, id);
  JsonObject out;
  out.text("name", name).text("pre", tokenizer.pre()).number("vocabSize", tokenizer.vocab_size());
  out.text("hash", tokenizer.hash()).raw("special", special.str());
  out.text("chatTemplate", chat_template);
  return out.str();
}

}  // namespace blocksight

using namespace blocksight;

extern "C" {

bs_status bs_tokenizer_open(const char* path, bs_tokenizer** out, bs_error* error) {
  return at_boundary(error, [&] {
    need(path, out);
    const std::shared_ptr<GgufFile> file = GgufFile::open(path);
    auto handle = std::make_unique<bs_tokenizer>();
    handle->tokenizer = Tokenizer::from_gguf(*file);
    handle->description = describe_tokenizer(
        *handle->tokenizer, file->string_value("general.name").value_or("tokenizer"),
        file->string_value("tokenizer.chat_template").value_or(""));
    *out = handle.release();
  });
}

void bs_tokenizer_destroy(bs_tokenizer* tokenizer) { delete tokenizer; }

const char* bs_tokenizer_describe(bs_tokenizer* tokenizer) {
  return tokenizer ? tokenizer->description.c_str() : "{}";
}

bs_status bs_tokenizer_encode(bs_tokenizer* tokenizer, const char* text, size_t length,
                              int parse_special, uint32_t* ids, uint32_t* ends, size_t* count,
                              bs_error* error) {
  return at_boundary(error, [&] {
    need(tokenizer, count);
    *count = 0;
    if (length == 0) return;
    need(text, ids, ends);
    if (length > UINT32_MAX) throw Error(BS_INVALID_ARGUMENT, "The text is longer than 4 GiB.");
    std::vector<uint32_t> found, found_ends;
    tokenizer->tokenizer->encode({text, length}, parse_special != 0, found, found_ends);
    std::copy(found.begin(), found.end(), ids);
    std::copy(found_ends.begin(), found_ends.end(), ends);
    *count = found.size();
  });
}

const char* bs_tokenizer_token_bytes(bs_tokenizer* tokenizer, uint32_t id, size_t* length) {
  if (length) *length = 0;
  if (!tokenizer || id >= tokenizer->tokenizer->vocab_size()) return "";
  const std::string_view bytes = tokenizer->tokenizer->token_bytes(id);
  if (length) *length = bytes.size();
  return bytes.data();
}

bs_status bs_model_open(bs_engine* engine, const bs_model_options* options, bs_model** out,
                        bs_error* error) {
  return at_boundary(error, [&] {
    need(engine, options, out);
    auto handle = std::make_unique<bs_model>();
    handle->model = Model::open(engine->engine, *options);
    // The tokenizer lives in the model: one control block keeps both.
    handle->tokenizer.tokenizer = {handle->model, &handle->model->tokenizer()};
    handle->tokenizer.description =
        describe_tokenizer(handle->model->tokenizer(), handle->model->name(),
                           handle->model->chat_template());
    *out = handle.release();
  });
}

void bs_model_destroy(bs_model* model) { delete model; }

const char* bs_model_describe(bs_model* model) {
  return model ? model->model->describe().c_str() : "{}";
}

bs_tokenizer* bs_model_tokenizer(bs_model* model) { return model ? &model->tokenizer : nullptr; }

}  // extern "C"

// The C boundary: misuse is a status and a sentence, never a crash.
#include <atomic>
#include <string>
#include <thread>

#include "blocksight.h"
#include "check.h"
#include "tiny_model.h"

using namespace blocksight::check;

namespace {

struct Handles {
  bs_engine* engine = nullptr;
  bs_model* model = nullptr;
  bs_pack* pack = nullptr;
  bs_error error = {};
};

bs_engine* ref_engine(bs_error& error) {
  bs_engine_options options = {};
  options.tier = "ref";
  bs_engine* engine = nullptr;
  CHECK_EQ(bs_engine_create(&options, &engine, &error), BS_OK);
  return engine;
}

Handles open_all(const TempDir& dir) {
  Handles h;
  h.engine = ref_engine(h.error);
  const std::string path = dir.write("tiny.gguf", tiny_gguf({}));
  bs_model_options options = {};
  options.model_path = path.c_str();
  options.prefix_text = kTinyPrefix;
  CHECK_EQ(bs_model_open(h.engine, &options, &h.model, &h.error), BS_OK);
  const std::vector<uint32_t> ids = tiny_tokens(1, 1000);
  const bs_segment segment = {.ids = ids.data(), .count = 1000, .file = 0};
  CHECK_EQ(bs_pack_create(h.model, &segment, 1, &h.pack, &h.error), BS_OK);
  return h;
}

bs_status read_first(bs_pack* pack, bs_error& error) {
  const uint32_t segment = 0;
  bs_read_options options = {};
  options.segments = &segment;
  options.count = 1;
  bs_read_result result;
  return bs_read(pack, &options, nullptr, nullptr, nullptr, &result, &error);
}

}  // namespace

TEST("api: null where something is needed is an invalid argument, and destroying null is nothing") {
  bs_error error;
  CHECK_EQ(bs_engine_create(nullptr, nullptr, &error), BS_INVALID_ARGUMENT);
  CHECK_EQ(bs_model_open(nullptr, nullptr, nullptr, nullptr), BS_INVALID_ARGUMENT);
  CHECK_EQ(bs_pack_create(nullptr, nullptr, 0, nullptr, &error), BS_INVALID_ARGUMENT);
  CHECK_EQ(bs_read(nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, &error),
           BS_INVALID_ARGUMENT);
  CHECK_EQ(bs_ask(nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, &error),
           BS_INVALID_ARGUMENT);
  CHECK_EQ(bs_pack_held(nullptr, nullptr, &error), BS_INVALID_ARGUMENT);
  CHECK(error.message[0] != '\0');
  CHECK_EQ(std::string(bs_model_describe(nullptr)), std::string("{}"));
  bs_pack_destroy(nullptr);
  bs_model_destroy(nullptr);
  bs_engine_destroy(nullptr);
  bs_tokenizer_destroy(nullptr);
  bs_cancel_request(nullptr);
}

TEST("api: unknown tiers, KV types and counts of threads are named") {
  bs_error error;
  bs_engine* engine = nullptr;
  bs_engine_options options = {};
  options.tier = "gpu";
  CHECK_EQ(bs_engine_create(&options, &engine, &error), BS_INVALID_ARGUMENT);
  CHECK(std::string(error.message).find("gpu") != std::string::npos);
  options = {};
  options.kv = "i4";
  CHECK_EQ(bs_engine_create(&options, &engine, &error), BS_INVALID_ARGUMENT);
  options = {};
  options.threads = -1;
  CHECK_EQ(bs_engine_create(&options, &engine, &error), BS_INVALID_ARGUMENT);
  options = {};
  options.isa = "mmx";
  CHECK_EQ(bs_engine_create(&options, &engine, &error), BS_INVALID_ARGUMENT);
  CHECK(engine == nullptr);
}

TEST("api: a model that is missing or no model leaves no handle") {
  const TempDir dir;
  bs_error error;
  bs_engine* const engine = ref_engine(error);
  bs_model* model = nullptr;
  bs_model_options options = {};
  const std::string missing = dir.path("no.gguf");
  options.model_path = missing.c_str();
  CHECK_EQ(bs_model_open(engine, &options, &model, &error), BS_NOT_FOUND);
  const std::string empty = dir.write("empty.gguf", "");
  options.model_path = empty.c_str();
  CHECK(bs_model_open(engine, &options, &model, &error) != BS_OK);
  CHECK(model == nullptr);
  bs_engine_destroy(engine);
}

TEST("api: handles may be destroyed in any order") {
  const TempDir dir;
  Handles h = open_all(dir);
  bs_engine_destroy(h.engine);
  bs_model_destroy(h.model);
  CHECK_EQ(read_first(h.pack, h.error), BS_OK);
  bs_pack_destroy(h.pack);
}

TEST("api: a second read of a pack is busy, a question beside a read is not") {
  const TempDir dir;
  Handles h = open_all(dir);
  CHECK_EQ(read_first(h.pack, h.error), BS_OK);
  struct Inside {
    Handles* h;
    bs_status read, ask;
  } inside = {&h, BS_OK, BS_OK};
  const uint32_t segment = 0;
  bs_read_options options = {};
  options.segments = &segment;
  options.count = 1;
  bs_read_result result;
  const auto during = [](void* user, const bs_read_progress*) {
    auto& in = *static_cast<Inside*>(user);
    in.read = read_first(in.h->pack, in.h->error);
    const uint32_t prompt[2] = {1, 2}, sight = 0;
    bs_ask_options ask = {};
    ask.prompt = prompt;
    ask.prompt_count = 2;
    ask.sight = &sight;
    ask.sight_count = 1;
    ask.top_p = ask.repetition_penalty = 1;
    bs_ask_result asked;
    in.ask = bs_ask(in.h->pack, &ask, nullptr, nullptr, nullptr, &asked, &in.h->error);
  };
  CHECK_EQ(bs_read(h.pack, &options, during, &inside, nullptr, &result, &h.error), BS_OK);
  CHECK_EQ(inside.read, BS_BUSY);
  CHECK_EQ(inside.ask, BS_OK);
  bs_pack_destroy(h.pack);
  bs_model_destroy(h.model);
  bs_engine_destroy(h.engine);
}

TEST("api: text goes to tokens and back through a model's own tokenizer") {
  const TempDir dir;
  Handles h = open_all(dir);
  bs_tokenizer* const tokenizer = bs_model_tokenizer(h.model);
  const std::string text = "a<|im_end|>\xff";
  uint32_t ids[16], ends[16];
  size_t count = 0;
  CHECK_EQ(bs_tokenizer_encode(tokenizer, text.data(), text.size(), 0, ids, ends, &count, &h.error),
           BS_OK);
  std::string back;
  for (size_t i = 0; i < count; i++) {
    size_t length = 0;
    const char* const bytes = bs_tokenizer_token_bytes(tokenizer, ids[i], &length);
    back.append(bytes, length);
    CHECK(ids[i] < 256);  // file text never becomes a special token
  }
  CHECK_EQ(back, text);
  size_t length = 9;
  bs_tokenizer_token_bytes(tokenizer, 999999, &length);
  CHECK_EQ(length, 0u);
  bs_pack_destroy(h.pack);
  bs_model_destroy(h.model);
  bs_engine_destroy(h.engine);
}

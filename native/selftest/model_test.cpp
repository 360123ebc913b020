// Opening models: what is refused by name, and the layout of a model without an adapter.
#include "core/model.h"

#include <fstream>

#include "bytes.h"
#include "check.h"
#include "io/json_reader.h"
#include "io/sha256.h"
#include "op_table.h"
#include "tiny_model.h"

using namespace blocksight;
using namespace blocksight::check;

namespace {

std::shared_ptr<Model> open(const std::string& model, const std::string& adapter = "",
                            const char* index = nullptr, const char* prefix = kTinyPrefix,
                            const OpTable& table = ref_table()) {
  bs_model_options options = {};
  options.model_path = model.c_str();
  options.adapter_path = adapter.empty() ? nullptr : adapter.c_str();
  options.index_source = index;
  options.prefix_text = prefix;
  bs_engine_options engine = {};
  return Model::open(std::make_shared<Engine>(engine, table), options);
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

// Kilobytes of a mapped file that are in this process's memory; nothing where it is not mapped.
std::optional<long> mapped_kilobytes(const std::string& path) {
  std::ifstream maps("/proc/self/smaps");
  std::optional<long> sum;
  bool within = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find('-') < line.find(' ')) within = line.ends_with(path);
    if (within && line.starts_with("Rss:")) sum = sum.value_or(0) + std::stol(line.substr(4));
  }
  return sum;
}

}  // namespace

TEST("model: an architecture that is not supported is named") {
  const TempDir dir;
  const std::string file = replaced(tiny_gguf({}), "llama", "gemma");
  CHECK_THROWS(open(dir.write("gemma.gguf", file)), BS_UNSUPPORTED_ARCHITECTURE, "gemma");
}

TEST("model: a shape that contradicts the tensors is refused") {
  const TempDir dir;
  TinyShape wide;
  wide.ffn_width = 128;
  const std::string text = tiny_gguf({});
  const size_t key = text.find("feed_forward_length");
  std::string wrong = text;
  wrong[key + std::string("feed_forward_length").size() + 4] = 97;  // behind the value's type
  CHECK_THROWS(open(dir.write("wrong.gguf", wrong)), BS_CORRUPT, "ffn_gate");
}

TEST("model: an adapter for another base is refused with both hashes") {
  const TempDir dir;
  const std::string model = dir.write("tiny.gguf", tiny_gguf({}));
  const std::string hash(64, 'a');
  const std::string adapter = dir.write("other.safetensors", tiny_adapter({}, hash));
  CHECK_THROWS(open(model, adapter), BS_WRONG_BASE, hash);
}

TEST("model: a trained index without an adapter, and an unknown one, are refused") {
  const TempDir dir;
  const std::string model = dir.write("tiny.gguf", tiny_gguf({}));
  CHECK_THROWS(open(model, "", "trained"), BS_INVALID_ARGUMENT, "needs an adapter");
  CHECK_THROWS(open(model, "", "magic"), BS_INVALID_ARGUMENT, "magic");
}

TEST("model: without an adapter the prefix is filled inside the system turn") {
  const TempDir dir;
  const auto model = open(dir.write("tiny.gguf", tiny_gguf({})));
  const std::vector<uint32_t>& prefix = model->layout().prefix;
  CHECK_EQ(prefix.size(), size_t{kBlockTokens});
  CHECK_EQ(prefix[0], kTinyTurnStart);
  CHECK_EQ(prefix[125], uint32_t{'\n'});
  CHECK_EQ(prefix[126], kTinyTurnEnd);
  CHECK_EQ(model->layout().header, std::string("<|file_sep|>{path}{part}\n"));
  CHECK(!model->layout().citation_token);
  CHECK_EQ(model->question_heads().size(), 4u);  // all of them
  const auto placed = open(dir.path("tiny.gguf"), "", nullptr, "<|im_start|>{<|im_end|>");
  CHECK_EQ(placed->layout().prefix[1], uint32_t{'{'});  // a brace alone is text
  const std::string long_text(200, 'x');
  CHECK_THROWS(open(dir.path("tiny.gguf"), "", nullptr, long_text.c_str()), BS_INVALID_ARGUMENT,
               "200 tokens");
  // The engine's own text is longer than a block in a vocabulary of bytes.
  CHECK_THROWS(open(dir.path("tiny.gguf"), "", nullptr, "{system}"), BS_INVALID_ARGUMENT,
               "one block holds 128");
}

TEST("model: says of itself what the engine's protocol asks for") {
  const auto model = tiny_model(ref_table(), {.with_adapter = true});
  const Json info = Json::parse(model->describe());
  CHECK_EQ(*info.find("name")->string(), std::string("Tiny"));
  CHECK_EQ(*info.find("indexSource")->string(), std::string("trained"));
  CHECK_EQ(*info.find("indexDim")->number(), 32.0);
  CHECK_EQ(*info.find("citationToken")->number(), double{kTinyFile});
  CHECK_EQ(*info.find("pointerWeight")->number(), 1.5);
  CHECK_EQ(info.find("questionHeads")->array()->size(), 2u);
  CHECK_EQ(*info.find("tier")->string(), std::string("ref"));
  // Per layer: index key of 32, K and V of two groups of 64, fp32.
  CHECK_EQ(*info.find("bytesPerToken")->number(), 2.0 * (32 + 2 * 2 * 64) * 4);
}

TEST("model: pages of another index source, layout or adapter have other keys") {
  const auto key = [](const TinyOptions& options) {
    return tiny_model(ref_table(), options)->key_seed();
  };
  const PageKey plain = key({});
  CHECK(plain == key({}));
  CHECK(plain != key({.layout = "causal"}));
  CHECK(key({.with_adapter = true}) != key({.with_adapter = true, .index_source = "keys"}));
  CHECK(plain != key({.shape = {.architecture = "qwen2"}}));
}

#ifdef __linux__
TEST("model: once its weights are packed, neither its file nor the adapter is in memory") {
  const OpTable* const table = cpu_table(nullptr);
  if (!table) SKIP("no kernels for this processor");
  const TempDir dir;
  const std::string file = tiny_gguf({});
  const std::string path = dir.write("tiny.gguf", file);
  const std::string adapter =
      dir.write("tiny.safetensors", tiny_adapter({}, sha256_hex(file.data(), file.size())));
  const auto model = open(path, adapter, nullptr, kTinyPrefix, *table);
  CHECK_EQ(mapped_kilobytes(path).value_or(-1), 0L);
  CHECK(!mapped_kilobytes(adapter));
}
#endif

#include "adapter.h"

#include <cmath>
#include <cstring>

#include "core/error.h"
#include "float16.h"
#include "gguf.h"
#include "json_reader.h"
#include "safetensors.h"
#include "sha256.h"

namespace blocksight {
namespace {

[[noreturn]] void corrupt(const std::string& what) { throw Error(BS_CORRUPT, "adapter: " + what); }

// Reads one object of the metadata; every complaint names the path of the value.
class Section {
 public:
  Section(const Json& json, std::string path) : json_(json), path_(std::move(path)) {
    if (json_.object() == nullptr) corrupt(path_ + " is no object");
  }

  bool has(const char* key) const { return json_.find(key) != nullptr; }
  const Json& need(const char* key) const {
    const Json* value = json_.find(key);
    if (value == nullptr) corrupt(path_ + "." + key + " is missing");
    return *value;
  }
  Section section(const char* key) const { return {need(key), path_ + "." + key}; }
  const std::string& string(const char* key) const {
    const std::string* value = need(key).string();
    if (value == nullptr) corrupt(path_ + "." + key + " is no string");
    return *value;
  }
  uint64_t integer(const char* key, uint64_t least, uint64_t most) const {
    const auto value = need(key).integer();
    if (!value || *value < least || *value > most)
      corrupt(path_ + "." + key + " is no integer from " + std::to_string(least) + " to " +
              std::to_string(most));
    return *value;
  }
  float number(const char* key, double least, double most) const {
    const auto value = need(key).number();
    if (!value || !(*value >= least && *value <= most))
      corrupt(path_ + "." + key + " is no number in its range");
    return static_cast<float>(*value);
  }
  const Json::Array& array(const char* key) const {
    const Json::Array* value = need(key).array();
    if (value == nullptr) corrupt(path_ + "." + key + " is no array");
    return *value;
  }

 private:
  const Json& json_;
  std::string path_;
};

// Exactly one of each placeholder, in order, and a newline at the end of a header.
void check_template(const std::string& text, std::initializer_list<const char*> holders,
                    const char* what) {
  size_t at = 0;
  for (const char* holder : holders) {
    at = text.find(holder, at);
    if (at == std::string::npos || text.find(holder) != text.rfind(holder))
      corrupt(std::string(what) + " needs " + holder + " once");
  }
}

AdapterLayout read_layout(const Section& section) {
  AdapterLayout layout;
  if (section.string("kind") != "independent") corrupt("layout.kind is not independent");
  section.integer("block", kBlockTokens, kBlockTokens);
  section.integer("segmentBlocks", 15, 15);
  section.integer("conversationTokens", 2048, 2048);
  const Json::Array& prefix = section.array("prefix");
  if (prefix.size() != kBlockTokens)
    corrupt("layout.prefix has " + std::to_string(prefix.size()) + " ids, expected 128");
  for (const Json& item : prefix) {
    const auto id = item.integer();
    if (!id || *id > INT32_MAX) corrupt("layout.prefix holds something that is no token id");
    layout.prefix.push_back(static_cast<uint32_t>(*id));
  }
  layout.segment_position = static_cast<uint32_t>(section.integer("segmentPosition", 128, 1 << 24));
  layout.conversation_position =
      static_cast<uint32_t>(section.integer("conversationPosition", 128, 1 << 24));
  if (layout.conversation_position < layout.segment_position + 15 * kBlockTokens)
    corrupt("layout.conversationPosition lies inside a segment");
  layout.header = section.string("header");
  check_template(layout.header, {">", "{path}", "{part}\n"}, "layout.header");
  layout.part = section.string("part");
  check_template(layout.part, {"{k}", "{n}"}, "layout.part");
  if (section.has("embedding")) {
    layout.embedding = section.string("embedding");
    if (layout.embedding != "output.weight" && layout.embedding != "token_embd.weight")
      corrupt("layout.embedding is neither output.weight nor token_embd.weight");
    if (layout.embedding == "token_embd.weight") layout.embedding.clear();
  }
  if (section.has("citation")) {
    std::string expected = layout.header;
    expected.erase(expected.find("{part}"), 6);
    if (section.string("citation") != expected)
      corrupt("layout.citation is not the header without its part");
    layout.citation = true;
  }
  return layout;
}

AdapterMeta read_meta(const std::string& text) {
  const Json json = Json::parse(text);
  const Section root(json, "blocksight");
  AdapterMeta meta;
  meta.version = std::to_string(root.integer("version", 1, 1));
  const Section base = root.section("base");
  meta.base_name = base.string("name");
  meta.base_file = base.string("file");
  meta.base_sha256 = base.string("sha256");
  if (meta.base_sha256.size() != 64 ||
      meta.base_sha256.find_first_not_of("0123456789abcdef") != std::string::npos)
    corrupt("base.sha256 is not 64 hexadecimal digits");
  meta.name = root.has("name") ? root.string("name") : meta.base_name;
  meta.layout = read_layout(root.section("layout"));
  const Section index = root.section("index");
  meta.index.source = index.string("source");
  if (meta.index.source != "trained") corrupt("index.source is not trained");
  meta.index.dim = static_cast<int64_t>(index.integer("dim", 1, 1024));
  meta.index.heads = static_cast<int64_t>(index.integer("heads", 1, 1024));
  meta.index.rope = static_cast<int64_t>(index.integer("ropeDim", 0, 1024));
  if (meta.index.rope > meta.index.dim || meta.index.rope % 2 != 0)
    corrupt("index.ropeDim does not fit index.dim");
  meta.index.k = static_cast<int64_t>(index.integer("topK", kSelected, kSelected));
  meta.index.norm_eps = index.number("normEps", 0, 1);
  const Section lora = root.section("lora");
  meta.lora_rank = static_cast<int64_t>(lora.integer("rank", 1, 1024));
  meta.lora_scale = lora.number("scale", -1024, 1024);
  for (const Json& item : root.array("questionHeads")) {
    const Json::Array* pair = item.array();
    const auto layer = pair != nullptr && pair->size() == 2 ? (*pair)[0].integer() : std::nullopt;
    const auto group = pair != nullptr && pair->size() == 2 ? (*pair)[1].integer() : std::nullopt;
    if (!layer || !group || *layer > 4096 || *group > 4096)
      corrupt("questionHeads holds something that is no [layer, group]");
    meta.question_heads.push_back({static_cast<uint32_t>(*layer), static_cast<uint32_t>(*group)});
  }
  if (meta.question_heads.empty()) corrupt("questionHeads is empty");
  if (root.has("pointerWeight")) meta.pointer_weight = root.number("pointerWeight", 0, 1000);
  return meta;
}

class ParsedAdapter final : public Adapter {
 public:
  ParsedAdapter(const std::byte* data, size_t size, std::unique_ptr<MappedFile> file)
      : file_(std::move(file)), tensors_(parse_safetensors(data, size)) {
    const auto found = tensors_.metadata.find("blocksight");
    if (found == tensors_.metadata.end()) corrupt("the metadata key blocksight is missing");
    meta_ = read_meta(found->second);
    for (const auto& [name, tensor] : tensors_.tensors) check_tensor(name, tensor);
    sha256_ = sha256_hex(data, size);
  }

  const AdapterMeta& meta() const override { return meta_; }
  const std::string& sha256() const override { return sha256_; }

  std::optional<LowRank> low_rank(int64_t layer, const std::string& name, int64_t rows,
                                  int64_t cols) const override {
    const std::string stem = "layers." + std::to_string(layer) + "." + name + ".lora_";
    if (!tensors_.tensors.contains(stem + "a")) return {};
    LowRank out;
    out.rank = meta_.lora_rank;
    out.scale = meta_.lora_scale;
    out.a = tensor(stem + "a", out.rank, cols);
    out.b = tensor(stem + "b", rows, out.rank);
    return out;
  }

  std::vector<float> tensor(const std::string& name, int64_t rows, int64_t cols) const override {
    const auto found = tensors_.tensors.find(name);
    if (found == tensors_.tensors.end()) corrupt(name + " is missing");
    const SafeTensor& stored = found->second;
    const bool fits = stored.shape.size() == 1 ? rows == 1 && stored.shape[0] == cols
                                               : stored.shape[0] == rows && stored.shape[1] == cols;
    if (!fits)
      corrupt(name + " has another shape than " + std::to_string(rows) + " × " +
              std::to_string(cols));
    std::vector<float> out(static_cast<size_t>(rows * cols));
    if (stored.dtype == "I8") {
      const std::vector<float> scale = tensor(name + ".scale", 1, rows);
      for (size_t i = 0; i < out.size(); i++)
        out[i] = static_cast<float>(static_cast<int8_t>(stored.data[i])) *
                 scale[i / static_cast<size_t>(cols)];
    } else {
      dequantize_row(stored.dtype == "F32" ? WeightType::f32 : WeightType::bf16, stored.data,
                     rows * cols, out.data());
    }
    for (const float value : out)
      if (!std::isfinite(value)) corrupt(name + " holds a value that is not finite");
    return out;
  }

 private:
  // What can be said about a tensor without the base model's sizes.
  void check_tensor(const std::string& name, const SafeTensor& tensor) const {
    if (tensor.shape.empty() || tensor.shape.size() > 2)
      corrupt(name + " is neither a vector nor a matrix");
    if (tensor.dtype != "I8" && tensor.dtype != "F32" && tensor.dtype != "BF16")
      corrupt(name + " has the type " + tensor.dtype + "; I8, F32 and BF16 can be read");
    if (tensor.dtype == "I8") {
      const auto scale = tensors_.tensors.find(name + ".scale");
      if (tensor.shape.size() != 2 || scale == tensors_.tensors.end() ||
          scale->second.dtype != "F32" || scale->second.shape.size() != 1 ||
          scale->second.shape[0] != tensor.shape[0])
        corrupt(name + " needs " + name + ".scale, F32, one for each row");
    }
    for (const auto& [end, other] : {std::pair{".lora_a", "b"}, std::pair{".lora_b", "a"}})
      if (name.ends_with(end) &&
          !tensors_.tensors.contains(name.substr(0, name.size() - 1) + other))
        corrupt(name + " has no other half");
  }

  std::unique_ptr<MappedFile> file_;
  SafeTensors tensors_;
  AdapterMeta meta_;
  std::string sha256_;
};

}  // namespace

std::shared_ptr<Adapter> Adapter::open(const std::string& path) {
  auto file = std::make_unique<MappedFile>(path);
  const std::byte* data = file->data();
  const size_t size = file->size();
  try {
    return std::make_shared<ParsedAdapter>(data, size, std::move(file));
  } catch (const Error& error) {
    throw Error(error.status(), path + ": " + error.what());
  }
}

std::shared_ptr<Adapter> Adapter::parse(const std::byte* data, size_t size) {
  return std::make_shared<ParsedAdapter>(data, size, nullptr);
}

}  // namespace blocksight

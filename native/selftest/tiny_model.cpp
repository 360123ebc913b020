#include "tiny_model.h"

#include <cmath>
#include <fstream>
#include <random>

#include "bytes.h"
#include "io/sha256.h"

namespace blocksight::check {

namespace {

uint64_t splitmix64(uint64_t state) {
  uint64_t z = state + 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

uint64_t fnv1a(const std::string& text) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return hash;
}

// GGUF's value and tensor types.
enum : uint32_t { kU32 = 4, kI32 = 5, kF32 = 6, kString = 8, kArray = 9 };

class GgufWriter {
 public:
  void number(const std::string& key, uint32_t value) {
    values_.string(key).number(uint32_t{kU32}).number(value);
    value_count_++;
  }
  void real(const std::string& key, float value) {
    values_.string(key).number(uint32_t{kF32}).number(value);
    value_count_++;
  }
  void text(const std::string& key, const std::string& value) {
    values_.string(key).number(uint32_t{kString}).string(value);
    value_count_++;
  }
  void texts(const std::string& key, const std::vector<std::string>& list) {
    values_.string(key).number(uint32_t{kArray}).number(uint32_t{kString});
    values_.number(uint64_t{list.size()});
    for (const std::string& item : list) values_.string(item);
    value_count_++;
  }
  void integers(const std::string& key, const std::vector<int32_t>& list) {
    values_.string(key).number(uint32_t{kArray}).number(uint32_t{kI32});
    values_.number(uint64_t{list.size()});
    for (const int32_t item : list) values_.number(item);
    value_count_++;
  }
  void tensor(const std::string& name, std::vector<uint64_t> dims, const std::vector<float>& data) {
    infos_.string(name).number(static_cast<uint32_t>(dims.size()));
    for (const uint64_t dim : dims) infos_.number(dim);
    infos_.number(uint32_t{0}).number(uint64_t{data_.text().size()});
    data_.raw({reinterpret_cast<const char*>(data.data()), data.size() * sizeof(float)}).pad(32);
    tensor_count_++;
  }
  std::string file() const {
    Bytes out;
    out.raw("GGUF").number(uint32_t{3}).number(tensor_count_).number(value_count_);
    out.raw(values_.text()).raw(infos_.text()).pad(32).raw(data_.text());
    return out.text();
  }

 private:
  Bytes values_, infos_, data_;
  uint64_t value_count_ = 0, tensor_count_ = 0;
};

// GPT-2's printable character for a byte, as UTF-8.
std::string byte_token(uint32_t byte) {
  const auto prints = [](uint32_t b) {
    return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  };
  uint32_t code = byte;
  if (!prints(byte)) {
    code = 256;
    for (uint32_t b = 0; b < byte; b++) code += prints(b) ? 0 : 1;
  }
  if (code < 0x80) return {static_cast<char>(code)};
  return {static_cast<char>(0xC0 | (code >> 6)), static_cast<char>(0x80 | (code & 63))};
}

void write_tokenizer(GgufWriter& file, const std::string& pre) {
  std::vector<std::string> tokens;
  std::vector<int32_t> types(kTinyVocab, 1);
  for (uint32_t byte = 0; byte < 256; byte++) tokens.push_back(byte_token(byte));
  for (const char* special : {"<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|file_sep|>"}) {
    types[tokens.size()] = 3;
    tokens.push_back(special);
  }
  file.text("tokenizer.ggml.model", "gpt2");
  file.text("tokenizer.ggml.pre", pre);
  file.texts("tokenizer.ggml.tokens", tokens);
  file.integers("tokenizer.ggml.token_type", types);
  file.texts("tokenizer.ggml.merges", {});
  file.number("tokenizer.ggml.eos_token_id", kTinyTurnEnd);
}

float matrix_scale(int64_t cols) { return std::sqrt(3.0f / static_cast<float>(cols)); }

}  // namespace

std::vector<float> tiny_values(const std::string& name, int64_t count, float scale) {
  std::vector<float> out(static_cast<size_t>(count));
  const uint64_t seed = fnv1a(name);
  for (size_t i = 0; i < out.size(); i++) {
    const double unit = static_cast<double>(splitmix64(seed + i) >> 40) * 0x1.0p-23 - 1.0;
    out[i] = static_cast<float>(unit * double{scale});
  }
  return out;
}

std::string tiny_gguf(const TinyShape& s) {
  GgufWriter file;
  const std::string arch = s.architecture + ".";
  file.text("general.architecture", s.architecture);
  file.text("general.name", "Tiny " + s.architecture);
  file.number("general.file_type", 0);
  const std::pair<const char*, int64_t> numbers[] = {
      {"block_count", s.layers},           {"context_length", 8192},
      {"embedding_length", s.width},       {"feed_forward_length", s.ffn_width},
      {"attention.head_count", s.heads},   {"attention.head_count_kv", s.groups},
      {"attention.key_length", s.head_dim}};
  for (const auto& [key, value] : numbers) file.number(arch + key, static_cast<uint32_t>(value));
  file.real(arch + "rope.freq_base", s.theta);
  file.real(arch + "attention.layer_norm_rms_epsilon", 1e-5f);
  write_tokenizer(file, s.architecture == "llama" ? "smollm" : "qwen2");

  const auto matrix = [&](const std::string& name, int64_t rows, int64_t cols) {
    file.tensor(name, {static_cast<uint64_t>(cols), static_cast<uint64_t>(rows)},
                tiny_values(name, rows * cols, matrix_scale(cols)));
  };
  const auto vector = [&](const std::string& name, int64_t count, float around) {
    std::vector<float> values = tiny_values(name, count, 0.25f);
    for (float& value : values) value += around;
    file.tensor(name, {static_cast<uint64_t>(count)}, values);
  };
  const int64_t q = s.heads * s.head_dim, kv = s.groups * s.head_dim;
  matrix("token_embd.weight", kTinyVocab, s.width);
  vector("output_norm.weight", s.width, 1);
  for (int64_t i = 0; i < s.layers; i++) {
    const std::string block = "blk." + std::to_string(i) + ".";
    vector(block + "attn_norm.weight", s.width, 1);
    vector(block + "ffn_norm.weight", s.width, 1);
    matrix(block + "attn_q.weight", q, s.width);
    matrix(block + "attn_k.weight", kv, s.width);
    matrix(block + "attn_v.weight", kv, s.width);
    matrix(block + "attn_output.weight", s.width, q);
    matrix(block + "ffn_gate.weight", s.ffn_width, s.width);
    matrix(block + "ffn_up.weight", s.ffn_width, s.width);
    matrix(block + "ffn_down.weight", s.width, s.ffn_width);
    if (s.architecture == "qwen2") {
      vector(block + "attn_q.bias", q, 0);
      vector(block + "attn_k.bias", kv, 0);
      vector(block + "attn_v.bias", kv, 0);
    }
    if (s.architecture == "qwen3") {
      vector(block + "attn_q_norm.weight", s.head_dim, 1);
      vector(block + "attn_k_norm.weight", s.head_dim, 1);
    }
  }
  return file.file();
}

std::string tiny_adapter(const TinyShape& s, const std::string& base_sha256) {
  constexpr int64_t kRank = 4, kIndex = 32;
  Bytes data;
  std::string header;
  const auto tensor = [&](const std::string& name, std::vector<int64_t> shape, float scale,
                          float around = 0) {
    int64_t count = 1;
    std::string dims;
    for (const int64_t dim : shape) {
      count *= dim;
      dims += (dims.empty() ? "" : ",") + std::to_string(dim);
    }
    std::vector<float> values = tiny_values(name, count, scale);
    for (float& value : values) value += around;
    const size_t begin = data.text().size();
    data.raw({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
    header += ",\"" + name + "\":{\"dtype\":\"F32\",\"shape\":[" + dims + "],\"data_offsets\":[" +
              std::to_string(begin) + "," + std::to_string(data.text().size()) + "]}";
  };
  for (int64_t i = 0; i < s.layers; i++) {
    const std::string layer = "layers." + std::to_string(i) + ".";
    tensor(layer + "attn_q.lora_a", {kRank, s.width}, matrix_scale(s.width));
    tensor(layer + "attn_q.lora_b", {s.heads * s.head_dim, kRank}, 0.1f);
    tensor(layer + "ffn_down.lora_a", {kRank, s.ffn_width}, matrix_scale(s.ffn_width));
    tensor(layer + "ffn_down.lora_b", {s.width, kRank}, 0.1f);
    tensor(layer + "index_q.weight", {s.groups * kIndex, s.width}, matrix_scale(s.width));
    tensor(layer + "index_k.weight", {kIndex, s.width}, matrix_scale(s.width));
    tensor(layer + "index_q_norm.weight", {kIndex}, 0.25f, 1);
    tensor(layer + "index_k_norm.weight", {kIndex}, 0.25f, 1);
  }
  std::string prefix = "257";
  for (int i = 1; i < 127; i++) prefix += ",10";
  prefix += ",258";
  const std::string meta =
      R"json({"version":1,"base":{"name":"Tiny","file":"tiny.gguf","sha256":")json" + base_sha256 +
      R"json("},"layout":{"kind":"independent","block":128,"prefix":[)json" + prefix +
      R"json(],"segmentBlocks":15,"segmentPosition":128,"conversationPosition":2176,)json"
      R"json("conversationTokens":2048,"header":"<|file_sep|>{path}{part}\n",)json"
      R"json("part":" (part {k} of {n})","citation":"<|file_sep|>{path}\n"},)json"
      R"json("index":{"source":"trained","dim":32,"heads":)json" +
      std::to_string(s.groups) +
      R"json(,"normEps":1e-5,"ropeDim":0,"topK":16},"lora":{"rank":4,"scale":2.0},)json"
      R"json("questionHeads":[[1,0],[0,1]],"pointerWeight":1.5})json";
  std::string escaped;
  for (const char c : meta) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  header = "{\"__metadata__\":{\"blocksight\":\"" + escaped + "\"}" + header + "}";
  while (header.size() % 8) header += ' ';
  return Bytes().number(uint64_t{header.size()}).raw(header).raw(data.text()).text();
}

TempDir::TempDir() {
  std::random_device random;
  do {
    path_ = std::filesystem::temp_directory_path() / ("blocksight-" + std::to_string(random()));
  } while (!std::filesystem::create_directory(path_));
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::write(const std::string& name, const std::string& bytes) const {
  std::ofstream(path(name), std::ios::binary) << bytes;
  return path(name);
}

std::shared_ptr<Model> tiny_model(const OpTable& table, const TinyOptions& options) {
  const TempDir dir;  // what is mapped stays when its name goes
  const std::string gguf = tiny_gguf(options.shape);
  const std::string model_path = dir.write("tiny.gguf", gguf);
  const std::string adapter_path = dir.write(
      "tiny.safetensors", tiny_adapter(options.shape, sha256_hex(gguf.data(), gguf.size())));
  bs_engine_options engine = {};
  engine.threads = options.threads;
  engine.numerics = "bf16";
  engine.kv = "f32";
  engine.store_dir = options.store_dir.empty() ? nullptr : options.store_dir.c_str();
  engine.memory_limit_bytes = options.memory_limit_bytes;
  bs_model_options model = {};
  model.model_path = model_path.c_str();
  model.adapter_path = options.with_adapter ? adapter_path.c_str() : nullptr;
  model.index_source = options.index_source;
  model.layout = options.layout;
  model.prefix_text = kTinyPrefix;
  return Model::open(std::make_shared<Engine>(engine, table), model);
}

std::vector<uint32_t> tiny_tokens(uint32_t seed, size_t count) {
  std::vector<uint32_t> out(count);
  for (size_t i = 0; i < count; i++) {
    out[i] = static_cast<uint32_t>(splitmix64((uint64_t{seed} << 32) + i) >> 56);
  }
  return out;
}

}  // namespace blocksight::check

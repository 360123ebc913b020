#include "adapter.h"

#include <map>

#include "bytes.h"
#include "check.h"
#include "gguf.h"
#include "safetensors.h"

namespace blocksight {
namespace {

std::string prefix_ids(int count) {
  std::string out = "[";
  for (int i = 0; i < count; i++) out += (i > 0 ? "," : "") + std::to_string(i);
  return out + "]";
}

// The metadata as a template: a test replaces a piece of it.
std::string metadata() {
  const std::string start = R"JSON({"version": 1,
    "base": {"name": "Tiny", "file": "tiny.gguf", "sha256": "SHA"},
    "layout": {"kind": "independent", "block": 128, "prefix": PREFIX,
      "segmentBlocks": 15, "segmentPosition": 128, "conversationPosition": 2176,
      "conversationTokens": 2048, "header": "<file>{path}{part}\n",
      "part": " (part {k} of {n})", "citation": "<file>{path}\n", "embedding": "output.weight"},
    "index": {"source": "trained", "dim": 4, "heads": 2, "normEps": 1e-6, "ropeDim": 0,
      "topK": 16},
    "lora": {"rank": 2, "scale": 2.0}, "questionHeads": [[3, 1], [0, 0]]})JSON";
  const auto put = [](std::string text, const std::string& holder, const std::string& value) {
    return text.replace(text.find(holder), holder.size(), value);
  };
  return put(put(start, "SHA", std::string(64, 'a')), "PREFIX", prefix_ids(128));
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

// header_json is spliced behind the metadata member.
std::string safetensors(const std::string& meta, const std::string& tensors, size_t data) {
  const std::string header =
      R"({"__metadata__": {"blocksight": ")" + escaped(meta) + "\"}" + tensors + "}";
  std::string body;
  for (size_t i = 0; i < data; i++) body += static_cast<char>(i % 100);
  return Bytes().number(uint64_t{header.size()}).raw(header).raw(body).text();
}

std::string tensor(const std::string& name, const char* dtype, const char* shape, int begin,
                   int end) {
  return ", \"" + name + "\": {\"dtype\": \"" + dtype + "\", \"shape\": " + shape +
         ", \"data_offsets\": [" + std::to_string(begin) + ", " + std::to_string(end) + "]}";
}

std::shared_ptr<Adapter> parse(const std::string& text) {
  return Adapter::parse(as_bytes(text), text.size());
}

std::shared_ptr<Adapter> with_meta(const std::string& from, const std::string& to) {
  std::string meta = metadata();
  const size_t at = meta.find(from);
  if (at == std::string::npos) check::fail(__FILE__, __LINE__, "no " + from);
  return parse(safetensors(meta.replace(at, from.size(), to), "", 0));
}

// lora_a [2][3] and lora_b [4][2] in int8, their scales, a float vector [4].
std::string sample_tensors() {
  return tensor("layers.0.attn_q.lora_a.scale", "F32", "[2]", 0, 8) +
         tensor("layers.0.attn_q.lora_b.scale", "F32", "[4]", 8, 24) +
         tensor("layers.0.index_q_norm.weight", "BF16", "[4]", 24, 32) +
         tensor("layers.0.attn_q.lora_a", "I8", "[2, 3]", 32, 38) +
         tensor("layers.0.attn_q.lora_b", "I8", "[4, 2]", 38, 46);
}

std::string sample() {
  std::string text = safetensors(metadata(), sample_tensors(), 46);
  const size_t body = text.size() - 46;
  const float scales[6] = {0.5f, 2, 1, 1, 1, 3};
  std::memcpy(&text[body], scales, sizeof(scales));
  const uint16_t ones[4] = {0x3F80, 0x4000, 0xBF80, 0};
  std::memcpy(&text[body + 24], ones, sizeof(ones));
  text[body + 37] = static_cast<char>(-128);
  return text;
}

TEST("an adapter's metadata, deltas and tensors are read") {
  const std::string text = sample();
  const auto adapter = parse(text);
  const AdapterMeta& meta = adapter->meta();
  CHECK_EQ(meta.base_file, "tiny.gguf");
  CHECK_EQ(meta.layout.prefix.size(), size_t{128});
  CHECK_EQ(meta.layout.prefix[127], 127u);
  CHECK_EQ(meta.layout.conversation_position, 2176u);
  CHECK(meta.layout.citation);
  CHECK_EQ(meta.layout.embedding, "output.weight");
  CHECK_EQ(meta.index.heads, int64_t{2});
  CHECK_EQ(meta.question_heads.at(0).layer, 3u);
  CHECK_EQ(meta.pointer_weight, 20.0f);
  const auto delta = adapter->low_rank(0, "attn_q", 4, 3);
  CHECK_EQ(delta->a.at(0), 32 * 0.5f);
  CHECK_EQ(delta->a.at(5), -128 * 2.0f);
  CHECK_EQ(delta->b.at(7), 45 * 3.0f);
  CHECK(!adapter->low_rank(1, "attn_q", 4, 3));
  CHECK_EQ(adapter->tensor("layers.0.index_q_norm.weight", 1, 4).at(2), -1.0f);
  CHECK_THROWS(adapter->low_rank(0, "attn_q", 4, 4), BS_CORRUPT, "lora_a has another shape");
  CHECK_THROWS(adapter->low_rank(0, "attn_q", 5, 3), BS_CORRUPT, "lora_b has another shape");
  CHECK_THROWS(adapter->tensor("none", 1, 4), BS_CORRUPT, "none is missing");
}

TEST("both adapters of the product can be read") {
  for (const char* name : {"coder", "scout"}) {
    const std::string path = std::string("media/models/") + name + ".safetensors";
    const auto missing = thrown([&] { MappedFile file(path); });
    if (missing) SKIP("run from the repository's root to find media/models");
    const bool coder = std::string(name) == "coder";
    const auto adapter = Adapter::open(path);
    CHECK(adapter->meta().layout.citation);
    CHECK_EQ(adapter->meta().index.heads, int64_t{coder ? 2 : 3});
    CHECK(adapter->low_rank(0, "attn_q", coder ? 1536 : 576, coder ? 1536 : 576).has_value());
    CHECK_EQ(adapter->low_rank(0, "ffn_up", 1536, 576).has_value(), !coder);
  }
}

TEST("an adapter cut anywhere is refused, and no byte of it can be changed into a crash") {
  const std::string whole = sample();
  for (size_t size = 0; size < whole.size(); size++) {
    const std::string cut = whole.substr(0, size);
    CHECK(thrown([&] { parse(cut); }).has_value());
  }
  for (size_t i = 0; i < whole.size(); i++)
    for (const int value : {0x00, 0x22, 0x39, 0x7D, 0xFF}) {
      std::string changed = whole;
      changed[i] = static_cast<char>(value);
      (void)thrown([&] { parse(changed)->low_rank(0, "attn_q", 4, 3); });
    }
}

TEST("an adapter whose metadata contradicts the layout is refused, naming the value") {
  CHECK_EQ(with_meta("Tiny", "Other")->meta().base_name, "Other");
  const std::pair<const char*, std::pair<const char*, const char*>> cases[] = {
      {"blocksight.version", {"\"version\": 1", "\"version\": 2"}},
      {"base.sha256", {"aaaa", "aaaG"}},
      {"layout.kind", {"independent", "causal"}},
      {"layout.block", {"\"block\": 128", "\"block\": 64"}},
      {"128", {"[0,", "["}},
      {"no token id", {"[0,", "[-1,"}},
      {"no token id", {"[0,", "[4294967296,"}},
      {"segmentBlocks", {"\"segmentBlocks\": 15", "\"segmentBlocks\": 1e9"}},
      {"inside a segment", {"2176", "2047"}},
      {"conversationTokens is missing", {"\"conversationTokens\"", "\"tokens\""}},
      {"{path}", {"<file>{path}{part}", "<file>{part}"}},
      {"{n}", {"of {n}", "of"}},
      {"citation", {"<file>{path}\\n\", \"emb", "<file>\\n\", \"emb"}},
      {"layout.embedding", {"output.weight", "rope.weight"}},
      {"index.source", {"trained", "keys"}},
      {"index.dim", {"\"dim\": 4", "\"dim\": 0"}},
      {"ropeDim", {"\"ropeDim\": 0", "\"ropeDim\": 6"}},
      {"topK", {"\"topK\": 16", "\"topK\": 17"}},
      {"lora.rank", {"\"rank\": 2", "\"rank\": 1000000000"}},
      {"lora.scale", {"\"scale\": 2.0", "\"scale\": \"2\""}},
      {"questionHeads", {"[3, 1]", "[3]"}},
      {"questionHeads is empty", {"[[3, 1], [0, 0]]", "[]"}},
  };
  for (const auto& [name, change] : cases)
    CHECK_THROWS(with_meta(change.first, change.second), BS_CORRUPT, name);
  const std::string other = Bytes().number(uint64_t{2}).raw("{}").text();
  CHECK_THROWS(parse(other), BS_CORRUPT, "blocksight is missing");
}

TEST("an adapter's tensors must have a readable type, a scale and their other half") {
  const auto open = [](const std::string& tensors, size_t size) {
    return parse(safetensors(metadata(), tensors, size));
  };
  CHECK_THROWS(open(tensor("x", "I8", "[2, 2]", 0, 4), 4), BS_CORRUPT, "x needs x.scale");
  CHECK_THROWS(open(tensor("x", "I8", "[2, 2]", 0, 4) + tensor("x.scale", "F32", "[1]", 4, 8), 8),
               BS_CORRUPT, "x needs x.scale");
  CHECK_THROWS(open(tensor("x", "F16", "[2]", 0, 4), 4), BS_CORRUPT, "has the type F16");
  CHECK_THROWS(open(tensor("x", "F32", "[1, 1, 1]", 0, 4), 4), BS_CORRUPT, "nor a matrix");
  CHECK_THROWS(open(tensor("layers.0.attn_q.lora_a", "F32", "[1, 1]", 0, 4), 4), BS_CORRUPT,
               "no other half");
  std::string text = safetensors(metadata(), tensor("x", "F32", "[1]", 0, 4), 4);
  const float infinite = INFINITY;
  std::memcpy(&text[text.size() - 4], &infinite, 4);
  CHECK_THROWS(parse(text)->tensor("x", 1, 1), BS_CORRUPT, "not finite");
}

TEST("safetensors must tile their data and keep to its size") {
  const auto open = [](const std::string& tensors, size_t size) {
    const std::string text = safetensors(metadata(), tensors, size);
    return parse_safetensors(as_bytes(text), text.size());
  };
  const std::string a = tensor("a", "F32", "[2]", 0, 8);
  CHECK_EQ(open(tensor("b", "I8", "[4]", 8, 12) + a, 12).tensors.size(), size_t{2});
  CHECK_THROWS(open(a + tensor("b", "F32", "[2]", 4, 12), 12), BS_CORRUPT, "overlap");
  CHECK_THROWS(open(a + tensor("b", "F32", "[2]", 0, 8), 8), BS_CORRUPT, "overlap");
  CHECK_THROWS(open(a + tensor("b", "F32", "[1]", 12, 16), 16), BS_CORRUPT, "gap");
  CHECK_THROWS(open(a, 12), BS_CORRUPT, "4 bytes behind");
  CHECK_THROWS(open(a, 7), BS_TRUNCATED, "ends at byte 8 of 7");
  CHECK_THROWS(open(tensor("a", "F32", "[3]", 0, 8), 8), BS_CORRUPT, "12 bytes");
  CHECK_THROWS(open(tensor("a", "F32", "[2]", 8, 0), 8), BS_CORRUPT, "offsets");
  CHECK_THROWS(open(tensor("a", "F32", "[0]", 0, 0), 0), BS_CORRUPT, "shape");
  CHECK_THROWS(open(tensor("a", "F32", "[-1]", 0, 0), 0), BS_CORRUPT, "shape");
  CHECK_THROWS(open(tensor("a", "F32", "[1099511627776, 1099511627776]", 0, 8), 8), BS_CORRUPT,
               "shape");
  CHECK_THROWS(open(tensor("a", "F33", "[2]", 0, 8), 8), BS_CORRUPT, "F33");
  CHECK_THROWS(open(", \"a\": 1", 0), BS_CORRUPT, "not described");
  CHECK_THROWS(open(a + a, 8), BS_CORRUPT, "duplicate");
  for (const uint64_t length : {uint64_t{17} << 20, ~uint64_t{0}}) {
    const std::string text = Bytes().number(length).raw("{}").text();
    CHECK_THROWS(parse_safetensors(as_bytes(text), text.size()), BS_CORRUPT, "too large");
  }
  const std::string list = Bytes().number(uint64_t{2}).raw("[]").text();
  CHECK_THROWS(parse_safetensors(as_bytes(list), list.size()), BS_CORRUPT, "no JSON object");
}

}  // namespace
}  // namespace blocksight

#include "golden.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "check.h"
#include "core/reading.h"

namespace blocksight::check {

Json read_golden(const std::string& file) {
  const std::string path = option("golden-dir") + "/" + file;
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("no golden file " + path);
  std::ostringstream text;
  text << in.rdbuf();
  return Json::parse(text.str());
}

RealModel real_model(const std::string& name, const OpTable& table, bool with_adapter,
                     const bs_engine_options& options) {
  const std::string file = name == "scout" ? "SmolLM2-135M-Instruct.Q4_1.gguf"
                                           : "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf";
  const std::string path = option("models-dir") + "/" + file;
  if (!std::filesystem::exists(path)) SKIP("no " + path);
  const std::string adapter = option("adapter-dir") + "/" + name + ".safetensors";
  RealModel real;
  real.engine = std::make_shared<Engine>(options, table);
  bs_model_options model = {};
  model.model_path = path.c_str();
  if (with_adapter) model.adapter_path = adapter.c_str();
  real.model = Model::open(real.engine, model);
  return real;
}

const Json& member(const Json& object, const char* key) {
  const Json* const found = object.find(key);
  if (!found) throw std::runtime_error(std::string("golden file lacks ") + key);
  return *found;
}

namespace {

const Json::Array& array(const Json& value) {
  if (!value.array()) throw std::runtime_error("golden file: expected an array");
  return *value.array();
}

double number(const Json& value) {
  if (!value.number()) throw std::runtime_error("golden file: expected a number");
  return *value.number();
}

// A nested array, each element read by `read`.
template <typename Read>
auto each(const Json& value, Read read) {
  std::vector<decltype(read(value))> out;
  for (const Json& element : array(value)) out.push_back(read(element));
  return out;
}

std::optional<double> number_or_nothing(const Json& value) { return value.number(); }

GoldenStep parse_step(const Json& step) {
  const auto per_pair = [](auto read) {
    return [read](const Json& layers) {
      return each(layers, [&](const Json& groups) { return each(groups, read); });
    };
  };
  return {.row = static_cast<uint32_t>(number(member(step, "row"))),
          .token = static_cast<uint32_t>(number(member(step, "token"))),
          .blocks = per_pair(integers)(member(step, "blocks")),
          .mass = per_pair(numbers)(member(step, "mass")),
          .margin = per_pair(number_or_nothing)(member(step, "margin"))};
}

GoldenCandidate parse_candidate(const Json& candidate) {
  const Json::Array& fields = array(candidate);  // value, log p, focus, path, ids
  return {.log_prob = number(fields[1]), .path = *fields[3].string(), .ids = integers(fields[4])};
}

GoldenResult parse_result(const Json& result) {
  GoldenResult out;
  out.question = *member(result, "question").string();
  out.prompt = integers(member(result, "prompt"));
  out.answer = integers(member(result, "answer"));
  out.steps = each(member(result, "steps"), parse_step);
  out.top = each(member(result, "top"), [](const Json& best) {
    return each(best, [](const Json& pair) {
      return std::pair(static_cast<uint32_t>(number(array(pair)[0])), number(array(pair)[1]));
    });
  });
  out.files = each(member(result, "files"), [](const Json& pair) {
    return std::pair(*array(pair)[0].string(), number(array(pair)[1]));
  });
  if (const Json* const pointed = result.find("pointed")) {
    out.pointed =
        each(*pointed, [](const Json& candidates) { return each(candidates, parse_candidate); });
  }
  return out;
}

}  // namespace

std::vector<uint32_t> integers(const Json& value) {
  return each(value, [](const Json& n) { return static_cast<uint32_t>(number(n)); });
}

std::vector<double> numbers(const Json& value) { return each(value, number); }

Golden parse_golden(const Json& json) {
  Golden golden;
  for (const Json& segment : array(member(json, "segments"))) {
    golden.paths.push_back(*member(segment, "path").string());
    golden.ids.push_back(integers(member(segment, "ids")));
  }
  golden.probes = each(member(json, "probe"), [](const Json& probe) {
    const auto rows = [](const Json& groups) { return each(groups, numbers); };
    return GoldenProbe{.layer = static_cast<int64_t>(number(member(probe, "layer"))),
                       .slot = static_cast<uint32_t>(number(member(probe, "slot"))),
                       .k = rows(member(probe, "k")),
                       .v = rows(member(probe, "v")),
                       .index_key = numbers(member(probe, "indexKey"))};
  });
  golden.results = each(member(json, "results"), parse_result);
  return golden;
}

std::vector<std::string> Golden::files() const {
  std::vector<std::string> out;
  for (const std::string& path : paths) {
    if (std::ranges::find(out, path) == out.end()) out.push_back(path);
  }
  return out;
}

std::unique_ptr<Pack> Golden::pack(std::shared_ptr<Model> model) const {
  const std::vector<std::string> names = files();
  std::vector<bs_segment> segments;
  for (size_t i = 0; i < ids.size(); i++) {
    const auto file = std::ranges::find(names, paths[i]) - names.begin();
    segments.push_back({.ids = ids[i].data(),
                        .count = static_cast<uint32_t>(ids[i].size()),
                        .file = static_cast<uint32_t>(file)});
  }
  return std::make_unique<Pack>(std::move(model), segments);
}

std::vector<uint32_t> read_all(Pack& pack) {
  std::vector<uint32_t> all;
  for (uint32_t i = 0; i < pack.segment_count(); i++) all.push_back(i);
  bs_read_result result;
  read_segments(
      pack,
      {.segments = all.data(), .count = all.size(), .background = 0, .budget_ms = 0, .at_least = 0},
      nullptr, nullptr, result);
  return all;
}

}  // namespace blocksight::check

// Golden vectors under test/golden, unpacked into --golden-dir by scripts/goldens.mjs, and the real
// models that they were made with.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model.h"
#include "core/pack.h"
#include "io/json_reader.h"

namespace blocksight::check {

// A file of --golden-dir.
Json read_golden(const std::string& file);

// `scout` or `coder` from --models-dir, opened by an engine over `table`; with its adapter from
// --adapter-dir if asked for. SKIPs by name where the weights are missing.
struct RealModel {
  std::shared_ptr<Engine> engine;
  std::shared_ptr<Model> model;
};
RealModel real_model(const std::string& name, const OpTable& table, bool with_adapter,
                     const bs_engine_options& options = {});

// independent*.json and part-*.json: what the numpy reference computed.
struct GoldenStep {
  uint32_t row = 0, token = 0;
  // [layer][group][entry]; `margin` [layer][group], nothing where all visible blocks are selected.
  std::vector<std::vector<std::vector<uint32_t>>> blocks;
  std::vector<std::vector<std::vector<double>>> mass;
  std::vector<std::vector<std::optional<double>>> margin;
};
struct GoldenCandidate {
  double log_prob = 0;
  std::string path;
  std::vector<uint32_t> ids;
};
struct GoldenResult {
  std::string question;
  std::vector<uint32_t> prompt, answer;
  std::vector<GoldenStep> steps;
  std::vector<std::vector<std::pair<uint32_t, double>>> top;  // 8 best logits before every token
  std::vector<std::pair<std::string, double>> files;          // by focus
  std::vector<std::vector<GoldenCandidate>> pointed;          // per citation, best first
};
struct GoldenProbe {
  int64_t layer = 0;
  uint32_t slot = 0;
  std::vector<std::vector<double>> k, v;  // [group][E]
  std::vector<double> index_key;
};
struct Golden {
  std::vector<std::string> paths;  // per segment
  std::vector<std::vector<uint32_t>> ids;
  std::vector<GoldenProbe> probes;
  std::vector<GoldenResult> results;

  // Segments of one path are one file, in order of first appearance.
  std::vector<std::string> files() const;
  std::unique_ptr<Pack> pack(std::shared_ptr<Model>) const;
};
Golden parse_golden(const Json&);

std::vector<uint32_t> integers(const Json&);
std::vector<double> numbers(const Json&);
const Json& member(const Json&, const char* key);

// All segments of the pack, read in pack order.
std::vector<uint32_t> read_all(Pack&);

}  // namespace blocksight::check

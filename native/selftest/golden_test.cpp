// The real models against the numpy reference's output (test/golden). `ref` takes the parts in
// every run and the scout's whole golden with --whole=1; `cpu` takes both wholes.
#include "check.h"
#include "golden_checks.h"
#include "op_table.h"

using namespace blocksight;
using namespace blocksight::check;

namespace {

void check_part(const std::string& name) {
  const Golden golden = parse_golden(read_golden("part-" + name + ".json"));
  const RealModel real = real_model(name, following_table(), true);
  const std::unique_ptr<Pack> pack = golden.pack(real.model);
  read_all(*pack);
  check_probes(golden, *pack);
  for (const GoldenResult& result : golden.results) {
    check_answer(golden, result, *pack);
    if (!result.pointed.empty()) continue;  // the same question, and the same tokens
    CHECK(has_all_steps(result));
    check_selections(result, *pack);
  }
}

void check_whole_on_cpu(const std::string& name, const std::string& file) {
  const OpTable* const table = cpu_table(nullptr);
  if (!table) SKIP("no cpu tier for this processor");
  const Golden golden = parse_golden(read_golden(file));
  const RealModel real = real_model(name, *table, true);
  const std::unique_ptr<Pack> pack = golden.pack(real.model);
  read_all(*pack);
  for (const GoldenResult& result : golden.results) check_forced(golden, result, *pack, 0.02);
}

}  // namespace

TEST_WITH("golden-dir", "golden: ref answers like the reference, scout, three segments") {
  check_part("scout");
}

TEST_WITH("golden-dir", "golden: ref answers and cites like the reference, coder, two segments") {
  check_part("coder");
}

TEST_WITH("whole", "golden: ref answers like the reference, scout, all segments") {
  const Golden golden = parse_golden(read_golden("independent.json"));
  const RealModel real = real_model("scout", following_table(), true);
  const std::unique_ptr<Pack> pack = golden.pack(real.model);
  read_all(*pack);
  check_probes(golden, *pack);
  size_t complete = 0;
  for (const GoldenResult& result : golden.results) {
    check_answer(golden, result, *pack);
    if (!has_all_steps(result)) continue;  // the long question's golden keeps its last rows only
    check_selections(result, *pack);
    complete++;
  }
  CHECK_EQ(complete, 3u);
}

TEST_WITH("golden-dir", "golden: cpu finds and writes like the reference, scout, all segments") {
  check_whole_on_cpu("scout", "independent.json");
}

TEST_WITH("golden-dir", "golden: cpu finds and writes like the reference, coder, all segments") {
  check_whole_on_cpu("coder", "independent-qwen.json");
}

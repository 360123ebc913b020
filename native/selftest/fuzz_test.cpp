#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "check.h"
#include "fuzz/targets.h"

namespace blocksight {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> seeds(const char* target) {
  const fs::path folder = fs::path("native/fuzz/corpus") / target;
  if (!fs::is_directory(folder)) SKIP("run from the repository's root to find native/fuzz/corpus");
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> out;
  for (const fs::path& path : paths) {
    std::ifstream in(path, std::ios::binary);
    out.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return out;
}

// The same mutations on every machine and run.
class Mutator {
 public:
  explicit Mutator(uint64_t seed) : state_(seed * 2 + 1) {}

  size_t pick(size_t count) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return count == 0 ? 0 : static_cast<size_t>(state_ >> 33) % count;
  }

  void change(std::string& text, const std::string& other) {
    const size_t at = pick(text.size() + 1);
    switch (pick(6)) {
      case 0:  // one bit
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ 1 << pick(8));
        break;
      case 1: {  // a number that sits at an edge, of one to eight bytes
        constexpr uint64_t kEdges[] = {0,
                                       1,
                                       0x7F,
                                       0xFF,
                                       0x7FFFFFFF,
                                       0xFFFFFFFF,
                                       uint64_t{1} << 32,
                                       ~uint64_t{0} >> 1,
                                       ~uint64_t{0}};
        const uint64_t value = kEdges[pick(std::size(kEdges))];
        for (size_t i = 0, size = size_t{1} << pick(4); i < size && at + i < text.size(); i++)
          text[at + i] = static_cast<char>(value >> (8 * i));
        break;
      }
      case 2:
        text.resize(at);
        break;
      case 3:
        text.erase(at, pick(16));
        break;
      case 4:
        text.insert(at, 1 + pick(8), static_cast<char>(pick(256)));
        break;
      default: {  // a piece of another seed
        const size_t from = pick(other.size() + 1);
        text.insert(at, other.substr(from, pick(64)));
      }
    }
  }

 private:
  uint64_t state_;
};

// --fuzz=N: mutated inputs a target; the default keeps a sanitizer run to a few seconds.
void fuzz(const char* name) {
  const FuzzTarget& target = fuzz_target(name);
  const std::vector<std::string> corpus = seeds(name);
  CHECK(corpus.size() >= 2);
  const std::string given = check::option("fuzz");
  const int runs = given.empty() ? 20000 : std::atoi(given.c_str());
  for (const std::string& seed : corpus)
    target.run(reinterpret_cast<const uint8_t*>(seed.data()), seed.size());
  for (int run = 0; run < runs; run++) {
    Mutator mutator(static_cast<uint64_t>(run));
    std::string text = corpus[mutator.pick(corpus.size())];
    const std::string& other = corpus[mutator.pick(corpus.size())];
    for (size_t changes = 1 + mutator.pick(4); changes > 0; changes--) mutator.change(text, other);
    // An exact allocation, so that a sanitizer sees a read behind the end.
    const std::vector<uint8_t> exact(text.begin(), text.end());
    target.run(exact.data(), exact.size());
  }
}

TEST("mutated GGUF files are read or refused") { fuzz("gguf"); }
TEST("mutated adapters are read or refused") { fuzz("adapter"); }
TEST("mutated JSON is read or refused") { fuzz("json"); }
TEST("mutated texts come back from their tokens") { fuzz("tokenizer"); }

}  // namespace
}  // namespace blocksight

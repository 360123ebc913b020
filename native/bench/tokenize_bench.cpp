// How fast text becomes tokens, on one thread: cold (a new tokenizer, an empty cache of words) and
// warm (the same text again), the median of five passes each.
//   build/release/tokenize_bench media/models/coder.tokenizer.gguf DIR|FILE...
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "core/error.h"
#include "tokenizer.h"

namespace {

using blocksight::GgufFile;
using blocksight::Tokenizer;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kPasses = 5;
constexpr uintmax_t kMaxFileBytes = 1 << 20;  // what a pack takes

const std::set<std::string> kSource = {".c",  ".cc", ".cpp", ".css", ".go", ".h",  ".hpp", ".java",
                                       ".js", ".md", ".mjs", ".py",  ".rs", ".ts", ".tsx"};

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> read_texts(int count, char** paths) {
  std::vector<std::string> texts;
  for (int i = 0; i < count; i++) {
    if (!fs::is_directory(paths[i])) {
      texts.push_back(read_file(paths[i]));
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(paths[i]))
      if (entry.is_regular_file() && entry.file_size() <= kMaxFileBytes &&
          kSource.contains(entry.path().extension().string()))
        texts.push_back(read_file(entry.path()));
  }
  return texts;
}

struct Pass {
  double seconds;
  size_t tokens;
};

Pass encode_all(const Tokenizer& tokenizer, const std::vector<std::string>& texts) {
  std::vector<uint32_t> ids, ends;
  size_t tokens = 0;
  const auto start = Clock::now();
  for (const std::string& text : texts) {
    ids.clear(), ends.clear();
    tokenizer.encode(text, false, ids, ends);
    tokens += ids.size();
  }
  return {std::chrono::duration<double>(Clock::now() - start).count(), tokens};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3) {
    std::fprintf(stderr, "usage: tokenize_bench TOKENIZER.gguf DIR|FILE...\n");
    return 2;
  }
  const std::vector<std::string> texts = read_texts(argc - 2, argv + 2);
  size_t bytes = 0;
  for (const std::string& text : texts) bytes += text.size();
  std::vector<double> load, cold, warm;
  size_t tokens = 0;
  for (int i = 0; i < kPasses; i++) {
    const auto start = Clock::now();
    const auto tokenizer = Tokenizer::from_gguf(*GgufFile::open(argv[1]));
    load.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    cold.push_back(encode_all(*tokenizer, texts).seconds);
    const Pass pass = encode_all(*tokenizer, texts);
    warm.push_back(pass.seconds);
    tokens = pass.tokens;
  }
  const double megabytes = static_cast<double>(bytes) / 1e6;
  std::printf("%.2f MB in %zu files, %zu tokens; load %.0f ms, cold %.1f MB/s, warm %.1f MB/s\n",
              megabytes, texts.size(), tokens, median(load) * 1e3, megabytes / median(cold),
              megabytes / median(warm));
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "tokenize_bench: %s\n", error.what());
  return 1;
}

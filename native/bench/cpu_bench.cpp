// Measures the `cpu` tier: the matrix products of the default models with made-up weights, what a
// decoded token reads beside the machine's read bandwidth, and, given a model, reading and
// answering through the C boundary.
//
//   cpu_bench [--isa=avx2|avx512vnni|amx] [--threads=N] [--rows=N] [--numerics=i8|bf16]
//                        [--clock=wall|cpu] [--repeat=N] [--stack=scout|coder] [--phase=prefill]
//                        [--model=PATH
//                        [--adapter=PATH]
//                        [--tokens=N]]
//
// Figures are medians over --repeat runs; the lines are tab-separated.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "bandwidth.h"
#include "bench.h"
#include "blocksight.h"
#include "gguf.h"
#include "half.h"
#include "op_table.h"
#include "thread_pool.h"

namespace blocksight {
namespace {

// With --clock=cpu, what one thread would need were the processor its own: for kernels on a machine
// that others use. Memory-bound work cannot be judged by it.
double seconds(const std::function<void()>& run) {
  if (option("clock", "wall") == "cpu") {
    const std::clock_t before = std::clock();
    run();
    return static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC / number("threads", 2);
  }
  const auto start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median_seconds(int repeat, const std::function<void()>& run) {
  run();  // warm: pages mapped, threads awake
  std::vector<double> all;
  for (int i = 0; i < repeat; i++) all.push_back(seconds(run));
  return median(std::move(all));
}

struct Made {
  std::vector<std::byte> bytes;
  StoredMatrix matrix;
};

// Stored bytes of one shape; layers share them, as each packs its own copy.
Made make(WeightType type, int64_t rows, int64_t cols) {
  Made made;
  const size_t row = row_bytes(type, cols);
  made.bytes.resize(static_cast<size_t>(rows) * row);
  std::mt19937 random(1);
  for (std::byte& b : made.bytes) b = static_cast<std::byte>(random() & 0x3F);
  made.matrix = {
      .type = type, .rows = rows, .cols = cols, .data = made.bytes.data(), .row_bytes = row};
  return made;
}

struct Shape {
  WeightType type;
  int64_t rows, cols;
};
// Products of one layer that share their input, and the output matrix.
struct Stack {
  int layers;
  std::vector<std::vector<Shape>> calls;
  Shape output;
};

Stack stack_named(const std::string& name) {
  if (name == "scout") {
    constexpr WeightType t = WeightType::q4_1;
    return {30,
            {{{t, 576, 576}, {t, 192, 576}, {t, 192, 576}},
             {{t, 576, 576}},
             {{t, 1536, 576}, {t, 1536, 576}},
             {{t, 576, 1536}}},
            {WeightType::q8_0, 49152, 576}};
  }
  constexpr WeightType t = WeightType::q4_k;
  return {28,
          {{{t, 1536, 1536}, {t, 256, 1536}, {t, 256, 1536}},
           {{t, 1536, 1536}},
           {{t, 8960, 1536}, {t, 8960, 1536}},
           {{t, 1536, 8960}}},
          {WeightType::q6_k, 151936, 1536}};
}

struct Call {
  std::vector<Linear> linears;
  std::vector<const Linear*> pointers;
};

double gemm_tokens_per_second(const OpTable& table, ThreadPool& pool, std::vector<Call>& calls,
                              int64_t m, Phase phase, int repeat) {
  // Layers share inputs and outputs, as in the graph.
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  std::vector<float> x;
  std::vector<std::vector<float>> y(3);
  for (const Call& call : calls) {
    while (x.size() < static_cast<size_t>(m * call.linears[0].weight.cols)) {
      x.push_back(normal(random));
    }
    for (size_t l = 0; l < call.linears.size(); l++) {
      const auto count = static_cast<size_t>(m * call.linears[l].weight.rows);
      if (y[l].size() < count) y[l].resize(count);
    }
  }
  float* const outputs[] = {y[0].data(), y[1].data(), y[2].data()};
  const double time = median_seconds(repeat, [&] {
    for (Call& call : calls) {
      table.matmul({.x = x.data(),
                    .m = m,
                    .linears = call.pointers,
                    .y = {outputs, call.linears.size()},
                    .phase = phase},
                   pool);
    }
  });
  return static_cast<double>(m) / time;
}

void bench_stack(const OpTable& table, ThreadPool& pool, const std::string& name, Numerics numerics,
                 double bandwidth) {
  const Stack stack = stack_named(name);
  const int repeat = number("repeat", 5);
  std::map<std::pair<int64_t, int64_t>, Made> stored;
  std::vector<Call> calls;
  double weights = 0, bytes = 0;
  const double load = seconds([&] {
    for (int layer = 0; layer <= stack.layers; layer++) {
      const std::vector<std::vector<Shape>> of_layer =
          layer < stack.layers ? stack.calls : std::vector<std::vector<Shape>>{{stack.output}};
      for (const std::vector<Shape>& shapes : of_layer) {
        Call& call = calls.emplace_back();
        for (const Shape& shape : shapes) {
          Made& made = stored[{shape.rows, shape.cols}];
          if (made.bytes.empty()) made = make(shape.type, shape.rows, shape.cols);
          Linear& linear = call.linears.emplace_back();
          linear.weight = made.matrix;
          linear.prepared = table.prepare(linear, numerics, pool);
          bytes += static_cast<double>(linear.prepared->bytes());
          if (layer < stack.layers) weights += static_cast<double>(shape.rows * shape.cols);
        }
      }
    }
  });
  for (Call& call : calls) {
    for (const Linear& linear : call.linears) call.pointers.push_back(&linear);
  }
  std::printf("%s\tpacked\t%.0f MB\tin %.2f s\n", name.c_str(), bytes / 1e6, load);
  const std::string phase = option("phase", "");
  for (const int64_t m : {int64_t{1}, int64_t{4}, int64_t{16}}) {
    if (phase == "prefill") break;
    const double rate = gemm_tokens_per_second(table, pool, calls, m, Phase::decode, repeat);
    const double read = rate / static_cast<double>(m) * bytes;
    std::printf("%s\tdecode, %d rows\t%.1f tokens/s\t%.1f GB/s\t%.0f %% of read bandwidth\n",
                name.c_str(), static_cast<int>(m), rate, read / 1e9, 100 * read / bandwidth);
  }
  calls.pop_back();  // prefill computes no logits
  const double rate =
      gemm_tokens_per_second(table, pool, calls, number("rows", 512), Phase::prefill, repeat);
  std::printf("%s\tprefill, %d rows\t%.0f tokens/s\t%.2f TOPS\n", name.c_str(), number("rows", 512),
              rate, 2 * weights * rate / 1e12);
}

// Reads segments of made-up tokens and answers once, as the product does.
void check(bs_status status, const bs_error& error) {
  if (status == BS_OK) return;
  std::fprintf(stderr, "%s\n", error.message);
  std::exit(1);
}

void bench_model(const std::string& path, const std::string& adapter) {
  bs_error error = {};
  const std::string isa = option("isa", ""), numerics = option("numerics", "i8");
  const std::string kv = option("kv", "i8");
  bs_engine_options engine_options = {};
  engine_options.threads = number("threads", 2);
  engine_options.isa = isa.empty() ? nullptr : isa.c_str();
  engine_options.numerics = numerics.c_str();
  engine_options.kv = kv.c_str();
  bs_engine* engine = nullptr;
  check(bs_engine_create(&engine_options, &engine, &error), error);
  bs_model_options model_options = {};
  model_options.model_path = path.c_str();
  model_options.adapter_path = adapter.empty() ? nullptr : adapter.c_str();
  bs_model* model = nullptr;
  const double load =
      seconds([&] { check(bs_model_open(engine, &model_options, &model, &error), error); });

  // Segments of 1,000 tokens: near the mean of real packs.
  constexpr uint32_t kSegment = 1000;
  const auto tokens = static_cast<uint32_t>(number("tokens", 8000));
  std::mt19937 random(3);
  std::vector<uint32_t> ids(std::max<uint32_t>(tokens, kSegment));
  for (uint32_t& id : ids) id = static_cast<uint32_t>(1000 + random() % 40000);
  std::vector<bs_segment> segments;
  std::vector<uint32_t> order;
  for (uint32_t at = 0; at + kSegment <= ids.size(); at += kSegment) {
    segments.push_back({.ids = ids.data() + at, .count = kSegment, .file = 0});
    order.push_back(static_cast<uint32_t>(order.size()));
  }
  bs_pack* pack = nullptr;
  check(bs_pack_create(model, segments.data(), segments.size(), &pack, &error), error);
  bs_read_options read_options = {};
  read_options.segments = order.data();
  read_options.count = order.size();
  bs_read_result read = {};
  const double reading = seconds([&] {
    check(bs_read(pack, &read_options, nullptr, nullptr, nullptr, &read, &error), error);
  });

  bs_ask_options ask_options = {};
  ask_options.prompt = ids.data();
  ask_options.prompt_count = 40;
  ask_options.sight = order.data();
  ask_options.sight_count = order.size();
  ask_options.max_tokens = static_cast<uint32_t>(number("answer", 64));
  ask_options.top_p = 1;
  ask_options.repetition_penalty = 1;
  bs_ask_result asked = {};
  check(bs_ask(
            pack, &ask_options, [](void*, const bs_step*) {}, nullptr, nullptr, &asked, &error),
        error);
  std::printf("model\topened in %.2f s\n", load);
  std::printf("model\tprefill\t%llu tokens\t%.0f tokens/s\n",
              static_cast<unsigned long long>(read.prefill_tokens),
              static_cast<double>(read.prefill_tokens) / reading);
  std::printf("model\tquestion of 40 tokens over %zu slots\t%.0f ms to the first token\n",
              ids.size(), asked.first_token_ms);
  std::printf("model\tdecode\t%u tokens\t%.1f tokens/s\n", asked.answer_tokens,
              asked.answer_tokens / asked.decode_ms * 1e3);
  bs_pack_destroy(pack);
  bs_model_destroy(model);
  bs_engine_destroy(engine);
}

int run(int argc, char** argv) {
  if (!read_options(argc, argv, "cpu_bench [--NAME=VALUE]...")) return 2;
  const std::string isa = option("isa", "");
  const OpTable* const table = cpu_table(isa.empty() ? nullptr : isa.c_str());
  if (!table) {
    std::fprintf(stderr, "This processor lacks %s.\n", isa.c_str());
    return 1;
  }
  for (const auto& [operation, kernel] : table->kernel_ids()) {
    std::printf("%s=%s ", operation.c_str(), kernel.c_str());
  }
  const int threads = number("threads", 2);
  std::printf("threads=%d\n", threads);
  const std::string model = option("model", "");
  if (!model.empty()) {
    bench_model(model, option("adapter", ""));
    return 0;
  }
  ThreadPool pool(threads);
  const double bandwidth = read_bandwidth(pool, number("repeat", 5));
  std::printf("machine\tread bandwidth\t%.1f GB/s\n", bandwidth / 1e9);
  const Numerics numerics = option("numerics", "i8") == "bf16" ? Numerics::bf16 : Numerics::i8;
  const std::string stack = option("stack", "");
  for (const char* name : {"scout", "coder"}) {
    if (stack.empty() || stack == name) bench_stack(*table, pool, name, numerics, bandwidth);
  }
  return 0;
}

}  // namespace
}  // namespace blocksight

int main(int argc, char** argv) { return blocksight::run(argc, argv); }

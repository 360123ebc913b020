// What a model does over packs of any size: reading, a question's first token, a step of the answer
// beside the bytes it read and the machine's read bandwidth, the trace's cost, and memory.
//
//   slots_bench --model=GGUF --text=FILE [--adapter=FILE] [--index=trained|keys] [--kv=i8|bf16]
//               [--read=4096] [--slots=2048,100000] [--answer=24] [--repeat=3] [--most-mb=3000]
//               [--trace=1] [--threads=2] [--isa=NAME] [--scan=by_size|whole|planes] [--scans=0]
//
// `read` tokens of the text are read as the product reads them, 2,048 at a time. A pack of N slots
// then holds copies of these pages: as many as `most-mb` allows, far more than caches hold, and
// beyond that the same copies again. So what a step reads from memory is that of a pack of N slots,
// while its scores repeat; for a scan that leaves out blocks by bounds this is the harder case: the
// sixteenth score is then that of one page's copies, and all of them reach it.
//
// What a step reads of the index and of the pages is counted where it is read, by an op table that
// stands before the engine's. `scans` asks that many questions with each way of reading an int8
// index, in turn, and prints what each read and took: a line of its own, with the ratios.
//
// `parts` is where a step's time goes, on a machine that is free: see Parts.
//
// Prints one JSON object a line.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "answer.h"
#include "bandwidth.h"
#include "bench.h"
#include "blocksight.h"
#include "engine.h"
#include "error.h"
#include "model.h"
#include "pack.h"
#include "reading.h"

namespace blocksight {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint32_t kSegment = 1024;  // tokens: near the mean of real packs
constexpr size_t kReadAtOnce = 2;    // segments: 2,048 tokens
constexpr uint32_t kFull = kSegmentBlocks * kBlockTokens;
constexpr uint32_t kQuestion = 40;  // tokens

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::string list(const std::vector<double>& values) {
  std::ostringstream out;
  for (size_t i = 0; i < values.size(); i++) out << (i ? "," : "") << values[i];
  return "[" + out.str() + "]";
}

// Kilobytes of a line of /proc/self/status; 0 where there is none.
uint64_t status_kb(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(name + ":", 0) != 0) continue;
    return std::strtoull(line.c_str() + name.size() + 1, nullptr, 10);
  }
  return 0;
}

std::vector<uint32_t> tokens_of(const Model& model, const std::string& path, size_t count) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<uint32_t> ids, ends;
  model.tokenizer().encode(text, false, ids, ends);
  if (ids.size() < count) {
    throw Error(BS_INVALID_ARGUMENT, path + " has " + std::to_string(ids.size()) + " tokens and " +
                                         std::to_string(count) + " are wanted.");
  }
  ids.resize(count);
  return ids;
}

// Bytes of every weight that a step multiplies by.
size_t weight_bytes(const Model& model) {
  size_t bytes = 0;
  const auto add = [&](const Linear& linear) {
    bytes += linear.prepared ? linear.prepared->bytes()
                             : static_cast<size_t>(linear.weight.rows) * linear.weight.row_bytes;
  };
  for (const LayerWeights& layer : model.layers()) {
    for (const Linear* linear :
         {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down}) {
      add(*linear);
    }
    if (layer.index_q) add(*layer.index_q);
    if (layer.index_k) add(*layer.index_k);
  }
  add(model.output());
  return bytes;
}

// What steps of one row read since this was last cleared: `scans` of each layer's index, with the
// time that they took, and the selected pages.
struct Reads {
  std::vector<ScanCount> scans;
  double select_ms = 0, select_cpu_ms = 0;
  uint64_t page_bytes = 0;
};
struct Counting {
  const OpTable* table = nullptr;  // what computes
  Scan scan = Scan::by_size;
  Reads reads;
  // Where `planes` is there, calls take turns: every second one reads the index by its planes, and
  // is counted there; the next step turns it round.
  Reads* planes = nullptr;
  uint64_t calls = 0;
} counting;

void counted_select(const SelectArgs& given, ThreadPool& pool) {
  SelectArgs args = given;
  args.scan = counting.scan;
  if (args.m != 1) return counting.table->select(args, pool);
  const auto layer = static_cast<size_t>(args.layer);
  if (layer == 0) counting.calls++;
  const bool by_planes = counting.planes && (counting.calls + layer) % 2;
  if (counting.planes) args.scan = by_planes ? Scan::planes : Scan::whole;
  Reads& reads = by_planes ? *counting.planes : counting.reads;
  if (reads.scans.size() <= layer) reads.scans.resize(layer + 1);
  args.count = &reads.scans[layer];
  const Clock::time_point start = Clock::now();
  const std::clock_t cpu_start = std::clock();
  counting.table->select(args, pool);
  reads.select_ms += ms_since(start);
  reads.select_cpu_ms += static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC * 1e3;
}

// `keys` are scored themselves: of a selected page only values are left to read.
void counted_attend(const AttendArgs& args, ThreadPool& pool) {
  counting.table->attend(args, pool);
  if (args.m != 1 || !args.blocks) return;
  const PageShape& shape = *args.shape;
  const auto entries = static_cast<std::ptrdiff_t>(shape.groups * args.k);
  const auto unused = std::count(args.blocks, args.blocks + entries, kNoBlock);
  const size_t bytes = counting.table->page_format(shape).kv_bytes_per_layer /
                       static_cast<size_t>(shape.groups);
  counting.reads.page_bytes +=
      static_cast<uint64_t>(entries - unused) * (shape.index_dim ? bytes : bytes / 2);
}

// What the operations of a step of one row take where nothing else computes, in milliseconds: of
// every call of a step the lower decile over all steps, added up by operation. A call is short
// enough to find a shared machine free now and then, a whole step is not.
class Parts {
 public:
  void begin_step() {
    for (auto& [name, calls] : parts_) calls.next = 0;
  }
  template <typename Run>
  void time(const char* name, const Run& run) {
    const Clock::time_point start = Clock::now();
    run();
    Calls& calls = parts_[name];
    if (calls.next == calls.ms.size()) calls.ms.emplace_back();
    calls.ms[calls.next++].push_back(ms_since(start));
  }
  void clear() { parts_.clear(); }
  std::string told() const {
    std::string out;
    double all = 0;
    for (const auto& [name, calls] : parts_) {
      double sum = 0;
      for (std::vector<double> ms : calls.ms) {
        const auto decile = ms.begin() + static_cast<std::ptrdiff_t>(ms.size() / 10);
        std::nth_element(ms.begin(), decile, ms.end());
        sum += *decile;
      }
      all += sum;
      out += "\"" + name + "\":" + std::to_string(sum) + ",";
    }
    return "{" + out + "\"all\":" + std::to_string(all) + "}";
  }

 private:
  struct Calls {
    std::vector<std::vector<double>> ms;  // [calls of a step][steps]
    size_t next = 0;
  };
  std::map<std::string, Calls> parts_;
} parts;

const char* product_name(const MatmulArgs& args) {
  const StoredMatrix& first = args.linears[0]->weight;
  if (args.linears.size() > 2) return "attentionInputs";
  if (args.linears.size() == 2) return "gateUp";
  return first.rows > 8 * first.cols ? "logits" : first.rows < first.cols ? "down" : "output";
}

void time_parts(OpTable& table) {
  static OpTable inner;
  inner = table;
  table.embed = [](const StoredMatrix& matrix, const uint32_t* ids, int64_t m, float* y) {
    if (m == 1) parts.begin_step();
    inner.embed(matrix, ids, m, y);
  };
  table.matmul = [](const MatmulArgs& args, ThreadPool& pool) {
    if (args.m != 1) return inner.matmul(args, pool);
    parts.time(product_name(args), [&] { inner.matmul(args, pool); });
  };
  table.rms_norm = [](const float* x, const float* w, float eps, int64_t m, int64_t d, float* y,
                      ThreadPool& pool) {
    if (m > 9) return inner.rms_norm(x, w, eps, m, d, y, pool);
    parts.time("norm", [&] { inner.rms_norm(x, w, eps, m, d, y, pool); });
  };
  table.rope = [](const RopeArgs& args, ThreadPool& pool) {
    if (args.m != 1) return inner.rope(args, pool);
    parts.time("rope", [&] { inner.rope(args, pool); });
  };
  table.silu_mul = [](float* gate, const float* up, int64_t count, ThreadPool& pool) {
    if (count > 16384) return inner.silu_mul(gate, up, count, pool);
    parts.time("silu", [&] { inner.silu_mul(gate, up, count, pool); });
  };
  table.add = [](float* x, const float* y, int64_t count, ThreadPool& pool) {
    if (count > 4096) return inner.add(x, y, count, pool);
    parts.time("add", [&] { inner.add(x, y, count, pool); });
  };
  table.store = [](const StoreArgs& args, ThreadPool& pool) {
    if (args.m != 1) return inner.store(args, pool);
    parts.time("store", [&] { inner.store(args, pool); });
  };
  table.select = [](const SelectArgs& args, ThreadPool& pool) {
    if (args.m != 1) return inner.select(args, pool);
    parts.time("select", [&] { inner.select(args, pool); });
  };
  table.attend = [](const AttendArgs& args, ThreadPool& pool) {
    if (args.m != 1) return inner.attend(args, pool);
    parts.time("attend", [&] { inner.attend(args, pool); });
  };
}

// The table that computes, with its reads counted.
OpTable counting_table(const std::string& isa) {
  counting.table = cpu_table(isa.empty() ? nullptr : isa.c_str());
  if (!counting.table) {
    throw Error(BS_INVALID_ARGUMENT, "This processor lacks the instruction set \"" + isa + "\".");
  }
  const std::string scan = option("scan", "by_size");
  counting.scan = scan == "whole" ? Scan::whole : scan == "planes" ? Scan::planes : Scan::by_size;
  OpTable table = *counting.table;
  table.select = counted_select;
  table.attend = counted_attend;
  time_parts(table);
  return table;
}

// A pack with a page for every block, copied from those that were read.
class Copies {
 public:
  Copies(std::shared_ptr<Model> model, const Pack& read, uint64_t most_bytes)
      : model_(std::move(model)),
        most_(std::max<uint64_t>(64, most_bytes / model_->page_size().bytes())) {
    for (size_t s = 0; s < read.segment_count(); s++) {
      for (PageRef& page : read.need_pages(s)) read_.push_back(std::move(page));
    }
  }

  std::unique_ptr<Pack> pack(const std::vector<uint32_t>& ids, uint32_t slots) {
    std::vector<bs_segment> segments;
    const uint32_t blocks = std::max(1u, slots / kBlockTokens);
    std::vector<uint32_t> text;
    while (text.size() < kFull) text.insert(text.end(), ids.begin(), ids.end());
    for (uint32_t at = 0; at < blocks; at += kSegmentBlocks) {
      const uint32_t count = std::min(kSegmentBlocks, blocks - at) * kBlockTokens;
      segments.push_back({.ids = text.data(), .count = count, .file = 0});
    }
    auto pack = std::make_unique<Pack>(model_, segments);
    size_t at = 0;
    for (size_t s = 0; s < pack->segment_count(); s++) {
      for (uint32_t b = 0; b < pack->segment(s).block_count(); b++) {
        pack->set_page(s, b, page(at++));
      }
    }
    return pack;
  }

 private:
  PageRef page(size_t at) {
    const size_t own = at % most_;
    while (copies_.size() <= own) copies_.push_back(read_[copies_.size() % read_.size()]->copy());
    return copies_[own];
  }

  std::shared_ptr<Model> model_;
  size_t most_;
  std::vector<PageRef> read_, copies_;
};

struct Asked {
  double first_token_ms = 0, step_ms = 0;
  uint32_t steps = 0;
};

// One greedy answer. The callback copies a step as the addon does; without the trace there is none.
Asked ask(const Pack& pack, const std::vector<uint32_t>& prompt, uint32_t tokens, bool trace) {
  std::vector<uint32_t> sight(pack.segment_count());
  for (uint32_t i = 0; i < sight.size(); i++) sight[i] = i;
  bs_ask_options o = {};
  o.prompt = prompt.data();
  o.prompt_count = prompt.size();
  o.sight = sight.data();
  o.sight_count = sight.size();
  o.max_tokens = tokens;
  o.top_p = 1;
  o.repetition_penalty = 1;
  o.trace = trace ? 1 : 0;
  std::vector<std::vector<uint32_t>> kept;
  std::vector<std::vector<float>> numbers;
  bs_ask_result result = {};
  answer(
      pack, o,
      [&](const bs_step& step) {
        kept.emplace_back(step.blocks, step.blocks + step.entries);
        numbers.emplace_back(step.score, step.score + step.entries);
        numbers.emplace_back(step.mass, step.mass + step.entries);
      },
      nullptr, result);
  return {.first_token_ms = result.first_token_ms,
          .step_ms = result.answer_tokens ? result.decode_ms / result.answer_tokens : 0,
          .steps = result.answer_tokens};
}

void read_rates(Pack& pack, const Model& model) {
  std::vector<double> rates;
  double total_ms = 0;
  uint64_t total = 0;
  for (uint32_t at = 0; at < pack.segment_count(); at += kReadAtOnce) {
    std::vector<uint32_t> order;
    const size_t end = std::min<size_t>(pack.segment_count(), at + kReadAtOnce);
    for (uint32_t s = at; s < end; s++) order.push_back(s);
    bs_read_options o = {};
    o.segments = order.data();
    o.count = order.size();
    bs_read_result result = {};
    read_segments(pack, o, {}, nullptr, result);
    total += result.prefill_tokens;
    total_ms += result.elapsed_ms;
    if (result.prefill_tokens) {
      rates.push_back(static_cast<double>(result.prefill_tokens) / result.elapsed_ms * 1e3);
    }
  }
  std::printf("{\"t\":\"read\",\"tokens\":%llu,\"atOnce\":%zu,\"tokensPerSecond\":%.2f,\"all\":%s,"
              "\"pageBytes\":%zu}\n",
              static_cast<unsigned long long>(total), kReadAtOnce * kSegment, median(rates),
              list(rates).c_str(), model.page_size().bytes());
  std::fflush(stdout);
}

// What was read of indexes, all layers together.
ScanCount sum_of(const std::vector<ScanCount>& layers) {
  ScanCount all;
  for (const ScanCount& layer : layers) {
    all.bytes += layer.bytes;
    all.panels += layer.panels;
    all.whole += layer.whole;
  }
  return all;
}

double share(uint64_t part, uint64_t of) {
  const auto whole = static_cast<double>(std::max<uint64_t>(1, of));
  return std::round(1e4 * static_cast<double>(part) / whole) / 1e4;
}

void ask_over(const Pack& pack, const Model& model, const std::vector<uint32_t>& prompt,
              uint32_t slots) {
  const int repeat = number("repeat", 3);
  const auto tokens = static_cast<uint32_t>(number("answer", 24));
  ask(pack, prompt, 2, true);  // warm
  std::vector<double> first, on, off;
  uint32_t steps = 0, all_steps = 0;
  const double bandwidth_before = read_bandwidth(model.engine().threads(), 3);
  counting.reads = {};
  parts.clear();
  for (int i = 0; i < repeat; i++) {
    const Asked traced = ask(pack, prompt, tokens, true);
    first.push_back(traced.first_token_ms);
    on.push_back(traced.step_ms);
    steps = traced.steps;
    all_steps += steps;
    if (!number("trace", 1)) continue;
    const Asked silent = ask(pack, prompt, tokens, false);
    off.push_back(silent.step_ms);
    all_steps += silent.steps;
  }
  const ScanCount scan = sum_of(counting.reads.scans);
  const double of_step = 1.0 / std::max(1u, all_steps);
  const double weights = static_cast<double>(weight_bytes(model)),
               index = static_cast<double>(scan.bytes) * of_step,
               pages = static_cast<double>(counting.reads.page_bytes) * of_step;
  // Memory gives twice as much in one minute as in another where machines share it: measured before
  // and after every size.
  const double bandwidth = (bandwidth_before + read_bandwidth(model.engine().threads(), 3)) / 2;
  const double step = median(on), bound = (weights + index + pages) / bandwidth * 1e3;
  std::printf("{\"t\":\"ask\",\"slots\":%u,\"firstTokenMs\":%.3f,\"stepMs\":%.4f,\"steps\":%u,"
              "\"all\":%s,\"stepMsWithoutTrace\":%.4f,\"allWithoutTrace\":%s,"
              "\"weightBytes\":%.0f,\"indexBytes\":%.0f,\"pageBytes\":%.0f,\"selectMs\":%.4f,"
              "\"parts\":%s,\"bandwidth\":%.0f,\"boundMs\":%.4f,\"ofBandwidth\":%.4f,\"residentBytes\":%llu}\n",
              slots, median(first), step, steps, list(on).c_str(), median(off), list(off).c_str(),
              weights, index, pages, counting.reads.select_ms * of_step,
              parts.told().c_str(), bandwidth, bound, bound / step,
              static_cast<unsigned long long>(status_kb("VmRSS") * 1024));
  std::fflush(stdout);
}

// What one way of scanning took and read, a step.
struct Scanned {
  std::vector<double> ms, cpu_ms, bytes;
  std::vector<ScanCount> layers;

  void add(const Reads& reads, double steps) {
    // Each way had every second layer of a step.
    ms.push_back(2 * reads.select_ms / steps);
    cpu_ms.push_back(2 * reads.select_cpu_ms / steps);
    bytes.push_back(2 * static_cast<double>(sum_of(reads.scans).bytes) / steps);
    layers.resize(reads.scans.size());
    for (size_t l = 0; l < layers.size(); l++) layers[l] = sum_of({layers[l], reads.scans[l]});
  }
  std::string told() const {
    std::vector<double> by_layer;
    for (const ScanCount& layer : layers) by_layer.push_back(share(layer.whole, layer.panels));
    const ScanCount all = sum_of(layers);
    char text[192];
    std::snprintf(text, sizeof text,
                  "{\"indexBytes\":%.0f,\"selectMs\":%.4f,\"selectCpuMs\":%.4f,\"readWhole\":%.4f,",
                  median(bytes), median(ms), median(cpu_ms), share(all.whole, all.panels));
    return text + ("\"readWholeByLayer\":" + list(by_layer)) + ",\"all\":" + list(ms) + "}";
  }
};

// The whole index against its planes, layer by layer in turn, so that a machine that others use is
// as busy for the one as for the other.
void compare_scans(const Pack& pack, const std::vector<uint32_t>& prompt, uint32_t slots) {
  const auto tokens = static_cast<uint32_t>(number("answer", 24));
  Scanned whole, planes;
  std::vector<double> ratios, cpu_ratios;
  for (int i = 0; i < number("scans", 0); i++) {
    Reads by_planes;
    counting.reads = {};
    counting.planes = &by_planes;
    const double steps = std::max(1u, ask(pack, prompt, tokens, false).steps);
    counting.planes = nullptr;
    whole.add(counting.reads, steps);
    planes.add(by_planes, steps);
    ratios.push_back(planes.ms.back() / whole.ms.back());
    cpu_ratios.push_back(planes.cpu_ms.back() / whole.cpu_ms.back());
  }
  std::printf("{\"t\":\"scans\",\"slots\":%u,\"whole\":%s,\"planes\":%s,"
              "\"bytesRatio\":%.4f,\"selectRatio\":%.4f,\"selectCpuRatio\":%.4f,"
              "\"allSelectRatios\":%s}\n",
              slots, whole.told().c_str(), planes.told().c_str(),
              median(planes.bytes) / median(whole.bytes), median(ratios), median(cpu_ratios),
              list(ratios).c_str());
  std::fflush(stdout);
}

void run() {
  const std::string isa = option("isa", ""), kv = option("kv", "i8"), index = option("index", "");
  const std::string model_path = option("model", ""), adapter = option("adapter", "");
  bs_engine_options engine_options = {};
  engine_options.threads = number("threads", 2);
  engine_options.isa = isa.empty() ? nullptr : isa.c_str();
  engine_options.kv = kv.c_str();
  const OpTable table = counting_table(isa);
  const auto engine = std::make_shared<Engine>(engine_options, table);
  const double bandwidth = read_bandwidth(engine->threads(), 5);

  bs_model_options model_options = {};
  model_options.model_path = model_path.c_str();
  model_options.adapter_path = adapter.empty() ? nullptr : adapter.c_str();
  model_options.index_source = index.empty() ? nullptr : index.c_str();
  // The hash is part of page keys only, and pages are not kept here.
  const std::string no_hash(64, '0');
  const Clock::time_point start = Clock::now();
  if (adapter.empty()) model_options.model_sha256 = no_hash.c_str();
  const std::shared_ptr<Model> model = Model::open(engine, model_options);
  std::string kernels;
  for (const auto& [operation, id] : engine->table().kernel_ids()) {
    kernels += (kernels.empty() ? "\"" : ",\"") + operation + "\":\"" + id + "\"";
  }
  std::printf("{\"t\":\"machine\",\"bandwidth\":%.0f,\"openedMs\":%.1f,\"threads\":%d,"
              "\"indexDim\":%lld,\"kernels\":{%s}}\n",
              bandwidth, ms_since(start), number("threads", 2),
              static_cast<long long>(model->page_shape().index_dim), kernels.c_str());
  std::fflush(stdout);

  const int read = number("read", 4096);
  const auto wanted = static_cast<size_t>(std::max(1, read / static_cast<int>(kSegment)));
  const std::vector<uint32_t> ids =
      tokens_of(*model, option("text", ""), wanted * kSegment + kQuestion);
  std::vector<bs_segment> segments;
  for (size_t s = 0; s < wanted; s++) {
    segments.push_back({.ids = ids.data() + s * kSegment, .count = kSegment, .file = 0});
  }
  Pack pack(model, segments);
  read_rates(pack, *model);

  Copies copies(model, pack, static_cast<uint64_t>(number("most-mb", 3000)) << 20);
  const std::vector<uint32_t> prompt(ids.end() - kQuestion, ids.end());
  std::istringstream sizes(option("slots", "2048,100000"));
  for (std::string slots; std::getline(sizes, slots, ',');) {
    const auto count = static_cast<uint32_t>(std::atoi(slots.c_str()));
    const std::unique_ptr<Pack> of_size = copies.pack(ids, count);
    ask_over(*of_size, *model, prompt, count);
    if (number("scans", 0)) compare_scans(*of_size, prompt, count);
  }
}

}  // namespace
}  // namespace blocksight

int main(int argc, char** argv) {
  using namespace blocksight;
  const char* const usage = "slots_bench --model=GGUF --text=FILE [--NAME=VALUE]...";
  if (!read_options(argc, argv, usage)) return 2;
  try {
    run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}

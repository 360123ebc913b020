#include "engine.h"

#include <algorithm>
#include <string_view>

#include "cpu_info.h"
#include "error.h"
#include "json_writer.h"

namespace blocksight {

namespace {

constexpr uint64_t kDefaultStoreLimit = 16ull << 30;
constexpr int kMostThreads = 1024;

const OpTable& table_named(const char* tier, const char* isa) {
  const std::string_view name = tier ? tier : "cpu";
  if (name == "ref") return ref_table();
  if (name != "cpu") {
    throw Error(BS_INVALID_ARGUMENT,
                "There is no tier \"" + std::string(name) + "\"; there are \"cpu\" and \"ref\".");
  }
  if (const OpTable* table = cpu_table(isa)) return *table;
  if (!isa) return ref_table();  // a processor that no kernel of ours is for: slow, and it says so
  throw Error(BS_INVALID_ARGUMENT,
              "This processor lacks the instruction set \"" + std::string(isa) + "\".");
}

int thread_count(int wanted) {
  if (wanted < 0 || wanted > kMostThreads) {
    throw Error(BS_INVALID_ARGUMENT, std::to_string(wanted) + " is no number of threads.");
  }
  if (wanted) return wanted;
  const int cores = physical_cores();
  return cores <= 4 ? cores : cores - 1;
}

Numerics numerics_named(const char* name) {
  const std::string_view text = name ? name : "i8";
  if (text == "i8") return Numerics::i8;
  if (text == "bf16") return Numerics::bf16;
  throw Error(BS_INVALID_ARGUMENT, "There are no matrix products in \"" + std::string(text) +
                                       "\"; there are \"i8\" and \"bf16\".");
}

KvType kv_named(const char* name) {
  const std::string_view text = name ? name : "i8";
  if (text == "f32") return KvType::f32;
  if (text == "bf16") return KvType::bf16;
  if (text == "i8") return KvType::i8;
  throw Error(BS_INVALID_ARGUMENT, "There is no KV type \"" + std::string(text) +
                                       "\"; there are \"f32\", \"bf16\" and \"i8\".");
}

const char* numerics_name(Numerics numerics) {
  switch (numerics) {
    case Numerics::f32:
      return "f32";
    case Numerics::bf16:
      return "bf16";
    case Numerics::i8:
      return "i8";
  }
  return "";
}

}  // namespace

const char* kv_name(KvType kv) {
  switch (kv) {
    case KvType::f32:
      return "f32";
    case KvType::bf16:
      return "bf16";
    case KvType::i8:
      return "i8";
  }
  return "";
}

Engine::Engine(const bs_engine_options& options)
    : Engine(options, table_named(options.tier, options.isa)) {}

Engine::Engine(const bs_engine_options& options, const OpTable& table)
    : table_(&table),
      numerics_(numerics_named(options.numerics)),
      kv_(kv_named(options.kv)),
      store_dir_(options.store_dir ? options.store_dir : ""),
      store_limit_bytes_(options.store_limit_bytes ? options.store_limit_bytes
                                                   : kDefaultStoreLimit),
      threads_(std::make_unique<ThreadPool>(thread_count(options.threads))),
      priority_(std::make_unique<Priority>()) {
  if (std::string_view(table_->tier) == "ref") {  // the specification has one form
    numerics_ = Numerics::f32;
    kv_ = KvType::f32;
  }
  std::unique_ptr<PageStore> store;
  if (!store_dir_.empty()) store = PageStore::open(store_dir_, store_limit_bytes_);
  pages_ = std::make_unique<PageCache>(std::move(store), options.memory_limit_bytes);
}

std::string Engine::numerics_id() const {
  std::string id = std::string(table_->tier) + " " + numerics_name(numerics_) + " " + kv_name(kv_);
  for (const auto& [operation, kernel] : table_->kernel_ids()) id += " " + operation + "=" + kernel;
  return id;
}

std::string Engine::describe() const {
  JsonObject out;
  out.text("version", BS_VERSION).text("cpu", cpu_name()).texts("features", cpu_features());
  out.number("threads", threads_->threads()).text("tier", table_->tier);
  out.text("numerics", numerics_name(numerics_)).text("kvType", kv_name(kv_));
  JsonObject kernels;
  for (const auto& [operation, kernel] : table_->kernel_ids()) kernels.text(operation, kernel);
  out.raw("kernels", kernels.str());
  if (PageStore* const store = pages_->store()) {
    JsonObject described;
    described.text("path", store_dir_).number("bytes", store->bytes());
    described.number("limitBytes", store_limit_bytes_);
    out.raw("pageStore", described.str());
  } else {
    out.raw("pageStore", "null");
  }
  return out.str();
}

}  // namespace blocksight

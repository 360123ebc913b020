// What all models of a process share: threads, the tier's operations, pages, and who goes first.
#pragma once

#include <memory>
#include <string>

#include "blocksight.h"
#include "op_table.h"
#include "pages.h"
#include "priority.h"
#include "thread_pool.h"

namespace blocksight {

class Engine {
 public:
  // Throws Error: BS_INVALID_ARGUMENT for an unknown option value or an instruction set that this
  // processor lacks; BS_UNREADABLE where the page store's folder cannot be made.
  explicit Engine(const bs_engine_options&);
  // For tests: the same with operations of the caller's.
  Engine(const bs_engine_options&, const OpTable&);

  const OpTable& table() const { return *table_; }
  ThreadPool& threads() const { return *threads_; }
  Numerics numerics() const { return numerics_; }
  KvType kv() const { return kv_; }
  PageCache& pages() const { return *pages_; }
  Priority& priority() const { return *priority_; }

  // Two engines with the same id compute the same bits: tier, kernels, numerics and KV type.
  std::string numerics_id() const;
  // The JSON of bs_engine_describe.
  std::string describe() const;

 private:
  const OpTable* table_ = nullptr;
  Numerics numerics_ = Numerics::f32;
  KvType kv_ = KvType::f32;
  std::string store_dir_;
  uint64_t store_limit_bytes_ = 0;
  std::unique_ptr<ThreadPool> threads_;
  std::unique_ptr<PageCache> pages_;
  std::unique_ptr<Priority> priority_;
};

const char* kv_name(KvType);

}  // namespace blocksight

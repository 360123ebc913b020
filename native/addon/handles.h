// What JavaScript holds: numbers that stand for engines, tokenizers, models, packs and cancels.
// A number is looked up in its environment's table with the kind that the call needs, so a stale,
// foreign or wrong handle is an error and never a bad pointer. A handle keeps what it was made from
// alive (pack -> model -> engine), and work keeps its handles alive: closing at any time is safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "blocksight.h"

namespace blocksight::addon {

struct Handle {
  Handle() = default;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  virtual ~Handle() = default;
};

struct EngineHandle : Handle {
  static constexpr const char* kKind = "engine";
  bs_engine* engine = nullptr;
  ~EngineHandle() override { bs_engine_destroy(engine); }
};

struct ModelHandle : Handle {
  static constexpr const char* kKind = "model";
  std::shared_ptr<EngineHandle> owner;
  bs_model* model = nullptr;
  ~ModelHandle() override { bs_model_destroy(model); }
};

// A tokenizer of its own, or a model's, which then owns it.
struct TokenizerHandle : Handle {
  static constexpr const char* kKind = "tokenizer";
  std::shared_ptr<ModelHandle> owner;
  bs_tokenizer* tokenizer = nullptr;
  ~TokenizerHandle() override {
    if (!owner) bs_tokenizer_destroy(tokenizer);
  }
};

struct PackHandle : Handle {
  static constexpr const char* kKind = "pack";
  std::shared_ptr<ModelHandle> owner;
  bs_pack* pack = nullptr;
  size_t segments = 0;
  ~PackHandle() override { bs_pack_destroy(pack); }
};

struct CancelHandle : Handle {
  static constexpr const char* kKind = "cancel";
  bs_cancel* cancel = bs_cancel_create();
  ~CancelHandle() override { bs_cancel_destroy(cancel); }
};

// One per environment (a main thread or a worker); used on its JavaScript thread only.
class HandleTable {
 public:
  uint32_t add(std::shared_ptr<Handle> handle) {
    handles_.emplace(++last_, std::move(handle));
    return last_;
  }
  bool remove(uint32_t id) { return handles_.erase(id) > 0; }
  // Empty when there is no such handle of this kind.
  template <typename T>
  std::shared_ptr<T> find(uint32_t id) const {
    const auto found = handles_.find(id);
    return found == handles_.end() ? nullptr : std::dynamic_pointer_cast<T>(found->second);
  }

 private:
  std::map<uint32_t, std::shared_ptr<Handle>> handles_;
  uint32_t last_ = 0;
};

}  // namespace blocksight::addon

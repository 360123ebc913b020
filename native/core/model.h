// An opened model: weights of a GGUF with an adapter's deltas beside them, layout and index source.
// Immutable once open, so that several packs and threads may use it.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "adapter.h"
#include "blocksight.h"
#include "engine.h"
#include "gguf.h"
#include "layout.h"
#include "model_shape.h"
#include "op_table.h"
#include "tokenizer.h"

namespace blocksight {

struct LayerWeights {
  std::vector<float> attn_norm, ffn_norm;  // [D]
  std::vector<float> q_norm, k_norm;       // [E], empty without QK-norm
  Linear q, k, v, o, gate, up, down;
  // Index source `trained`: index_q [G * I][D], index_k [I][D]; norms [I].
  std::optional<Linear> index_q, index_k;
  std::vector<float> index_q_norm, index_k_norm;
  std::vector<float> index_q_values, index_k_values;  // what the two point into, if not prepared
};

class Model {
 public:
  // Throws Error: whatever the loaders throw; BS_WRONG_BASE, BS_UNSUPPORTED_ARCHITECTURE,
  // BS_INVALID_ARGUMENT for options.
  static std::shared_ptr<Model> open(std::shared_ptr<Engine>, const bs_model_options&);
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  Engine& engine() const { return *engine_; }
  const ModelShape& shape() const { return shape_; }
  const Layout& layout() const { return layout_; }
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  const PageShape& page_shape() const { return page_shape_; }
  PageSize page_size() const { return page_size_; }
  const std::vector<LayerWeights>& layers() const { return layers_; }
  const StoredMatrix& embedding() const { return embedding_; }
  const std::vector<float>& final_norm() const { return final_norm_; }
  const Linear& output() const { return output_; }
  float index_eps() const { return index_eps_; }
  // Never empty: all (layer, group) pairs where the model names none.
  const std::vector<QuestionHead>& question_heads() const { return question_heads_; }
  float pointer_weight() const { return pointer_weight_; }
  bool is_end_of_turn(uint32_t token) const { return ends_of_turn_.contains(token); }

  // The start of every page key: all that a page's bytes depend on besides its tokens.
  const PageKey& key_seed() const { return key_seed_; }
  // Block 0, computed or found once. Throws like PageCache::insert.
  PageRef prefix_page() const;
  const PageKey& prefix_key() const { return prefix_key_; }

  // Where the tier holds weights in a form of its own, a token's input row is all that is still read
  // of the file. Of many tokens these rows, and what the system maps around them, are most of a
  // hundred megabytes: after reading they leave memory again.
  void unload_file() const;

  const std::string& name() const { return name_; }
  const std::string& chat_template() const { return chat_template_; }
  const std::string& describe() const { return description_; }

 private:
  Model() = default;
  void load_weights(const GgufFile&, const Adapter*);
  void load_index(const Adapter&);
  void make_keys();
  std::string make_description(const GgufFile&) const;

  std::shared_ptr<Engine> engine_;
  std::shared_ptr<GgufFile> file_;
  std::shared_ptr<Tokenizer> tokenizer_;
  ModelShape shape_;
  Layout layout_;
  PageShape page_shape_;
  PageSize page_size_;
  StoredMatrix embedding_;
  std::vector<float> final_norm_;
  Linear output_;
  std::vector<LayerWeights> layers_;
  bool trained_index_ = false;
  float index_eps_ = 0;
  std::vector<QuestionHead> question_heads_;
  float pointer_weight_ = 1.0f;
  std::set<uint32_t> ends_of_turn_;
  std::string weights_sha256_, adapter_sha256_;  // the latter "" without one
  int64_t parameters_ = 0;
  PageKey key_seed_{}, prefix_key_{};
  std::string name_, chat_template_, description_;
  mutable std::mutex prefix_mutex_;
  mutable PageRef prefix_page_;
};

// The next key of a chain: sha256 of the key before and the page's tokens.
PageKey next_key(const PageKey& before, std::span<const uint32_t> tokens);

}  // namespace blocksight

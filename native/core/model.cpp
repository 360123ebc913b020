#include "model.h"

#include <algorithm>
#include <string_view>

#include "error.h"
#include "graph.h"
#include "json_writer.h"
#include "sha256.h"

namespace blocksight {

namespace {

// Every projection of a layer: its name in a GGUF and in an adapter, and where it goes.
struct Projection {
  const char* name;
  Linear LayerWeights::* linear;
  int64_t rows, cols;
};

std::vector<Projection> projections(const ModelShape& s) {
  const int64_t q = s.heads * s.head_dim, kv = s.groups * s.head_dim;
  return {{"attn_q", &LayerWeights::q, q, s.width},
          {"attn_k", &LayerWeights::k, kv, s.width},
          {"attn_v", &LayerWeights::v, kv, s.width},
          {"attn_output", &LayerWeights::o, s.width, q},
          {"ffn_gate", &LayerWeights::gate, s.ffn_width, s.width},
          {"ffn_up", &LayerWeights::up, s.ffn_width, s.width},
          {"ffn_down", &LayerWeights::down, s.width, s.ffn_width}};
}

// Heads whose rows the file interleaves, 0 for none: llama's q and k.
int64_t interleaved_heads(const ModelShape& shape, std::string_view projection) {
  if (!shape.interleaved_rows) return 0;
  if (projection == "attn_q") return shape.heads;
  return projection == "attn_k" ? shape.groups : 0;
}

std::vector<float> bias_of(const GgufFile& file, const std::string& name,
                           const StoredMatrix& weight) {
  if (!file.tensor(name)) return {};
  const std::vector<float> stored = file.need_vector(name, weight.rows);
  std::vector<float> bias(stored.size());
  for (int64_t row = 0; row < weight.rows; row++) {
    bias[static_cast<size_t>(row)] = stored[static_cast<size_t>(stored_row(weight, row))];
  }
  return bias;
}

StoredMatrix plain_matrix(const std::vector<float>& values, int64_t rows, int64_t cols) {
  return {.type = WeightType::f32,
          .rows = rows,
          .cols = cols,
          .data = reinterpret_cast<const std::byte*>(values.data()),
          .row_bytes = static_cast<size_t>(cols) * sizeof(float)};
}

bool wants_trained_index(const bs_model_options& options) {
  const bool has_adapter = options.adapter_path != nullptr;
  if (!options.index_source) return has_adapter;
  const std::string_view source = options.index_source;
  if (source == "keys") return false;
  if (source != "trained") {
    throw Error(BS_INVALID_ARGUMENT, "There is no index source \"" + std::string(source) +
                                         "\"; there are \"trained\" and \"keys\".");
  }
  if (!has_adapter) {
    throw Error(BS_INVALID_ARGUMENT,
                "The index source \"trained\" needs an adapter; a model alone has \"keys\".");
  }
  return true;
}

std::string file_sha256(const bs_model_options& options) {
  if (!options.model_sha256) {
    const MappedFile bytes(options.model_path);
    return sha256_hex(bytes.data(), bytes.size());
  }
  const std::string known = options.model_sha256;
  const bool is_hash =
      known.size() == 64 && known.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!is_hash) throw Error(BS_INVALID_ARGUMENT, "The model's sha256 is not 64 hex digits.");
  return known;
}

LayoutKind layout_named(const char* name) {
  const std::string_view text = name ? name : "independent";
  if (text == "independent") return LayoutKind::independent;
  if (text == "causal") return LayoutKind::causal;
  throw Error(BS_INVALID_ARGUMENT, "There is no layout \"" + std::string(text) +
                                       "\"; there are \"independent\" and \"causal\".");
}

std::set<uint32_t> ends_of_turn(const GgufFile& file, const Tokenizer& tokenizer) {
  std::set<uint32_t> ends;
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"}) {
    if (const auto id = file.unsigned_value(key)) ends.insert(static_cast<uint32_t>(*id));
  }
  for (const char* text : {"<|im_end|>", "<|endoftext|>", "<|eot_id|>"}) {
    ends.insert(tokenizer.special_id(text));  // kNoBlock, where it is missing, is never generated
  }
  return ends;
}

void update(Sha256& hash, std::string_view text) {
  const uint64_t size = text.size();
  hash.update(&size, sizeof size);
  hash.update(text.data(), text.size());
}

}  // namespace

PageKey next_key(const PageKey& before, std::span<const uint32_t> tokens) {
  Sha256 hash;
  hash.update(before.data(), before.size());
  hash.update(tokens.data(), tokens.size_bytes());
  return hash.digest();
}

std::shared_ptr<Model> Model::open(std::shared_ptr<Engine> engine,
                                   const bs_model_options& options) {
  if (!options.model_path) throw Error(BS_INVALID_ARGUMENT, "There is no path to a model.");
  const bool trained = wants_trained_index(options);
  const LayoutKind kind = layout_named(options.layout);
  std::shared_ptr<Model> model(new Model);
  model->engine_ = std::move(engine);
  model->file_ = GgufFile::open(options.model_path);
  model->shape_ = read_model_shape(*model->file_);
  model->tokenizer_ = Tokenizer::from_gguf(*model->file_);
  model->weights_sha256_ = file_sha256(options);
  std::shared_ptr<Adapter> adapter;
  if (options.adapter_path) {
    adapter = Adapter::open(options.adapter_path);
    const AdapterMeta& meta = adapter->meta();
    model->adapter_sha256_ = adapter->sha256();
    if (meta.base_sha256 != model->weights_sha256_) {
      throw Error(BS_WRONG_BASE, "The adapter was made for " + meta.base_name + " (sha256 " +
                                     meta.base_sha256 + "), but the model's sha256 is " +
                                     model->weights_sha256_ + ".");
    }
    model->layout_ = layout_of_adapter(meta.layout, *model->tokenizer_, kind);
    model->question_heads_ = meta.question_heads;
    model->pointer_weight_ = meta.pointer_weight;
  } else {
    model->layout_ = default_layout(options.prefix_text, *model->tokenizer_, kind);
  }
  model->trained_index_ = trained;
  model->ends_of_turn_ = ends_of_turn(*model->file_, *model->tokenizer_);
  model->load_weights(*model->file_, adapter.get());
  if (trained) model->load_index(*adapter);
  const ModelShape& shape = model->shape_;
  model->page_shape_ = {.layers = shape.layers,
                        .groups = shape.groups,
                        .head_dim = shape.head_dim,
                        .index_dim = trained ? adapter->meta().index.dim : 0,
                        .kv = model->engine_->kv()};
  model->page_size_ = blocksight::page_size(
      model->page_shape_, model->engine_->table().page_format(model->page_shape_));
  // Selection scores the keys themselves where there is no index part, and a causal segment is read
  // over all pages before it: there pages come whole.
  if (!trained || kind == LayoutKind::causal) model->page_size_.kv_pieces = 1;
  for (const QuestionHead& head : model->question_heads_) {
    if (head.layer >= shape.layers || head.group >= shape.groups) {
      throw Error(BS_CORRUPT, "The adapter's question head " + std::to_string(head.layer) + "." +
                                  std::to_string(head.group) + " is outside the model.");
    }
  }
  if (model->question_heads_.empty()) {
    for (uint32_t layer = 0; layer < shape.layers; layer++) {
      for (uint32_t group = 0; group < shape.groups; group++) {
        model->question_heads_.push_back({layer, group});
      }
    }
  }
  model->make_keys();
  // An adapter says for what it was made; what a converter left in general.name often says less.
  model->name_ = adapter ? adapter->meta().name
                         : model->file_->string_value("general.name")
                               .value_or(model->shape_.architecture);
  model->chat_template_ = model->file_->string_value("tokenizer.chat_template").value_or("");
  model->description_ = model->make_description(*model->file_);
  model->unload_file();
  return model;
}

void Model::load_weights(const GgufFile& file, const Adapter* adapter) {
  const OpTable& table = engine_->table();
  const auto prepare = [&](Linear& linear) {
    linear.prepared = table.prepare(linear, engine_->numerics(), engine_->threads());
    if (linear.prepared) linear.low_rank.reset();  // the tier has a form of its own
    parameters_ += linear.weight.rows * linear.weight.cols;
  };
  const bool has_output = file.tensor("output.weight").has_value();
  const std::string rows = adapter ? adapter->meta().layout.embedding : "";
  if (!rows.empty() && rows != "token_embd.weight" && !(rows == "output.weight" && has_output)) {
    throw Error(BS_CORRUPT, "The adapter takes input rows from \"" + rows.substr(0, 64) +
                                "\", which the model lacks.");
  }
  embedding_ =
      file.need_tensor(rows.empty() ? "token_embd.weight" : rows, shape_.vocab, shape_.width);
  output_.weight = file.need_tensor(has_output ? "output.weight" : "token_embd.weight",
                                    shape_.vocab, shape_.width);
  prepare(output_);
  if (embedding_.data != output_.weight.data) parameters_ += shape_.vocab * shape_.width;
  final_norm_ = file.need_vector("output_norm.weight", shape_.width);

  layers_.resize(static_cast<size_t>(shape_.layers));
  for (int64_t i = 0; i < shape_.layers; i++) {
    LayerWeights& layer = layers_[static_cast<size_t>(i)];
    const std::string block = "blk." + std::to_string(i) + ".";
    layer.attn_norm = file.need_vector(block + "attn_norm.weight", shape_.width);
    layer.ffn_norm = file.need_vector(block + "ffn_norm.weight", shape_.width);
    if (shape_.qk_norm) {
      layer.q_norm = file.need_vector(block + "attn_q_norm.weight", shape_.head_dim);
      layer.k_norm = file.need_vector(block + "attn_k_norm.weight", shape_.head_dim);
    }
    for (const Projection& p : projections(shape_)) {
      Linear& linear = layer.*p.linear;
      linear.weight = file.need_tensor(block + p.name + ".weight", p.rows, p.cols);
      linear.weight.interleave_heads = interleaved_heads(shape_, p.name);
      linear.bias = bias_of(file, block + p.name + ".bias", linear.weight);
      if (adapter) linear.low_rank = adapter->low_rank(i, p.name, p.rows, p.cols);
      prepare(linear);
    }
  }
}

void Model::load_index(const Adapter& adapter) {
  const AdapterIndex& index = adapter.meta().index;
  if (index.source != "trained" || index.heads != shape_.groups || index.dim < 1 ||
      index.dim > 1024 || index.rope != 0 || index.k != kSelected) {
    throw Error(BS_CORRUPT, "The adapter's index (" + std::to_string(index.heads) + " heads of " +
                                std::to_string(index.dim) + ", " + std::to_string(index.rope) +
                                " rotated, " + std::to_string(index.k) +
                                " blocks) does not fit the model.");
  }
  index_eps_ = index.norm_eps;
  const auto linear = [&](std::vector<float>& values, int64_t rows) {
    Linear out;
    out.weight = plain_matrix(values, rows, shape_.width);
    out.prepared = engine_->table().prepare(out, engine_->numerics(), engine_->threads());
    if (out.prepared) {
      out.weight.data = nullptr;
      std::vector<float>().swap(values);
    }
    return out;
  };
  for (int64_t i = 0; i < shape_.layers; i++) {
    LayerWeights& layer = layers_[static_cast<size_t>(i)];
    const std::string name = "layers." + std::to_string(i) + ".index_";
    const int64_t rows = index.heads * index.dim;
    layer.index_q_values = adapter.tensor(name + "q.weight", rows, shape_.width);
    layer.index_k_values = adapter.tensor(name + "k.weight", index.dim, shape_.width);
    layer.index_q_norm = adapter.tensor(name + "q_norm.weight", 1, index.dim);
    layer.index_k_norm = adapter.tensor(name + "k_norm.weight", 1, index.dim);
    layer.index_q = linear(layer.index_q_values, rows);
    layer.index_k = linear(layer.index_k_values, index.dim);
  }
}

void Model::unload_file() const {
  if (output_.prepared) file_->unload();
}

void Model::make_keys() {
  Sha256 hash;
  update(hash, "blocksight page 1");
  update(hash, weights_sha256_);
  update(hash, adapter_sha256_);
  update(hash, trained_index_ ? "trained" : "keys");
  update(hash, layout_.kind == LayoutKind::causal ? "causal" : "independent");
  update(hash, std::to_string(layout_.segment_position));
  update(hash, engine_->numerics_id());
  const PageKey root = hash.digest();
  prefix_key_ = next_key(root, layout_.prefix);
  key_seed_ = prefix_key_;
}

PageRef Model::prefix_page() const {
  const std::lock_guard lock(prefix_mutex_);
  if (prefix_page_) return prefix_page_;
  PageCache& pages = engine_->pages();
  const PageRef held = pages.find(prefix_key_, page_size_);
  if (held && held->make_whole()) return prefix_page_ = held;
  auto memory = std::make_shared<PageMemory>(page_size_);
  const Page* const page = &memory->page();
  const uint8_t valid = kBlockTokens;
  const Timeline timeline = {.pages = &page, .valid = &valid, .blocks = 1};
  Batch batch;
  for (uint32_t i = 0; i < kBlockTokens; i++) {
    batch.add(layout_.prefix[i], i, {.timeline = &timeline, .block = 0, .offset = i});
  }
  Graph(*this).read(batch);
  engine_->table().seal(page_shape_, *page, kBlockTokens);
  return prefix_page_ = pages.insert(prefix_key_, std::move(memory), page_size_.kv_pieces);
}

std::string Model::make_description(const GgufFile& file) const {
  const bool causal = layout_.kind == LayoutKind::causal;
  const auto ids = [](const std::vector<uint32_t>& values) {
    std::string list;
    for (const uint32_t id : values) list += (list.empty() ? "" : ",") + std::to_string(id);
    return "[" + list + "]";
  };
  std::string heads;
  for (const QuestionHead& head : question_heads_) {
    JsonObject pair;
    pair.number("layer", head.layer).number("group", head.group);
    heads += (heads.empty() ? "" : ",") + pair.str();
  }
  JsonObject kernels;
  for (const auto& [op, kernel] : engine_->table().kernel_ids()) kernels.text(op, kernel);

  JsonObject out;
  out.text("name", name_);
  out.text("architecture", shape_.architecture).text("quantization", quantization_name(file));
  out.number("parameters", parameters_).number("layers", shape_.layers);
  out.number("heads", shape_.heads).number("groups", shape_.groups);
  out.number("headDim", shape_.head_dim).number("sparseLayers", shape_.layers);
  out.number("k", kSelected).text("indexSource", trained_index_ ? "trained" : "keys");
  out.number("indexDim", trained_index_ ? page_shape_.index_dim : shape_.head_dim);
  out.text("layout", causal ? "causal" : "independent").text("tier", engine_->table().tier);
  out.text("kvType", kv_name(engine_->kv())).raw("kernels", kernels.str());
  out.raw("questionHeads", "[" + heads + "]").number("pointerWeight", pointer_weight_);
  if (layout_.citation_token) out.number("citationToken", *layout_.citation_token);
  out.raw("prefix", ids(layout_.prefix)).text("header", layout_.header).text("part", layout_.part);
  out.number("segmentPosition", layout_.segment_position);
  out.number("conversationPosition", layout_.conversation_position);
  out.number("conversationTokens", kWindowTokens);
  out.number("segmentTokens", kSegmentBlocks * kBlockTokens);
  out.number("contextTokens", shape_.context_tokens);
  out.number("bytesPerToken", static_cast<double>(page_size_.bytes()) / kBlockTokens);
  out.text("weightsSha256", weights_sha256_);
  if (!adapter_sha256_.empty()) out.text("adapterSha256", adapter_sha256_);
  out.text("chatTemplate", chat_template_);
  return out.str();
}

}  // namespace blocksight

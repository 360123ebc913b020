#include "graph.h"

#include <algorithm>
#include <atomic>

#include "lazy_kv.h"
#include "model.h"
#include "thread_pool.h"

namespace blocksight {

void Batch::add(uint32_t id, uint32_t position, RowPlace place) {
  ids.push_back(id);
  positions.push_back(position);
  rows.push_back(place);
}

void Batch::clear() {
  ids.clear();
  positions.clear();
  forced.clear();
  rows.clear();
}

void Graph::read(const Batch& batch) { run(batch, true, nullptr); }

std::span<const float> Graph::converse(const Batch& batch, size_t first, Selections* selections) {
  run(batch, false, selections);
  const ModelShape& shape = model_.shape();
  const size_t rows = batch.size() - first, width = static_cast<size_t>(shape.width);
  normed_.resize(rows * width);
  model_.engine().table().rms_norm(x_.data() + first * width, model_.final_norm().data(), shape.eps,
                                   static_cast<int64_t>(rows), shape.width, normed_.data(),
                                   model_.engine().threads());
  return {normed_.data(), rows * width};
}

void Graph::logits(std::span<const float> hidden, Phase phase, std::vector<float>& out) {
  const ModelShape& shape = model_.shape();
  const int64_t m = static_cast<int64_t>(hidden.size()) / shape.width;
  out.resize(static_cast<size_t>(m * shape.vocab));
  const Linear* const linears[] = {&model_.output()};
  float* const outputs[] = {out.data()};
  model_.engine().table().matmul(
      {.x = hidden.data(), .m = m, .linears = linears, .y = outputs, .phase = phase},
      model_.engine().threads());
}

void Graph::run(const Batch& batch, bool keys_only_at_last, Selections* selections) {
  const ModelShape& shape = model_.shape();
  const OpTable& table = model_.engine().table();
  x_.resize(batch.size() * static_cast<size_t>(shape.width));
  table.embed(model_.embedding(), batch.ids.data(), static_cast<int64_t>(batch.size()), x_.data());
  if (selections) {
    selections->rows = batch.size();
    selections->row_entries = static_cast<size_t>(shape.groups) * kSelected;
    const size_t total = static_cast<size_t>(shape.layers) * batch.size() * selections->row_entries;
    selections->blocks.resize(total);
    selections->score.resize(total);
    selections->mass.resize(total);
  }
  for (int64_t layer = 0; layer < shape.layers; layer++) {
    const bool keys_only = keys_only_at_last && layer + 1 == shape.layers;
    attention_inputs(batch, layer, !keys_only, !batch.forced.empty() && !keys_only);
    if (keys_only) break;
    attend(batch, layer, selections);
    feed_forward(batch, layer);
  }
}

void Graph::normalise_heads(std::vector<float>& x, const std::vector<float>& weight, int64_t rows,
                            int64_t width, float eps) {
  model_.engine().table().rms_norm(x.data(), weight.data(), eps, rows, width, x.data(),
                                   model_.engine().threads());
}

// Index source `keys`: a group's query is the mean of its heads, rotated.
void Graph::mean_queries(int64_t m) {
  const ModelShape& shape = model_.shape();
  const int64_t heads = shape.heads / shape.groups, width = shape.head_dim;
  index_q_.resize(static_cast<size_t>(m * shape.groups * width));
  for (int64_t pair = 0; pair < m * shape.groups; pair++) {
    for (int64_t e = 0; e < width; e++) {
      double sum = 0;
      for (int64_t h = 0; h < heads; h++) {
        sum += double{q_[static_cast<size_t>((pair * heads + h) * width + e)]};
      }
      index_q_[static_cast<size_t>(pair * width + e)] =
          static_cast<float>(sum / static_cast<double>(heads));
    }
  }
}

void Graph::attention_inputs(const Batch& batch, int64_t layer, bool with_queries,
                             bool with_index_queries) {
  const ModelShape& shape = model_.shape();
  const PageShape& page = model_.page_shape();
  const OpTable& table = model_.engine().table();
  ThreadPool& threads = model_.engine().threads();
  const LayerWeights& weights = model_.layers()[static_cast<size_t>(layer)];
  const auto m = static_cast<int64_t>(batch.size());
  const bool trained = page.index_dim > 0;

  normed_.resize(x_.size());
  table.rms_norm(x_.data(), weights.attn_norm.data(), shape.eps, m, shape.width, normed_.data(),
                 threads);
  std::vector<const Linear*> linears;
  std::vector<float*> outputs;
  const auto product = [&](const Linear& linear, std::vector<float>& out) {
    out.resize(static_cast<size_t>(m * linear.weight.rows));
    linears.push_back(&linear);
    outputs.push_back(out.data());
  };
  product(weights.k, k_);
  product(weights.v, v_);
  if (with_queries) product(weights.q, q_);
  if (trained) product(*weights.index_k, index_k_);
  if (trained && with_index_queries) product(*weights.index_q, index_q_);
  table.matmul(
      {.x = normed_.data(), .m = m, .linears = linears, .y = outputs, .phase = batch.phase},
      threads);

  const auto rotate = [&](std::vector<float>& x, int64_t heads) {
    table.rope({.x = x.data(),
                .m = m,
                .heads = heads,
                .head_dim = shape.head_dim,
                .positions = batch.positions.data(),
                .theta = shape.theta},
               threads);
  };
  if (shape.qk_norm) {
    normalise_heads(k_, weights.k_norm, m * shape.groups, shape.head_dim, shape.eps);
    if (with_queries) {
      normalise_heads(q_, weights.q_norm, m * shape.heads, shape.head_dim, shape.eps);
    }
  }
  rotate(k_, shape.groups);
  if (with_queries) rotate(q_, shape.heads);
  if (trained) {
    normalise_heads(index_k_, weights.index_k_norm, m, page.index_dim, model_.index_eps());
  }
  if (with_index_queries && trained) {
    normalise_heads(index_q_, weights.index_q_norm, m * shape.groups, page.index_dim,
                    model_.index_eps());
  } else if (with_index_queries) {
    mean_queries(m);
  }
  table.store({.shape = &page,
               .layer = layer,
               .m = m,
               .rows = batch.rows.data(),
               .k = k_.data(),
               .v = v_.data(),
               .index_k = trained ? index_k_.data() : nullptr},
              threads);
}

// What the rows selected and still lies in the store: announced all together, so that the disk has
// much to do at once, then read.
void Graph::fetch(const Batch& batch, int64_t layer, const uint32_t* blocks) {
  const PageShape& shape = model_.page_shape();
  const size_t a_layer = model_.engine().table().page_format(shape).kv_pieces_per_layer;
  const size_t first = static_cast<size_t>(layer) * a_layer;
  const auto groups = static_cast<size_t>(shape.groups);
  wanted_.clear();
  for (size_t at = 0; at < batch.size() * groups * kSelected; at++) {
    if (blocks[at] == kNoBlock) continue;
    const size_t row = at / kSelected / groups, group = at / kSelected % groups;
    const Page* const page = batch.rows[row].timeline->pages[blocks[at]];
    const size_t piece = first + (a_layer > 1 ? group : 0);
    if (page->lazy && !page->lazy->has(piece)) wanted_.emplace_back(page, piece);
  }
  if (wanted_.empty()) return;
  std::sort(wanted_.begin(), wanted_.end());
  wanted_.erase(std::unique(wanted_.begin(), wanted_.end()), wanted_.end());
  for (const auto& [page, piece] : wanted_) page->lazy->announce(piece);
  std::atomic<const Page*> broken = nullptr;
  const auto read = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const auto& [page, piece] = wanted_[static_cast<size_t>(i)];
      if (!page->lazy->read(piece)) broken = page;
    }
  };
  model_.engine().threads().parallel_for(static_cast<int64_t>(wanted_.size()), 1, read);
  if (broken) throw BrokenPage{broken};
}

void Graph::attend(const Batch& batch, int64_t layer, Selections* selections) {
  const ModelShape& shape = model_.shape();
  const OpTable& table = model_.engine().table();
  ThreadPool& threads = model_.engine().threads();
  const auto m = static_cast<int64_t>(batch.size());
  const size_t entries = batch.size() * static_cast<size_t>(shape.groups) * kSelected;
  uint32_t* blocks = nullptr;
  float* mass = nullptr;
  if (!batch.forced.empty()) {
    float* score = nullptr;
    if (selections) {
      const size_t at = static_cast<size_t>(layer) * entries;
      blocks = selections->blocks.data() + at;
      score = selections->score.data() + at;
      mass = selections->mass.data() + at;
    } else {
      selected_.resize(entries);
      score_.resize(entries);
      blocks = selected_.data();
      score = score_.data();
    }
    table.select({.shape = &model_.page_shape(),
                  .layer = layer,
                  .m = m,
                  .rows = batch.rows.data(),
                  .index_q = index_q_.data(),
                  .forced = batch.forced.data(),
                  .forced_count = kMostForced,
                  .blocks = blocks,
                  .score = score},
                 threads);
    fetch(batch, layer, blocks);
  }
  attended_.resize(q_.size());
  table.attend({.shape = &model_.page_shape(),
                .layer = layer,
                .m = m,
                .heads = shape.heads,
                .rows = batch.rows.data(),
                .q = q_.data(),
                .blocks = blocks,
                .out = attended_.data(),
                .mass = mass,
                .phase = batch.phase},
               threads);
  branch_.resize(x_.size());
  const Linear* const linears[] = {&model_.layers()[static_cast<size_t>(layer)].o};
  float* const outputs[] = {branch_.data()};
  table.matmul(
      {.x = attended_.data(), .m = m, .linears = linears, .y = outputs, .phase = batch.phase},
      threads);
  table.add(x_.data(), branch_.data(), static_cast<int64_t>(x_.size()), threads);
}

void Graph::feed_forward(const Batch& batch, int64_t layer) {
  const ModelShape& shape = model_.shape();
  const OpTable& table = model_.engine().table();
  ThreadPool& threads = model_.engine().threads();
  const LayerWeights& weights = model_.layers()[static_cast<size_t>(layer)];
  const auto m = static_cast<int64_t>(batch.size());
  table.rms_norm(x_.data(), weights.ffn_norm.data(), shape.eps, m, shape.width, normed_.data(),
                 threads);
  gate_.resize(static_cast<size_t>(m * shape.ffn_width));
  up_.resize(gate_.size());
  const Linear* const wide[] = {&weights.gate, &weights.up};
  float* const wide_outputs[] = {gate_.data(), up_.data()};
  table.matmul(
      {.x = normed_.data(), .m = m, .linears = wide, .y = wide_outputs, .phase = batch.phase},
      threads);
  table.silu_mul(gate_.data(), up_.data(), static_cast<int64_t>(gate_.size()), threads);
  const Linear* const narrow[] = {&weights.down};
  float* const narrow_outputs[] = {branch_.data()};
  table.matmul(
      {.x = gate_.data(), .m = m, .linears = narrow, .y = narrow_outputs, .phase = batch.phase},
      threads);
  table.add(x_.data(), branch_.data(), static_cast<int64_t>(x_.size()), threads);
}

}  // namespace blocksight

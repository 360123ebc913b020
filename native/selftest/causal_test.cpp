// Made models against PyTorch transformers, and the causal layout against spec/msa.md section 2 in
// numpy (test/golden/make_tiny.py). No weights are needed: they follow from a formula.
#include <algorithm>
#include <cmath>

#include "check.h"
#include "core/conversation.h"
#include "core/reading.h"
#include "golden.h"
#include "op_table.h"
#include "tiny_pack.h"

using namespace blocksight;
using namespace blocksight::check;

namespace {

double relative_difference(std::span<const float> ours, const std::vector<double>& theirs) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < theirs.size(); i++) {
    difference += (double{ours[i]} - theirs[i]) * (double{ours[i]} - theirs[i]);
    size += theirs[i] * theirs[i];
  }
  return std::sqrt(difference / size);
}

std::vector<uint32_t> slice(const std::vector<uint32_t>& ids, size_t begin, size_t end) {
  return {ids.begin() + static_cast<std::ptrdiff_t>(begin),
          ids.begin() + static_cast<std::ptrdiff_t>(end)};
}

}  // namespace

TEST_WITH("golden-dir", "tiny: llama, qwen2 and qwen3 compute what PyTorch does") {
  const Json golden = read_golden("tiny.json");
  const std::vector<uint32_t> ids = integers(member(golden, "ids"));
  for (const char* architecture : {"llama", "qwen2", "qwen3"}) {
    const auto model = tiny_model(ref_table(), {.shape = {.architecture = architecture}});
    const PageSize size = model->page_size();
    std::vector<std::unique_ptr<PageMemory>> memory;
    std::vector<const Page*> pages;
    for (int b = 0; b < 3; b++) {
      memory.push_back(std::make_unique<PageMemory>(size));
      pages.push_back(&memory.back()->page());
    }
    const std::vector<uint8_t> valid(3, kBlockTokens);
    const Timeline timeline = {.pages = pages.data(), .valid = valid.data(), .blocks = 3};
    Batch batch;
    for (uint32_t i = 0; i < ids.size(); i++) {
      batch.add(ids[i], i,
                {.timeline = &timeline, .block = i / kBlockTokens, .offset = i % kBlockTokens});
    }
    Graph graph(*model);
    const std::span<const float> hidden = graph.converse(batch, 0, nullptr);
    const Json::Array& expected = *member(member(golden, "dense"), architecture).array();
    const auto width = static_cast<size_t>(model->shape().width);
    CHECK_EQ(expected.size(), 9u);
    for (size_t i = 0; i < expected.size(); i++) {
      CHECK(relative_difference(hidden.subspan(37 * i * width, width), numbers(expected[i])) <=
            1e-4);
    }
  }
}

TEST_WITH("golden-dir", "causal: rows select and compute what the specification says") {
  const Json golden = read_golden("tiny.json");
  const Json& causal = member(golden, "causal");
  const std::vector<uint32_t> ids = integers(member(causal, "ids"));
  const auto talk = static_cast<size_t>(*member(causal, "conversation").number());
  const size_t packed = ids.size() - talk;
  const auto model = tiny_model(ref_table(), {.layout = "causal"});
  CHECK(model->layout().prefix == slice(ids, 0, kBlockTokens));
  const auto pack =
      pack_of(model, {slice(ids, 128, 1024), slice(ids, 1024, 3072), slice(ids, 3072, packed)});
  read_all(*pack);
  Conversation conversation(*pack, std::vector<uint32_t>{0, 1, 2}, 0);
  Batch batch;
  conversation.place(slice(ids, packed, ids.size()), batch);
  Graph graph(*model);
  Selections selections;
  const std::span<const float> hidden = graph.converse(batch, 0, &selections);
  const auto width = static_cast<size_t>(model->shape().width);

  // Rows of the conversation, and those of the pack through a conversation that starts before them.
  size_t compared = 0;
  for (const Json& probed : *member(causal, "rows").array()) {
    const auto row = static_cast<size_t>(*member(probed, "row").number());
    if (row < packed) continue;
    const size_t at = row - packed;
    CHECK(relative_difference(hidden.subspan(at * width, width),
                              numbers(member(probed, "hidden"))) <= 1e-4);
    const Json::Array& layers = *member(probed, "picked").array();
    for (size_t layer = 0; layer < layers.size(); layer++) {
      for (size_t group = 0; group < 2; group++) {
        const Json::Array& pick = *(*layers[layer].array())[group].array();
        const uint32_t* const ours =
            &selections.blocks[(layer * selections.rows + at) * selections.row_entries +
                               group * kSelected];
        CHECK(std::vector<uint32_t>(ours, ours + kSelected) == integers(pick[0]));
        compared++;
      }
    }
  }
  CHECK(compared >= 16);
}

TEST_WITH("golden-dir", "causal: the pack's own rows are dense up to 16 blocks and select beyond") {
  const Json golden = read_golden("tiny.json");
  const Json& causal = member(golden, "causal");
  const std::vector<uint32_t> ids = integers(member(causal, "ids"));
  // What a row left behind is its keys and values; a conversation cut off just before a probed row
  // makes that row the conversation's, over pages that reading computed.
  const auto width = size_t{64};
  size_t compared = 0;
  for (const Json& probed : *member(causal, "rows").array()) {
    const auto row = static_cast<size_t>(*member(probed, "row").number());
    const size_t packed = row / kBlockTokens * kBlockTokens;
    if (packed <= kBlockTokens) continue;
    const auto model = tiny_model(ref_table(), {.layout = "causal", .threads = 2});
    const auto pack = pack_of(model, {slice(ids, kBlockTokens, packed)});
    read_all(*pack);
    Conversation conversation(*pack, std::vector<uint32_t>{0}, 0);
    Batch batch;
    conversation.place(slice(ids, packed, row + 1), batch);
    Graph graph(*model);
    const std::span<const float> hidden = graph.converse(batch, batch.size() - 1, nullptr);
    CHECK(relative_difference(hidden.first(width), numbers(member(probed, "hidden"))) <= 1e-4);
    compared++;
  }
  CHECK(compared >= 10);
}

TEST("causal: files are filled to a block, and an edit costs what follows it") {
  const auto model = tiny_model(ref_table(), {.layout = "causal"});
  std::vector<std::vector<uint32_t>> segments = {tiny_tokens(1, 300), tiny_tokens(2, 128),
                                                 tiny_tokens(3, 200)};
  const auto pack = pack_of(model, segments);
  CHECK_EQ(pack->segment(0).ids.size(), 384u);
  CHECK_EQ(pack->segment(0).ids[383], uint32_t{'\n'});
  CHECK_EQ(pack->block_count(), 7u);
  const uint32_t last = 2;
  bs_read_result result;
  const bs_read_options options = {
      .segments = &last, .count = 1, .background = 0, .budget_ms = 0, .at_least = 0};
  read_segments(*pack, options, nullptr, nullptr, result);
  CHECK_EQ(result.prefill_tokens, 6u * 128);  // the last one needs all before it
  CHECK(pack->is_held(0));
  segments[1][5] ^= 1;
  const auto edited = pack_of(model, segments);
  read_segments(*edited, options, nullptr, nullptr, result);
  CHECK_EQ(result.reused_tokens, 384u);
  CHECK_EQ(result.prefill_tokens, 384u);
}

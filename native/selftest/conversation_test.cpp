// A conversation's rows: what they are forced to read, what they can see, and that nothing else
// changes them.
#include "core/conversation.h"

#include <algorithm>
#include <set>

#include "bytes.h"
#include "check.h"
#include "core/graph.h"
#include "core/reading.h"
#include "golden.h"
#include "op_table.h"
#include "tiny_pack.h"

using namespace blocksight;
using namespace blocksight::check;

namespace {

std::unique_ptr<Pack> read_pack(const std::shared_ptr<Model>& model, size_t segments,
                                size_t tokens = 700) {
  std::vector<std::vector<uint32_t>> ids;
  for (uint32_t i = 0; i < segments; i++) ids.push_back(tiny_tokens(i + 10, tokens + i));
  auto pack = pack_of(model, ids);
  read_all(*pack);
  return pack;
}

struct Run {
  std::vector<float> hidden;
  Selections selections;
};

// All tokens in one batch.
Run converse(Conversation& conversation, const Model& model, std::span<const uint32_t> ids,
             bool dense = false) {
  Batch batch;
  conversation.place(ids, batch);
  if (dense) batch.forced.clear();
  Run run;
  Graph graph(model);
  const std::span<const float> hidden = graph.converse(batch, 0, dense ? nullptr : &run.selections);
  run.hidden.assign(hidden.begin(), hidden.end());
  return run;
}

std::set<uint32_t> selected(const Run& run, size_t layer, size_t row, size_t group) {
  const uint32_t* const at =
      &run.selections.blocks[(layer * run.selections.rows + row) * run.selections.row_entries +
                             group * kSelected];
  return {at, std::find(at, at + kSelected, kNoBlock)};
}

void check_sparse_equals_dense(const OpTable& table) {
  const auto model = tiny_model(table, {.with_adapter = true});
  const auto pack = read_pack(model, 2, 600);  // 1 + 5 + 5 blocks, and 5 of conversation
  const std::vector<uint32_t> sight = {0, 1}, ids = tiny_tokens(3, 5 * kBlockTokens);
  Conversation sparse(*pack, sight, 0), dense(*pack, sight, 0);
  const Run a = converse(sparse, *model, ids), b = converse(dense, *model, ids, true);
  CHECK(a.hidden == b.hidden);
  CHECK_EQ(selected(a, 0, 5 * kBlockTokens - 1, 1).size(), 16u);
}

}  // namespace

TEST("conversation: with at most 16 visible blocks MSA is dense attention, bit for bit, ref") {
  check_sparse_equals_dense(ref_table());
}

TEST("conversation: with at most 16 visible blocks MSA is dense attention, bit for bit, cpu") {
  const OpTable* const table = cpu_table(nullptr);
  if (!table) SKIP("no cpu tier for this processor");
  check_sparse_equals_dense(*table);
}

TEST("conversation: every row reads block 0, its turn's first block and its last two") {
  for (const bool with_adapter : {false, true}) {
    const auto model = tiny_model(ref_table(), {.with_adapter = with_adapter});
    const auto pack = read_pack(model, 4);
    const uint32_t first = pack->block_count();
    Conversation conversation(*pack, std::vector<uint32_t>{0, 1, 2, 3}, 200);
    const Run run = converse(conversation, *model, tiny_tokens(3, 600));
    for (const size_t row : {0u, 130u, 255u, 256u, 300u, 599u}) {
      const uint32_t own = first + static_cast<uint32_t>(row) / kBlockTokens;
      std::set<uint32_t> forced = {0, own};
      if (own > first) forced.insert(own - 1);
      if (own > first) forced.insert(first + 1);  // token 200 stands in the second block
      for (size_t layer = 0; layer < 2; layer++) {
        for (size_t group = 0; group < 2; group++) {
          const std::set<uint32_t> blocks = selected(run, layer, row, group);
          CHECK_EQ(blocks.size(), 16u);
          CHECK(std::ranges::includes(blocks, forced));
          CHECK_EQ(*blocks.rbegin(), own);
        }
      }
    }
  }
}

TEST("conversation: a segment out of sight is never selected, and the others keep their ids") {
  const auto model = tiny_model(ref_table());
  const auto pack = read_pack(model, 3);
  Conversation conversation(*pack, std::vector<uint32_t>{2, 0}, 0);
  const Run run = converse(conversation, *model, tiny_tokens(3, 40));
  const uint32_t begin = pack->segment(1).first_block, end = pack->segment(2).first_block;
  size_t seen = 0;
  for (const uint32_t block : run.selections.blocks) {
    if (block == kNoBlock) continue;
    CHECK(block < begin || block >= end);
    seen += block >= end ? 1 : 0;
  }
  CHECK(seen > 0);
  // Not read at all, the segment makes no difference.
  const auto other =
      pack_of(model, {tiny_tokens(10, 700), tiny_tokens(77, 701), tiny_tokens(12, 702)});
  bs_read_result result;
  const std::vector<uint32_t> sight = {0, 2};
  read_segments(
      *other,
      {.segments = sight.data(), .count = 2, .background = 0, .budget_ms = 0, .at_least = 0},
      nullptr, nullptr, result);
  Conversation again(*other, sight, 0);
  CHECK(converse(again, *model, tiny_tokens(3, 40)).hidden == run.hidden);
}

TEST("conversation: a row is the same in one batch, in pieces and in a fork") {
  for (const bool with_adapter : {false, true}) {
    const auto model = tiny_model(ref_table(), {.with_adapter = with_adapter, .threads = 2});
    const auto pack = read_pack(model, 4);
    const std::vector<uint32_t> sight = {0, 1, 2, 3}, ids = tiny_tokens(3, 300);
    Conversation whole(*pack, sight, 0), pieces(*pack, sight, 0);
    const Run all = converse(whole, *model, ids);
    const std::span<const uint32_t> rest(ids);
    converse(pieces, *model, rest.first(100));
    converse(pieces, *model, rest.subspan(100, 170));
    const std::unique_ptr<Conversation> fork = pieces.fork();
    converse(*fork, *model, tiny_tokens(9, 140));  // must leave no trace
    const Run last = converse(pieces, *model, rest.subspan(270));
    const size_t width = static_cast<size_t>(model->shape().width);
    CHECK(std::ranges::equal(last.hidden, std::span(all.hidden).subspan(270 * width)));
    CHECK_EQ(pieces.length(), 300u);
    CHECK_EQ(fork->length(), 410u);
  }
}

TEST("conversation: a segment in sight that was not read is refused by name") {
  const auto model = tiny_model(ref_table());
  const auto pack = pack_of(model, {tiny_tokens(1, 5)});
  CHECK_THROWS(Conversation(*pack, std::vector<uint32_t>{0}, 0), BS_INVALID_ARGUMENT, "not read");
  CHECK_THROWS(Conversation(*pack, std::vector<uint32_t>{1}, 0), BS_INVALID_ARGUMENT,
               "no segment 1");
}

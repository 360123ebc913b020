// Reading segments into pages: the same bits however they were computed, and nothing twice.
#include "core/reading.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "bytes.h"
#include "check.h"
#include "core/answer.h"
#include "core/error.h"
#include "op_table.h"
#include "tiny_pack.h"

using namespace blocksight;
using namespace blocksight::check;

namespace {

std::vector<std::vector<uint32_t>> five_segments() {
  return {tiny_tokens(1, 300), tiny_tokens(2, 128), tiny_tokens(3, 1920), tiny_tokens(4, 1),
          tiny_tokens(5, 700)};
}

bs_read_result read(Pack& pack, const std::vector<uint32_t>& order, double budget_ms = 0,
                    size_t at_least = 0, const bs_cancel* cancel = nullptr,
                    const ReadProgress& progress = nullptr) {
  bs_read_result result;
  read_segments(pack,
                {.segments = order.data(),
                 .count = order.size(),
                 .background = 0,
                 .budget_ms = budget_ms,
                 .at_least = at_least},
                progress, cancel, result);
  return result;
}

bool same_pages(const Pack& a, const Pack& b) {
  for (size_t s = 0; s < a.segment_count(); s++) {
    for (uint32_t p = 0; p < a.segment(s).block_count(); p++) {
      const PageMemory& x = *a.segment(s).pages[p];
      const PageMemory& y = *b.segment(s).pages[p];
      CHECK(x.make_whole() && y.make_whole());
      if (!std::ranges::equal(x.index(), y.index()) || !std::ranges::equal(x.kv(), y.kv())) {
        return false;
      }
    }
  }
  return true;
}

void check_same_pages_however_computed(const OpTable& table) {
  const TempDir dir;
  TinyOptions options = {.with_adapter = true};
  const auto together = pack_of(tiny_model(table, options), five_segments());
  const bs_read_result result = read(*together, {0, 1, 2, 3, 4});
  CHECK_EQ(result.read, 5u);
  CHECK_EQ(result.prefill_tokens, 3049u);

  options.threads = 3;
  options.store_dir = dir.path("store");
  const auto alone = pack_of(tiny_model(table, options), five_segments());
  for (const uint32_t segment : {4u, 2u, 0u, 3u, 1u}) read(*alone, {segment});
  CHECK(same_pages(*together, *alone));

  const auto from_disk = pack_of(tiny_model(table, options), five_segments());
  const bs_read_result loaded = read(*from_disk, {0, 1, 2, 3, 4});
  CHECK_EQ(loaded.prefill_tokens, 0u);
  CHECK_EQ(loaded.reused_tokens, 3049u);
  CHECK(same_pages(*together, *from_disk));
}

}  // namespace

TEST(
    "reading: segments in any order, batched or alone, from disk or fresh are the same pages, "
    "ref") {
  check_same_pages_however_computed(ref_table());
}

TEST(
    "reading: segments in any order, batched or alone, from disk or fresh are the same pages, "
    "cpu") {
  const OpTable* const table = cpu_table(nullptr);
  if (!table) SKIP("no cpu tier for this processor");
  check_same_pages_however_computed(*table);
}

TEST("reading: an edit costs the pages from its segment's first changed one on, and no other") {
  const auto model = tiny_model(ref_table());
  auto segments = five_segments();
  const auto before = pack_of(model, segments);
  read(*before, {0, 1, 2, 3, 4});
  segments[4][400] ^= 1;                                  // in its fourth block
  segments.insert(segments.begin(), tiny_tokens(6, 10));  // a new file moves all others
  const auto after = pack_of(model, segments);
  CHECK(!after->is_held(0));
  CHECK(after->is_held(3));
  CHECK(!after->is_held(5));
  const bs_read_result result = read(*after, {0, 1, 2, 3, 4, 5});
  CHECK_EQ(result.prefill_tokens, 10u + 700 - 3 * 128);
  CHECK_EQ(result.reused_tokens, 3049u - 700 + 3 * 128);
}

TEST("reading: a cancelled read keeps what was finished and goes on from there") {
  const auto pack = pack_of(tiny_model(ref_table()), five_segments());
  bs_cancel cancel;
  uint64_t seen = 0;
  bs_read_result result = {};
  const std::vector<uint32_t> order = {2, 4};
  const bs_read_options options = {
      .segments = order.data(), .count = 2, .background = 0, .budget_ms = 0, .at_least = 0};
  const auto cut = thrown([&] {
    read_segments(
        *pack, options,
        [&](const bs_read_progress& p) {
          seen = p.done_tokens;
          CHECK_EQ(p.total_tokens, 2620u);
          cancel.requested = true;
        },
        &cancel, result);
  });
  CHECK(cut && cut->status() == BS_CANCELLED);
  CHECK_EQ(seen, uint64_t{kChunkRows});
  CHECK_EQ(result.prefill_tokens, uint64_t{kChunkRows});
  CHECK_EQ(result.read, 0u);
  const bs_read_result rest = read(*pack, order);
  CHECK_EQ(rest.prefill_tokens, 2620u - kChunkRows);
  CHECK_EQ(rest.reused_tokens, uint64_t{kChunkRows});
}

TEST("reading: a spent budget stops after the segments that are read in any case") {
  const auto pack = pack_of(tiny_model(ref_table()), five_segments());
  const bs_read_result result = read(*pack, {2, 0, 4, 1}, 1e-3, 2);
  CHECK_EQ(result.read, 2u);
  CHECK(!pack->is_held(1));
}

TEST("reading: background reading waits while a question is answered") {
  const auto model = tiny_model(ref_table());
  const auto pack = pack_of(model, five_segments());
  auto question = std::make_unique<Priority::Foreground>(model->engine().priority());
  std::atomic<uint64_t> done{0};
  std::thread reader([&] {
    const uint32_t segment = 2;
    bs_read_result result;
    read_segments(
        *pack, {.segments = &segment, .count = 1, .background = 1, .budget_ms = 0, .at_least = 0},
        [&](const bs_read_progress& p) { done = p.done_tokens; }, nullptr, result);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  CHECK_EQ(done.load(), 0u);
  question.reset();
  reader.join();
  CHECK_EQ(done.load(), 1920u);
}

TEST("reading: stored pages that a changed segment goes on from are computed anew where broken") {
  for (const OpTable* const table : {&ref_table(), cpu_table(nullptr)}) {
    if (!table) continue;
    const TempDir dir;
    TinyOptions options = {.with_adapter = true};
    std::vector<uint32_t> text = tiny_tokens(1, 600);
    options.store_dir = dir.path("store");
    const auto before = pack_of(tiny_model(*table, options), {text});
    CHECK_EQ(read(*before, {0}).prefill_tokens, 600u);
    for (const auto& entry : std::filesystem::directory_iterator(dir.path("store") + "/v1")) {
      spoil(entry.path(), before->model().page_size());
    }
    text[300]++;
    const auto after = pack_of(tiny_model(*table, options), {text});
    CHECK_EQ(read(*after, {0}).reused_tokens, 0u);
    options.store_dir = "";
    const auto fresh = pack_of(tiny_model(*table, options), {text});
    read(*fresh, {0});
    CHECK(same_pages(*after, *fresh));
  }
}

TEST("reading: pages that nobody holds make room, and pages in use never do") {
  const size_t page = tiny_model(ref_table())->page_size().bytes();
  const auto model = tiny_model(ref_table(), {.memory_limit_bytes = 5 * page});
  {
    const auto first = pack_of(model, {tiny_tokens(1, 300)});
    read(*first, {0});
  }
  const auto second = pack_of(model, {tiny_tokens(2, 384), tiny_tokens(1, 300)});
  read(*second, {0});
  CHECK(model->engine().pages().bytes() <= 5 * page);
  CHECK_THROWS(read(*second, {1}), BS_OUT_OF_MEMORY, "more than the limit");
  CHECK_EQ(read(*second, {0}).reused_tokens, 384u);
}

TEST("pages: a full disk costs no page, and is told once") {
  const TempDir folder;
  int attempts = 0;
  PageStoreHooks hooks;
  hooks.before = [&](const char*) { return attempts++, ENOSPC; };
  PageCache cache(PageStore::open(folder.path("pages"), 1 << 20, hooks), 0);
  for (uint8_t i = 0; i < 3; i++) {
    const PageKey key = {i};
    CHECK(cache.insert(key, std::make_shared<PageMemory>(
                           PageSize{.layers = 1, .index_bytes_per_layer = 64, .kv_bytes = 64})));
    CHECK(cache.contains(key));
  }
  CHECK_EQ(attempts, 1);
  const auto failure = cache.take_store_failure();
  CHECK(failure && failure->status() == BS_DISK_FULL);
  CHECK(!cache.take_store_failure());
}

TEST("reading: a segment that is empty, too long or outside the vocabulary is refused by name") {
  const auto model = tiny_model(ref_table());
  CHECK_THROWS(pack_of(model, {tiny_tokens(1, 5), {}}), BS_INVALID_ARGUMENT, "Segment 1");
  CHECK_THROWS(pack_of(model, {tiny_tokens(1, 1921)}), BS_INVALID_ARGUMENT, "1921");
  CHECK_THROWS(pack_of(model, {{kTinyVocab}}), BS_INVALID_ARGUMENT, "vocabulary");
  const auto pack = pack_of(model, {tiny_tokens(1, 5)});
  CHECK_THROWS(read(*pack, {1}), BS_INVALID_ARGUMENT, "no segment 1");
}

#include "bpe.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace blocksight {

// Above this many symbols the scan's n² costs more than the heap.
constexpr size_t kShortWord = 40;

MergeTable::MergeTable(std::vector<Merge> merges) {
  const size_t slots = std::bit_ceil(merges.size() * 2 + 2);
  mask_ = slots - 1;
  keys_.assign(slots, kEmpty);
  ranks_.assign(slots, kNoToken);
  merged_.reserve(merges.size());
  for (const Merge& merge : merges) {
    const uint64_t key = uint64_t{merge.left} << 32 | merge.right;
    size_t i = slot(key);
    while (keys_[i] != kEmpty && keys_[i] != key) i = (i + 1) & mask_;
    unique_ = unique_ && keys_[i] == kEmpty;
    keys_[i] = key;
    ranks_[i] = static_cast<uint32_t>(merged_.size());
    merged_.push_back(merge.merged);
  }
}

void WordMerger::merge(const MergeTable& table, std::vector<Symbol>& word) {
  if (word.size() < 2) return;
  if (word.size() <= kShortWord)
    merge_short(table, word);
  else
    merge_long(table, word);
}

void WordMerger::merge_short(const MergeTable& table, std::vector<Symbol>& word) {
  size_t count = word.size();
  ranks_.resize(count);  // ranks_[i]: of the pair (i, i + 1)
  for (size_t i = 0; i + 1 < count; i++) ranks_[i] = table.rank(word[i].id, word[i + 1].id);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; i++)
      if (ranks_[i] < ranks_[best]) best = i;
    if (ranks_[best] == kNoToken) break;
    word[best] = {table.merged(ranks_[best]), word[best].size + word[best + 1].size};
    count--;
    Symbol* symbols = word.data();
    uint32_t* ranks = ranks_.data();
    std::copy(symbols + best + 2, symbols + count + 1, symbols + best + 1);
    std::copy(ranks + best + 1, ranks + count, ranks + best);
    if (best > 0) ranks_[best - 1] = table.rank(word[best - 1].id, word[best].id);
    if (best + 1 < count) ranks_[best] = table.rank(word[best].id, word[best + 1].id);
  }
  word.resize(count);
}

// A linked list of symbols and a heap of (rank, position). A rank names its pair, so an entry is
// valid exactly when the pair at its position still has that rank; stale ones are passed over.
void WordMerger::merge_long(const MergeTable& table, std::vector<Symbol>& word) {
  const auto count = static_cast<uint32_t>(word.size());
  links_.resize(count);
  heap_.clear();
  const auto entry = [](uint32_t rank, uint32_t at) { return uint64_t{rank} << 32 | at; };
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t rank = i + 1 < count ? table.rank(word[i].id, word[i + 1].id) : kNoToken;
    links_[i] = {rank, i > 0 ? i - 1 : kNoToken, i + 1 < count ? i + 1 : kNoToken};
    if (rank != kNoToken) heap_.push_back(entry(rank, i));
  }
  std::make_heap(heap_.begin(), heap_.end(), std::greater<>());

  const auto set_rank = [&](uint32_t at) {
    Link& link = links_[at];
    link.rank = link.next == kNoToken ? kNoToken : table.rank(word[at].id, word[link.next].id);
    if (link.rank == kNoToken) return;
    heap_.push_back(entry(link.rank, at));
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  };
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    const auto rank = static_cast<uint32_t>(heap_.back() >> 32);
    const auto at = static_cast<uint32_t>(heap_.back());
    heap_.pop_back();
    Link& link = links_[at];
    if (link.rank != rank) continue;
    const uint32_t taken = link.next;
    word[at] = {table.merged(rank), word[at].size + word[taken].size};
    word[taken].size = 0;  // marks it as gone
    links_[taken].rank = kNoToken;
    link.next = links_[taken].next;
    if (link.next != kNoToken) links_[link.next].previous = at;
    set_rank(at);
    if (link.previous != kNoToken) set_rank(link.previous);
  }
  std::erase_if(word, [](const Symbol& symbol) { return symbol.size == 0; });
}

}  // namespace blocksight

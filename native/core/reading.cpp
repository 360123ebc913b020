#include "reading.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>

#include "boundary.h"
#include "error.h"
#include "graph.h"

namespace blocksight {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kAnnounced = 4;  // segments: of the coder up to 15 MB of index parts

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// A segment whose rows are being computed: its own table of pages (block 0, then its blocks; in the
// causal layout all blocks before it as well) and how far it is.
struct InProgress {
  uint32_t segment = 0;
  uint32_t first = 1;  // block id of the segment's first block in this table
  std::vector<PageRef> held;
  std::vector<std::shared_ptr<PageMemory>> made;  // per block of the segment; null: it was held
  std::vector<const Page*> pages;
  std::vector<uint8_t> valid;
  Timeline timeline;
  uint32_t next = 0, count = 0;  // tokens computed or held, tokens in all
};

class Reading {
 public:
  Reading(Pack& pack, const bs_read_options& options, const ReadProgress& progress,
          const bs_cancel* cancel, bs_read_result& result)
      : pack_(pack),
        model_(pack.model()),
        options_(options),
        progress_(progress),
        cancel_(cancel),
        result_(result),
        graph_(model_),
        is_causal_(model_.layout().kind == LayoutKind::causal) {
    order_.assign(options.segments, options.segments + options.count);
    for (const uint32_t segment : order_) {
      if (segment >= pack.segment_count()) {
        throw Error(BS_INVALID_ARGUMENT, "There is no segment " + std::to_string(segment) + ".");
      }
    }
    if (is_causal_ && !order_.empty()) {  // a page depends on all before it
      order_.resize(*std::max_element(order_.begin(), order_.end()) + 1);
      for (uint32_t i = 0; i < order_.size(); i++) order_[i] = i;
    }
    for (const uint32_t segment : order_) total_ += pack.segment(segment).ids.size();
  }

  void run() {
    std::optional<Priority::Foreground> first;
    if (!options_.background) first.emplace(model_.engine().priority());
    if (options_.background) model_.engine().priority().wait_for_foreground(cancel_);
    prefix_ = model_.prefix_page();
    while (refill()) {
      if (options_.background) model_.engine().priority().wait_for_foreground(cancel_);
      if (is_cancelled(cancel_)) throw Error(BS_CANCELLED, "Reading was cancelled.");
      if (is_over_budget()) break;
      compute_chunk();
    }
  }

  void finish() {
    result_.elapsed_ms = ms_since(start_);
    model_.unload_file();
    if (const auto failure = model_.engine().pages().take_store_failure()) {
      set_error(&result_.store, failure->status(), failure->what());
    }
    result_.read = 0;
    while (result_.read < options_.count && is_read(options_.segments[result_.read])) {
      result_.read++;
    }
  }

 private:
  bool is_read(uint32_t segment) const {
    return std::ranges::all_of(pack_.segment(segment).pages, [](const PageRef& p) { return !!p; });
  }

  bool is_over_budget() const {
    return options_.budget_ms > 0 && ms_since(start_) > options_.budget_ms &&
           completed_ >= options_.at_least;
  }

  // Begins segments until a chunk's rows are there; false when nothing is left to compute.
  bool refill() {
    size_t rows = 0;
    for (const auto& s : active_) rows += s->count - s->next;
    while (rows < kChunkRows && next_ < order_.size() && !is_cancelled(cancel_)) {
      if (is_causal_ && !active_.empty()) break;  // the next one needs this one's pages
      if (is_over_budget()) break;
      announce();
      const uint32_t segment = order_[next_++];
      if (auto begun = begin(segment)) {
        rows += begun->count - begun->next;
        active_.push_back(std::move(begun));
      } else {
        report(segment);
      }
    }
    return !active_.empty();
  }

  // The disk reads some pages ahead of what is looked for.
  void announce() {
    for (; announced_ < order_.size() && announced_ < next_ + kAnnounced; announced_++) {
      const PackSegment& segment = pack_.segment(order_[announced_]);
      if (!is_read(order_[announced_])) {
        model_.engine().pages().announce(segment.keys, model_.page_size());
      }
    }
  }

  // Null when all pages are held.
  std::unique_ptr<InProgress> begin(uint32_t index) {
    const PackSegment& segment = pack_.segment(index);
    const uint32_t held = pack_.find_pages(index);
    const auto count = static_cast<uint32_t>(segment.ids.size());
    const uint32_t reused = std::min(count, held * kBlockTokens);
    result_.reused_tokens += reused;
    done_ += reused;
    if (held == segment.block_count()) {
      completed_++;
      return nullptr;
    }
    auto s = std::make_unique<InProgress>();
    s->segment = index;
    s->held.push_back(prefix_);
    if (is_causal_) {
      for (uint32_t before = 0; before < index; before++) {
        for (PageRef& page : pack_.need_pages(before)) s->held.push_back(std::move(page));
      }
    }
    s->first = static_cast<uint32_t>(s->held.size());
    for (const PageRef& page : s->held) s->pages.push_back(&page->page());
    s->valid.assign(s->held.size(), kBlockTokens);
    const PageSize size = model_.page_size();
    for (uint32_t b = 0; b < segment.block_count(); b++) {
      if (b < held) {
        s->held.push_back(segment.pages[b]);
        s->made.push_back(nullptr);
        s->pages.push_back(&s->held.back()->page());
      } else {
        s->made.push_back(std::make_shared<PageMemory>(size));
        s->pages.push_back(&s->made.back()->page());
      }
      s->valid.push_back(static_cast<uint8_t>(segment.valid(b)));
    }
    s->timeline = {.pages = s->pages.data(),
                   .valid = s->valid.data(),
                   .blocks = static_cast<uint32_t>(s->pages.size())};
    s->next = reused;
    s->count = count;
    return s;
  }

  // Adds rows of `s`, at most `room`; returns how many. In the causal layout a chunk ends where
  // selection begins, so that all its rows are of one kind.
  uint32_t add_rows(InProgress& s, size_t room) {
    const PackSegment& segment = pack_.segment(s.segment);
    const Layout& layout = model_.layout();
    uint32_t added = 0;
    while (s.next < s.count && added < room) {
      const uint32_t block = s.first + s.next / kBlockTokens;
      const uint32_t offset = s.next % kBlockTokens;
      if (is_causal_ && block == kSelected && offset == 0 && batch_.size() > 0) break;
      const uint32_t position =
          is_causal_ ? block * kBlockTokens + offset : layout.segment_position + s.next;
      batch_.add(segment.ids[s.next], position,
                 {.timeline = &s.timeline, .block = block, .offset = offset});
      if (block >= kSelected) {
        batch_.forced.insert(batch_.forced.end(), {kNoBlock, kNoBlock, kNoBlock, block});
      }
      s.next++;
      added++;
    }
    return added;
  }

  void compute_chunk() {
    batch_.clear();
    for (const auto& s : active_) {
      const size_t room = kChunkRows - batch_.size();
      if (room == 0) break;
      add_rows(*s, room);
    }
    const uint32_t last = active_.back()->segment;
    compute_batch();
    result_.prefill_tokens += batch_.size();
    done_ += batch_.size();
    for (const auto& s : active_) keep_finished_pages(*s);
    while (!active_.empty() && active_.front()->next == active_.front()->count) {
      active_.pop_front();
      completed_++;
    }
    report(active_.empty() ? last : active_.front()->segment);
  }

  void compute_batch() {
    if (!options_.background) return graph_.read(batch_);
    const ThreadPool::Background last([this] { return !is_cancelled(cancel_); });
    try {
      graph_.read(batch_);
    } catch (const ThreadPool::Dropped&) {
      throw Error(BS_CANCELLED, "Reading was cancelled.");
    }
  }

  void keep_finished_pages(InProgress& s) {
    const PackSegment& segment = pack_.segment(s.segment);
    for (uint32_t b = 0; b < segment.block_count(); b++) {
      const uint32_t end = b * kBlockTokens + segment.valid(b);
      if (!s.made[b] || segment.pages[b] || s.next < end) continue;
      model_.engine().table().seal(model_.page_shape(), s.made[b]->page(), segment.valid(b));
      pack_.set_page(s.segment, b, model_.engine().pages().insert(segment.keys[b], s.made[b],
                                                                     model_.page_size().kv_pieces));
    }
  }

  void report(uint32_t segment) {
    if (!progress_) return;
    const double seconds = ms_since(start_) / 1000;
    progress_({.segment = segment,
               .done_tokens = done_,
               .total_tokens = total_,
               .tokens_per_second =
                   seconds > 0 ? static_cast<double>(result_.prefill_tokens) / seconds : 0});
  }

  Pack& pack_;
  const Model& model_;
  const bs_read_options& options_;
  const ReadProgress& progress_;
  const bs_cancel* cancel_;
  bs_read_result& result_;
  Graph graph_;
  const bool is_causal_;
  const Clock::time_point start_ = Clock::now();
  std::vector<uint32_t> order_;
  size_t next_ = 0, announced_ = 0, completed_ = 0;
  uint64_t done_ = 0, total_ = 0;
  PageRef prefix_;
  std::deque<std::unique_ptr<InProgress>> active_;
  Batch batch_;
};

}  // namespace

void read_segments(Pack& pack, const bs_read_options& options, const ReadProgress& progress,
                   const bs_cancel* cancel, bs_read_result& result) {
  result = {};
  Reading reading(pack, options, progress, cancel, result);
  try {
    reading.run();
  } catch (...) {
    reading.finish();
    throw;
  }
  reading.finish();
  if (is_cancelled(cancel) && result.read < options.count) {
    throw Error(BS_CANCELLED, "Reading was cancelled.");
  }
}

}  // namespace blocksight

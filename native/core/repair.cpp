#include "repair.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "error.h"
#include "graph.h"
#include "reading.h"

namespace blocksight {

void repair(const Pack& pack, const Page* broken) {
  const auto place = pack.place_of(broken);
  if (!place) throw Error(BS_CORRUPT, "A stored page is broken that no segment has.");
  const Model& model = pack.model();
  const PackSegment& segment = pack.segment(place->segment);
  const PageRef prefix = model.prefix_page();
  const PageSize size = model.page_size();
  std::vector<std::shared_ptr<PageMemory>> memory;
  std::vector<const Page*> pages = {&prefix->page()};
  std::vector<uint8_t> valid = {kBlockTokens};
  for (uint32_t b = 0; b < segment.block_count(); b++) {
    memory.push_back(std::make_shared<PageMemory>(size));
    pages.push_back(&memory.back()->page());
    valid.push_back(static_cast<uint8_t>(segment.valid(b)));
  }
  const Timeline timeline = {.pages = pages.data(),
                             .valid = valid.data(),
                             .blocks = static_cast<uint32_t>(pages.size())};
  Graph graph(model);
  Batch batch;
  const auto count = static_cast<uint32_t>(segment.ids.size());
  for (uint32_t begin = 0; begin < count; begin += kChunkRows) {
    batch.clear();
    const uint32_t end = std::min<uint32_t>(count, begin + kChunkRows);
    for (uint32_t i = begin; i < end; i++) {
      batch.add(segment.ids[i], model.layout().segment_position + i,
                {.timeline = &timeline, .block = 1 + i / kBlockTokens, .offset = i % kBlockTokens});
    }
    graph.read(batch);
  }
  const std::shared_ptr<PageMemory>& made = memory[place->block];
  model.engine().table().seal(model.page_shape(), made->page(), segment.valid(place->block));
  place->page->fill(*made);
  model.engine().pages().insert(segment.keys[place->block], made, size.kv_pieces);
}

}  // namespace blocksight

#include "focus.h"

#include <algorithm>

namespace blocksight {

Focus::Focus(const Pack& pack)
    : pack_(pack),
      segment_of_block_(pack.block_count(), kNoBlock),
      mass_(pack.model().question_heads().size() * pack.segment_count()) {
  for (uint32_t s = 0; s < pack.segment_count(); s++) {
    const PackSegment& segment = pack.segment(s);
    for (uint32_t b = 0; b < segment.block_count(); b++) {
      segment_of_block_[segment.first_block + b] = s;
    }
  }
}

void Focus::add(const Selections& selections, size_t row) {
  const std::vector<QuestionHead>& heads = pack_.model().question_heads();
  for (size_t h = 0; h < heads.size(); h++) {
    const size_t at = (heads[h].layer * selections.rows + row) * selections.row_entries +
                      heads[h].group * kSelected;
    for (size_t j = at; j < at + kSelected; j++) {
      const uint32_t block = selections.blocks[j];
      if (block >= segment_of_block_.size() || segment_of_block_[block] == kNoBlock) continue;
      mass_[h * pack_.segment_count() + segment_of_block_[block]] += double{selections.mass[j]};
    }
  }
}

std::vector<double> Focus::of_segments() const {
  const size_t heads = pack_.model().question_heads().size(), count = pack_.segment_count();
  std::vector<double> focus(count);
  for (size_t h = 0; h < heads; h++) {
    double sum = 0;
    for (size_t s = 0; s < count; s++) sum += mass_[h * count + s];
    if (sum <= 0) continue;
    for (size_t s = 0; s < count; s++) {
      focus[s] += mass_[h * count + s] / sum / static_cast<double>(heads);
    }
  }
  return focus;
}

std::vector<double> Focus::of_files() const {
  std::vector<double> files(pack_.file_count());
  const std::vector<double> segments = of_segments();
  for (size_t s = 0; s < segments.size(); s++) {
    double& file = files[pack_.segment(s).file];
    file = std::max(file, segments[s]);
  }
  return files;
}

}  // namespace blocksight

#include "index_slab.h"

#include <algorithm>
#include <vector>

#include "check.h"

namespace blocksight {
namespace {

// A size of its own for every test: slabs are the process's.
TEST("pages made one after another have their index side by side, layer by layer, zero at first") {
  constexpr size_t kLayers = 3, kBytes = 64 * 101;
  std::vector<IndexSlab::Place> places;
  for (int i = 0; i < 40; i++) places.push_back(IndexSlab::Place::take(kLayers, kBytes));
  size_t neighbours = 0;
  for (size_t i = 0; i < places.size(); i++) {
    for (size_t layer = 0; layer < kLayers; layer++) {
      std::byte* const at = places[i].layer(layer);
      CHECK_EQ(reinterpret_cast<uintptr_t>(at) % 64, 0u);
      CHECK_EQ(at, places[i].layer(0) + layer * places[i].stride());
      CHECK(std::all_of(at, at + kBytes, [](std::byte b) { return b == std::byte{0}; }));
      std::fill_n(at, kBytes, static_cast<std::byte>(1 + i));
    }
    neighbours += i && places[i].layer(0) == places[i - 1].layer(0) + kBytes;
  }
  CHECK(neighbours >= places.size() * 3 / 4);
  for (size_t i = 0; i < places.size(); i++) {
    std::byte* const at = places[i].layer(kLayers - 1);
    const auto is_own = [&](std::byte b) { return b == static_cast<std::byte>(1 + i); };
    CHECK(std::all_of(at, at + kBytes, is_own));
  }
}

TEST("the place of a page's index that is gone is the next page's, and zero again") {
  constexpr size_t kBytes = 64 * 103;
  std::vector<IndexSlab::Place> places;
  for (int i = 0; i < 4; i++) places.push_back(IndexSlab::Place::take(2, kBytes));
  std::byte* const first = places[0].layer(1);
  std::fill_n(first, kBytes, std::byte{7});
  places.erase(places.begin(), places.begin() + 1);
  const IndexSlab::Place again = IndexSlab::Place::take(2, kBytes);
  CHECK_EQ(again.layer(1), first);
  CHECK(std::all_of(first, first + kBytes, [](std::byte b) { return b == std::byte{0}; }));
}

}  // namespace
}  // namespace blocksight

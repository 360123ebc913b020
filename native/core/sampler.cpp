#include "sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

namespace blocksight {

namespace {

uint32_t largest(std::span<const float> logits) {
  return static_cast<uint32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

}  // namespace

// splitmix64 (Steele, Lea, Flood 2014): 64 bits of state, passes BigCrush, the same everywhere.
double Sampler::uniform() {
  state_ += 0x9E3779B97F4A7C15u;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1.0p-53;
}

uint32_t Sampler::next(std::span<const float> given, std::span<const uint32_t> answer) {
  const bool penalised = sampling_.repetition_penalty != 1 && !answer.empty();
  if (sampling_.temperature == 0 && !penalised) return largest(given);
  std::vector<float> logits(given.begin(), given.end());
  for (float& logit : logits) {
    if (std::isnan(logit)) logit = -std::numeric_limits<float>::infinity();  // has no order
  }
  if (penalised) {
    for (const uint32_t token : std::set<uint32_t>(answer.begin(), answer.end())) {
      float& logit = logits[token];
      logit =
          logit > 0 ? logit / sampling_.repetition_penalty : logit * sampling_.repetition_penalty;
    }
  }
  if (sampling_.temperature == 0) return largest(logits);

  std::vector<uint32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0u);
  const size_t kept =
      sampling_.top_k ? std::min<size_t>(sampling_.top_k, order.size()) : order.size();
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(),
                    [&](uint32_t a, uint32_t b) {
                      return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
                    });
  std::vector<double> weight(kept);
  double sum = 0;
  for (size_t i = 0; i < kept; i++) {
    const double above = double{logits[order[i]]} - double{logits[order[0]]};
    sum += weight[i] = std::exp(above / double{sampling_.temperature});
  }
  size_t nucleus = 0;
  double inside = 0;
  while (nucleus < kept && (nucleus == 0 || inside < double{sampling_.top_p} * sum)) {
    inside += weight[nucleus++];
  }
  double left = uniform() * inside;
  for (size_t i = 0; i < nucleus; i++) {
    left -= weight[i];
    if (left < 0) return order[i];
  }
  return order[nucleus - 1];
}

double log_probability(std::span<const float> logits, uint32_t token) {
  const double most = double{*std::max_element(logits.begin(), logits.end())};
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit} - most);
  return double{logits[token]} - most - std::log(sum);
}

}  // namespace blocksight

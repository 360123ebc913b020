// Chooses the next token from logits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace blocksight {

struct Sampling {
  float temperature = 0;         // 0: the largest logit, ties to the lower id
  float top_p = 1;               // 1: off
  uint32_t top_k = 0;            // 0: off
  float repetition_penalty = 1;  // of tokens that the answer has: logit / p if positive, else * p
  uint64_t seed = 0;
};

class Sampler {
 public:
  explicit Sampler(const Sampling& sampling) : sampling_(sampling), state_(sampling.seed) {}

  // `answer`: the tokens so far. Order: penalty, temperature, top-k, top-p. The same seed, logits
  // and order of calls give the same tokens on every machine.
  uint32_t next(std::span<const float> logits, std::span<const uint32_t> answer);

 private:
  double uniform();  // [0, 1)

  Sampling sampling_;
  uint64_t state_;
};

// log softmax(logits)[token], in fp64.
double log_probability(std::span<const float> logits, uint32_t token);

}  // namespace blocksight

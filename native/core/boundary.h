// What the C boundary needs everywhere: the handles' contents and the one place where exceptions
// end.
#pragma once

#include <atomic>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>

#include "engine.h"
#include "error.h"
#include "model.h"
#include "pack.h"

struct bs_engine {
  std::shared_ptr<blocksight::Engine> engine;
  std::string description;
};

struct bs_tokenizer {
  std::shared_ptr<const blocksight::Tokenizer> tokenizer;
  std::string description;
};

// Handles share what they point to, so that destroying them in the wrong order is harmless.
struct bs_model {
  std::shared_ptr<blocksight::Model> model;
  bs_tokenizer tokenizer;
};

struct bs_pack {
  struct Shared {
    Shared(std::shared_ptr<blocksight::Model> model, std::span<const bs_segment> segments)
        : pack(std::move(model), segments) {}
    blocksight::Pack pack;
    std::atomic<bool> reading{false}, asking{false};
  };
  std::shared_ptr<Shared> shared;
};

namespace blocksight {

inline bs_status set_error(bs_error* error, bs_status status, const char* message) {
  if (error) {
    error->status = status;
    std::strncpy(error->message, message, sizeof error->message - 1);
    error->message[sizeof error->message - 1] = '\0';
  }
  return status;
}

// Runs `body` and turns what it throws into a status and a sentence.
template <typename Body>
bs_status at_boundary(bs_error* error, Body&& body) {
  try {
    body();
    return set_error(error, BS_OK, "");
  } catch (const Error& e) {
    return set_error(error, e.status(), e.what());
  } catch (const std::bad_alloc&) {
    return set_error(error, BS_OUT_OF_MEMORY, "There is not enough memory.");
  } catch (const std::exception& e) {
    return set_error(error, BS_INTERNAL, e.what());
  } catch (...) {
    return set_error(error, BS_INTERNAL, "Something that is no exception was thrown.");
  }
}

template <typename... Pointers>
void need(const Pointers*... pointers) {
  if (!(... && (pointers != nullptr))) {
    throw Error(BS_INVALID_ARGUMENT, "A pointer that is needed is null.");
  }
}

// Raises a flag for one call; a second call at the same time is BS_BUSY.
class Busy {
 public:
  Busy(std::atomic<bool>& flag, const char* message) : flag_(flag) {
    if (flag_.exchange(true)) throw Error(BS_BUSY, message);
  }
  ~Busy() { flag_.store(false); }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  std::atomic<bool>& flag_;
};

std::string describe_tokenizer(const Tokenizer&, std::string_view name,
                               std::string_view chat_template);

}  // namespace blocksight

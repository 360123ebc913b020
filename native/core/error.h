// One exception type inside the engine; the C boundary turns it into a status and a sentence.
#pragma once

#include <stdexcept>
#include <string>

#include "blocksight.h"

namespace blocksight {

class Error : public std::runtime_error {
 public:
  Error(bs_status status, const std::string& message)
      : std::runtime_error(message), status_(status) {}
  bs_status status() const { return status_; }

 private:
  bs_status status_;
};

}  // namespace blocksight

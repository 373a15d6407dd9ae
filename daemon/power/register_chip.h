// A chip on a simulated bus: what its registers answer at an instant.
#pragma once

#include <cstdint>

#include "common/clock.h"

namespace synergy {

class RegisterChip {
 public:
  virtual ~RegisterChip() = default;
  // `at` is the instant at which the chip takes the value over; it never runs backwards.
  virtual uint16_t Read(uint8_t reg, MonotonicTime at) = 0;
  virtual void Write(uint8_t reg, uint16_t value, MonotonicTime at) = 0;
};

}  // namespace synergy

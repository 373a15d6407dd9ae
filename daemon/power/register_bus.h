// A bus of chips with 8-bit register addresses and 16-bit registers, most significant byte first,
// as SMBus word transfers reach them: the seam between sensor code and real or simulated hardware.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"

namespace synergy {

// The value of one register and the two instants between which the transaction lay.
struct RegisterRead {
  uint16_t value = 0;
  MonotonicTime begin;
  MonotonicTime end;
};

// When, within a read, the chip takes over the value that it answers with: not before
// begin + after_begin and not after end - before_end. Zeros where the bus's speed is not known.
struct ReadLatch {
  Nanoseconds after_begin;
  Nanoseconds before_end;
};

// Thread-safe: one transaction at a time, others wait. `address` is the 7-bit address of the chip.
// Errors: Unavailable where the chip did not answer this time, NotFound where there is no such chip
// (any more), anything else where the bus itself cannot be used.
class RegisterBus {
 public:
  virtual ~RegisterBus() = default;
  virtual const std::string& name() const = 0;  // "i2c-1"
  virtual ReadLatch read_latch() const = 0;
  virtual absl::StatusOr<RegisterRead> Read(uint8_t address, uint8_t reg) = 0;
  virtual absl::Status Write(uint8_t address, uint8_t reg, uint16_t value) = 0;
};

}  // namespace synergy

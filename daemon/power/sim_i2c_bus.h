// A simulated I2C bus: chips behind 7-bit addresses, and transactions that take the time that their
// bits take.
//
// A register read is START, address, register, repeated START, address, two data bytes and STOP: 45
// bits with acknowledgements and 2 bit times for the conditions (I2C specification, NXP UM10204),
// 117.5 us at 400 kHz and 470 us at 100 kHz. The chip answers with what its register held when it
// acknowledged its address for reading, 29 bit times after the start.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "common/clock.h"
#include "common/priority_mutex.h"
#include "daemon/power/register_bus.h"
#include "daemon/power/register_chip.h"

namespace synergy {

class SimI2cBus final : public RegisterBus {
 public:
  // `clock` outlives the bus. Sleeps on it until a transaction is over.
  SimI2cBus(std::string name, uint32_t bit_rate_hz, Clock& clock);

  // Replaces a chip that was there.
  void Attach(uint8_t address, std::unique_ptr<RegisterChip> chip);

  const std::string& name() const override { return name_; }
  ReadLatch read_latch() const override;
  // NotFound where no chip has this address.
  absl::StatusOr<RegisterRead> Read(uint8_t address, uint8_t reg) override;
  absl::Status Write(uint8_t address, uint8_t reg, uint16_t value) override;

  // Runs `action` while no transaction is under way, at the instant that it is given.
  void BetweenTransactions(const std::function<void(MonotonicTime)>& action);

 private:
  Nanoseconds Bits(int64_t bits) const { return {bits * bit_ns_x1000_ / 1000}; }
  absl::StatusOr<RegisterChip*> Find(uint8_t address) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string name_;
  const int64_t bit_ns_x1000_;
  Clock& clock_;
  PriorityMutex mutex_;  // the bus: held as long as a transaction lasts
  std::map<uint8_t, std::unique_ptr<RegisterChip>> chips_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy

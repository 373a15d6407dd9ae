// A register bus behind /dev/i2c-N (Documentation/i2c/dev-interface.rst): word transfers of SMBus,
// which every adapter can do.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/priority_mutex.h"
#include "common/unique_fd.h"
#include "daemon/power/register_bus.h"

namespace synergy {

class I2cDevBus final : public RegisterBus {
 public:
  // `path` is "/dev/i2c-1". `bit_rate_hz` is the fastest that the bus may run at, 0 where it is not
  // known: then nothing is known of when within a read the chip answers. `clock` outlives the bus.
  // NotFound: there is no such bus, or the module i2c-dev is not loaded.
  static absl::StatusOr<std::shared_ptr<I2cDevBus>> Open(const std::string& path,
                                                         uint32_t bit_rate_hz, Clock& clock);

  const std::string& name() const override { return name_; }
  ReadLatch read_latch() const override;
  // Besides RegisterBus's errors FailedPrecondition: a driver of the kernel has the chip.
  absl::StatusOr<RegisterRead> Read(uint8_t address, uint8_t reg) override;
  absl::Status Write(uint8_t address, uint8_t reg, uint16_t value) override;

 private:
  I2cDevBus(std::string path, UniqueFd fd, uint32_t bit_rate_hz, Clock& clock);
  absl::Status Choose(uint8_t address) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string Chip(uint8_t address) const;

  const std::string path_;
  const std::string name_;
  const UniqueFd fd_;
  const uint32_t bit_rate_hz_;
  Clock& clock_;
  PriorityMutex mutex_;                      // the bus, as long as a transfer lasts
  int chosen_ ABSL_GUARDED_BY(mutex_) = -1;  // the address that transfers go to
};

}  // namespace synergy

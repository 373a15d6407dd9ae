#include "daemon/power/sim_i2c_bus.h"

#include <fmt/format.h>

#include <mutex>
#include <utility>

namespace synergy {
namespace {

constexpr int64_t kReadBits = 47;
constexpr int64_t kBitsBeforeLatch = 29;  // START, two bytes, START, address for reading
constexpr int64_t kWriteBits = 38;        // START, four bytes, STOP

}  // namespace

SimI2cBus::SimI2cBus(std::string name, uint32_t bit_rate_hz, Clock& clock)
    : name_(std::move(name)), bit_ns_x1000_(1'000'000'000'000 / bit_rate_hz), clock_(clock) {}

void SimI2cBus::Attach(uint8_t address, std::unique_ptr<RegisterChip> chip) {
  const std::lock_guard lock(mutex_);
  chips_[address] = std::move(chip);
}

ReadLatch SimI2cBus::read_latch() const {
  return {.after_begin = Bits(kBitsBeforeLatch),
          .before_end = Bits(kReadBits) - Bits(kBitsBeforeLatch)};
}

absl::StatusOr<RegisterChip*> SimI2cBus::Find(uint8_t address) {
  const auto found = chips_.find(address);
  if (found == chips_.end()) {
    return absl::NotFoundError(fmt::format(
        "{}: no chip acknowledges address {:#04x}; check the board's profile", name_, address));
  }
  return found->second.get();
}

absl::StatusOr<RegisterRead> SimI2cBus::Read(uint8_t address, uint8_t reg) {
  const std::lock_guard lock(mutex_);
  absl::StatusOr<RegisterChip*> chip = Find(address);
  if (!chip.ok()) return chip.status();
  RegisterRead read;
  read.begin = clock_.Now();
  // The chip is asked afterwards, about the instant at which it took the value over: only then is
  // all known that the board did up to there.
  clock_.SleepUntil(read.begin + Bits(kReadBits));
  read.value = (*chip)->Read(reg, read.begin + Bits(kBitsBeforeLatch));
  read.end = clock_.Now();
  return read;
}

absl::Status SimI2cBus::Write(uint8_t address, uint8_t reg, uint16_t value) {
  const std::lock_guard lock(mutex_);
  absl::StatusOr<RegisterChip*> chip = Find(address);
  if (!chip.ok()) return chip.status();
  const MonotonicTime end = clock_.Now() + Bits(kWriteBits);
  clock_.SleepUntil(end);
  (*chip)->Write(reg, value, end);
  return absl::OkStatus();
}

void SimI2cBus::BetweenTransactions(const std::function<void(MonotonicTime)>& action) {
  const std::lock_guard lock(mutex_);
  action(clock_.Now());
}

}  // namespace synergy

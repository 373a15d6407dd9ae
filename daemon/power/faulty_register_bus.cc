#include "daemon/power/faulty_register_bus.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "daemon/power/ina3221_registers.h"

namespace synergy {

void FaultyRegisterBus::RaiseAveraging(uint8_t address) {
  const uint32_t averages = faults_->Averages();
  if (averages <= 1) return;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(raised_[address], true)) return;
  }
  const absl::StatusOr<RegisterRead> now = bus_->Read(address, ina3221::kConfiguration);
  if (!now.ok()) return;
  ina3221::Configuration config = ina3221::Decode(now->value);
  config.average =
      static_cast<uint8_t>(std::ranges::find(ina3221::kAverages, static_cast<int>(averages)) -
                           ina3221::kAverages.begin());
  // What comes of it the source is to find out.
  bus_->Write(address, ina3221::kConfiguration, ina3221::Encode(config)).IgnoreError();
}

absl::StatusOr<RegisterRead> FaultyRegisterBus::Read(uint8_t address, uint8_t reg) {
  RaiseAveraging(address);
  absl::StatusOr<RegisterRead> read = bus_->Read(address, reg);
  if (!read.ok()) return read;
  if (faults_->ReadFails()) {
    return absl::UnavailableError(
        fmt::format("no acknowledgement from {:#04x} (SIMULATED fault)", address));
  }
  if (reg < 1 || reg > ina3221::kLastData) return read;
  const auto rail = rails_.find({address, static_cast<size_t>(reg - 1) / 2});
  if (rail == rails_.end()) return read;
  if (faults_->IsMissing(rail->second)) {
    return absl::UnavailableError(fmt::format("{} gives no data (SIMULATED fault)", rail->second));
  }
  const std::lock_guard lock(mutex_);
  if (faults_->IsStuck(rail->second)) {
    read->value = held_.try_emplace({address, reg}, read->value).first->second;
  } else {
    held_.erase({address, reg});
  }
  return read;
}

absl::Status FaultyRegisterBus::Write(uint8_t address, uint8_t reg, uint16_t value) {
  return bus_->Write(address, reg, value);
}

}  // namespace synergy

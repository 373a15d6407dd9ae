// The faults of INA3221s on a bus: between them and the source.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "common/priority_mutex.h"
#include "daemon/power/register_bus.h"
#include "daemon/power/simulated_faults.h"

namespace synergy {

// Thread-safe.
class FaultyRegisterBus final : public RegisterBus {
 public:
  // Which rail a channel's two data registers belong to, by address and channel from 0.
  using RailOf = std::map<std::pair<uint8_t, size_t>, std::string>;

  FaultyRegisterBus(std::shared_ptr<RegisterBus> bus, std::shared_ptr<SimulatedFaults> faults,
                    RailOf rails)
      : bus_(std::move(bus)), faults_(std::move(faults)), rails_(std::move(rails)) {}

  const std::string& name() const override { return bus_->name(); }
  ReadLatch read_latch() const override { return bus_->read_latch(); }
  absl::StatusOr<RegisterRead> Read(uint8_t address, uint8_t reg) override;
  absl::Status Write(uint8_t address, uint8_t reg, uint16_t value) override;

 private:
  // Raises the averaging of the chip, once.
  void RaiseAveraging(uint8_t address);

  const std::shared_ptr<RegisterBus> bus_;
  const std::shared_ptr<SimulatedFaults> faults_;
  const RailOf rails_;
  PriorityMutex mutex_;
  std::map<std::pair<uint8_t, uint8_t>, uint16_t> held_ ABSL_GUARDED_BY(mutex_);
  std::map<uint8_t, bool> raised_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy

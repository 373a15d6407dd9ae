// A register bus that fails when it is told to.
#pragma once

#include <deque>
#include <memory>
#include <utility>

#include "daemon/power/register_bus.h"

namespace synergy {

class FaultyBus final : public RegisterBus {
 public:
  explicit FaultyBus(std::shared_ptr<RegisterBus> bus) : bus_(std::move(bus)) {}

  // The read after `skip` further ones fails.
  void FailRead(absl::Status status, int skip = 0) {
    failure_ = std::move(status);
    skip_ = skip;
  }
  // The next reads give these values instead of the chip's.
  void Answer(std::deque<uint16_t> values) { answers_ = std::move(values); }
  int reads() const { return reads_; }

  const std::string& name() const override { return bus_->name(); }
  ReadLatch read_latch() const override { return bus_->read_latch(); }
  absl::StatusOr<RegisterRead> Read(uint8_t address, uint8_t reg) override {
    ++reads_;
    if (!failure_.ok() && skip_-- == 0) return std::exchange(failure_, absl::OkStatus());
    absl::StatusOr<RegisterRead> read = bus_->Read(address, reg);
    if (read.ok() && !answers_.empty()) {
      read->value = answers_.front();
      answers_.pop_front();
    }
    return read;
  }
  absl::Status Write(uint8_t address, uint8_t reg, uint16_t value) override {
    return bus_->Write(address, reg, value);
  }

 private:
  std::shared_ptr<RegisterBus> bus_;
  absl::Status failure_;
  int skip_ = 0;
  std::deque<uint16_t> answers_;
  int reads_ = 0;
};

}  // namespace synergy

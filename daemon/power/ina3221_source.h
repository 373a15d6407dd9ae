// Reads an INA3221 over a register bus: the same code for a real chip and for the model of one.
//
// Open programs the chip for the fastest sampling that is honest about all channels in use:
// continuous, 140 us per conversion, no averaging, where the board allows that; three channels are
// then converted once in 0.84 ms. A tick reads the conversion-ready flag and the currents; each
// channel's bus voltage, which hardly changes, every 100 ms, never more than one a tick. Once a
// second the configuration is read back.
//
// Nobody else may drive the chip: a kernel driver that is bound to it must be unbound first.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/power/cycle_freshness.h"
#include "daemon/power/ina3221_freshness.h"
#include "daemon/power/ina3221_registers.h"
#include "daemon/power/power_source.h"
#include "daemon/power/register_bus.h"

namespace synergy {

struct Ina3221Channel {
  std::string rail;
  double shunt_ohm = 0;
  double shunt_tolerance = 0;  // relative; 0: it is exact, as a simulated one
};

struct Ina3221Wiring {
  std::string name = {};  // of the source; "": "ina3221 0x40"
  uint8_t address = 0x40;
  // A channel without a rail stays switched off.
  std::array<std::optional<Ina3221Channel>, ina3221::kChannels> channels;
  // Of the chip's tables (ina3221_registers.h); 0: the fastest.
  uint32_t averages = 0;
  uint32_t conversion_us = 0;
  std::vector<std::string> remarks = {};  // what is known of it besides, as of PowerSource
};

class Ina3221Source final : public PowerSource {
 public:
  // Checks who answers, then programs it. FailedPrecondition where it is no INA3221 or does not
  // keep its configuration; InvalidArgument where no channel has a rail or the chip has no such
  // averaging or conversion time; the bus's own errors.
  static absl::StatusOr<std::unique_ptr<Ina3221Source>> Open(std::shared_ptr<RegisterBus> bus,
                                                             const Ina3221Wiring& wiring);

  const std::string& name() const override { return name_; }
  // The currents of the channels in use (in A per step), then their voltages (in V per step).
  const std::vector<v1::ChannelInfo>& channels() const override { return channels_; }
  // A channel that does not answer leaves the others in. Besides PowerSource's errors:
  // FailedPrecondition where somebody else programmed the chip, since
  // the readings' windows are then not the ones described.
  absl::Status Read(std::vector<ChannelReading>* out) override;
  double asked_hz(size_t index) const override;
  std::optional<uint64_t> transfers() const override { return transfers_; }
  std::vector<std::string> Remarks() const override { return remarks_; }

 private:
  struct Register {
    uint8_t reg = 0;
    std::optional<uint16_t> last = std::nullopt;  // read
  };

  Ina3221Source(std::shared_ptr<RegisterBus> bus, const Ina3221Wiring& wiring);
  void Describe(const Ina3221Wiring& wiring);
  absl::Status VerifyIdentity();
  absl::Status Program();
  absl::Status AwaitFirstCycle();
  double period_s() const;
  absl::Status VerifyConfiguration();
  absl::StatusOr<RegisterRead> ReadRegister(uint8_t reg);
  // Reads channel `index` and appends its reading.
  absl::Status ReadChannel(size_t index, std::vector<ChannelReading>* out);
  LatchSpan Latch(const RegisterRead& read) const;

  const std::shared_ptr<RegisterBus> bus_;
  const uint8_t address_;
  const std::string name_;
  const std::vector<std::string> remarks_;
  ina3221::Configuration config_;
  std::vector<v1::ChannelInfo> channels_;
  std::vector<Register> registers_;            // by channel
  size_t currents_ = 0;                        // channels before this index are currents
  std::optional<Ina3221Freshness> freshness_;  // by the flag
  std::optional<CycleFreshness> cycle_;        // by the fitted cycle, where the flag does not tell
  MonotonicTime flag_read_;                    // earliest instant of the last read of the flag
  size_t next_voltage_ = 0;                    // counts up; modulo the number of voltages
  MonotonicTime voltage_due_;
  MonotonicTime verify_due_;
  uint64_t transfers_ = 0;
};

}  // namespace synergy

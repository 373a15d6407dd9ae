// The power management chip of a Raspberry Pi 5, through its firmware: `vcgencmd pmic_read_adc`
// (raspberrypi/documentation, "vcgencmd"), which prints a line for each input of the chip's
// converter:
//
//       VDD_CORE_A current(7)=1.23456700A
//       VDD_CORE_V volt(15)=0.88123400V
//          EXT5V_V volt(24)=5.12345600V
//
// Rails whose voltage is measured without a current (EXT5V, BATT) have no power. The rails are the
// chip's outputs: what the board draws at its plug is more.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "daemon/power/attribute_source.h"
#include "daemon/power/power_source.h"
#include "daemon/power/rail_names.h"

namespace synergy {

struct PmicReading {
  std::string rail;      // "VDD_CORE"
  bool current = false;  // else a voltage
  int64_t raw = 0;       // in units of 10 nA or 10 nV, the last of eight decimals
};

// DataLoss with the line that cannot be understood; an empty list is none, too.
absl::StatusOr<std::vector<PmicReading>> ParsePmicUntrusted(std::string_view text);

class VcgencmdSource final : public PowerSource {
 public:
  // What the command printed.
  using Run = std::function<absl::StatusOr<std::string>()>;
  // Each reading is a process and a message to the firmware.
  static constexpr double kMaxRateHz = 10;

  static absl::StatusOr<FoundSource> Open(Run run, RailNames& names, Clock& clock);

  const std::string& name() const override { return name_; }
  // Of each rail the current, then the voltage. Windows are not known.
  const std::vector<v1::ChannelInfo>& channels() const override { return channels_; }
  absl::Status Read(std::vector<ChannelReading>* out) override;
  double max_rate_hz() const override { return kMaxRateHz; }

 private:
  VcgencmdSource(Run run, Clock& clock) : run_(std::move(run)), clock_(clock) {}
  // The channel of a reading, as the chip calls it.
  struct Input {
    std::string rail;
    bool current = false;
    std::optional<int64_t> last;
  };

  const std::string name_ = "vcgencmd pmic_read_adc";
  const Run run_;
  Clock& clock_;
  std::vector<v1::ChannelInfo> channels_;
  std::vector<Input> inputs_;  // by channel
};

// Runs /usr/bin/vcgencmd, within a second; Unavailable where it takes longer or fails. NotFound
// where there is none.
absl::StatusOr<std::string> RunVcgencmd();

}  // namespace synergy

// Sets an INA3221 up through the attributes of the kernel's driver, and finds out what came of it.
//
// The target is what the board is known to work with, or else the fastest: no averaging (`samples`
// 1) and the shortest conversion times (`update_interval` 0); channels that the board leaves
// unconnected are switched off. All of it goes through the SettingWriter, which puts it back. What
// cannot be set stays as it is, and a remark says so.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/settings.h"
#include "daemon/power/ina3221_hwmon_timing.h"
#include "daemon/power/known_ina3221.h"

namespace synergy {

// Of one chip. Thread-compatible.
class Ina3221HwmonSettings {
 public:
  // `name` stands in front of the remarks. `settings` and `clock` outlive it.
  Ina3221HwmonSettings(std::string name, KnownIna3221 known, SettingWriter& settings, Clock& clock);

  struct Outcome {
    std::optional<Ina3221Cycle> cycle;  // nothing: not known, as a remark says
    std::optional<bool> reads_wait;  // whether reads wait for a new conversion; nothing: not known
    std::vector<std::string> remarks;
  };
  // `inputs`: numbers of those in use, `unconnected`: of those to switch off. Takes seven reads of
  // a current. The errors of common/sysfs.h.
  absl::StatusOr<Outcome> Program(const std::string& folder, const std::vector<int>& inputs,
                                  const std::vector<int>& unconnected);
  // As the attributes have it now. FailedPrecondition: they fit no cycle of the chip.
  absl::StatusOr<Ina3221Cycle> ReadCycle(const std::string& folder) const;

  // Whether the chip converts this input.
  static bool IsOn(const std::string& folder, int number);

 private:
  // False where the value could not be set, or is not there to be set; a remark says why.
  bool Set(const std::string& folder, const std::string& file, int64_t value,
           std::vector<std::string>* remarks);
  bool SetInterval(const std::string& folder, int64_t samples, int conversion_us,
                   std::vector<std::string>* remarks);
  absl::StatusOr<std::optional<bool>> TryWhetherReadsWait(const std::string& folder, int input);
  // What the board is known to work with and the chip does not do; "": nothing.
  std::string Difference(const Ina3221Cycle& cycle) const;

  const std::string name_;
  const KnownIna3221 known_;
  SettingWriter& settings_;
  Clock& clock_;
  std::optional<Ina3221Interval> asked_;  // that was set last
};

}  // namespace synergy

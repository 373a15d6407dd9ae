// What a board runs under while a job does: how fast its CPUs and devices are clocked, how warm it
// is, whether it is throttled, which cores are off. Only reads.
//
// Sources: Documentation/admin-guide/pm/cpufreq.rst (cpuinfo_cur_freq is what the hardware says,
// scaling_cur_freq what the driver last knew; kHz), ABI/testing/sysfs-class-devfreq (cur_freq, Hz),
// driver-api/thermal/sysfs-api.rst (temp in millidegrees Celsius; the cur_state of a cooling
// device, 0: it does not cool), arch/x86/kernel/cpu/mce/therm_throt.c
// (thermal_throttle/*_throttle_count).
//
// Some drivers hold up a CPU to find out how fast it is: tegra194-cpufreq lets its counters run for
// 0.5 ms on it, among the job's operators. A policy whose cpuinfo_cur_freq takes longer than
// kCostlyRead is therefore read at every kCostlyPolls-th poll only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "daemon/clocks/attribute_files.h"
#include "daemon/clocks/device_clocks.h"
#include "synergy/v1/clocks.pb.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// Thread-compatible.
class Conditions {
 public:
  static constexpr Nanoseconds kCostlyRead = Microseconds(200);  // others take some tens of us
  static constexpr uint64_t kCostlyPolls = 10;

  // Finds what there is. `files` and `clock`, which times the reads, outlive it. `decisive`: the
  // types of the zones that tell whether the board is cool; without any that is here all zones do.
  // (The PMIC of a Jetson reads 100 degrees whatever it does.) `watched`: clocks of devices,
  // besides those of class/devfreq.
  Conditions(AttributeFiles& files, const std::string& sysfs_root,
             const std::vector<std::string>& decisive = {}, std::vector<WatchedClock> watched = {},
             Clock& clock = RealClock());

  // What has changed since the last call, everything at the first; nothing where nothing has. A
  // clock that cannot be read has no frequency (0 is not sent); temperatures and counters that
  // cannot be read are left out. A core is a state of the throttles (CoreOffName).
  // Costly clocks are left out of most calls, of none with `all`.
  std::optional<v1::Conditions> Poll(MonotonicTime now, bool all = false);
  // Whether there are such, and the last call left them out.
  bool left_out() const { return left_out_; }
  const std::vector<WatchedClock>& watched() const { return watched_; }
  // By their types; of several of a type ("acpitz") all but the first with their numbers.
  std::vector<std::string> ThermalZones() const;
  // The temperatures and throttles that can be read now, whether they have changed or not.
  void DescribeHeat(v1::ClockState& state) const;
  // The hottest of the decisive zones now, in degrees Celsius; nothing where none can be read.
  struct Zone {
    std::string name;
    double celsius = 0;
  };
  std::optional<Zone> Hottest() const;

 private:
  struct Item {
    std::string name;
    std::string path;
    int64_t scale = 1;                 // to Hz, millidegrees
    bool decisive = true;              // zones only
    std::optional<int64_t> last = {};  // as it was told; nothing: that it cannot be read
    bool told = false;
    bool costly = false;  // to read
  };

  void FindClocks(const std::string& root, Clock& clock);
  void FindZones(const std::string& root, const std::vector<std::string>& decisive);
  void FindThrottles(const std::string& root);
  void FindCores(const std::string& cpus);
  std::optional<int64_t> Read(const Item& item) const;
  Nanoseconds ReadTime(const Item& item, Clock& clock) const;
  // Calls `tell` for the items that have changed.
  enum class Unreadable { kLeftOut, kTold };
  void TellChanges(std::vector<Item>& items, Unreadable unreadable,
                   const std::function<void(const Item&)>& tell);

  AttributeFiles& files_;
  std::vector<WatchedClock> watched_;
  uint64_t polls_ = 0;
  bool all_ = false;       // in this poll
  bool left_out_ = false;  // a costly clock was, in this poll
  std::vector<Item> clocks_;
  std::vector<Item> zones_;
  std::vector<Item> throttles_;
  std::vector<Item> cores_;
};

}  // namespace synergy

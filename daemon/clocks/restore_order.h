// In which order controls are put back: by what they are, which their paths say
// (Documentation/admin-guide/pm/cpufreq.rst, Documentation/ABI/testing/sysfs-class-devfreq).
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "daemon/clocks/restore_journal.h"

namespace synergy {

// In the order of their restoring: a driver first, which makes the others' files; a core that was
// on before its policy's values, which cannot be written without one; boost before the limits that
// it widens; the governor before what only it has.
enum class Control {
  kDriver,
  kCoreOn,
  kCpuset,  // that lost these cores
  kBoost,
  kGovernor,
  kLimit,          // the least and the highest frequency
  kUnderGovernor,  // setspeed, tunables, preferences: they follow the governor or come with it
  kOther,          // the last one that was changed first
  kCoreOff,
};
Control ControlOf(const JournalItem& item);

// The folder of the policy or device that an item is of: items of one are restored together.
std::string_view OwnerOf(std::string_view path);
bool IsUpperLimit(std::string_view path);

// Indices of `items`, in order. Limits of one owner stand beside each other, the lower one first:
// which of them is written first depends on what they are then.
std::vector<size_t> RestoreOrder(const std::vector<JournalItem>& items);

}  // namespace synergy

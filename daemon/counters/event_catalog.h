// The events of this machine by their names: generic ones (event_codes.h), those that the kernel
// names under /sys/bus/event_source/devices, raw codes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/counters/event_codes.h"

namespace synergy {

struct NamedEvent {
  std::string name;  // as it was asked for
  std::string unit;  // of the kernel: "armv8_cortex_a57", "software"
  EventCode code;
};

// Read once; without I/O afterwards but for the names under sysfs.
class EventCatalog {
 public:
  // `root`: in front of /sys and /proc. `cpus`: what is counted runs on them. FailedPrecondition:
  // they are of several kinds, which have a unit each, and no event could be counted on all.
  static absl::StatusOr<EventCatalog> Read(const std::string& root, const std::vector<int>& cpus);

  // "simd", "cycles", "armv8_pmuv3/bus_access/" or "bus_access", "r74". NotFound: names what there
  // is. FailedPrecondition: the core has it not. InvalidArgument: what sysfs says of it cannot be
  // read.
  absl::StatusOr<NamedEvent> Find(std::string_view name) const;

  const std::string& core_unit() const { return core_unit_; }  // "": sysfs names none
  const CpuKind& cpu() const { return cpu_; }

 private:
  explicit EventCatalog(std::string devices) : devices_(std::move(devices)) {}
  absl::StatusOr<EventCode> OfSysfs(const std::string& unit, const std::string& event) const;
  absl::Status Unknown(std::string_view name) const;
  // Whether the core has this of the common events of its architecture: the kernel names those that
  // it has, and takes the others nevertheless, whose counts stay 0.
  bool HasCommon(const EventCode& code) const;
  // Of the core's unit: asks that programs may read the counter themselves, where they may.
  EventCode OfCore(EventCode code) const;

  std::string devices_;
  std::vector<std::string> units_;  // the core's first
  std::string core_unit_;
  uint32_t core_type_ = 0;
  bool user_access_ = false;  // is to be asked for, as on arm64
  CpuKind cpu_;
};

// "event=0x11,umask=0x1" in the fields of a unit's format: `format` gives the text of a field
// ("config:0-7,21") or an error. InvalidArgument: it cannot be read.
absl::Status AddEventTerms(std::string_view terms,
                           const std::function<absl::StatusOr<std::string>(std::string)>& format,
                           EventCode* code);

}  // namespace synergy

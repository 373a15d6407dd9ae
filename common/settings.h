// Controls of the kernel that are changed for a while and must be put back: clocks, a sensor
// chip's settings, the driver that a device is bound to.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace synergy {

// Implemented by the journaled lease of daemon/clocks, which notes what was there before anything
// is changed, and puts it back whatever happens. Thread-safe.
class SettingWriter {
 public:
  virtual ~SettingWriter() = default;

  // Writes `value` to the attribute `path` (absolute, under the sysfs root), reads it back, and
  // returns what the kernel made of it, which may be another value: drivers round. Errors: those of
  // common/sysfs.h; then nothing has changed.
  virtual absl::StatusOr<std::string> Set(const std::string& path, const std::string& value) = 0;

  // Unbinds `device` (the folder of a device under the sysfs root, ".../i2c-1/1-0040") from its
  // driver until the settings are put back. OK where no driver is bound to it. After it the
  // driver's attributes are gone.
  virtual absl::Status Unbind(const std::string& device) = 0;
};

}  // namespace synergy

// The kernel's attributes as the lease sees them. Between the two so that tests can put something
// with a kernel's manners in its place: plain files accept whatever is written to them.
#pragma once

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"

namespace synergy {

// Errors are those of common/sysfs.h. Thread-safe.
class AttributeFiles {
 public:
  virtual ~AttributeFiles() = default;

  // Without the newline at its end.
  virtual absl::StatusOr<std::string> Read(const std::string& path) = 0;
  // OK says that the driver took it, not that it did what was written: read it back.
  virtual absl::Status Write(const std::string& path, const std::string& value) = 0;
  // Names in a folder, in the order of ListSysfs; empty where there is none.
  virtual std::vector<std::string> List(const std::string& folder) = 0;
  // The absolute path without links. NotFound where it does not exist.
  virtual absl::StatusOr<std::string> Resolve(const std::string& path) = 0;
  // Lets the kernel go on for `time`. Where everything is done when its write returns there is
  // nothing to wait for.
  virtual void Wait(Nanoseconds /*time*/) {}
};

// Whether `done` comes true within `most`, asked again and again. Kernels from 5.4 on apply a limit
// in a work queue after its write has returned (freq_qos_update_request, cpufreq_notifier_max and
// schedule_work in drivers/cpufreq/cpufreq.c), so what is read at once may still be the old value.
bool AwaitKernel(AttributeFiles& files, Nanoseconds most, absl::FunctionRef<bool()> done);

// The words of a text, such as a table; none where it cannot be read.
std::vector<std::string> ReadWords(AttributeFiles& files, const std::string& path);

// The first path that fits, where a name in `path` holds a '*' ("/sys/class/devfreq/*.gpu"); `path`
// where none does.
std::string ExpandStar(AttributeFiles& files, const std::string& path);

// Those of this machine's kernel, or of a captured tree.
AttributeFiles& KernelFiles();

}  // namespace synergy

// A kernel's clocks without a kernel: policies, cores, devfreq devices, and drivers whose devices'
// files come and go, with the manners of Linux 6.1 that plain files do not have:
//   - setspeed is rounded up to the table and succeeds; without the governor userspace it is EINVAL
//     and reads "<unsupported>"; what was asked for is remembered;
//   - from 5.4 on a limit is applied in a work queue, some time after its write has returned
//   (late);
//   - limits are clamped into each other and rounded into the table, and what was asked for is
//     remembered: raising max later lifts min. Kernels before 5.3 refuse min > max (strict);
//   - a governor's tunables exist while it governs, and begin with their defaults each time;
//   - a policy without a core that is on is EBUSY, and loses its governor's tunables and setspeed:
//   they
//     begin anew with its first core; a core that is off leaves affected_cpus only;
//   - a cpuset of control groups v1 loses a core that goes off, and does not get it back; it has no
//     more than the one above it;
//   - an override's rate is the kernel's own, which moves, while it is off; what is written to it
//   then
//     is forgotten;
//   - unbinding a driver takes its device's files away; binding it makes them anew, with their
//     defaults and as another hwmonN.
// drivers/cpufreq/cpufreq.c, cpufreq_userspace.c, drivers/devfreq/devfreq.c of Linux 6.1.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/clocks/attribute_files.h"

namespace synergy {

struct FakePolicySpec {
  int number = 0;
  std::vector<int> cpus = {0, 1, 2, 3};
  std::vector<int64_t> table = {102000, 204000,  403200,  518400,
                                825600, 1224000, 1428000, 1734000};  // kHz, rising
  bool show_table = true;
  std::vector<int64_t> boost_table = {};  // above `table`; not empty: the policy can boost
  std::string governor = "schedutil";
  bool strict = false;
  Nanoseconds late = {0};  // time until a limit that was written is applied (Wait)
};

struct FakeDevfreqSpec {
  std::string name = "57000000.gpu";
  std::vector<int64_t> table = {76800000, 153600000, 614400000, 998400000};  // Hz, rising
  std::string governor = "nvhost_podgov";
  bool strict = false;
};

// Not thread-safe.
class FakeKernel final : public AttributeFiles {
 public:
  FakeKernel();
  ~FakeKernel() override;

  static std::string CpuFolder() { return "/sys/devices/system/cpu"; }
  static std::string PolicyFolder(int number);
  static std::string DevfreqFolder(const std::string& name);  // under /sys/class, a link
  static std::string DeviceFolder() { return "/sys/devices/platform/7000c400.i2c/i2c-1/1-0040"; }
  static std::string DriverFolder() { return "/sys/bus/i2c/drivers/ina3221"; }

  void AddCore(int number, bool on, bool fixed = false);
  void AddPolicy(FakePolicySpec spec);
  void AddGlobalBoost();  // cpufreq/boost, of every policy that can
  void AddDevfreq(FakeDevfreqSpec spec);
  // A sensor chip at DeviceFolder(), bound to DriverFolder(), with hwmon files.
  void AddChip();
  void AddFile(const std::string& path, std::string value);
  // `folder`/cpuset.cpus, after the groups above it.
  void AddCpuset(const std::string& folder, std::vector<uint32_t> cpus);
  // `folder`/rate and `folder`/mrq_rate_locked, as BPMP's debugfs has them.
  void AddOverride(const std::string& folder);
  void SetOwnRate(std::string hz) { own_rate_ = std::move(hz); }  // of every override
  // The driver and all below `prefix` vanish, as with rmmod.
  void RemoveTree(const std::string& prefix);
  // Writes to `path` fail from now on; OK: no more.
  void Refuse(const std::string& path, absl::Status error);

  absl::StatusOr<std::string> Read(const std::string& path) override;
  absl::Status Write(const std::string& path, const std::string& value) override;
  std::vector<std::string> List(const std::string& folder) override;
  absl::StatusOr<std::string> Resolve(const std::string& path) override;
  void Wait(Nanoseconds time) override;

  // All there is to know: each file with its text or error, and what the kernel remembers besides.
  std::map<std::string, std::string> Snapshot();
  // Of all writes that a driver was given, in order: "path=value".
  const std::vector<std::string>& writes() const { return writes_; }
  // Writes after which a policy's min was above its max, or that were refused for it.
  int crossed() const { return crossed_; }
  std::string chip_hwmon() const;

 private:
  struct File {
    std::function<absl::StatusOr<std::string>()> read;  // null: cannot be read
    std::function<absl::Status(const std::string&)> write;
    std::function<bool()> present;  // null: always
  };
  struct Policy;
  struct Devfreq;

  void AddPolicyFiles(Policy& policy);
  void AddTunable(Policy& policy, const std::string& governor, const std::string& name);
  bool AnyCoreOn(const Policy& policy) const;
  void SwitchCore(int number, bool on);
  void BindChip();
  const File* Find(const std::string& path) const;
  std::string WithoutLinks(const std::string& path) const;

  std::map<std::string, File> files_;
  std::map<std::string, std::string> links_;
  std::map<std::string, absl::Status> refusals_;
  std::map<int, bool> cores_;
  std::map<std::string, std::vector<uint32_t>> cpusets_;  // by their folders
  std::vector<std::unique_ptr<Policy>> policies_;
  std::vector<std::unique_ptr<Devfreq>> devfreqs_;
  std::vector<std::string> writes_;
  std::string own_rate_ = "204000000";
  Nanoseconds waited_ = {0};
  bool chip_bound_ = false;
  int next_hwmon_ = 0;
  int crossed_ = 0;
};

}  // namespace synergy

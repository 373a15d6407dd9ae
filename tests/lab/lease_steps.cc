// Runs in the lab's guest: changes this kernel's clocks and sensor chips under the leases that
// synergyd takes, and puts them back, until it is killed before one of its steps.
//
//   lease_steps take STATE CPU_KHZ CORES CHIP_FOLDER STEP   takes both leases and ends them
//   lease_steps restore STATE STEP                          what `synergyd --restore` does
//
// CORES: how many stay on. CHIP_FOLDER: the hwmon folder of an INA3221. STEP: 1 kills it before the
// first thing that it does to a file or the kernel (tests/support/kill_steps.h); 0 never. Prints
// how many steps it took.
#include <fmt/format.h>
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "daemon/clocks/clock_control.h"
#include "daemon/clocks/frequency_lease.h"
#include "daemon/lease_restorer.h"
#include "tests/support/kill_steps.h"

namespace synergy {
namespace {

int Fail(const absl::Status& status) {
  fmt::print(stderr, "{}\n", status.ToString());
  return 1;
}

int Take(const std::string& state, int64_t khz, uint32_t cores, const std::string& chip,
         long step) {
  AttributeFiles& files = KernelFiles();
  const auto restore = RestoreOptionsOf("/sys", files);
  if (!restore.ok()) return Fail(restore.status());
  const auto folder = files.Resolve(chip);
  if (!folder.ok()) return Fail(folder.status());
  std::filesystem::create_directories(LeaseFolder(state));
  ClockControl clocks({.lease_folder = LeaseFolder(state), .boot_id = restore->boot_id}, files);
  v1::ClockRequest request;
  request.mutable_cpu()->set_khz(khz);
  for (uint32_t core = 0; core < cores; ++core) request.add_cpus(core);

  KillAtStep(step);
  auto sensors = FrequencyLease::Take(
      {.journal = LeaseFolder(state) + "/sensors.journal", .holder = "lab", .restore = *restore},
      files);
  if (!sensors.ok()) return Fail(sensors.status());
  for (const char* control : {"/in2_enable", "/samples"}) {
    const auto set = (*sensors)->Set(*folder + control, control[1] == 'i' ? "0" : "4");
    if (!set.ok()) return Fail(set.status());
  }
  auto hold = clocks.Take(request, "lab");
  if (!hold.ok()) return Fail(hold.status());
  const std::vector<std::string> left = (*hold)->Release();
  const bool clean = (*sensors)->Release().Clean() && left.empty();
  fmt::print("{}\n", StepsTaken());
  return clean ? 0 : 1;
}

int RestoreAll(const std::string& state, long step) {
  KillAtStep(step);
  const RestoredLeases restored = RestoreLeases(state, "/sys", KernelFiles());
  fmt::print("{}\n", StepsTaken());
  return restored.clean ? 0 : 1;
}

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 6 && words[0] == "take") {
    return synergy::Take(words[1], atoll(words[2].c_str()),
                         static_cast<uint32_t>(atoi(words[3].c_str())), words[4],
                         atol(words[5].c_str()));
  }
  if (words.size() == 3 && words[0] == "restore") {
    return synergy::RestoreAll(words[1], atol(words[2].c_str()));
  }
  fmt::print(stderr, "usage: see lease_steps.cc\n");
  return 2;
}

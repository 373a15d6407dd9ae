#include "client/commands/clock_options.h"

#include <string>
#include <vector>

#include "common/clock_request.h"

namespace synergy {
namespace {

// CLI11 shows what a transformation returns as what is wrong with the value.
CLI::Validator IntoSpeed(v1::ClockSpeed* (v1::ClockRequest::*field)(), v1::ClockRequest* request) {
  return CLI::Validator(
      [field, request](std::string& value) -> std::string {
        const absl::StatusOr<v1::ClockSpeed> speed = ParseClockSpeed(value);
        if (!speed.ok()) return std::string(speed.status().message());
        *(request->*field)() = *speed;
        return "";
      },
      "");
}

CLI::Validator IntoCpus(v1::ClockRequest* request) {
  return CLI::Validator(
      [request](std::string& value) -> std::string {
        const absl::StatusOr<std::vector<uint32_t>> cpus = ParseCpuList(value);
        if (!cpus.ok()) return std::string(cpus.status().message());
        request->mutable_cpus()->Assign(cpus->begin(), cpus->end());
        return "";
      },
      "");
}

}  // namespace

void AddClockOptions(CLI::App& command, const char* cpu_flag, const char* gpu_flag,
                     v1::ClockRequest* request) {
  const auto ignore = [](const std::string&) {};  // the check has taken it
  command
      .add_option_function<std::string>(
          cpu_flag, ignore, "Fix the CPU's clock meanwhile: 1224MHz, 1.2GHz, max or min")
      ->type_name("FREQ")
      ->check(IntoSpeed(&v1::ClockRequest::mutable_cpu, request));
  command
      .add_option_function<std::string>(
          "--governor", [request](const std::string& name) { request->set_governor(name); },
          "The CPU's governor meanwhile")
      ->type_name("NAME");
  command
      .add_option_function<std::string>(gpu_flag, ignore,
                                        "Fix the GPU's clock meanwhile: 614.4MHz, max or min")
      ->type_name("FREQ")
      ->check(IntoSpeed(&v1::ClockRequest::mutable_gpu, request));
  command
      .add_option_function<std::string>("--cpus", ignore,
                                        "The CPUs that are on meanwhile, the others go off")
      ->type_name("0-3")
      ->check(IntoCpus(request));
}

}  // namespace synergy

#include "client/commands/clock_options.h"

#include <fmt/format.h>

#include <charconv>
#include <string>
#include <string_view>
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

CLI::Validator IntoBoost(v1::ClockRequest* request) {
  return CLI::Validator(
      [request](std::string& value) -> std::string {
        if (value != "on" && value != "off")
          return fmt::format("'{}' is neither on nor off", value);
        request->set_boost(value == "on");
        return "";
      },
      "");
}

CLI::Validator IntoFan(v1::ClockRequest* request) {
  return CLI::Validator(
      [request](std::string& value) -> std::string {
        std::string_view digits = value;
        if (digits.ends_with('%')) digits.remove_suffix(1);
        uint32_t percent = 0;
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), percent);
        if (error != std::errc() || end != digits.data() + digits.size() || percent > 100) {
          return fmt::format("'{}' is no percentage: write 0 to 100", value);
        }
        request->set_fan_percent(percent);
        return "";
      },
      "");
}

}  // namespace

void AddClockOptions(CLI::App& command, const ClockFlags& flags, v1::ClockRequest* request) {
  const auto ignore = [](const std::string&) {};  // the check has taken it
  command
      .add_option_function<std::string>(
          flags.cpu, ignore, "Fix the CPU's clock meanwhile: 1224MHz, 1.2GHz, max or min")
      ->type_name("FREQ")
      ->check(IntoSpeed(&v1::ClockRequest::mutable_cpu, request));
  command
      .add_option_function<std::string>(
          "--governor", [request](const std::string& name) { request->set_governor(name); },
          "The CPU's governor meanwhile")
      ->type_name("NAME");
  command
      .add_option_function<std::string>(flags.gpu, ignore,
                                        "Fix the GPU's clock meanwhile: 614.4MHz, max or min")
      ->type_name("FREQ")
      ->check(IntoSpeed(&v1::ClockRequest::mutable_gpu, request));
  command
      .add_option_function<std::string>(
          flags.memory, ignore,
          "Fix the memory's clock meanwhile, where the board has a switch for it")
      ->type_name("FREQ")
      ->check(IntoSpeed(&v1::ClockRequest::mutable_memory, request));
  command
      .add_option_function<std::string>(
          "--boost", ignore, "Clocks of the CPU above its table's highest meanwhile: on or off")
      ->type_name("on|off")
      ->check(IntoBoost(request));
  command
      .add_option_function<std::string>("--fan", ignore,
                                        "Hold the fan at this share of its full speed meanwhile")
      ->type_name("PERCENT")
      ->check(IntoFan(request));
  command
      .add_option_function<std::string>("--cpus", ignore,
                                        "The CPUs that are on meanwhile, the others go off")
      ->type_name("0-3")
      ->check(IntoCpus(request));
}

}  // namespace synergy

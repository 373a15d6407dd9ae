#include "client/report/observer_text.h"

#include <fmt/format.h>

#include "client/report/text_table.h"

namespace synergy {
namespace {

std::string Bytes(uint64_t bytes) {
  if (bytes >= 1'000'000) return fmt::format("{:.1f} MB", static_cast<double>(bytes) * 1e-6);
  if (bytes >= 1000) return fmt::format("{:.1f} kB", static_cast<double>(bytes) * 1e-3);
  return fmt::format("{} bytes", bytes);
}

}  // namespace

std::string ObserverText(const v1::RunEnd& end, const std::optional<BusyCores>& busy) {
  if (!end.has_observer() || !(end.observer().time_s() > 0)) return "";
  const v1::ObserverCost& cost = end.observer();
  const auto per_second = [&](uint64_t count) {
    return static_cast<double>(count) / cost.time_s();
  };
  std::string text = fmt::format(
      "  observer {:.1f} % of a CPU, {:.0f} wake-ups/s, {:.0f} bus transfers/s, {} written, {} "
      "sent",
      100 * cost.cpu_s() / cost.time_s(), per_second(cost.wakeups()),
      per_second(cost.bus_transfers()), Bytes(cost.bytes_written()), Bytes(cost.bytes_sent()));
  if (const auto energy_j = busy ? ObserverEnergy(cost, *busy) : std::nullopt) {
    text += fmt::format("; about {:.3g} J of {} (CPU seconds x {:.2f} W a busy core)", *energy_j,
                        Printable(busy->rail), busy->dynamic_w / busy->cores);
  }
  return text + "\n";
}

}  // namespace synergy

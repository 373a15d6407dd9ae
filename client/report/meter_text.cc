#include "client/report/meter_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "client/report/text_table.h"

namespace synergy {
namespace {

// "±12 us", "±1.8 ms".
std::string Bound(double ns) {
  if (ns < 1e6) return fmt::format("±{:.0f} us", std::ceil(ns * 1e-3));
  return ns < 1e9 ? fmt::format("±{:.1f} ms", ns * 1e-6) : fmt::format("±{:.1f} s", ns * 1e-9);
}

std::string ClockText(const v1::MeterRecord& record) {
  if (record.segments().empty()) {
    return "           meter clock: not brought onto the board's, so its rails have no energies\n";
  }
  const auto found = std::ranges::count_if(record.chirps(), &v1::MeterRecord::Chirp::found);
  std::string text =
      fmt::format("           meter clock: {} after chirp, drift {}", Bound(record.bound_ns()),
                  found < 2 ? std::string("not known")
                            : fmt::format("{:+.1f} ppm", -record.segments(0).drift() * 1e6));
  for (const v1::MeterRecord::Jump& jump : record.jumps()) {
    text += fmt::format(", jumped by {:+.3f} ms", static_cast<double>(jump.step_ns()) * 1e-6);
  }
  text += '\n';
  return text;
}

}  // namespace

std::string MeterText(const v1::MeterRecord& record) {
  std::string text = fmt::format("  meter    exec:{}\n", Printable(record.command()));
  uint64_t readings = 0;
  for (const v1::MeterRecord::Rail& rail : record.rails()) readings += rail.readings();
  text += fmt::format("           {} rail{}, {} readings", record.rails_size(),
                      record.rails_size() == 1 ? "" : "s", readings);
  if (record.period_s() > 0) text += fmt::format(", {:.1f} Hz", 1 / record.period_s());
  const auto jumped_back = static_cast<uint64_t>(std::ranges::count_if(
      record.jumps(), [](const v1::MeterRecord::Jump& jump) { return jump.step_ns() < 0; }));
  if (record.backward() > jumped_back) {
    text += fmt::format(", {} stamped before the one before and left out",
                        record.backward() - jumped_back);
  }
  if (record.bad_lines() > 0) {
    text += fmt::format(", {} line{} of no reading: {}", record.bad_lines(),
                        record.bad_lines() == 1 ? "" : "s", Printable(record.first_bad_line()));
  }
  text += fmt::format("\n{}", ClockText(record));
  for (const v1::MeterRecord::Chirp& chirp : record.chirps()) {
    if (chirp.found() || record.segments().empty()) continue;  // the verdict's reasons say it
    text += fmt::format("           {} the job {}\n", chirp.after() ? "after" : "before",
                        Printable(chirp.why_not()));
  }
  return text;
}

}  // namespace synergy

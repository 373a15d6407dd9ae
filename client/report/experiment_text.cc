#include "client/report/experiment_text.h"

#include <fmt/format.h>

#include <optional>

#include "client/analysis/experiment_json.h"
#include "client/report/text_table.h"

namespace synergy {
namespace {

using Align = TextTable::Align;

std::string BlockText(const v1::MeasuredBlock& block) {
  if (block.why_not().empty()) return fmt::format("{:.2f} %", 100 * block.widest_interval());
  return fmt::format("unknown ({})", Printable(block.why_not()));
}

std::string Millijoules(const std::optional<Estimate>& e) {
  return e ? fmt::format("{:.5g} ± {:.2g}", 1e3 * e->mean, 1e3 * e->half_width()) : "-";
}

std::string Watts(const std::optional<Estimate>& power_w) {
  return power_w ? fmt::format("{:.3f}", power_w->mean) : "-";
}

// In percent of the attributed value.
std::string Difference(const std::optional<Estimate>& difference,
                       const std::optional<Estimate>& attributed) {
  if (!difference || !attributed || !(attributed->mean > 0)) return "-";
  return fmt::format("{:+.2f} ± {:.2f}", 100 * difference->mean / attributed->mean,
                     100 * difference->half_width() / attributed->mean);
}

const char* Within(const std::optional<Estimate>& difference) {
  if (!difference) return "-";
  return LoopCheck::Rail::HasZero(difference) ? "yes" : "no";
}

}  // namespace

std::string PrecisionText(const RunReport& report) {
  const double target = report.header.job().precision();
  if (!(target > 0)) return "";
  std::string text = fmt::format("  precision {:.3g} % asked for", 100 * target);
  const v1::MeasuredBlock* last = LastBlock(report);
  if (last == nullptr) return text + "; no block of iterations was judged\n";
  text += fmt::format("; widest interval of {}:", Printable(last->rail()));
  for (const v1::MeasuredBlock& block : report.end->blocks()) {
    text += fmt::format("{} {} after {}",
                        block.iterations() == report.end->blocks(0).iterations() ? "" : ",",
                        BlockText(block), block.iterations());
  }
  return text + fmt::format(": {}\n", ReachedPrecision(report) ? "reached" : "not reached");
}

std::string LoopText(const RunReport& report) {
  if (!report.loop) return "";
  const LoopCheck& loop = *report.loop;
  if (loop.executions == 0) {
    return fmt::format("\nloop: {} (#{}) was to be repeated, and no execution was recorded\n",
                       Printable(loop.name), loop.op);
  }
  std::string text = fmt::format("\nloop: {} (#{}) repeated back to back {} times, {:.4f} ms each",
                                 Printable(loop.name), loop.op, loop.executions, 1e3 * loop.time_s);
  if (loop.network_time_s) {
    text += fmt::format(" ({:.4f} ms in the network)", 1e3 * *loop.network_time_s);
  }
  text += "\n";
  TextTable table({{"rail", Align::kLeft},
                   {"looped mJ"},
                   {"attributed mJ"},
                   {"difference %"},
                   {"within intervals", Align::kLeft},
                   {"looped W"},
                   {"attributed W"},
                   {"difference %"},
                   {"within intervals", Align::kLeft}});
  for (const LoopCheck::Rail& rail : loop.rails) {
    table.AddRow({Printable(rail.rail), Millijoules(rail.looped_j), Millijoules(rail.attributed_j),
                  Difference(rail.difference_j, rail.attributed_j), Within(rail.difference_j),
                  Watts(rail.looped_w), Watts(rail.attributed_w),
                  Difference(rail.difference_w, rail.attributed_w), Within(rail.difference_w)});
  }
  return text + table.Text() +
         "caches are warmer in a loop than in the network, and the clock may stand elsewhere: an\n"
         "execution may take less time there or more, and its joules go with it, which is no fault "
         "of\neither value; then compare the watts\n";
}

}  // namespace synergy

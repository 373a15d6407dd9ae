#include "client/report/run_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "client/analysis/decimals.h"
#include "client/analysis/estimates.h"
#include "client/analysis/report_json.h"
#include "client/analysis/report_names.h"
#include "client/analysis/simulated_notice.h"
#include "client/analysis/whole_rails.h"
#include "client/report/clock_text.h"
#include "client/report/conditions_text.h"
#include "client/report/estimates_text.h"
#include "client/report/experiment_text.h"
#include "client/report/meter_text.h"
#include "client/report/observer_text.h"
#include "client/report/resolution_text.h"
#include "client/report/text_table.h"
#include "common/clock_request.h"

namespace synergy {
namespace {

using Align = TextTable::Align;

constexpr const char* kYellow = "33";
constexpr const char* kRed = "31";
constexpr const char* kGreen = "32";
constexpr const char* kUnknown = "-";

std::string Colored(const RunTextOptions& options, const char* color, std::string_view text) {
  return options.color ? fmt::format("\x1b[{}m{}\x1b[0m", color, text) : std::string(text);
}

std::string Scaled(const std::optional<double>& value, double factor, int digits) {
  return value ? fmt::format("{:.{}f}", *value * factor, digits) : kUnknown;
}

std::string Percent(double share) { return fmt::format("{:.1f}", share * 100); }

const char* VerdictColor(v1::Verdict verdict) {
  if (verdict == v1::VERDICT_VALID) return kGreen;
  return verdict == v1::VERDICT_SUSPECT ? kYellow : kRed;
}

// Where the engine made none, a notice says it.
std::string Pauses(const v1::JobSpec& job) {
  if (!(job.longest_pause_s() > 0)) return "";
  return fmt::format(", pauses of 0 to {:.3g} ms before iterations", job.longest_pause_s() * 1e3);
}

std::string Conditions(const RunReport& report) {
  const v1::JobSpec& job = report.header.job();
  std::string text = fmt::format(
      "  started  {}\n  job      batch {}, {} thread{}, {} of {}{} iterations after {} of warm-up, "
      "seed {}{}\n",
      UtcText(report.header.wall_time_unix_ns()), job.batch(), job.threads(),
      job.threads() == 1 ? "" : "s", report.attribution.iterations,
      job.precision() > 0 ? "at least " : "", job.iterations(), job.warmup(), job.seed(),
      Pauses(job));
  text += PrecisionText(report);
  text += fmt::format("  engine   {}: {}\n", Printable(job.engine()),
                      Printable(report.header.engine_version()));
  return text;
}

// What was obtained stands below only where it differs: drivers round.
std::string Clocks(const RunReport& report) {
  if (!report.clocks) return "";
  const v1::ClockLease& lease = *report.clocks;
  const std::vector<std::string> differences = DescribeDifferences(lease);
  std::string text =
      fmt::format("  clocks   {}: {}{}\n", Printable(DescribeClockRequest(lease.asked())),
                  differences.empty() ? "all obtained" : "not all obtained",
                  lease.simulated() ? fmt::format(" ({})", kSimulatedClocks) : "");
  for (const std::string& line : differences) {
    text += fmt::format("           {}\n", Printable(line));
  }
  return text;
}

std::string Sampling(const RunReport& report) {
  const SamplingReport& sampling = report.sampling;
  std::string text = fmt::format(
      "  sampling {:.1f} Hz asked for, {} Hz achieved, at least {} Hz fresh; ",
      sampling.requested_hz, Scaled(sampling.achieved_hz, 1, 1), Scaled(sampling.fresh_hz, 1, 1));
  text +=
      fmt::format("{} of {} ticks missed, {} reads failed, {}\n", sampling.missed,
                  sampling.ticks ? fmt::format("{}", *sampling.ticks) : kUnknown, sampling.failed,
                  report.gaps.size() == 1 ? "1 gap" : fmt::format("{} gaps", report.gaps.size()));
  return text;
}

// The voltages, which are read now and then only, are in the JSON.
std::string Channels(const RunReport& report) {
  std::string text;
  for (const v1::SourceStats& source : report.sampling.sources) {
    for (const v1::ChannelStats& channel : source.channels()) {
      if (channel.quantity() == v1::ChannelInfo::QUANTITY_VOLTAGE) continue;
      text += fmt::format("           {} {}: {:.1f} Hz read, {}{:.1f} Hz fresh",
                          Printable(channel.rail()), QuantityName(channel.quantity()),
                          channel.achieved_hz(), channel.fresh_is_bound() ? "at least " : "",
                          channel.fresh_hz());
      // Of a filter; else they are the same.
      if (channel.independent_hz() > 0 && channel.independent_hz() < channel.fresh_hz()) {
        text += fmt::format(", {:.2f} Hz of it independent", channel.independent_hz());
      }
      text += "\n";
    }
  }
  return text;
}

std::string Rails(const RunReport& report) {
  std::string text;
  for (const v1::RailInfo& rail : report.header.board().rails()) {
    text += fmt::format("{}{} ({}{})", text.empty() ? "  rails    " : ", ", Printable(rail.name()),
                        ScopeName(rail.scope()),
                        rail.contained_in().empty()
                            ? ""
                            : fmt::format(", part of {}", Printable(rail.contained_in())));
  }
  return text.empty() ? text : text + "\n";
}

std::string Counted(const v1::CountedEvents& counted) {
  std::string names;
  for (const v1::CountedEvents::Event& event : counted.events()) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", Printable(event.name()));
  }
  const std::string turns =
      counted.groups() > 1
          ? fmt::format("; in {} groups by turns, each in its share of the iterations, and scaled",
                        counted.groups())
          : "";
  const bool is_modelled = std::ranges::all_of(
      counted.events(), [](const auto& event) { return event.unit() == "modelled"; });
  if (is_modelled) {
    return fmt::format(
        "  counted  {}: modelled, no engine ran, and reading takes no time (show --counters)\n",
        names);
  }
  return fmt::format(
      "  counted  {} of {} thread{}{}; reading them takes {:.2f} us an operator, a marker without "
      "{:.2f} us (show --counters)\n",
      names, counted.threads(), counted.threads() == 1 ? "" : "s", turns,
      1e6 * (counted.counted_marker_s() - counted.marker_s()), 1e6 * counted.marker_s());
}

std::string Header(const RunReport& report, const RunTextOptions& options) {
  const v1::BoardInfo& board = report.header.board();
  std::string text =
      fmt::format("run {} ({}): {} on {}\n", options.number, Printable(report.header.run_id()),
                  Printable(report.header.job().net_name()), Printable(board.title()));
  if (board.simulated()) {
    text += fmt::format("  {}\n", Colored(options, kYellow, SimulatedNotice(board)));
  }
  text += Conditions(report) + Clocks(report) + ConditionsText(report) + Rails(report) +
          Sampling(report) + Channels(report);
  if (report.end) text += ObserverText(*report.end, report.busy_cores());
  if (report.meter) text += MeterText(*report.meter);
  if (report.counted) text += Counted(*report.counted);
  text += fmt::format("  method   {}\n", report.method);
  text += fmt::format("  verdict  {}\n",
                      Colored(options, VerdictColor(report.verdict), VerdictName(report.verdict)));
  for (const std::string& reason : report.reasons) {
    text += fmt::format("           {}\n", Printable(reason));
  }
  // Least squares tell operators apart that share a reading.
  if (report.estimates.empty()) text += ResolutionText(report);
  if (report.partial) {
    const std::string what =
        !report.damage.empty() ? "records of the run are damaged in the store"
        : report.state == v1::JOB_STATE_UNSPECIFIED
            ? "the run's end is not in the store"
            : fmt::format("the job is {}: {}", StateName(report.state), Printable(report.error));
    text += fmt::format("  {}\n", Colored(options, kRed, "PARTIAL: " + what));
  }
  for (const v1::Notice& notice : report.notices) {
    text += fmt::format("  note     {}: {}\n", Printable(notice.code()), Printable(notice.text()));
  }
  return text;
}

// Below the operators, whose times and energies cannot be read rightly without it.
std::string Overlap(const RunReport& report) {
  // Below what is shown are the clocks of two threads that do not agree in the last nanoseconds.
  constexpr double kLeastShown = 0.0005;
  const double share = report.attribution.overlapped_share().value_or(0);
  if (share < kLeastShown) return "";
  return fmt::format(
      "operators overlapped for {} % of the time in which any ran; then the power is shared\n"
      "equally among those that ran, and their times add up to more than passed\n",
      Percent(share));
}

struct TimeText {
  std::string mean, half_width;
};

TimeText TimeOf(const MeanWithInterval& time) {
  const double mean = 1e3 * time.mean;
  if (!time.ci95) return {fmt::format("{:.3f}", mean), kUnknown};
  const double half = 1e3 * (time.ci95->high - time.mean);
  const int decimals = DecimalsOf(mean, half, 3);
  return {fmt::format("{:.{}f}", mean, decimals), fmt::format("{:.{}f}", half, decimals)};
}

std::string Operators(const RunReport& report, const RunTextOptions& options) {
  const std::optional<size_t> top = report.top_rail();
  std::vector<TextTable::Column> columns = {
      {"#"}, {"operator", Align::kLeft}, {"type", Align::kLeft}, {"time ms"}, {"± ms"}};
  for (size_t i = 0; i < report.rails().size(); ++i) {
    columns.push_back({Printable(report.rails()[i]) + " mJ"});
    if (!report.estimates.empty()) columns.push_back({"± %", Align::kRight, true});
  }
  if (top) columns.push_back({Printable(report.rails()[*top]) + " W"});
  for (const char* title : {"MMACs", "GFLOP/s", "share %"}) columns.push_back({title});
  for (const ExtraColumn& extra : options.extra_columns) columns.push_back({extra.title});
  for (int i = 0; options.counts && report.counted && i < report.counted->events_size(); ++i) {
    columns.push_back({Printable(report.counted->events(i).name())});
  }
  TextTable table(std::move(columns));
  for (const OpReport& op : report.ops) {
    const MeanWithInterval& time = op.result.time_s;
    const TimeText shown = TimeOf(time);
    std::vector<std::string> cells = {fmt::format("{}", op.info.index()), op.info.name(),
                                      op.info.type(), shown.mean, shown.half_width};
    for (size_t i = 0; i < report.rails().size(); ++i) {
      cells.push_back(EnergyCell(report, op, i));
      if (!report.estimates.empty()) cells.push_back(IntervalCell(op, i));
    }
    if (top) cells.push_back(Scaled(op.power_w(*top), 1, 2));
    cells.push_back(op.info.has_cost()
                        ? fmt::format("{:.2f}", static_cast<double>(op.info.macs()) * 1e-6)
                        : kUnknown);
    cells.push_back(Scaled(op.flops_per_s(), 1e-9, 2));
    cells.push_back(top ? Scaled(op.result.energy_share[*top], 100, 1)
                        : Percent(op.result.time_share));
    for (const ExtraColumn& extra : options.extra_columns) {
      const auto cell = extra.cells.find(op.info.index());
      cells.push_back(cell == extra.cells.end() ? kUnknown : cell->second);
    }
    for (size_t i = 0; options.counts && i < op.counts.size(); ++i) {
      cells.push_back(op.counts[i] ? fmt::format("{:.6g}", op.counts[i]->mean) : kUnknown);
    }
    table.AddRow(std::move(cells));
  }
  return table.Text(options.width, 2);
}

// A row per operator type or module.
std::string Groups(const RunReport& report, const RunTextOptions& options, const char* kind,
                   const std::vector<GroupReport>& groups) {
  const std::optional<size_t> top = report.top_rail();
  std::vector<TextTable::Column> columns = {{kind, Align::kLeft}, {"operators"}, {"time ms"}};
  for (const std::string& rail : report.rails()) {
    columns.push_back({Printable(rail) + " mJ"});
    if (!report.estimates.empty()) columns.push_back({"± %", Align::kRight, true});
  }
  for (const char* title : {"MMACs", "share %"}) columns.push_back({title});
  TextTable table(std::move(columns));
  for (const GroupReport& group : groups) {
    std::vector<std::string> cells = {group.name, fmt::format("{}", group.operators),
                                      fmt::format("{:.3f}", group.time_s * 1e3)};
    for (size_t i = 0; i < group.energy_j.size(); ++i) {
      const std::string together = GroupsText(GroupIdsOf(report, kind, group, i));
      const bool known = i < group.estimate.size() && group.energy_j[i].has_value();
      const auto estimate = known ? group.estimate[i] : std::nullopt;
      cells.push_back(together.empty() ? MeanCell(group.energy_j[i], estimate, 1e3) : together);
      if (!report.estimates.empty()) cells.push_back(HalfWidthPercent(estimate));
    }
    cells.push_back(group.macs ? fmt::format("{:.2f}", static_cast<double>(*group.macs) * 1e-6)
                               : kUnknown);
    cells.push_back(top ? Scaled(group.energy_share[*top], 100, 1) : Percent(group.time_share));
    table.AddRow(std::move(cells));
  }
  return table.Text(options.width);
}

// Only where modules are more than single operators.
std::string Modules(const RunReport& report, const RunTextOptions& options) {
  if (report.modules.size() == report.ops.size()) return "";
  return fmt::format("\n{}", Groups(report, options, "module", report.modules));
}

std::string Totals(const RunReport& report, const RunTextOptions& options) {
  const std::optional<size_t> top = report.top_rail();
  const bool estimated = !report.estimates.empty();
  std::vector<TextTable::Column> columns = {{"total", Align::kLeft}, {"time s"}};
  for (const std::string& rail : report.rails()) {
    columns.push_back({Printable(rail) + " J"});
    if (estimated) columns.push_back({"± J", Align::kRight, true});
  }
  if (top) columns.push_back({Printable(report.rails()[*top]) + " W"});
  TextTable table(std::move(columns));
  const auto add = [&](const char* name, const PhaseTotal& total,
                       const PhaseEnergies::ByRail* known) {
    std::vector<std::string> cells = {name, fmt::format("{:.3f}", total.time_s)};
    for (size_t i = 0; i < report.rails().size(); ++i) {
      const bool has = known != nullptr && i < known->size() && (*known)[i].has_value();
      const double half = has ? (*known)[i]->half_width() : 0;
      const int decimals = DecimalsOf(total.energy_j[i].value_or(0), half, 3);
      cells.push_back(Scaled(total.energy_j[i], 1, decimals));
      if (estimated) cells.push_back(has ? fmt::format("{:.{}f}", half, decimals) : kUnknown);
    }
    if (top) {
      cells.push_back(total.time_s > 0 ? Scaled(total.energy_j[*top], 1 / total.time_s, 2)
                                       : kUnknown);
    }
    table.AddRow(std::move(cells));
  };
  const PhaseEnergies& phases = report.phases;
  add("setup", report.attribution.setup, &phases.setup);
  add("warm-up", report.attribution.warmup, &phases.warmup);
  add("inference", report.attribution.inference, &phases.inference);
  add("idle", report.attribution.idle, &phases.idle);
  if (estimated) {
    std::vector<std::string> cells = {"unattributed", ""};
    for (const std::optional<double>& left : phases.unattributed_j) {
      cells.push_back(Scaled(left, 1, 3));
      cells.emplace_back();
    }
    table.AddRow(std::move(cells));
  }
  add("whole", report.attribution.all, nullptr);
  return table.Text(options.width);
}

// Below what is said of the whole of a board that no rail is.
std::string NoWholeRail(const RunReport& report) {
  const std::string none = NoWholeRailText(report);
  if (none.empty()) return "";
  std::string text = none + ": W and share % are its\n";
  if (!report.whole) return text;
  text += fmt::format("{}: parts beside each other, added up; their intervals as independent ones",
                      Printable(WholeName(report, *report.whole)));
  if (report.whole->calibration) {
    text += fmt::format(" (calibration: within {:.2f} % on top)", 100 * *report.whole->calibration);
  }
  return text + "\n";
}

// What one inference costs: the numbers that people quote.
std::string OneInference(const RunReport& report, const RunTextOptions& options) {
  const Attribution& attribution = report.attribution;
  if (!attribution.iteration_time_s || attribution.iterations == 0) return "";
  const MeanWithInterval& time = *attribution.iteration_time_s;
  const TimeText shown = TimeOf(time);
  std::string text = fmt::format("one inference: {} ms", shown.mean);
  if (time.ci95) text += " ± " + shown.half_width;
  if (report.header.job().batch() > 1) {
    text += fmt::format(", {} images", report.header.job().batch());
  }
  if (report.flops) {
    text += fmt::format(", {:.2f} MFLOP (2 for each multiply-add)",
                        1e-6 * static_cast<double>(*report.flops));
  }
  text += "; energies are its operators'\n";
  const bool estimated = !report.estimates.empty();
  std::vector<TextTable::Column> columns = {{"rail", Align::kLeft}, {"mJ"}};
  if (estimated) columns.push_back({"± %", Align::kRight, true});
  for (const char* title : {"inferences/J", "GFLOP/s per W", "mJ x s"}) columns.push_back({title});
  TextTable table(std::move(columns));
  const auto cell = [](const std::optional<Estimate>& e, double factor) {
    return MeanCell(e ? std::optional(e->mean) : std::nullopt, e, factor);
  };
  const auto add = [&](const std::string& name, const InferenceReport& one) {
    std::vector<std::string> cells = {name, cell(one.energy_j, 1e3)};
    if (estimated) cells.push_back(one.has_interval ? HalfWidthPercent(one.energy_j) : kUnknown);
    cells.push_back(cell(one.inferences_per_j, 1));
    cells.push_back(cell(one.gflops_per_s_per_w, 1));
    cells.push_back(Scaled(one.energy_delay_js, 1e3, 4));
    table.AddRow(std::move(cells));
  };
  for (size_t i = 0; i < report.per_inference.size(); ++i) {
    add(report.rails()[i], report.per_inference[i]);
  }
  const bool is_sum = report.whole && report.whole->rails.size() > 1;
  if (is_sum) add(WholeName(report, *report.whole), report.whole->inference);
  return text + table.Text(options.width) + NoWholeRail(report);
}

}  // namespace

std::string RunText(const RunReport& report, const RunTextOptions& options) {
  std::string text = Header(report, options);
  if (report.ops.empty()) {
    text += "\nno operator was executed in a measured iteration\n";
  } else {
    text += fmt::format("\n{}{}{}\n{}{}", Operators(report, options), TogetherText(report),
                        Overlap(report), Groups(report, options, "type", report.types),
                        Modules(report, options));
  }
  text += fmt::format("\n{}\n{}\n{}{}", Totals(report, options), OneInference(report, options),
                      EstimatesText(report), LoopText(report));
  if (const std::string notice = SimulatedNotice(report.header.board()); !notice.empty()) {
    text += fmt::format("{}\n", Colored(options, kYellow, notice));
  }
  return text;
}

}  // namespace synergy

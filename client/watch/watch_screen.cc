#include "client/watch/watch_screen.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "client/analysis/decimals.h"
#include "client/analysis/report_names.h"
#include "client/watch/chart.h"
#include "client/watch/fitting_text.h"
#include "client/watch/operator_rows.h"
#include "common/printable.h"

namespace synergy {
namespace {

// Beside a chart; wider where it has two rows alone.
constexpr size_t kLabelColumns = 26, kWideLabelColumns = 37;
constexpr size_t kMostChartRows = 6;  // the operators have the rest
constexpr size_t kLeastOperatorRows = 6;
constexpr size_t kLongestName = 40;
// Of millijoules: there is no room for more; without an interval.
constexpr int kMostDecimals = 6, kUnknownDecimals = 3;
constexpr size_t kMostLostLines = 3;

std::string Name(std::string_view untrusted) {
  return OneColumnEach(Printable(untrusted, kLongestName));
}

Ink RailInk(size_t rail) {
  constexpr Ink kInks[] = {Ink::kFirst, Ink::kSecond, Ink::kThird};
  return kInks[rail % 3];
}

class Drawing {
 public:
  Drawing(const BoardState& state, const WatchView& view, const WatchScreen& screen,
          const Pane& pane)
      : state_(state),
        view_(view),
        screen_(screen),
        pane_(pane),
        rails_(ShownRails(view, pane.device, state.history.rails().size())),
        canvas_(pane.columns, pane.rows) {
    shown_.rails = state.history.rails().size();
  }

  Canvas Draw() {
    if (pane_.columns < kLeastColumns || pane_.rows < kLeastRows) {
      canvas_.Put(0, 0, fmt::format("{}x{} is needed", kLeastColumns, kLeastRows + 1));
      if (state_.board.simulated()) canvas_.Put(0, 1, "SIMULATED", Ink::kWarning);
      return std::move(canvas_);
    }
    Title();
    row_ = 1;
    if (view_.help) {
      Help();
      return std::move(canvas_);
    }
    Rails();
    Job();
    Clocks();
    Temperatures();
    Sampler();
    Cost();
    ++row_;
    view_.cores ? Cores() : Operators();
    return std::move(canvas_);
  }

  const ShownBoard& shown() const { return shown_; }

 private:
  void Title() {
    const bool chosen = screen_.devices > 1 && view_.device == pane_.device;
    std::string right = fmt::format("{:g} s ", view_.span_s);
    if (view_.paused) right = "PAUSED  " + right;
    if (state_.board.simulated()) right = "SIMULATED  " + right;
    if (screen_.devices > 1) {
      right = fmt::format("{}/{}  ", pane_.device + 1, screen_.devices) + right;
    }
    if (chosen) canvas_.Put(0, 0, ">");
    canvas_.Put(1, 0,
                FittingTitle(Name(state_.host), Name(state_.board.title()),
                             pane_.columns - right.size() - 2));
    canvas_.Put(pane_.columns - right.size(), 0, right);
    canvas_.Fill(0, Ink::kReverse);
  }

  void Line(const std::string& text, Ink ink = Ink::kPlain) { canvas_.Put(0, row_++, text, ink); }

  void Help() {
    for (const char* line :
         {"", " q     quit, as Ctrl-C does", " p     pause: what is shown stays; measuring goes on",
          " + -   zoom into time, and out", " r     all rails, or one after the other",
          " 1-9   hide the rail with this number, or show it again; 0: all",
          " c     cores and their clocks instead of operators",
          " s     operators by energy, or as the network has them",
          " up, down, page up, page down: the operators before these, and behind",
          " tab   the next board", "",
          " Rails: power now; mean (least..most) over the time shown; J since watch began",
          "   (of the time in which the board was lost there are none).",
          " Operators: mJ of one execution, on the first rail shown: the mean of the",
          "   iterations so far and the 95 % interval of this mean; how well the sensor is",
          "   calibrated and how much other runs differ is not in it.",
          " * pinned clock: its limits leave it one frequency.", "", " any key: back"}) {
      Line(line);
    }
  }

  void Rails() {
    if (!state_.lost.empty()) {
      const std::string lost = "LOST: " + OneColumnEach(Printable(state_.lost, 4 * pane_.columns));
      for (const std::string& line : FittingLines(lost, pane_.columns - 2, kMostLostLines)) {
        Line(" " + line, Ink::kWarning);
      }
    }
    const size_t count = rails_.size();
    if (count == 0) return Line(" no live power yet");
    // Besides charts: six lines, a blank one, the operators with their title and their sum.
    const size_t others = row_ + 6 + kLeastOperatorRows;
    const size_t room = pane_.rows > others ? pane_.rows - others : 0;
    const size_t height = std::clamp<size_t>(room / count, 2, kMostChartRows);
    const size_t most = std::max<size_t>(1, room / height);
    for (size_t i = 0; i < std::min(count, most); ++i) Rail(rails_[i], height);
    if (count > most) Line(fmt::format(" {} rails more: r or 1-9", count - most), Ink::kDim);
  }

  void Rail(size_t rail, size_t height) {
    const PowerHistory& history = state_.history;
    const Ink ink = RailInk(rail);
    const auto now = history.Now(rail), all = history.Last(rail, view_.span_s);
    const std::string name = ShortenedMiddle(Name(history.rails()[rail]), 14);
    if (rail < 9) canvas_.Put(0, row_, std::to_string(rail + 1), Ink::kDim);
    canvas_.Put(2, row_, name, ink);
    canvas_.Put(17, row_, now ? fmt::format("{:7.3f} W", now->mean_w) : "   none", Ink::kBold);
    if (all) {
      canvas_.Put(
          1, row_ + 1,
          fmt::format("mean {:.2f} ({:.2f}..{:.2f}) W", all->mean_w, all->min_w, all->max_w));
    }
    const bool low = height < 3;
    const std::string energy = fmt::format("{:.1f} J", history.energy_j(rail));
    low ? canvas_.Put(27, row_, energy) : canvas_.Put(1, row_ + 2, energy);
    const size_t label = low ? kWideLabelColumns : kLabelColumns;
    const double top_w = ScaleFor(all ? all->max_w : 0);
    const std::string scale = fmt::format("{:g}", top_w);
    const size_t columns = pane_.columns - label - 6;
    const bool utf8 = screen_.look.utf8;
    const auto values = history.Columns(rail, view_.span_s, PlacesOf(columns, utf8));
    const auto lines = PowerChart(values, top_w, columns, height, utf8);
    canvas_.Put(label + 5 - std::min<size_t>(scale.size(), 5), row_, scale, Ink::kDim);
    canvas_.Put(label + 4, row_ + height - 1, "0", Ink::kDim);
    for (size_t y = 0; y < height; ++y) canvas_.Put(label + 6, row_ + y, lines[y], ink);
    row_ += height;
  }

  void Job() {
    const v1::JobStatus* job = RunningJob(state_);
    std::string text = " job    ";
    if (job == nullptr) {
      text += "none";
    } else {
      const v1::TelemetryPoint point = state_.point.value_or(v1::TelemetryPoint());
      text += fmt::format("{}, {}", Name(job->spec().net_name()), PhaseName(point.phase()));
      if (point.iteration() > 0) {  // the role watch is told none
        text += fmt::format(
            " {} of {}", point.iteration(),
            point.phase() == v1::PHASE_WARMUP ? job->spec().warmup() : job->spec().iterations());
      }
      const std::string op = OperatorNow(state_);
      if (!op.empty()) text += ", " + Name(op);
    }
    Line(text, job != nullptr ? Ink::kBold : Ink::kPlain);
    std::string queue = " queue  ";
    size_t queued = 0;
    for (const v1::JobStatus& waiting : state_.jobs) {
      if (waiting.state() != v1::JOB_STATE_QUEUED) continue;
      if (queued++ < 3) queue += (queued > 1 ? ", " : "") + Name(waiting.spec().net_name());
    }
    if (queued > 3) queue += fmt::format(", {} more", queued - 3);
    if (queued == 0) queue += "empty";
    for (const v1::DeviceLease& lease : state_.queue.leases()) {
      if (lease.held()) queue += fmt::format("; {} has the board", Name(lease.owner()));
    }
    Line(queue);
  }

  // "gpu 998", "gpu ?", with * where it is pinned.
  static std::string ClockText(std::string_view name, double hz, bool pinned) {
    const std::string speed = hz > 0 ? fmt::format("{:.0f}", 1e-6 * hz) : "?";
    return fmt::format("{} {}{}", Name(name), speed, pinned ? "*" : "");
  }

  void Clocks() {
    if (!state_.clocks) return Line(" clocks not known");
    std::vector<std::string> items;
    for (const v1::CpuPolicyState& policy : state_.clocks->policies()) {
      const bool pinned = policy.min_khz() > 0 && policy.min_khz() == policy.max_khz();
      const auto hz = policy.active() ? 1e3 * static_cast<double>(policy.current_khz()) : 0;
      items.push_back(ClockText(policy.name(), hz, pinned));
    }
    for (const v1::DeviceClockState& device : state_.clocks->devices()) {
      const bool pinned = device.min_hz() > 0 && device.min_hz() == device.max_hz();
      items.push_back(ClockText(device.name(), static_cast<double>(device.current_hz()), pinned));
    }
    Line(" clocks " + FittingItems(items, pane_.columns - 12) + " MHz");
  }

  void Temperatures() {
    std::vector<std::string> items;
    for (const auto& [zone, celsius] : state_.temperature_c) {
      items.push_back(fmt::format("{} {:.1f} C", Name(zone), celsius));
    }
    if (items.empty()) items.emplace_back("not known");
    const std::vector<std::string> throttled = Throttled(state_);
    std::string light;
    if (!throttled.empty()) light = "  THROTTLED: " + Name(throttled.front());
    if (throttled.size() > 1) light += fmt::format(" and {} more", throttled.size() - 1);
    const std::string text = " temp   " + FittingItems(items, pane_.columns - 8 - light.size());
    canvas_.Put(canvas_.Put(0, row_, text), row_, light, Ink::kWarning);
    ++row_;
  }

  void Sampler() {
    const WatchedRun& run = state_.run;
    const auto last = state_.history.rails().empty() ? std::nullopt : state_.history.Last(0, 10);
    const bool known = last && last->seconds > 0;
    const std::string hz =
        known ? fmt::format("{:.0f}", static_cast<double>(last->readings) / last->seconds) : "?";
    if (run.readings == 0) return Line(" sample " + (known ? hz + " Hz" : ""));
    const double share = 100.0 * static_cast<double>(run.fresh) / static_cast<double>(run.readings);
    const bool told = run.fresh + run.repeats > 0;
    const std::string fresh = told ? fmt::format("{:.1f} % fresh", share) : "fresh not told";
    const std::string text =
        fmt::format(" sample {:g} Hz asked, {} Hz got, {}; missed {}, failed {}, dropped {}",
                    run.requested_hz, hz, fresh, run.missed, run.failed, run.dropped);
    if (text.size() <= pane_.columns) return Line(text);
    const std::string counts =
        fmt::format("missed/failed/dropped {}/{}/{}", run.missed, run.failed, run.dropped);
    Line(" sample " + FittingItems({fmt::format("{}/{:g} Hz", hz, run.requested_hz), counts, fresh},
                                   pane_.columns - 8, "; "));
  }

  void Cost() {
    const uint64_t lost = state_.point ? state_.point->lost() : 0;
    std::vector<std::string> items;
    if (state_.sent.per_ns())
      items.push_back(fmt::format("{:.1f} kB/s", 1e6 * *state_.sent.per_ns()));
    if (state_.daemon.per_ns() && state_.front.per_ns()) {
      items.push_back(fmt::format("synergyd {:.1f} %, its front {:.1f} % of a core",
                                  100 * *state_.daemon.per_ns(), 100 * *state_.front.per_ns()));
    }
    if (lost > 0) items.push_back(fmt::format("dropped {}", lost));
    if (screen_.skipped > 0) items.push_back(fmt::format("skipped {}", screen_.skipped));
    if (state_.losses > 0) items.push_back(fmt::format("lost {}x", state_.losses));
    if (state_.capped_hz > 0) items.push_back(fmt::format("{:g} Hz at most", state_.capped_hz));
    if (items.empty()) items.emplace_back("not known");
    Line(" cost   " + FittingItems(items, pane_.columns - 8, "; "));
  }

  void Cores() {
    Line(" cores", Ink::kBold);
    if (!state_.clocks) return;
    for (const v1::CpuCoreState& core : state_.clocks->cores()) {
      if (row_ >= pane_.rows) return;
      std::string text = fmt::format(" cpu{:<4}{}", core.number(), core.on() ? "on " : "off");
      for (const v1::CpuPolicyState& policy : state_.clocks->policies()) {
        if (std::ranges::find(policy.cpus(), core.number()) == policy.cpus().end()) continue;
        text +=
            fmt::format("  {:8.0f} MHz  {}  {}", 1e-3 * static_cast<double>(policy.current_khz()),
                        Name(policy.name()), Name(policy.governor()));
      }
      Line(text);
    }
  }

  void Operators() {
    const size_t rail = rails_.empty() ? 0 : rails_.front();
    const OperatorRows rows = RowsOf(state_, rail, view_.order);
    Line(" " + rows.title, Ink::kBold);
    double full = 0;
    for (const OperatorRow& row : rows.rows) full = std::max(full, row.energy_j.high);
    const size_t name = std::clamp<size_t>(pane_.columns / 3, 28, kLongestName);
    const size_t bar = pane_.columns - name - 26;
    if (rows.inference_j) Energy("an inference", *rows.inference_j, name, Ink::kBold);
    shown_.operators = rows.rows.size();
    shown_.operator_rows = pane_.rows - std::min(row_, pane_.rows);
    const size_t first = view_.device == pane_.device ? FirstOperator(view_, shown_) : 0;
    const size_t end = std::min(first + shown_.operator_rows, shown_.operators);
    if (end - first < shown_.operators) {
      canvas_.Put(name + 24, row_ - 1, fmt::format("{}-{} of {}", first + 1, end, shown_.operators),
                  Ink::kDim);
    }
    for (size_t i = first; i < end; ++i) {
      const OperatorRow& row = rows.rows[i];
      canvas_.Put(name + 24, row_,
                  IntervalBar(row.energy_j.low, row.energy_j.high, full, bar, screen_.look.utf8),
                  RailInk(rail));
      Energy(row.name, row.energy_j, name, Ink::kPlain);
    }
  }

  void Energy(const std::string& what, const Estimate& energy_j, size_t name_columns, Ink ink) {
    canvas_.Put(1, row_, ShortenedMiddle(OneColumnEach(what), name_columns), ink);
    const char* sign = screen_.look.utf8 ? "\u00b1" : "+-";
    const double mean_mj = 1e3 * energy_j.mean, half_mj = 1e3 * energy_j.half_width();
    const int decimals = std::min(DecimalsOf(mean_mj, half_mj, kUnknownDecimals), kMostDecimals);
    canvas_.Put(name_columns + 2, row_++,
                fmt::format("{0:9.{3}f} {1} {2:.{3}f}", mean_mj, sign, half_mj, decimals), ink);
  }

  const BoardState& state_;
  const WatchView& view_;
  const WatchScreen& screen_;
  const Pane& pane_;
  const std::vector<size_t> rails_;  // that are shown
  Canvas canvas_;
  ShownBoard shown_;
  size_t row_ = 0;
};

}  // namespace

Canvas DrawPane(const BoardState& state, const WatchView& view, const WatchScreen& screen,
                const Pane& pane, ShownBoard* shown) {
  Drawing drawing(state, view, screen, pane);
  Canvas canvas = drawing.Draw();
  if (shown != nullptr) *shown = drawing.shown();
  return canvas;
}

void DrawKeys(Canvas* canvas) {
  if (canvas->columns() < kLeastColumns || canvas->rows() <= kLeastRows) return;
  canvas->Put(0, canvas->rows() - 1,
              "q quit  p pause  +/- zoom  r 1-9 rails  c cores  s sort  up/down  tab  ? help",
              Ink::kDim);
}

}  // namespace synergy

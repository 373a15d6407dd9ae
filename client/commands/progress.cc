#include "client/commands/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "client/commands/line_prefix.h"
#include "client/commands/output.h"
#include "client/report/text_table.h"

namespace synergy {
namespace {

constexpr Nanoseconds kLineEvery = Seconds(10);

// "iteration 240, widest interval 3.1 % of 2 %": of a job that goes on until it is precise enough.
std::string PrecisionState(const v1::JobStatus& status) {
  std::string text = fmt::format("iteration {}", status.iteration());
  if (status.widest_interval() > 0) {
    return text + fmt::format(", widest interval {:.2g} % of {:.2g} %",
                              100 * status.widest_interval(), 100 * status.spec().precision());
  }
  return text + fmt::format(" of at least {}", status.spec().iterations());
}

std::string PhaseText(const v1::JobStatus& status, bool begun) {
  switch (status.phase()) {
    case v1::PHASE_SETUP:
      return "loading";
    case v1::PHASE_WARMUP:
      return fmt::format("warming up {} of {}", status.iteration(), status.spec().warmup());
    case v1::PHASE_MEASURE:
      if (status.spec().precision() > 0) return "measuring, " + PrecisionState(status);
      return fmt::format("measuring {} of {}", status.iteration(), status.spec().iterations());
    case v1::PHASE_DECIDING:
      return "finding how precise it is, " + PrecisionState(status);
    case v1::PHASE_LOOP:
      return fmt::format("repeating operator {}", status.spec().loop().op());
    case v1::PHASE_COOLING:
      return fmt::format("cooling, {:.1f} C, below {:g} C wanted", status.hottest_c(),
                         status.spec().cool_below_c());
    default:
      return begun ? "finishing" : "starting";
  }
}

std::string StateText(const v1::JobStatus& status, bool begun) {
  switch (status.state()) {
    case v1::JOB_STATE_QUEUED:
      if (!status.waits_for().empty()) return "queued, waits for " + Printable(status.waits_for());
      return fmt::format("queued, {} before it", status.queue_position());
    case v1::JOB_STATE_RUNNING:
      return PhaseText(status, begun);
    case v1::JOB_STATE_DONE:
      return "done";
    case v1::JOB_STATE_FAILED:
      return "failed";
    case v1::JOB_STATE_CANCELLED:
      return "cancelled";
    default:
      return "unknown state";
  }
}

// "12 of 50" where the job counts, otherwise as StateText.
std::string ShortStateText(const v1::JobStatus& status, bool begun) {
  const bool measures = status.phase() == v1::PHASE_MEASURE;
  const bool decides = status.phase() == v1::PHASE_DECIDING;
  if (status.state() == v1::JOB_STATE_RUNNING && (measures || decides)) {
    if (status.spec().precision() > 0) return PrecisionState(status);
    return fmt::format("{} of {}", status.iteration(), status.spec().iterations());
  }
  return StateText(status, begun);
}

size_t CountColumns(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// The first `columns` code points of UTF-8 text.
std::string_view Clipped(std::string_view text, size_t columns) {
  for (size_t i = 0; i < text.size(); ++i) {
    if ((text[i] & 0xC0) != 0x80 && columns-- == 0) return text.substr(0, i);
  }
  return text;
}

std::string DurationText(double seconds) {
  const auto whole = static_cast<int64_t>(seconds + 0.5);
  if (whole < 1) return "under 1 s";
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

}  // namespace

std::string ProgressText(const v1::JobStatus& status, std::optional<double> left_s, bool begun) {
  return ProgressForms(status, left_s, begun).front();
}

std::vector<std::string> ProgressForms(const v1::JobStatus& status, std::optional<double> left_s,
                                       bool begun) {
  const bool runs = status.state() == v1::JOB_STATE_RUNNING;
  const std::string name = LinePrefix::current() + Printable(status.spec().net_name()) + ": ";
  const std::string state = StateText(status, begun), brief = ShortStateText(status, begun);
  const std::string power =
      runs && status.power_w() > 0 ? fmt::format(", {:.2f} W", status.power_w()) : "";
  const std::string left = runs && left_s ? fmt::format(", {} left", DurationText(*left_s)) : "";
  return {
      name + state + power + left, state + power + left, state + left, brief + left, state, brief};
}

std::optional<double> TimeLeft::Update(const v1::JobStatus& status, MonotonicTime now) {
  if (status.phase() != phase_ || status.iteration() < first_iteration_) {
    phase_ = status.phase();
    first_iteration_ = status.iteration();
    first_seen_ = now;
  }
  if (status.spec().precision() > 0) return std::nullopt;  // who knows
  const bool warmup = phase_ == v1::PHASE_WARMUP;
  if (!warmup && phase_ != v1::PHASE_MEASURE) return std::nullopt;
  const uint32_t passed = status.iteration() - first_iteration_;
  if (passed == 0) return std::nullopt;
  const double iteration_s = (now - first_seen_).seconds() / passed;
  const uint32_t of_phase = warmup ? status.spec().warmup() : status.spec().iterations();
  double left = of_phase > status.iteration() ? of_phase - status.iteration() : 0;
  if (warmup) left += status.spec().iterations();
  return left * iteration_s;
}

ProgressLine::ProgressLine(bool terminal, Clock& clock, std::function<void(std::string_view)> write,
                           std::function<size_t()> columns)
    : terminal_(terminal), clock_(clock), write_(std::move(write)), columns_(std::move(columns)) {}

void ProgressLine::Update(const v1::JobStatus& status) {
  const MonotonicTime now = clock_.Now();
  begun_ = begun_ || (status.phase() != v1::PHASE_UNSPECIFIED && status.phase() != v1::PHASE_IDLE);
  const auto forms = ProgressForms(status, time_left_.Update(status, now), begun_);
  const bool news = status.state() != state_ || status.phase() != phase_;
  state_ = status.state();
  phase_ = status.phase();
  Show(forms, news);
}

void ProgressLine::Show(const std::vector<std::string>& forms, bool news) {
  const MonotonicTime now = clock_.Now();
  if (terminal_) {
    // The last column stays free: some terminals wrap there.
    const size_t columns = columns_() > 1 ? columns_() - 1 : SIZE_MAX;
    const auto fits = std::find_if(forms.begin(), forms.end(), [&](const std::string& form) {
      return CountColumns(form) <= columns;
    });
    const std::string& text = fits != forms.end() ? *fits : forms.back();
    write_(fmt::format("{}{}", kTakeLineAway, Clipped(text, columns)));
    shown_ = true;
  } else if (news || now - last_line_ >= kLineEvery) {
    write_(fmt::format("{}\n", forms.front()));
    last_line_ = now;
  }
}

void ProgressLine::Clear() {
  if (shown_) write_(kTakeLineAway);
  shown_ = false;
}

}  // namespace synergy

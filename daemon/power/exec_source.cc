#include "daemon/power/exec_source.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <utility>

#include "daemon/power/source_description.h"

namespace synergy {
namespace {

constexpr double kWattsPerStep = 1e-6;
constexpr Nanoseconds kRestartInterval = Milliseconds(1000);
// No program prints more in a tick: 64 KiB are two thousand readings.
constexpr size_t kMaxBytesATick = 64u << 10;
constexpr size_t kMaxRails = 64;
constexpr int kPollMs = 20;
// Behind kToMend.
constexpr std::string_view kAdvice =
    "let the program stamp readings by CLOCK_MONOTONIC (C: clock_gettime, Python: "
    "time.monotonic_ns()) and print each at once (flush)";

}  // namespace

ExecSource::ExecSource(std::string name, Start start, Clock& clock)
    : name_(std::move(name)), start_(std::move(start)), clock_(clock) {}

absl::StatusOr<FoundSource> ExecSource::Open(const std::string& name, Start start, RailNames& names,
                                             Clock& clock) {
  std::unique_ptr<ExecSource> source(new ExecSource(name, std::move(start), clock));
  if (absl::Status status = source->Restart(); !status.ok()) return status;
  if (absl::Status status = source->NameRails(names); !status.ok()) return Owned(name, status);
  FoundSource found;
  for (const v1::ChannelInfo& channel : source->channels_) {
    found.rails.emplace_back().set_name(channel.rail());
  }
  found.source = std::move(source);
  return found;
}

absl::Status ExecSource::Restart() {
  const MonotonicTime begin = clock_.Now();
  restart_due_ = begin + kRestartInterval;
  absl::StatusOr<RunningProgram> program = start_();
  if (!program.ok()) return Owned(name_, program.status());
  program_ = *std::move(program);
  splitter_ = {};
  drained_ = begin;
  line_clock_ = {};
  astray_.clear();
  return absl::OkStatus();
}

absl::Status ExecSource::NameRails(RailNames& names) {
  const MonotonicTime limit = clock_.Now() + kPatience;
  while (clock_.Now() < limit) {
    absl::StatusOr<std::vector<Line>> lines = TakeLines();
    if (!lines.ok()) return absl::FailedPreconditionError(std::string(lines.status().message()));
    bool complete = false;
    for (Line& line : *lines) {
      const absl::StatusOr<ExecLine> parsed = ParseExecLineUntrusted(line.text);
      if (!parsed.ok())
        return absl::FailedPreconditionError(std::string(parsed.status().message()));
      const std::string fault = LineClock::Fault(parsed->t_ns, line.absent, line.arrival);
      if (!fault.empty()) {
        return absl::FailedPreconditionError(
            fmt::format("{}: {}{}{}", parsed->rail, fault, kToMend, kAdvice));
      }
      early_.push_back(std::move(line));
      if (complete || rails_.contains(parsed->rail)) {
        complete = true;
        continue;
      }
      if (rails_.size() == kMaxRails) {
        return absl::FailedPreconditionError(
            fmt::format("it prints more than {} rails", kMaxRails));
      }
      rails_[parsed->rail].channel = static_cast<uint32_t>(channels_.size());
      v1::ChannelInfo& info = channels_.emplace_back();
      info.set_rail(names.Take(parsed->rail));
      info.set_quantity(v1::ChannelInfo::QUANTITY_POWER);
      info.set_scale(kWattsPerStep);
      info.set_source(fmt::format("{} {}", name_, parsed->rail));
      info.mutable_window();
    }
    if (complete) return absl::OkStatus();
    pollfd wait{.fd = program_->output.get(), .events = POLLIN, .revents = 0};
    if (poll(&wait, 1, kPollMs) == 0) clock_.SleepUntil(clock_.Now() + Milliseconds(1));
  }
  return absl::DeadlineExceededError(
      fmt::format("it printed no rail twice in {:.0f} s; it is to print a line t_ns,rail,watts for "
                  "each reading and flush it",
                  kPatience.seconds()));
}

absl::StatusOr<std::vector<ExecSource::Line>> ExecSource::TakeLines() {
  std::vector<Line> lines;
  const MonotonicTime absent = drained_;
  char buffer[4096];
  for (size_t taken = 0; taken < kMaxBytesATick;) {
    const MonotonicTime before = clock_.Now();
    const ssize_t n = read(program_->output.get(), buffer, sizeof(buffer));
    if (n > 0) {
      taken += static_cast<size_t>(n);
      for (std::string& line : splitter_.Add({buffer, static_cast<size_t>(n)})) {
        lines.push_back({.text = std::move(line), .absent = absent, .arrival = clock_.Now()});
      }
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      drained_ = before;
      break;
    }
    if (!lines.empty()) break;  // the end is told the next time
    const std::string end = program_->end();
    program_.reset();
    restart_due_ = clock_.Now() + kRestartInterval;
    return absl::NotFoundError(
        fmt::format("the program closed its output ({}); it is started again", end));
  }
  return lines;
}

absl::Status ExecSource::AddReading(const Line& line, std::vector<ChannelReading>* out) {
  const absl::StatusOr<ExecLine> parsed = ParseExecLineUntrusted(line.text);
  if (!parsed.ok()) return parsed.status();
  const auto found = rails_.find(parsed->rail);
  if (found == rails_.end()) {
    return absl::DataLossError(
        fmt::format("the rail {} was not among those that it printed first", parsed->rail));
  }
  Rail& rail = found->second;
  const std::string fault = LineClock::Fault(parsed->t_ns, line.absent, line.arrival);
  // How far a clock that runs slowly is behind by now must not hide why.
  if (rail.channel == 0 && parsed->t_ns <= line.arrival.ns) {
    line_clock_.OnLine(parsed->t_ns, line.absent, line.arrival);
  }
  if (!fault.empty()) astray_ = fmt::format("{}: {}{}{}", parsed->rail, fault, kToMend, kAdvice);
  if (!line_clock_.wrong().empty()) {
    astray_ = fmt::format("{}: {}{}{}", parsed->rail, line_clock_.wrong(), kToMend, kAdvice);
  }
  if (!fault.empty() || !line_clock_.wrong().empty()) return absl::DataLossError(astray_);
  if (parsed->t_ns <= rail.last_ns) {
    return absl::DataLossError(
        fmt::format("the time {} of {} is not after the one before", parsed->t_ns, parsed->rail));
  }
  astray_.clear();
  rail.last_ns = parsed->t_ns;
  const auto raw = static_cast<int64_t>(std::llround(parsed->watts / kWattsPerStep));
  const bool changed = rail.last_raw.has_value() && *rail.last_raw != raw;
  rail.last_raw = raw;
  out->push_back({.channel = rail.channel,
                  .reading = {.begin_ns = parsed->t_ns,
                              .end_ns = parsed->t_ns,
                              .raw = raw,
                              .freshness = changed ? Freshness::kFresh : Freshness::kUnknown}});
  return absl::OkStatus();
}

absl::Status ExecSource::Read(std::vector<ChannelReading>* out) {
  if (!program_) {
    if (clock_.Now() < restart_due_) {
      return absl::NotFoundError(fmt::format("{}: the program has ended", name_));
    }
    if (absl::Status status = Restart(); !status.ok()) return status;
  }
  absl::StatusOr<std::vector<Line>> lines = TakeLines();
  if (!lines.ok()) return Owned(name_, lines.status());
  lines->insert(lines->begin(), early_.begin(), early_.end());
  early_.clear();
  size_t bad = 0;
  std::string first;
  for (const Line& line : *lines) {
    const absl::Status status = AddReading(line, out);
    if (status.ok()) continue;
    if (bad++ == 0) first = std::string(status.message());
  }
  if (bad > 0) {
    return absl::UnavailableError(
        fmt::format("{}: {} of {} lines are no readings: {}", name_, bad, lines->size(), first));
  }
  if (astray_.empty()) return absl::OkStatus();
  return absl::UnavailableError(fmt::format("{}: no readings: {}", name_, astray_));
}

std::vector<std::string> ExecSource::Remarks() const {
  if (!astray_.empty()) return {fmt::format("{}: no readings: {}", name_, astray_)};
  const std::string doubt = Doubt();
  if (doubt.empty()) return {};
  return {fmt::format("{}{}{}", doubt, kToMend, kAdvice)};
}

std::string ExecSource::Doubt() const {
  const std::optional<Nanoseconds> late = line_clock_.late();
  if (!late) return "";
  return fmt::format(
      "{}: {}: lines come at least {:.0f} ms after their times: it holds them back, or its clock "
      "is behind by so much, and operators are then charged with what ran beside them",
      name_, channels_.front().rail(), 1e3 * late->seconds());
}

}  // namespace synergy

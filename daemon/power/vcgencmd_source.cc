#include "daemon/power/vcgencmd_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "common/child_process.h"
#include "common/files.h"
#include "common/printable.h"
#include "common/unique_fd.h"

namespace synergy {
namespace {

constexpr int kDecimals = 8;
constexpr double kScale = 1e-8;
constexpr size_t kMaxTextBytes = 16u << 10;
constexpr char kVcgencmd[] = "/usr/bin/vcgencmd";
constexpr Nanoseconds kPatience = Milliseconds(1000);

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

// "1.23456700" as 123456700.
bool ParseFixed(std::string_view text, int64_t* raw) {
  const size_t point = text.find('.');
  if (point == std::string_view::npos || text.size() - point - 1 != kDecimals || point > 9) {
    return false;
  }
  std::string digits(text.substr(0, point));
  digits += text.substr(point + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), *raw);
  return error == std::errc() && end == digits.data() + digits.size();
}

// "VDD_CORE_A current(7)=1.23456700A".
bool ParseLine(std::string_view line, PmicReading* reading) {
  const size_t space = line.find(' ');
  const size_t equals = line.find('=');
  if (space == std::string_view::npos || equals == std::string_view::npos || equals < space ||
      space < 3) {
    return false;
  }
  const std::string_view name = line.substr(0, space);
  const std::string_view kind = Trimmed(line.substr(space, equals - space));
  reading->current = name.ends_with("_A");
  if (!reading->current && !name.ends_with("_V")) return false;
  if (!kind.starts_with(reading->current ? "current(" : "volt(") || !kind.ends_with(")")) {
    return false;
  }
  reading->rail = std::string(name.substr(0, name.size() - 2));
  std::string_view value = line.substr(equals + 1);
  if (!value.ends_with(reading->current ? 'A' : 'V')) return false;
  value.remove_suffix(1);
  return ParseFixed(value, &reading->raw);
}

}  // namespace

absl::StatusOr<std::vector<PmicReading>> ParsePmicUntrusted(std::string_view text) {
  std::vector<PmicReading> readings;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    PmicReading& reading = readings.emplace_back();
    if (!ParseLine(line, &reading)) {
      return absl::DataLossError(
          fmt::format("the line \"{}\" is no reading of the chip", Printable(line, 80)));
    }
  }
  if (readings.empty()) return absl::DataLossError("it printed nothing");
  return readings;
}

absl::StatusOr<FoundSource> VcgencmdSource::Open(Run run, RailNames& names, Clock& clock) {
  const absl::StatusOr<std::string> text = run();
  if (!text.ok()) return text.status();
  const absl::StatusOr<std::vector<PmicReading>> readings = ParsePmicUntrusted(*text);
  std::unique_ptr<VcgencmdSource> source(new VcgencmdSource(std::move(run), clock));
  if (!readings.ok()) return Owned(source->name_, readings.status());
  FoundSource found;
  for (const PmicReading& current : *readings) {
    const auto is_its_voltage = [&](const PmicReading& r) {
      return !r.current && r.rail == current.rail;
    };
    if (!current.current || !std::ranges::any_of(*readings, is_its_voltage)) continue;
    const std::string rail = names.Take(current.rail);
    found.rails.emplace_back().set_name(rail);
    found.rails.back().set_scope(v1::RAIL_SCOPE_COMPONENT);
    for (const bool is_current : {true, false}) {
      v1::ChannelInfo& info = source->channels_.emplace_back();
      info.set_rail(rail);
      info.set_quantity(is_current ? v1::ChannelInfo::QUANTITY_CURRENT
                                   : v1::ChannelInfo::QUANTITY_VOLTAGE);
      info.set_scale(kScale);
      info.set_source(fmt::format("{} {}_{}", source->name_, current.rail, is_current ? 'A' : 'V'));
      info.mutable_window();
      source->inputs_.push_back({.rail = current.rail, .current = is_current, .last = {}});
    }
  }
  if (source->channels_.empty()) {
    return absl::NotFoundError(
        fmt::format("{}: it shows no current with its voltage", source->name_));
  }
  found.source = std::move(source);
  return found;
}

absl::Status VcgencmdSource::Read(std::vector<ChannelReading>* out) {
  const int64_t begin_ns = clock_.Now().ns;
  const absl::StatusOr<std::string> text = run_();
  const int64_t end_ns = clock_.Now().ns;
  if (!text.ok()) return Owned(name_, text.status());
  const absl::StatusOr<std::vector<PmicReading>> readings = ParsePmicUntrusted(*text);
  if (!readings.ok()) {
    return absl::UnavailableError(
        fmt::format("{}: {}", name_, std::string(readings.status().message())));
  }
  size_t missing = 0;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    Input& input = inputs_[i];
    const auto reading = std::ranges::find_if(*readings, [&](const PmicReading& r) {
      return r.current == input.current && r.rail == input.rail;
    });
    if (reading == readings->end()) {
      ++missing;
      continue;
    }
    const bool changed = input.last.has_value() && *input.last != reading->raw;
    input.last = reading->raw;
    out->push_back({.channel = static_cast<uint32_t>(i),
                    .reading = {.begin_ns = begin_ns,
                                .end_ns = end_ns,
                                .raw = reading->raw,
                                .freshness = changed ? Freshness::kFresh : Freshness::kUnknown}});
  }
  if (missing == 0) return absl::OkStatus();
  return absl::UnavailableError(
      fmt::format("{}: {} of {} inputs were not printed", name_, missing, inputs_.size()));
}

absl::StatusOr<std::string> RunVcgencmd() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return FileError("Making", "a pipe", errno);
  const UniqueFd output(ends[0]);
  UniqueFd input(ends[1]);
  auto child = ChildProcess::Spawn(
      {.path = kVcgencmd, .arguments = {"pmic_read_adc"}, .output_fd = input.get()});
  if (!child.ok()) return child.status();
  input.reset();
  std::string text;
  const MonotonicTime limit = RealClock().Now() + kPatience;
  char buffer[4096];
  for (ssize_t n = -1; n != 0 && text.size() < kMaxTextBytes;) {
    pollfd wait{.fd = output.get(), .events = POLLIN, .revents = 0};
    const Nanoseconds left = limit - RealClock().Now();
    if (left.count <= 0 || poll(&wait, 1, static_cast<int>(left.count / 1'000'000) + 1) == 0) {
      return absl::UnavailableError("the firmware did not answer within a second");
    }
    n = read(output.get(), buffer, sizeof(buffer));
    if (n > 0) text.append(buffer, static_cast<size_t>(n));
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
      return FileError("Reading", "the output of vcgencmd", errno);
    }
  }
  const std::optional<int> status = (*child)->WaitUntil(limit, RealClock());
  if (status && *status == 0) return text;
  return absl::UnavailableError(status ? DescribeWaitStatus(*status) : "it did not end");
}

}  // namespace synergy

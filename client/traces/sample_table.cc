#include "client/traces/sample_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/nearest_name.h"

namespace synergy {
namespace {

// As many as a run can have (common/attribution/run_checks.cc).
constexpr size_t kMostRails = 64;
// Tools print watts with six digits or so: of a 13 bit sensor a hundredth of a step.
constexpr double kStepSlack = 0.01;

bool IsWhole(double steps) { return std::abs(steps - std::round(steps)) <= kStepSlack; }

}  // namespace

SampleTable::SampleTable(std::string name, const SensorFile& sensors)
    : name_(std::move(name)), sensors_(sensors) {}

absl::Status SampleTable::Scan(std::string_view text) {
  TextBlock block{.first_line = lines_ + 1};
  uint64_t lines = 0;
  const absl::Status scanned =
      ForEachLine(text, block.first_line, &lines, [&](std::string_view line, uint64_t number) {
        if (!parser_) {
          if (line.starts_with('#')) {
            simulated_ = simulated_ || line.starts_with(kSimulatedComment);
            return absl::OkStatus();
          }
          header_line_ = number;
          absl::StatusOr<SampleParser> parser = SampleParser::ParseHeader(line);
          if (!parser.ok()) return AtLine(name_, number, parser.status());
          parser_ = *std::move(parser);
          return absl::OkStatus();
        }
        const absl::StatusOr<SampleRow> row = parser_->Parse(line);
        if (!row.ok()) return AtLine(name_, number, row.status());
        return Note(*row, number, &block.earliest);
      });
  lines_ += lines;
  blocks_.push_back(block);
  return scanned;
}

RailFacts& SampleTable::RailOf(std::string_view name, uint64_t line) {
  if (last_ < rails_.size() && rails_[last_].sensor.rail.name() == name) return rails_[last_];
  if (const auto known = places_.find(name); known != places_.end()) {
    last_ = known->second;
    return rails_[last_];
  }
  last_ = static_cast<uint32_t>(rails_.size());
  places_.emplace(name, last_);
  RailFacts& rail = rails_.emplace_back();
  rail.sensor = sensors_.Of(name);
  rail.first_line = line;
  return rail;
}

absl::Status SampleTable::Note(const SampleRow& row, uint64_t line, int64_t* earliest) {
  RailFacts& rail = RailOf(row.rail, line);
  if (rails_.size() > kMostRails) {
    return AtLine(name_, line,
                  fmt::format("this is rail {}; a run has at most {}", rails_.size(), kMostRails));
  }
  if (rail.readings == 0) {
    if (absl::Status status = CheckTraceName("rail", row.rail); !status.ok()) {
      return AtLine(name_, line, status);
    }
  }
  const bool is_raw = row.quantity != v1::ChannelInfo::QUANTITY_UNSPECIFIED;
  if (is_raw || rail.kind == RawKind::kRaw) {
    if (absl::Status status = NoteRaw(row, line, &rail); !status.ok()) return status;
  }
  const bool is_voltage = row.quantity == v1::ChannelInfo::QUANTITY_VOLTAGE;
  const bool exact = !is_raw && rail.sensor.window.stamps_are_window();
  if (exact && row.begin_ns == row.end_ns) {
    return AtLine(name_, line,
                  "the window has no length. Where the stamps say when a sensor was read, the "
                  "sensor file has stamps_are_window = false and what is known of its window");
  }
  const std::optional<double> step_w = row.step_w ? row.step_w : rail.sensor.step_w;
  if (!is_raw && step_w && !IsWhole(row.power_w / *step_w)) {
    return AtLine(name_, line,
                  fmt::format("power_w is {:.3f} steps of {} W. Readings are whole numbers of "
                              "steps: give power_w and step_w with all their digits, or no step_w",
                              row.power_w / *step_w, *step_w));
  }
  if (row.step_w) {
    if (rail.with_step == 0) rail.step_w = *row.step_w;
    if (*row.step_w != rail.step_w) rail.kind = RawKind::kCurrent;
    ++rail.with_step;
  }
  if (!is_raw && !step_w) rail.decimal.Add(row.power_w);
  const Freshness freshness =
      row.freshness.value_or(exact ? Freshness::kFresh : Freshness::kUnknown);
  rail.begin_ns = std::min(rail.begin_ns, row.begin_ns);
  rail.end_ns = std::max(rail.end_ns, row.end_ns);
  if (is_voltage) {
    ++rail.raw_voltages;
  } else {
    rail.fresh_known = rail.fresh_known && freshness != Freshness::kUnknown;
    if (freshness == Freshness::kFresh) ++rail.fresh;
    ++rail.readings;
    rail.windows_s += static_cast<double>(row.end_ns - row.begin_ns) * 1e-9;
  }
  *earliest = std::min(*earliest, row.begin_ns + (row.end_ns - row.begin_ns) / 2);
  return absl::OkStatus();
}

// Raw rows need the sensor file, and stand alone.
absl::Status SampleTable::NoteRaw(const SampleRow& row, uint64_t line, RailFacts* rail) const {
  const bool first = rail->readings + rail->raw_voltages == 0;
  const bool is_raw = row.quantity != v1::ChannelInfo::QUANTITY_UNSPECIFIED;
  if (!is_raw || (!first && rail->kind != RawKind::kRaw)) {
    return AtLine(name_, line,
                  fmt::format("the rail '{}' has rows with a quantity and rows without: give it in "
                              "all, or in none",
                              rail->sensor.rail.name()));
  }
  rail->kind = RawKind::kRaw;
  if (rail->sensor.Raw(row.quantity) != nullptr) return absl::OkStatus();
  return AtLine(name_, line,
                fmt::format("what a step of the rail '{}' is, the sensor file does not say: its "
                            "[[rail]] needs a table [rail.current] and one [rail.voltage], or "
                            "[rail.energy]",
                            rail->sensor.rail.name()));
}

absl::Status SampleTable::Decide(RailFacts* rail) {
  const std::string& rail_name = rail->sensor.rail.name();
  if (rail->kind == RawKind::kRaw) {
    if (rail->readings > 0) return absl::OkStatus();
    return AtLine(name_, rail->first_line,
                  fmt::format("the rail '{}' has voltages and no current", rail_name));
  }
  if (rail->with_step > 0 && rail->with_step < rail->readings && !rail->sensor.step_w) {
    return AtLine(name_, rail->first_line,
                  fmt::format("the rail '{}' has a step_w in {} of its {} rows; give it in all, or "
                              "in none",
                              rail_name, rail->with_step, rail->readings));
  }
  if (rail->with_step == 0 && rail->sensor.step_w) rail->step_w = *rail->sensor.step_w;
  const bool differs = rail->with_step > 0 && rail->with_step < rail->readings &&
                       rail->step_w != *rail->sensor.step_w;
  if (differs) rail->kind = RawKind::kCurrent;
  const bool is_said = rail->with_step > 0 || rail->sensor.step_w || rail->sensor.noise_steps > 0;
  const std::optional<double> found = is_said ? std::nullopt : rail->decimal.step_w();
  rail->step_found = found.has_value();
  if (found) rail->step_w = *found;
  if (rail->kind != RawKind::kCurrent && rail->step_w > 0) rail->kind = RawKind::kSteps;
  if (rail->kind == RawKind::kWatts && rail->sensor.noise_steps > 0) {
    return AtLine(name_, rail->first_line,
                  fmt::format("the sensor file gives the noise of the rail '{}' in steps, but "
                              "neither it nor the rows have a step_w",
                              rail_name));
  }
  return absl::OkStatus();
}

void SampleTable::Sort() {
  const auto place = [&](const RailFacts& rail) {
    const auto found = std::ranges::find(sensors_.rails, rail.sensor.rail.name(),
                                         [](const TraceSensor& one) { return one.rail.name(); });
    return found - sensors_.rails.begin();
  };
  std::ranges::stable_sort(rails_, {}, place);
  for (uint32_t i = 0; i < rails_.size(); ++i) places_[rails_[i].sensor.rail.name()] = i;
}

absl::Status SampleTable::FinishScan() {
  if (!parser_) return AtLine(name_, 1, "there is no header: the file is empty");
  if (rails_.empty()) return AtLine(name_, lines_, "there is no row below the header");
  std::vector<std::string> names;
  for (RailFacts& rail : rails_) {
    if (absl::Status status = Decide(&rail); !status.ok()) return status;
    names.push_back(rail.sensor.rail.name());
  }
  for (const TraceSensor& sensor : sensors_.rails) {
    if (places_.contains(sensor.rail.name())) continue;
    const std::string nearest = NearestName(sensor.rail.name(), names);
    return absl::InvalidArgumentError(fmt::format(
        "the sensor file describes the rail '{}', of which {} has no row{}", sensor.rail.name(),
        name_, nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest)));
  }
  Sort();
  return absl::OkStatus();
}

int64_t SampleTable::begin_ns() const {
  return std::ranges::min(rails_, {}, &RailFacts::begin_ns).begin_ns;
}

int64_t SampleTable::end_ns() const {
  return std::ranges::max(rails_, {}, &RailFacts::end_ns).end_ns;
}

absl::StatusOr<std::vector<SampleReading>> SampleTable::Read(size_t block, std::string_view text) {
  std::vector<SampleReading> readings;
  uint64_t lines = 0;
  const size_t known = rails_.size();
  const absl::Status read = ForEachLine(
      text, blocks_[block].first_line, &lines, [&](std::string_view line, uint64_t number) {
        if (number <= header_line_) return absl::OkStatus();
        const absl::StatusOr<SampleRow> row = parser_->Parse(line);
        if (!row.ok()) return AtLine(name_, number, row.status());
        const RailFacts& rail = RailOf(row->rail, number);
        if (rails_.size() > known) return AtLine(name_, number, "the file changed meanwhile");
        SampleReading& one = readings.emplace_back();
        one.line = number;
        one.rail = last_;
        const bool is_raw = rail.kind == RawKind::kRaw;
        const bool exact = !is_raw && rail.sensor.window.stamps_are_window();
        one.is_voltage = row->quantity == v1::ChannelInfo::QUANTITY_VOLTAGE;
        one.reading = {
            .begin_ns = row->begin_ns,
            .end_ns = row->end_ns,
            .raw = row->raw,
            .freshness = row->freshness.value_or(exact ? Freshness::kFresh : Freshness::kUnknown)};
        if (is_raw) return absl::OkStatus();
        double step_w = kWattsPerRaw;
        if (rail.kind == RawKind::kSteps) step_w = rail.step_w;
        if (rail.kind == RawKind::kCurrent) {
          step_w = row->step_w ? *row->step_w : rail.sensor.step_w.value_or(rail.step_w);
          one.volts = std::llround(step_w / kVoltsPerRaw);
        }
        one.reading.raw = std::llround(row->power_w / step_w);
        return absl::OkStatus();
      });
  if (!read.ok()) return read;
  return readings;
}

}  // namespace synergy

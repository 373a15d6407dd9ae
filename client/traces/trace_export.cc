#include "client/traces/trace_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "client/traces/trace_rows.h"
#include "common/printable.h"
#include "common/records/chunk.h"
#include "common/records/markers.h"

namespace synergy {
namespace {

using v1::ChannelInfo;

int64_t Middle(const Reading& reading) {
  return reading.begin_ns + (reading.end_ns - reading.begin_ns) / 2;
}

const ChannelInfo* Find(const v1::RunHeader& header, const std::string& rail,
                        ChannelInfo::Quantity quantity) {
  const auto found = std::ranges::find_if(header.channels(), [&](const ChannelInfo& channel) {
    return channel.rail() == rail && channel.quantity() == quantity;
  });
  return found == header.channels().end() ? nullptr : &*found;
}

// What the rail's power is computed from, as RunData does it; null: nothing.
const ChannelInfo* PowerChannel(const v1::RunHeader& header, const std::string& rail) {
  if (const ChannelInfo* power = Find(header, rail, ChannelInfo::QUANTITY_POWER)) return power;
  if (const auto* energy = Find(header, rail, ChannelInfo::QUANTITY_ENERGY_COUNTER)) return energy;
  const bool has_volts = Find(header, rail, ChannelInfo::QUANTITY_VOLTAGE) != nullptr;
  return has_volts ? Find(header, rail, ChannelInfo::QUANTITY_CURRENT) : nullptr;
}

// A name that no operator before has.
std::string OwnName(std::string_view name, uint32_t index, std::set<std::string>* taken) {
  constexpr size_t kLongest = kLongestTraceName / 2;
  std::string own = Printable(name, kLongest);
  if (own.find_first_not_of(' ') == std::string::npos) own = fmt::format("operator {}", index);
  while (!taken->insert(own).second) own += fmt::format("#{}", index);
  return own;
}

std::string TypeName(std::string_view type) {
  const std::string name = Printable(type, kLongestTraceName / 2);
  if (name.empty()) return "unknown";
  return name.front() == '@' ? "_" + name : name;
}

std::string_view SpecialType(uint32_t op) {
  if (op == kOpLoad) return "@load";
  return op == kOpInit ? "@init" : "@net";
}

}  // namespace

void TraceExport::TakeHeader(const v1::RunHeader& header) {
  header_ = header;
  end_ns_ = header.begin_ns();
  std::set<std::string> known;
  for (const ChannelInfo& channel : header.channels()) {
    if (!known.insert(channel.rail()).second) continue;
    const ChannelInfo* const power = PowerChannel(header, channel.rail());
    if (power == nullptr) continue;
    Rail& rail = rails_.emplace_back();
    rail.channel = *power;
    const bool is_current = power->quantity() == ChannelInfo::QUANTITY_CURRENT;
    if (is_current) rail.voltage = *Find(header, channel.rail(), ChannelInfo::QUANTITY_VOLTAGE);
    const bool is_power = power->quantity() == ChannelInfo::QUANTITY_POWER;
    rail.stepless = is_power && !IsTraceStep(power->scale());
  }
}

void TraceExport::TakeOperators(const v1::OperatorTable& table) {
  std::set<std::string> taken;
  op_names_.clear();
  op_types_.clear();
  for (const v1::OperatorInfo& op : table.operators()) {
    op_names_.push_back(OwnName(op.name(), op.index(), &taken));
    op_types_.push_back(TypeName(op.type()));
  }
}

TraceExport::Rail* TraceExport::RailOf(uint32_t channel) {
  const auto found = std::ranges::find_if(rails_, [&](const Rail& rail) {
    return rail.channel.channel() == channel ||
           (rail.voltage && rail.voltage->channel() == channel);
  });
  return found == rails_.end() ? nullptr : &*found;
}

absl::Status TraceExport::Scan(const v1::Chunk& chunk) {
  if (absl::Status status = VerifyChunkUntrusted(chunk); !status.ok()) return status;
  if (chunk.channel() == kMarkersChannel) {
    const auto markers = DecodeMarkersUntrusted(chunk.data(), chunk.count());
    if (!markers.ok()) return markers.status();
    for (const Marker& marker : *markers) end_ns_ = std::max(end_ns_, marker.end_ns);
    return absl::OkStatus();
  }
  if (chunk.channel() == kRunRecordsChannel) {
    const auto records = DecodeRunRecordsUntrusted(chunk.data(), chunk.count());
    if (!records.ok()) return records.status();
    for (const v1::RunRecord& record : *records) {
      if (record.has_header()) TakeHeader(record.header());
      if (record.has_operators()) TakeOperators(record.operators());
      if (record.has_phase()) phases_.push_back(record.phase());
      if (record.has_end()) end_ns_ = std::max(end_ns_, record.end().end_ns());
    }
    return absl::OkStatus();
  }
  for (Rail& rail : rails_) {
    if (rail.channel.channel() == chunk.channel() && chunk.count() > 0) rail.measured = true;
    if (!rail.voltage || rail.voltage->channel() != chunk.channel()) continue;
    const auto readings = DecodeReadingsUntrusted(chunk.data(), chunk.count());
    if (!readings.ok()) return readings.status();
    rail.volts.insert(rail.volts.end(), readings->begin(), readings->end());
  }
  return absl::OkStatus();
}

// Linear between readings, the nearest one outside them.
double TraceExport::VoltsAt(int64_t at_ns, Rail* rail) {
  const std::vector<Reading>& volts = rail->volts;
  const auto value = [&](size_t i) {
    return static_cast<double>(volts[i].raw) * rail->voltage->scale();
  };
  size_t& next = rail->next_volt;
  while (next < volts.size() && Middle(volts[next]) <= at_ns) ++next;
  if (next == 0) return value(0);
  if (next == volts.size()) return value(next - 1);
  const int64_t before = Middle(volts[next - 1]), after = Middle(volts[next]);
  const double part = static_cast<double>(at_ns - before) / static_cast<double>(after - before);
  return value(next - 1) + part * (value(next) - value(next - 1));
}

void TraceExport::WriteReading(const Reading& reading, Rail* rail, std::string* out) {
  const std::string& name = rail->channel.rail();
  const double value = static_cast<double>(reading.raw) * rail->channel.scale();
  if (rail->voltage) {
    std::optional<double> power_w;
    if (!rail->volts.empty()) power_w = value * VoltsAt(Middle(reading), rail);
    AppendRawLine(name, reading, power_w, ChannelInfo::QUANTITY_CURRENT, out);
  } else {
    // A window that was read twice is one window.
    const bool again = rail->channel.window().stamps_are_window() && rail->update &&
                       rail->update->begin_ns == reading.begin_ns &&
                       rail->update->end_ns == reading.end_ns;
    rail->update = reading;
    if (again) return;
    const std::optional<double> step =
        rail->stepless ? std::nullopt : std::optional(rail->channel.scale());
    AppendSampleLine(name, reading, value, step, out);
  }
  ++rail->rows;
}

void TraceExport::WriteCount(const Reading& reading, Rail* rail, std::string* out) {
  if (!rail->update) rail->update = reading;
  const Reading before = *rail->update;
  const int64_t span_ns = Middle(reading) - Middle(before);
  std::optional<double> power_w;
  if (reading.raw != before.raw && span_ns > 0) {
    rail->update = reading;
    const double joules = (static_cast<double>(reading.raw) - static_cast<double>(before.raw)) *
                          rail->channel.scale();
    if (joules > 0) power_w = joules / (1e-9 * static_cast<double>(span_ns));  // else: reset
  }
  AppendRawLine(rail->channel.rail(), reading, power_w, ChannelInfo::QUANTITY_ENERGY_COUNTER, out);
  ++rail->rows;
}

absl::Status TraceExport::Write(const v1::Chunk& chunk, std::string* samples,
                                std::string* markers) {
  if (chunk.channel() == kRunRecordsChannel) return absl::OkStatus();
  if (chunk.channel() == kMarkersChannel) {
    const auto all = DecodeMarkersUntrusted(chunk.data(), chunk.count());
    if (!all.ok()) return all.status();
    for (const Marker& marker : *all) {
      if (marker.op < op_names_.size()) {
        AppendMarkerLine(op_names_[marker.op], op_types_[marker.op], marker, markers);
      } else if (marker.op < kOpClock) {
        AppendMarkerLine(fmt::format("operator {}", marker.op), "unknown", marker, markers);
      } else if (marker.op == kOpNet || marker.op == kOpLoad || marker.op == kOpInit) {
        const std::string_view type = SpecialType(marker.op);
        AppendMarkerLine(type.substr(1), type, marker, markers);
      }
    }
    return absl::OkStatus();
  }
  Rail* const rail = RailOf(chunk.channel());
  if (rail == nullptr) return absl::OkStatus();
  const auto readings = DecodeReadingsUntrusted(chunk.data(), chunk.count());
  if (!readings.ok()) return readings.status();
  for (const Reading& reading : *readings) {
    if (!rail->measured) break;  // voltages alone are no power
    if (rail->channel.channel() != chunk.channel()) {
      AppendRawLine(rail->channel.rail(), reading, std::nullopt, ChannelInfo::QUANTITY_VOLTAGE,
                    samples);
    } else if (rail->channel.quantity() == ChannelInfo::QUANTITY_ENERGY_COUNTER) {
      WriteCount(reading, rail, samples);
    } else {
      WriteReading(reading, rail, samples);
    }
  }
  return absl::OkStatus();
}

std::string TraceExport::PhaseRows() const {
  std::string rows;
  for (size_t i = 0; i < phases_.size(); ++i) {
    const int64_t begin_ns = phases_[i].at_ns();
    const int64_t end_ns = i + 1 < phases_.size() ? phases_[i + 1].at_ns() : end_ns_;
    if (begin_ns > end_ns) continue;
    AppendPhaseLine(static_cast<uint8_t>(phases_[i].phase()), begin_ns, end_ns, &rows);
  }
  return rows;
}

TraceSensor TraceExport::SensorOf(const Rail& rail) const {
  TraceSensor sensor;
  sensor.rail.set_name(rail.channel.rail());
  for (const v1::RailInfo& info : header_->board().rails()) {
    if (info.name() == rail.channel.rail()) sensor.rail = info;
  }
  if (rail.channel.quantity() != ChannelInfo::QUANTITY_POWER) {
    const auto add = [&](const ChannelInfo& channel) {
      sensor.raw.push_back({.quantity = channel.quantity(),
                            .step = channel.scale(),
                            .window = channel.window(),
                            .gain_tolerance = channel.gain_tolerance(),
                            .noise_steps = channel.noise_steps()});
    };
    add(rail.channel);
    if (rail.voltage) add(*rail.voltage);
    return sensor;
  }
  sensor.window = rail.channel.window();
  sensor.gain_tolerance = rail.channel.gain_tolerance();
  sensor.noise_steps = rail.stepless ? 0 : rail.channel.noise_steps();
  return sensor;
}

SensorFile TraceExport::Sensors() const {
  SensorFile file;
  const v1::JobSpec& job = header_->job();
  file.origin = {.board = header_->board().name(),
                 .title = header_->board().title(),
                 .simulated = header_->board().simulated(),
                 .net = job.net_name(),
                 .engine = job.engine(),
                 .engine_version = header_->engine_version(),
                 .batch = std::max(job.batch(), 1u),
                 .threads = std::max(job.threads(), 1u),
                 .seed = job.seed(),
                 .started_unix_ns = std::max<int64_t>(header_->wall_time_unix_ns(), 0),
                 .verdict = v1::VERDICT_VALID,
                 .reasons = {}};
  std::set<std::string> known;
  for (const Rail& rail : rails_) {
    if (rail.rows > 0) known.insert(rail.channel.rail());
  }
  for (const Rail& rail : rails_) {
    if (rail.rows == 0) continue;
    TraceSensor sensor = SensorOf(rail);
    if (!known.contains(sensor.rail.contained_in())) sensor.rail.clear_contained_in();
    file.rails.push_back(std::move(sensor));
  }
  return file;
}

}  // namespace synergy

#include "client/traces/trace_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "client/traces/operator_rows.h"
#include "client/traces/trace_records.h"
#include "client/traces/trace_rows.h"
#include "common/csv.h"
#include "common/printable.h"
#include "common/records/chunk.h"
#include "common/records/markers.h"

namespace synergy {
namespace {

using v1::ChannelInfo;

// A name that no operator before has, and no spreadsheet takes for a formula.
std::string OwnName(std::string_view name, uint32_t index, std::set<std::string>* taken) {
  constexpr size_t kLongest = kLongestTraceName / 2;
  std::string own = Printable(name, kLongest);
  if (own.find_first_not_of(' ') == std::string::npos) own = fmt::format("operator {}", index);
  if (kFormulaSigns.find(own.front()) != kFormulaSigns.npos) own = fmt::format("_{}", own);
  while (!taken->insert(own).second) own += fmt::format("#{}", index);
  return own;
}

std::string_view SpecialType(uint32_t op) {
  if (op == kOpLoad) return "@load";
  return op == kOpInit ? "@init" : "@net";
}

}  // namespace

void TraceExport::TakeHeader(const v1::RunHeader& header) {
  header_ = header;
  end_ns_ = header.begin_ns();
  for (RailWatts& watts : RailWatts::Of(header)) {
    const ChannelInfo& channel = watts.channel();
    const bool is_power = channel.quantity() == ChannelInfo::QUANTITY_POWER;
    const bool stepless = is_power && !IsTraceStep(channel.scale());
    rails_.push_back({.watts = std::move(watts), .stepless = stepless, .before = {}});
  }
}

void TraceExport::TakeOperators(const v1::OperatorTable& table) {
  std::set<std::string> taken;
  op_names_.clear();
  op_types_.clear();
  operators_ = table;
  for (const v1::OperatorInfo& op : table.operators()) {
    op_names_.push_back(OwnName(op.name(), op.index(), &taken));
    op_types_.push_back(TraceTypeName(op.type()));
  }
}

TraceExport::Rail* TraceExport::RailOf(uint32_t channel) {
  const auto found = std::ranges::find_if(rails_, [&](const Rail& rail) {
    const auto& voltage = rail.watts.voltage();
    return rail.watts.channel().channel() == channel || (voltage && voltage->channel() == channel);
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
    if (rail.watts.channel().channel() == chunk.channel() && chunk.count() > 0) {
      rail.measured = true;
    }
    if (!rail.watts.voltage() || rail.watts.voltage()->channel() != chunk.channel()) continue;
    const auto readings = DecodeReadingsUntrusted(chunk.data(), chunk.count());
    if (!readings.ok()) return readings.status();
    rail.watts.AddVolts(*readings);
  }
  return absl::OkStatus();
}

void TraceExport::WriteReading(const Reading& reading, Rail* rail, std::string* out) {
  const ChannelInfo& channel = rail->watts.channel();
  const std::optional<RailPowerPoint> point = rail->watts.At(reading);
  if (channel.quantity() != ChannelInfo::QUANTITY_POWER) {
    const std::optional<double> power_w = point ? std::optional(point->power_w) : std::nullopt;
    AppendRawLine(channel.rail(), reading, power_w, channel.quantity(), out);
  } else {
    // A window that was read twice is one window.
    const bool again = channel.window().stamps_are_window() && rail->before &&
                       rail->before->begin_ns == reading.begin_ns &&
                       rail->before->end_ns == reading.end_ns;
    rail->before = reading;
    if (again) return;
    const std::optional<double> step =
        rail->stepless ? std::nullopt : std::optional(channel.scale());
    AppendSampleLine(channel.rail(), reading, point->power_w, step, out);
  }
  ++rail->rows;
}

absl::Status TraceExport::WriteMarkers(const v1::Chunk& chunk, uint64_t lost, std::string* out,
                                       std::string* records) const {
  const auto all = DecodeMarkersUntrusted(chunk.data(), chunk.count());
  if (!all.ok()) return all.status();
  if (lost > 0) AppendLostLine(chunk.channel(), lost, all->front().end_ns, records);
  for (const Marker& marker : *all) {
    if (marker.op < op_names_.size()) {
      AppendMarkerLine(op_names_[marker.op], op_types_[marker.op], marker, out);
    } else if (marker.op < kOpClock) {
      AppendMarkerLine(fmt::format("operator {}", marker.op), "unknown", marker, out);
    } else if (marker.op == kOpNet || marker.op == kOpLoad || marker.op == kOpInit) {
      const std::string_view type = SpecialType(marker.op);
      AppendMarkerLine(type.substr(1), type, marker, out);
    }
  }
  return absl::OkStatus();
}

absl::Status TraceExport::WriteReadings(const v1::Chunk& chunk, uint64_t lost, std::string* out,
                                        std::string* records) {
  Rail* const rail = RailOf(chunk.channel());
  if (rail == nullptr || !rail->measured) return absl::OkStatus();  // voltages alone are no power
  const auto readings = DecodeReadingsUntrusted(chunk.data(), chunk.count());
  if (!readings.ok()) return readings.status();
  if (lost > 0) AppendLostLine(chunk.channel(), lost, readings->front().begin_ns, records);
  for (const Reading& reading : *readings) {
    if (rail->watts.channel().channel() != chunk.channel()) {
      AppendRawLine(rail->watts.channel().rail(), reading, std::nullopt,
                    ChannelInfo::QUANTITY_VOLTAGE, out);
    } else {
      WriteReading(reading, rail, out);
    }
  }
  return absl::OkStatus();
}

absl::Status TraceExport::Write(const v1::Chunk& chunk, std::string* samples, std::string* markers,
                                std::string* records) {
  uint64_t& next = next_sequence_[chunk.channel()];
  const uint64_t lost = chunk.first_sequence() > next ? chunk.first_sequence() - next : 0;
  next = chunk.first_sequence() + chunk.count();
  if (chunk.channel() == kMarkersChannel) return WriteMarkers(chunk, lost, markers, records);
  if (chunk.channel() != kRunRecordsChannel) return WriteReadings(chunk, lost, samples, records);
  const auto decoded = DecodeRunRecordsUntrusted(chunk.data(), chunk.count());
  if (!decoded.ok()) return decoded.status();
  if (lost > 0) AppendLostLine(chunk.channel(), lost, 0, records);
  for (const v1::RunRecord& record : *decoded) AppendRecordLine(record, records);
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

std::string TraceExport::OperatorRows() const {
  std::string rows;
  for (const v1::OperatorInfo& op : operators_.operators()) AppendOperatorLine(op, &rows);
  return rows;
}

TraceSensor TraceExport::SensorOf(const Rail& rail) const {
  const ChannelInfo& power = rail.watts.channel();
  TraceSensor sensor;
  sensor.rail.set_name(power.rail());
  for (const v1::RailInfo& info : header_->board().rails()) {
    if (info.name() == power.rail()) sensor.rail = info;
  }
  if (power.quantity() != ChannelInfo::QUANTITY_POWER) {
    const auto add = [&](const ChannelInfo& channel) {
      sensor.raw.push_back({.quantity = channel.quantity(),
                            .step = channel.scale(),
                            .window = channel.window(),
                            .gain_tolerance = channel.gain_tolerance(),
                            .noise_steps = channel.noise_steps()});
    };
    add(power);
    if (rail.watts.voltage()) add(*rail.watts.voltage());
    return sensor;
  }
  sensor.window = power.window();
  sensor.gain_tolerance = power.gain_tolerance();
  sensor.noise_steps = rail.stepless ? 0 : power.noise_steps();
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
    if (rail.rows > 0) known.insert(rail.watts.channel().rail());
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

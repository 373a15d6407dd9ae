#include "common/attribution/run_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "common/attribution/run_checks.h"
#include "common/records/chunk.h"
#include "common/records/markers.h"
#include "common/records/varint.h"

namespace synergy {
namespace {

// A channel's values over time, asked for in order of time: linear between readings, the nearest
// one outside them.
class Values {
 public:
  Values(std::span<const Reading> readings, double scale) : readings_(readings), scale_(scale) {}

  double At(int64_t at_ns) {
    while (next_ < readings_.size() && Middle(readings_[next_]) <= at_ns) ++next_;
    if (next_ == 0) return Value(0);
    if (next_ == readings_.size()) return Value(next_ - 1);
    const int64_t before = Middle(readings_[next_ - 1]), after = Middle(readings_[next_]);
    const double part = static_cast<double>(at_ns - before) / static_cast<double>(after - before);
    return Value(next_ - 1) + part * (Value(next_) - Value(next_ - 1));
  }

 private:
  double Value(size_t i) const { return static_cast<double>(readings_[i].raw) * scale_; }

  const std::span<const Reading> readings_;
  const double scale_;
  size_t next_ = 0;  // the first reading after the instant asked for last
};

// Between two updates of the counter its mean power holds: two samples, one at either end, so that
// the integral is what the counter counted. Readings that repeat an update say nothing, unless all
// do: then nothing was used.
std::vector<PowerSample> PowerOfCounter(std::span<const Reading> readings, double scale_j) {
  std::vector<PowerSample> samples;
  if (readings.size() < 2) return samples;
  const Reading* update = &readings.front();
  for (const Reading& r : readings) {
    const int64_t span_ns = WrappingDifference(Middle(r), Middle(*update));
    if (r.raw == update->raw || span_ns <= 0) continue;
    const double joules = (static_cast<double>(r.raw) - static_cast<double>(update->raw)) * scale_j;
    // What decreases was reset by somebody.
    if (joules > 0) {
      const double power_w = joules / (1e-9 * static_cast<double>(span_ns));
      samples.push_back({Middle(*update), power_w});
      samples.push_back({Middle(r), power_w});
    }
    update = &r;
  }
  if (samples.empty() && update == &readings.front()) {
    samples = {{Middle(readings.front()), 0.0}, {Middle(readings.back()), 0.0}};
  }
  return samples;
}

// From the last one before `from_ns` to the first one after `until_ns`.
std::span<const Reading> Within(const std::vector<Reading>& readings, int64_t from_ns,
                                int64_t until_ns) {
  auto first = std::ranges::lower_bound(readings, from_ns, {}, &Middle);
  if (first != readings.begin()) --first;
  auto last = std::ranges::upper_bound(first, readings.end(), until_ns, {}, &Middle);
  if (last != readings.end()) ++last;
  return {first, last};
}

}  // namespace

struct RunData::Decoded {
  std::vector<v1::RunRecord> records;
  std::vector<Marker> markers;
  std::vector<Reading> readings;
};

absl::Status RunData::Add(const v1::Chunk& chunk) {
  if (absl::Status status = VerifyChunkUntrusted(chunk); !status.ok()) return status;
  const Seen seen = {chunk.crc32c(), chunk.channel(), chunk.count(), chunk.first_sequence()};
  if (chunk.seq() < next_seq()) {
    if (seen_[chunk.seq()] == seen) return absl::OkStatus();
    return absl::DataLossError(fmt::format(
        "chunk {} came twice with different content; fetch the run again", chunk.seq()));
  }
  if (chunk.seq() > next_seq()) {
    return absl::OutOfRangeError(
        fmt::format("chunk {} came where chunk {} was expected; fetch the run again from there",
                    chunk.seq(), next_seq()));
  }
  Decoded decoded;
  absl::Status status = Decode(chunk, &decoded);
  if (!status.ok()) {
    return absl::Status(status.code(), fmt::format("chunk {}, channel {}: {}", chunk.seq(),
                                                   chunk.channel(), std::string(status.message())));
  }
  Take(chunk, std::move(decoded));
  seen_.push_back(seen);
  return absl::OkStatus();
}

absl::Status RunData::Decode(const v1::Chunk& chunk, Decoded* decoded) const {
  if (end_) return absl::DataLossError("it follows the end of the run");
  const auto next = next_sequence_.find(chunk.channel());
  if (next != next_sequence_.end() && chunk.first_sequence() < next->second) {
    return absl::DataLossError(fmt::format("it begins with record {}, but {} were there already",
                                           chunk.first_sequence(), next->second));
  }
  if (chunk.channel() == kRunRecordsChannel) {
    auto records = DecodeRunRecordsUntrusted(chunk.data(), chunk.count());
    if (!records.ok()) return records.status();
    decoded->records = *std::move(records);
    return CheckRecords(decoded->records);
  }
  if (!header_) return absl::DataLossError("the run does not begin with its header");
  if (chunk.channel() == kMarkersChannel) {
    auto markers = DecodeMarkersUntrusted(chunk.data(), chunk.count());
    if (!markers.ok()) return markers.status();
    decoded->markers = *std::move(markers);
    return CheckMarkers(decoded->markers);
  }
  const auto channel = readings_.find(chunk.channel());
  if (channel == readings_.end()) {
    return absl::DataLossError("the run's header does not have this channel");
  }
  auto readings = DecodeReadingsUntrusted(chunk.data(), chunk.count());
  if (!readings.ok()) return readings.status();
  decoded->readings = *std::move(readings);
  return CheckReadings(decoded->readings,
                       channel->second.empty() ? nullptr : &channel->second.back());
}

absl::Status RunData::CheckRecords(const std::vector<v1::RunRecord>& records) const {
  bool has_header = header_.has_value();
  for (size_t i = 0; i < records.size(); ++i) {
    const v1::RunRecord& record = records[i];
    if (record.has_header() == has_header) {
      return absl::DataLossError(has_header ? "the run has a second header"
                                            : "the run does not begin with its header");
    }
    has_header = true;
    absl::Status status;
    if (record.has_header()) status = CheckHeader(record.header());
    if (record.has_operators()) status = CheckOperators(record.operators());
    if (record.has_counts()) status = CheckCounts(record.counts());
    if (record.has_end() && i + 1 < records.size()) {
      status = absl::DataLossError("records follow the end of the run");
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void RunData::Take(const v1::Chunk& chunk, Decoded decoded) {
  uint64_t& next = next_sequence_[chunk.channel()];
  if (chunk.first_sequence() > next) {
    lost_.push_back({chunk.channel(), next, chunk.first_sequence() - next});
  }
  next = chunk.first_sequence() + chunk.count();
  for (v1::RunRecord& record : decoded.records) TakeRecord(std::move(record));
  markers_.insert(markers_.end(), decoded.markers.begin(), decoded.markers.end());
  if (!decoded.readings.empty()) {
    std::vector<Reading>& all = readings_.at(chunk.channel());
    all.insert(all.end(), decoded.readings.begin(), decoded.readings.end());
  }
}

void RunData::TakeRecord(v1::RunRecord record) {
  switch (record.record_case()) {
    case v1::RunRecord::kHeader:
      header_ = std::move(*record.mutable_header());
      for (const v1::ChannelInfo& channel : header_->channels()) readings_[channel.channel()];
      break;
    case v1::RunRecord::kOperators:
      operators_.assign(record.operators().operators().begin(),
                        record.operators().operators().end());
      break;
    case v1::RunRecord::kPhase:
      phases_.push_back(record.phase());
      break;
    case v1::RunRecord::kGap:
      gaps_.push_back(record.gap());
      break;
    case v1::RunRecord::kNotice:
      notices_.push_back(record.notice());
      break;
    case v1::RunRecord::kClocks:
      clocks_ = std::move(*record.mutable_clocks());
      break;
    case v1::RunRecord::kConditions:
      conditions_.push_back(std::move(*record.mutable_conditions()));
      break;
    case v1::RunRecord::kClockChange:
      clock_changes_.push_back(std::move(*record.mutable_clock_change()));
      break;
    case v1::RunRecord::kChirp:
      chirps_.push_back(std::move(*record.mutable_chirp()));
      break;
    case v1::RunRecord::kCounted:
      counted_ = std::move(*record.mutable_counted());
      break;
    case v1::RunRecord::kCounts:
      AddCounts(record.counts(), &counts_);
      break;
    case v1::RunRecord::kEnd:
      end_ = std::move(*record.mutable_end());
      break;
    case v1::RunRecord::RECORD_NOT_SET:  // of a newer daemon
      break;
  }
}

bool RunData::partial() const { return !end_ || end_->state() != v1::JOB_STATE_DONE; }

const v1::ChannelInfo* RunData::FindChannel(const std::string& rail,
                                            v1::ChannelInfo::Quantity quantity) const {
  for (const v1::ChannelInfo& channel : header_->channels()) {
    if (channel.rail() == rail && channel.quantity() == quantity) return &channel;
  }
  return nullptr;
}

std::vector<PowerSample> RunData::PowerOf(const std::string& rail, int64_t from_ns,
                                          int64_t until_ns) const {
  const v1::ChannelInfo* const power = FindChannel(rail, v1::ChannelInfo::QUANTITY_POWER);
  const v1::ChannelInfo* const energy = FindChannel(rail, v1::ChannelInfo::QUANTITY_ENERGY_COUNTER);
  const v1::ChannelInfo* const current = FindChannel(rail, v1::ChannelInfo::QUANTITY_CURRENT);
  const v1::ChannelInfo* const voltage = FindChannel(rail, v1::ChannelInfo::QUANTITY_VOLTAGE);
  std::vector<PowerSample> samples;
  if (power != nullptr) {
    const bool has_windows = power->window().stamps_are_window();
    for (const Reading& r : Within(readings_.at(power->channel()), from_ns, until_ns)) {
      samples.push_back({.at_ns = Middle(r),
                         .power_w = static_cast<double>(r.raw) * power->scale(),
                         .half_ns = has_windows ? (r.end_ns - r.begin_ns) / 2 : 0});
    }
  } else if (energy != nullptr) {
    samples =
        PowerOfCounter(Within(readings_.at(energy->channel()), from_ns, until_ns), energy->scale());
  } else if (current != nullptr && voltage != nullptr &&
             !readings_.at(voltage->channel()).empty()) {
    const auto currents = Within(readings_.at(current->channel()), from_ns, until_ns);
    if (currents.empty()) return samples;
    Values volts(
        Within(readings_.at(voltage->channel()), Middle(currents.front()), Middle(currents.back())),
        voltage->scale());
    for (const Reading& r : currents) {
      const double amperes = static_cast<double>(r.raw) * current->scale();
      samples.push_back({Middle(r), amperes * volts.At(Middle(r))});
    }
  }
  return samples;
}

std::vector<RailPower> RunData::Power() const {
  return Power(std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max());
}

std::vector<RailPower> RunData::Power(int64_t from_ns, int64_t until_ns) const {
  std::vector<RailPower> rails;
  if (!header_) return rails;
  for (const std::string& rail : RailNames(*header_)) {
    rails.push_back({rail, PowerOf(rail, from_ns, until_ns)});
  }
  return rails;
}

void RunData::Forget(size_t markers, const std::map<uint32_t, size_t>& readings) {
  markers_.erase(markers_.begin(), markers_.begin() + static_cast<ptrdiff_t>(markers));
  for (const auto& [channel, count] : readings) {
    std::vector<Reading>& all = readings_.at(channel);
    all.erase(all.begin(), all.begin() + static_cast<ptrdiff_t>(count));
  }
}

}  // namespace synergy

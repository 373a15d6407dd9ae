#include "daemon/sampling/telemetry.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

#include "common/cpu_time.h"

namespace synergy {
namespace {

constexpr Nanoseconds kTopRailSpan = Milliseconds(100);
constexpr Nanoseconds kTopRailStale = Milliseconds(2000);

int64_t Middle(const Reading& r) { return r.begin_ns + (r.end_ns - r.begin_ns) / 2; }

std::vector<std::string> RailNames(const v1::BoardInfo& board) {
  std::vector<std::string> names;
  for (const v1::RailInfo& rail : board.rails()) {
    if (names.size() < kMaxTelemetryRails) names.push_back(rail.name());
  }
  return names;
}

std::optional<size_t> TopRail(const v1::BoardInfo& board, size_t rails) {
  for (size_t i = 0; i < rails; ++i) {
    if (board.rails(static_cast<int>(i)).contained_in().empty()) return i;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Telemetry>> Telemetry::Create(const v1::BoardInfo& board,
                                                             const Sampler& sampler) {
  const std::vector<std::string> names = RailNames(board);
  absl::StatusOr<TelemetryRingWriter> ring = TelemetryRingWriter::Create(names);
  if (!ring.ok()) return ring.status();
  std::vector<std::vector<Channel>> channels;
  for (size_t i = 0; i < sampler.source_count(); ++i) {
    std::vector<Channel>& of_source = channels.emplace_back();
    for (const v1::ChannelInfo& info : sampler.source(i).channels()) {
      Channel& channel = of_source.emplace_back();
      channel.quantity = info.quantity();
      channel.scale = info.scale();
      const auto rail = std::find(names.begin(), names.end(), info.rail());
      if (rail != names.end()) channel.rail = static_cast<size_t>(rail - names.begin());
    }
  }
  return std::unique_ptr<Telemetry>(new Telemetry(*std::move(ring), std::move(channels),
                                                  names.size(), TopRail(board, names.size()),
                                                  sampler.clock()));
}

Telemetry::Telemetry(TelemetryRingWriter ring, std::vector<std::vector<Channel>> channels,
                     size_t rails, std::optional<size_t> top_rail, Clock& clock)
    : channels_(std::move(channels)),
      top_rail_(top_rail),
      clock_(clock),
      ring_fd_(ring.fd()),
      ring_(std::move(ring)),
      volts_(rails),
      sums_(rails) {
  for (const auto& of_source : channels_) counters_.emplace_back(of_source.size());
  record_.rail_count = static_cast<uint32_t>(rails);
}

void Telemetry::OnReadings(size_t source, const std::vector<ChannelReading>& readings) {
  const std::lock_guard lock(mutex_);
  for (const ChannelReading& r : readings) {
    if (r.channel >= channels_[source].size()) continue;
    const Channel& channel = channels_[source][r.channel];
    if (!channel.rail) continue;
    MoveTo(Middle(r.reading));
    const double value = static_cast<double>(r.reading.raw) * channel.scale;
    std::optional<double>& volts = volts_[*channel.rail];
    if (channel.quantity == v1::ChannelInfo::QUANTITY_VOLTAGE) {
      volts = value;
    } else if (channel.quantity == v1::ChannelInfo::QUANTITY_POWER) {
      AddPower(*channel.rail, value);
    } else if (channel.quantity == v1::ChannelInfo::QUANTITY_ENERGY_COUNTER) {
      const auto watts = PowerSince(counters_[source][r.channel], r.reading, channel.scale);
      if (watts) AddPower(*channel.rail, *watts);
    } else if (channel.quantity == v1::ChannelInfo::QUANTITY_CURRENT && volts) {
      AddPower(*channel.rail, value * *volts);
    }
  }
}

std::optional<double> Telemetry::PowerSince(std::optional<Counter>& last, const Reading& reading,
                                            double scale) {
  const Counter now{.at_ns = Middle(reading), .raw = reading.raw};
  if (last && (now.raw == last->raw || now.at_ns <= last->at_ns)) return std::nullopt;
  const std::optional<Counter> before = std::exchange(last, now);
  if (!before || now.raw < before->raw) return std::nullopt;
  return static_cast<double>(now.raw - before->raw) * scale /
         Nanoseconds{now.at_ns - before->at_ns}.seconds();
}

void Telemetry::OnGap(size_t, const v1::Gap& gap) {
  const std::lock_guard lock(mutex_);
  MoveTo(gap.end_ns());
}

void Telemetry::AddPower(size_t rail, double watts) {
  TelemetryRail& span = record_.rails[rail];
  span.min_w = span.readings == 0 ? watts : std::min(span.min_w, watts);
  span.max_w = span.readings == 0 ? watts : std::max(span.max_w, watts);
  sums_[rail] += watts;
  ++span.readings;
  if (rail == top_rail_) last_top_ = {now_ns_, watts, 1};
}

void Telemetry::MoveTo(int64_t at_ns) {
  now_ns_ = std::max(now_ns_, at_ns);  // one source's readings may lie a little behind another's
  if (now_ns_ < record_.end_ns) return;
  if (record_.end_ns > 0) CloseRecord();
  record_.begin_ns = now_ns_ - now_ns_ % kBasePeriod.count;
  record_.end_ns = record_.begin_ns + kBasePeriod.count;
}

void Telemetry::CloseRecord() {
  for (size_t r = 0; r < sums_.size(); ++r) {
    TelemetryRail& rail = record_.rails[r];
    if (rail.readings > 0) rail.mean_w = sums_[r] / static_cast<double>(rail.readings);
  }
  record_.daemon_cpu_ns = static_cast<uint64_t>(ProcessCpuTime().count);
  ring_.Write(record_);
  if (top_rail_ && record_.rails[*top_rail_].readings > 0) {
    recent_top_.push_back({record_.end_ns, sums_[*top_rail_], record_.rails[*top_rail_].readings});
    while (recent_top_.front().at_ns <= record_.end_ns - kTopRailSpan.count) {
      recent_top_.pop_front();
    }
  }
  std::fill(std::begin(record_.rails), std::end(record_.rails), TelemetryRail{});
  std::fill(sums_.begin(), sums_.end(), 0.0);
}

void Telemetry::SetActivity(const std::string& run_id, v1::Phase phase, uint32_t iteration,
                            std::optional<uint32_t> op) {
  const std::lock_guard lock(mutex_);
  std::fill(std::begin(record_.run_id), std::end(record_.run_id), '\0');
  std::memcpy(record_.run_id, run_id.data(), std::min(run_id.size(), sizeof(record_.run_id) - 1));
  record_.phase = static_cast<uint32_t>(phase);
  record_.iteration = iteration;
  record_.op = op.value_or(0);
  record_.in_operator = op.has_value() ? 1 : 0;
}

std::optional<double> Telemetry::TopRailPower() const {
  const int64_t now_ns = clock_.Now().ns;
  const std::lock_guard lock(mutex_);
  if (!top_rail_) return std::nullopt;
  double sum = sums_[*top_rail_];
  uint64_t count = record_.rails[*top_rail_].readings;
  if (record_.end_ns <= now_ns - kTopRailSpan.count) sum = 0, count = 0;
  for (const TopPower& span : recent_top_) {
    if (span.at_ns <= now_ns - kTopRailSpan.count) continue;
    sum += span.sum_w;
    count += span.readings;
  }
  if (count > 0) return sum / static_cast<double>(count);
  if (last_top_ && last_top_->at_ns >= now_ns - kTopRailStale.count) return last_top_->sum_w;
  return std::nullopt;
}

}  // namespace synergy

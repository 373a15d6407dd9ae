#include "daemon/power/attribute_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "common/records/reading_span.h"
#include "daemon/power/source_description.h"

namespace synergy {
namespace {

constexpr Nanoseconds kVerifyInterval = Milliseconds(1000);
constexpr int kTimedRounds = 3;

std::vector<std::string> FilesOf(const std::vector<AttributeSource::Channel>& channels) {
  std::vector<std::string> files;
  for (const AttributeSource::Channel& channel : channels) files.push_back(channel.file);
  return files;
}

// More reads a second than this give nothing new. No limit where one of the windows is not known.
double RateOfConversions(const std::vector<AttributeSource::Channel>& channels) {
  double fastest_hz = 0, converting_s = 0;
  for (const AttributeSource::Channel& channel : channels) {
    if (channel.info.quantity() == v1::ChannelInfo::QUANTITY_VOLTAGE) continue;
    fastest_hz = std::max(fastest_hz, RateOfWindow(channel.info.window()));
    if (channel.each_read_converts) converting_s += channel.info.window().period_s();
  }
  // Of those that convert when they are read, one after the other.
  return converting_s > 0 ? 1 / converting_s : fastest_hz;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AttributeSource>> AttributeSource::Open(Options options,
                                                                       Clock& clock) {
  if (options.channels.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: it has no attribute that measures power", options.name));
  }
  std::unique_ptr<AttributeSource> source(new AttributeSource(std::move(options), clock));
  std::optional<Nanoseconds> shortest;
  for (int i = 0; i < kTimedRounds; ++i) {
    std::vector<ChannelReading> readings;
    const absl::Status status = source->Read(&readings);
    if (!status.ok() && !absl::IsUnavailable(status)) return status;
    if (!status.ok()) continue;
    const Nanoseconds round{readings.back().reading.end_ns - readings.front().reading.begin_ns};
    shortest = std::min(shortest.value_or(round), round);
  }
  source->max_rate_hz_ =
      std::min({source->max_rate_hz_, RateOfConversions(source->options_.channels),
                RateOfRounds(shortest.value_or(Nanoseconds{0}))});
  return source;
}

AttributeSource::AttributeSource(Options options, Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      attributes_(options_.name, FilesOf(options_.channels), options_.find, options_.prepare, clock,
                  options_.tree),
      max_rate_hz_(options_.max_rate_hz) {
  for (const Channel& channel : options_.channels) {
    channels_.push_back(channel.info);
    channels_.back().set_source(fmt::format("{} {}", options_.name, channel.info.source()));
    const v1::Window& window = *channels_.back().mutable_window();
    channels_.back().set_independent_hz(IndependentHz(window));
    // Drivers that do not say where in a cycle: each channel by itself.
    const double period_s = channel.one_conversion_a_period ? window.period_s() : 0;
    states_.push_back({.counter = EnergyCounter(channel.counter_range_uj, channel.most_w),
                       .freshness = CycleFreshness(period_s, window.period_tolerance(), {1.0})});
  }
}

void AttributeSource::Restart() {
  for (State& state : states_) {
    state.counter.Restart();
    state.freshness.Forget();
  }
  verify_due_ = clock_.Now() + kVerifyInterval;
}

absl::Status AttributeSource::ReadChannel(size_t index, std::vector<ChannelReading>* out) {
  const absl::StatusOr<StampedInteger> read = attributes_.Read(index);
  if (!read.ok()) return read.status();
  const Channel& channel = options_.channels[index];
  State& state = states_[index];
  const TimeSpan span{.earliest = {read->begin_ns}, .latest = {read->end_ns}};
  CycleFreshness::Seen seen = state.freshness.OnRead(0, span, read->value);
  if (channel.each_read_converts) seen.freshness = Freshness::kFresh;
  EnergyCounter::Counted counted{.total_uj = read->value};
  if (channel.counter_range_uj >= 0) counted = state.counter.Advance(read->value, read->end_ns);
  out->push_back({.channel = static_cast<uint32_t>(index),
                  .reading = {.begin_ns = read->begin_ns,
                              .end_ns = read->end_ns,
                              .raw = counted.total_uj,
                              .freshness = seen.freshness},
                  .number = seen.number});
  if (counted.fault.empty()) return absl::OkStatus();
  return absl::UnavailableError(
      fmt::format("{}: its counter of {} {}", options_.name, channel.info.rail(), counted.fault));
}

absl::Status AttributeSource::Read(std::vector<ChannelReading>* out) {
  if (absl::Status status = attributes_.EnsureOpen(); !status.ok()) return status;
  if (std::exchange(life_, attributes_.lives()) != attributes_.lives()) Restart();
  if (const MonotonicTime now = clock_.Now(); now >= verify_due_) {
    verify_due_ = now + kVerifyInterval;
    const absl::Status status = options_.verify(attributes_.folder());
    if (!status.ok()) {
      verify_due_ = now;  // no reading before it is well again
      return Owned(options_.name, status);
    }
  }
  absl::Status failed;
  for (size_t i = 0; i < channels_.size(); ++i) {
    const absl::Status status = ReadChannel(i, out);
    if (absl::IsNotFound(status)) return status;
    failed.Update(status);  // the other channels may be well
  }
  return failed;
}

std::vector<std::string> AttributeSource::Remarks() const {
  std::vector<std::string> remarks = options_.remarks;
  for (size_t i = 0; i < states_.size(); ++i) {
    const uint64_t faults = states_[i].counter.faults();
    if (faults == 0) continue;
    remarks.push_back(fmt::format(
        "{}: its counter of {} was reset, or leapt, {} since synergyd started; the energy around "
        "that is missing{}measure again where a run has a gap there",
        options_.name, channels_[i].rail(), faults == 1 ? "once" : fmt::format("{} times", faults),
        kToMend));
  }
  return remarks;
}

}  // namespace synergy

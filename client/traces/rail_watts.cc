#include "client/traces/rail_watts.h"

#include <algorithm>
#include <set>
#include <string>

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

}  // namespace

std::vector<RailWatts> RailWatts::Of(const v1::RunHeader& header) {
  std::vector<RailWatts> rails;
  std::set<std::string> known;
  for (const ChannelInfo& channel : header.channels()) {
    if (!known.insert(channel.rail()).second) continue;
    const ChannelInfo* const power = PowerChannel(header, channel.rail());
    if (power == nullptr) continue;
    RailWatts& rail = rails.emplace_back();
    rail.channel_ = *power;
    if (power->quantity() == ChannelInfo::QUANTITY_CURRENT) {
      rail.voltage_ = *Find(header, channel.rail(), ChannelInfo::QUANTITY_VOLTAGE);
    }
  }
  return rails;
}

void RailWatts::AddVolts(const std::vector<Reading>& volts) {
  volts_.insert(volts_.end(), volts.begin(), volts.end());
}

double RailWatts::VoltsAt(int64_t at_ns) {
  const auto value = [&](size_t i) {
    return static_cast<double>(volts_[i].raw) * voltage_->scale();
  };
  while (next_volt_ < volts_.size() && Middle(volts_[next_volt_]) <= at_ns) ++next_volt_;
  if (next_volt_ == 0) return value(0);
  if (next_volt_ == volts_.size()) return value(next_volt_ - 1);
  const int64_t before = Middle(volts_[next_volt_ - 1]), after = Middle(volts_[next_volt_]);
  const double part = static_cast<double>(at_ns - before) / static_cast<double>(after - before);
  return value(next_volt_ - 1) + part * (value(next_volt_) - value(next_volt_ - 1));
}

std::optional<RailPowerPoint> RailWatts::At(const Reading& reading) {
  const double value = static_cast<double>(reading.raw) * channel_.scale();
  if (channel_.quantity() == ChannelInfo::QUANTITY_POWER) {
    return RailPowerPoint{reading.begin_ns, value};
  }
  if (channel_.quantity() == ChannelInfo::QUANTITY_CURRENT) {
    if (volts_.empty()) return std::nullopt;
    return RailPowerPoint{reading.begin_ns, value * VoltsAt(Middle(reading))};
  }
  if (!update_) update_ = reading;
  const Reading before = *update_;
  const int64_t span_ns = Middle(reading) - Middle(before);
  if (reading.raw == before.raw || span_ns <= 0) return std::nullopt;
  update_ = reading;
  const double joules =
      (static_cast<double>(reading.raw) - static_cast<double>(before.raw)) * channel_.scale();
  if (joules <= 0) return std::nullopt;  // it was reset
  return RailPowerPoint{before.begin_ns, joules / (1e-9 * static_cast<double>(span_ns))};
}

}  // namespace synergy

// A power source that does what a test tells it to.
#pragma once

#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "daemon/power/power_source.h"

namespace synergy {

inline v1::ChannelInfo SensorChannel(const std::string& rail, v1::ChannelInfo::Quantity quantity,
                                     double scale) {
  v1::ChannelInfo channel;
  channel.set_rail(rail);
  channel.set_quantity(quantity);
  channel.set_scale(scale);
  return channel;
}

class ScriptedSource final : public PowerSource {
 public:
  // `read` is told which call it is, from 0.
  using Script = std::function<absl::Status(int call, std::vector<ChannelReading>* out)>;

  ScriptedSource(std::string name, std::vector<v1::ChannelInfo> channels, Script read)
      : name_(std::move(name)), channels_(std::move(channels)), read_(std::move(read)) {}

  const std::string& name() const override { return name_; }
  const std::vector<v1::ChannelInfo>& channels() const override { return channels_; }
  absl::Status Read(std::vector<ChannelReading>* out) override { return read_(call_++, out); }
  double asked_hz(size_t index) const override {
    return index == 0 ? PowerSource::asked_hz(index) : asked_hz_;
  }
  double max_rate_hz() const override { return max_rate_hz_; }
  std::vector<std::string> Remarks() const override { return remarks_; }
  std::string Doubt() const override {
    return remarks_.empty() ? "" : "doubt: " + remarks_.front();
  }
  void SetAskedHz(double hz) { asked_hz_ = hz; }  // of all channels but the first
  void SetMaxRate(double hz) { max_rate_hz_ = hz; }
  void SetRemarks(std::vector<std::string> remarks) { remarks_ = std::move(remarks); }

 private:
  const std::string name_;
  const std::vector<v1::ChannelInfo> channels_;
  const Script read_;
  int call_ = 0;
  std::vector<std::string> remarks_;
  double asked_hz_ = std::numeric_limits<double>::infinity();
  double max_rate_hz_ = std::numeric_limits<double>::infinity();
};

}  // namespace synergy

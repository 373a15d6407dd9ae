#include "daemon/power/source_description.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace synergy {

v1::SourceInfo DescribeSource(const PowerSource& source) {
  v1::SourceInfo info;
  info.set_name(source.name());
  for (const v1::ChannelInfo& channel : source.channels()) {
    *info.add_channels() = channel;
    if (std::ranges::find(info.rails(), channel.rail()) == info.rails().end()) {
      info.add_rails(channel.rail());
    }
  }
  UpdateDescription(source, &info);
  return info;
}

void UpdateDescription(const PowerSource& source, v1::SourceInfo* info) {
  const double rate = source.max_rate_hz();
  info->set_max_rate_hz(std::isinf(rate) ? 0 : rate);
  info->clear_remarks();
  for (std::string& remark : source.Remarks()) info->add_remarks(std::move(remark));
}

}  // namespace synergy

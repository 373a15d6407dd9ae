#include "common/attribution/run_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "common/records/chunk.h"

namespace synergy {
namespace {

// No stamp is later: 146 years after boot. Keeps every difference of stamps within 64 bits.
constexpr int64_t kLatestNs = int64_t{1} << 62;
// More than any board has; keeps what is computed per rail and operator small whatever the bytes
// say.
constexpr size_t kMostRails = 64;
// No unit's step is larger; keeps every product of a raw value, a voltage and a time finite.
constexpr double kLargestScale = 1e6;

bool IsSpan(int64_t begin_ns, int64_t end_ns) {
  return 0 <= begin_ns && begin_ns <= end_ns && end_ns <= kLatestNs;
}

}  // namespace

std::vector<std::string> RailNames(const v1::RunHeader& header) {
  std::vector<std::string> names;
  std::set<std::string> known;
  for (const v1::RailInfo& rail : header.board().rails()) {
    if (known.insert(rail.name()).second) names.push_back(rail.name());
  }
  for (const v1::ChannelInfo& channel : header.channels()) {
    if (known.insert(channel.rail()).second) names.push_back(channel.rail());
  }
  return names;
}

absl::Status CheckHeader(const v1::RunHeader& header) {
  std::set<uint32_t> numbers;
  for (const v1::ChannelInfo& channel : header.channels()) {
    if (channel.channel() < kFirstSensorChannel || !numbers.insert(channel.channel()).second) {
      return absl::DataLossError(
          fmt::format("the run's header gives a sensor the channel {}, which "
                      "is taken",
                      channel.channel()));
    }
    if (!(channel.scale() > 0 && channel.scale() <= kLargestScale)) {
      return absl::DataLossError(fmt::format("the run's header gives channel {} the scale {}",
                                             channel.channel(), channel.scale()));
    }
  }
  if (const size_t rails = RailNames(header).size(); rails > kMostRails) {
    return absl::DataLossError(
        fmt::format("the run's header names {} rails, more than the {} that "
                    "are taken",
                    rails, kMostRails));
  }
  return absl::OkStatus();
}

absl::Status CheckOperators(const v1::OperatorTable& table) {
  for (int i = 0; i < table.operators_size(); ++i) {
    if (table.operators(i).index() != static_cast<uint32_t>(i)) {
      return absl::DataLossError(fmt::format("the run's operator table has operator {} in place {}",
                                             table.operators(i).index(), i));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckCounts(const v1::EventCounts& rows) {
  const int count = rows.count_size();
  if (rows.iteration_size() == count && rows.op_size() == count && rows.event_size() == count &&
      std::ranges::all_of(rows.event(), [](uint32_t event) { return event < kMaxCountedEvents; })) {
    return absl::OkStatus();
  }
  return absl::DataLossError("counts of events that are no rows");
}

absl::Status CheckMarkers(const std::vector<Marker>& markers) {
  for (const Marker& m : markers) {
    if (!IsSpan(m.begin_ns, m.end_ns)) {
      return absl::DataLossError(
          fmt::format("a marker of operator {} runs from {} to {} ns", m.op, m.begin_ns, m.end_ns));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckReadings(const std::vector<Reading>& readings, const Reading* last) {
  for (const Reading& r : readings) {
    if (!IsSpan(r.begin_ns, r.end_ns)) {
      return absl::DataLossError(
          fmt::format("a reading runs from {} to {} ns", r.begin_ns, r.end_ns));
    }
    if (last != nullptr && Middle(r) < Middle(*last)) {
      return absl::DataLossError(
          fmt::format("a reading at {} ns follows one at {} ns: the channel goes back in time",
                      Middle(r), Middle(*last)));
    }
    last = &r;
  }
  return absl::OkStatus();
}

}  // namespace synergy

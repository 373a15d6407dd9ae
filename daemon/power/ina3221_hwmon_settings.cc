#include "daemon/power/ina3221_hwmon_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/sysfs.h"
#include "daemon/power/ina3221_registers.h"

namespace synergy {
namespace {

// For the test whether reads wait: 2.1 ms conversions, 4 to 13 ms a cycle.
constexpr int kTestConversionUs = 2116;
constexpr int kTestReads = 6;

constexpr char kSamples[] = "samples";
constexpr char kInterval[] = "update_interval";

std::string Enable(int number) { return fmt::format("in{}_enable", number); }

// The entry of a chip's table that is at least `wanted`; 0: its first.
template <typename Table>
int AtLeast(const Table& table, uint32_t wanted) {
  const auto entry = std::ranges::find_if(
      table, [&](int value) { return static_cast<uint32_t>(value) >= wanted; });
  return entry == table.end() ? table.back() : *entry;
}

// The chip converts what is switched on, whether it is read or not.
absl::StatusOr<int> CountOn(const std::string& folder) {
  int channels = 0;
  for (int number = 1; number <= static_cast<int>(ina3221::kChannels); ++number) {
    const absl::StatusOr<int64_t> on = ReadSysfsInteger(folder + "/" + Enable(number));
    if (!on.ok() && !absl::IsNotFound(on.status())) return on.status();
    channels += on.value_or(1) != 0 ? 1 : 0;
  }
  return channels;
}

}  // namespace

Ina3221HwmonSettings::Ina3221HwmonSettings(std::string name, KnownIna3221 known,
                                           SettingWriter& settings, Clock& clock)
    : name_(std::move(name)), known_(std::move(known)), settings_(settings), clock_(clock) {}

bool Ina3221HwmonSettings::IsOn(const std::string& folder, int number) {
  // Without in*_enable (before 4.20) all are on.
  return ReadSysfsInteger(folder + "/" + Enable(number)).value_or(1) != 0;
}

bool Ina3221HwmonSettings::Set(const std::string& folder, const std::string& file, int64_t value,
                               std::vector<std::string>* remarks) {
  if (!HasAttribute(folder, file)) return false;
  // The settings are put back much later, maybe by another process: never on another chip.
  const std::string path = ResolvedFolder(folder) + "/" + file;
  const absl::StatusOr<std::string> obtained = settings_.Set(path, std::to_string(value));
  if (obtained.ok()) return true;
  remarks->push_back(fmt::format("{}: {}; measured with the setting as it is", name_,
                                 std::string(obtained.status().message())));
  return false;
}

bool Ina3221HwmonSettings::SetInterval(const std::string& folder, int64_t samples,
                                       int conversion_us, std::vector<std::string>* remarks) {
  const Ina3221Interval interval =
      IntervalFor(std::max(1, CountOn(folder).value_or(1)), samples, conversion_us);
  if (!Set(folder, kInterval, interval.ms, remarks)) return false;
  asked_ = interval;
  return true;
}

absl::StatusOr<Ina3221Cycle> Ina3221HwmonSettings::ReadCycle(const std::string& folder) const {
  const absl::StatusOr<int> channels = CountOn(folder);
  if (!channels.ok()) return channels.status();
  const absl::StatusOr<int64_t> interval = ReadSysfsInteger(folder + "/" + kInterval);
  // Drivers before 4.20 show and set neither, and reset the chip.
  if (absl::IsNotFound(interval.status())) return CycleAfterReset(*channels);
  if (!interval.ok()) return interval.status();
  const absl::StatusOr<int64_t> samples = ReadSysfsInteger(folder + "/" + kSamples);
  if (!samples.ok()) return samples.status();
  const std::optional<Ina3221Cycle> cycle = CycleOfInterval(*channels, *samples, *interval, asked_);
  if (cycle) return *cycle;
  return absl::FailedPreconditionError(fmt::format(
      "update_interval {} ms and samples {} of {} channels fit no conversion time of the chip",
      *interval, *samples, *channels));
}

absl::StatusOr<std::optional<bool>> Ina3221HwmonSettings::TryWhetherReadsWait(
    const std::string& folder, int input) {
  const absl::StatusOr<Ina3221Cycle> cycle = ReadCycle(folder);
  if (!cycle.ok()) return std::nullopt;
  const auto attribute = SysfsAttribute::Open(fmt::format("{}/curr{}_input", folder, input));
  if (!attribute.ok()) return attribute.status();
  std::vector<StampedInteger> reads;
  for (int i = 0; i <= kTestReads; ++i) {
    StampedInteger read;
    read.begin_ns = clock_.Now().ns;
    const absl::StatusOr<int64_t> value = attribute->ReadInteger();
    read.end_ns = clock_.Now().ns;
    if (absl::IsNotFound(value.status())) return value.status();
    if (value.ok() && i > 0) reads.push_back(read);
  }
  return ReadsWait(reads, cycle->ready_s());
}

std::string Ina3221HwmonSettings::Difference(const Ina3221Cycle& cycle) const {
  const bool averages = known_.averages == 0 || cycle.samples == static_cast<int>(known_.averages);
  const bool conversion =
      known_.conversion_us == 0 || cycle.conversion_us == static_cast<int>(known_.conversion_us);
  if (averages && conversion) return "";
  return fmt::format(
      "{}: the board's profile knows {} averages of {} us to work, and the chip does {} of {} us",
      name_, std::max(1u, known_.averages), std::max(140u, known_.conversion_us), cycle.samples,
      cycle.conversion_us);
}

absl::StatusOr<Ina3221HwmonSettings::Outcome> Ina3221HwmonSettings::Program(
    const std::string& folder, const std::vector<int>& inputs,
    const std::vector<int>& unconnected) {
  Outcome outcome;
  outcome.remarks = known_.remarks;
  asked_.reset();  // a driver that was bound anew has reset the chip
  for (const int number : unconnected) Set(folder, Enable(number), 0, &outcome.remarks);
  const bool may_set = Set(folder, kSamples, 1, &outcome.remarks);
  // Tried without averages, which make the test last as many times as long.
  if (may_set) SetInterval(folder, 1, kTestConversionUs, &outcome.remarks);
  absl::StatusOr<std::optional<bool>> waits = TryWhetherReadsWait(folder, inputs.front());
  if (!waits.ok()) return waits.status();
  outcome.reads_wait = *waits;
  if (may_set) {
    const int averages = AtLeast(ina3221::kAverages, known_.averages);
    if (averages > 1) Set(folder, kSamples, averages, &outcome.remarks);
    SetInterval(folder, averages, AtLeast(ina3221::kConversionUs, known_.conversion_us),
                &outcome.remarks);
  }
  const absl::StatusOr<Ina3221Cycle> cycle = ReadCycle(folder);
  if (!cycle.ok() && !absl::IsFailedPrecondition(cycle.status())) return cycle.status();
  if (!cycle.ok()) {
    outcome.remarks.push_back(fmt::format("{}: {}, so its windows are unknown", name_,
                                          std::string(cycle.status().message())));
    return outcome;
  }
  outcome.cycle = *cycle;
  if (std::string words = Difference(*cycle); !words.empty()) {
    outcome.remarks.push_back(std::move(words));
  }
  return outcome;
}

}  // namespace synergy

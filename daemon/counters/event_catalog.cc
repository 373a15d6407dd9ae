#include "daemon/counters/event_catalog.h"

#include <linux/perf_event.h>

#include <algorithm>
#include <charconv>

#include "absl/strings/str_split.h"
#include "common/clock_request.h"
#include "common/files.h"
#include "common/nearest_name.h"
#include "common/sysfs.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

constexpr const char* kOfX86 = "cpu";  // its one core unit has no file that names CPUs
// Documentation/arm64/perf.rst of Linux 5.17: config1:1.
constexpr uint64_t kArmUserAccess = 2;
// Those that PMCEID0_EL0 and PMCEID1_EL0 tell of.
constexpr uint64_t kArmCommonEvents = 0x40;
constexpr size_t kMaxCpuinfoBytes = 4u << 20;
constexpr size_t kMaxNamesShown = 60;

absl::StatusOr<uint64_t> ParseNumber(std::string_view text) {
  const std::string_view digits = text.starts_with("0x") ? text.substr(2) : text;
  uint64_t value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [rest, error] =
      std::from_chars(digits.data(), end, value, digits.size() < text.size() ? 16 : 10);
  if (error == std::errc() && rest == end) return value;
  return absl::InvalidArgumentError(fmt::format("'{}' is no number", text));
}

// Puts the bits of `value`, lowest first, where the format says.
absl::Status Place(uint64_t value, std::string_view format, EventCode* code) {
  const size_t colon = format.find(':');
  const std::string_view target = format.substr(0, colon);
  uint64_t* const config = target == "config"    ? &code->config
                           : target == "config1" ? &code->config1
                           : target == "config2" ? &code->config2
                                                 : nullptr;
  const absl::Status bad = absl::InvalidArgumentError(fmt::format("format '{}'", format));
  if (config == nullptr || colon == format.npos) return bad;
  for (const absl::string_view part :
       absl::StrSplit(absl::string_view(format.data(), format.size()).substr(colon + 1), ',')) {
    const std::string_view span(part.data(), part.size());
    const size_t dash = span.find('-');
    const auto low = ParseNumber(span.substr(0, dash));
    const auto high = dash == span.npos ? low : ParseNumber(span.substr(dash + 1));
    if (!low.ok() || !high.ok() || *high > 63 || *low > *high) return bad;
    for (uint64_t bit = *low; bit <= *high; ++bit, value >>= 1) *config |= (value & 1) << bit;
  }
  return value == 0 ? absl::OkStatus() : bad;
}

}  // namespace

absl::Status AddEventTerms(std::string_view terms,
                           const std::function<absl::StatusOr<std::string>(std::string)>& format,
                           EventCode* code) {
  for (const absl::string_view part :
       absl::StrSplit(absl::string_view(terms.data(), terms.size()), ',', absl::SkipEmpty())) {
    const std::string_view term(part.data(), part.size());
    const size_t equals = term.find('=');
    const absl::StatusOr<uint64_t> value =
        equals == term.npos ? uint64_t{1} : ParseNumber(term.substr(equals + 1));
    const std::string field(term.substr(0, equals));
    if (!value.ok()) return value.status();
    if (field == "config" || field == "config1" || field == "config2") {
      if (absl::Status placed = Place(*value, field + ":0-63", code); !placed.ok()) return placed;
      continue;
    }
    const absl::StatusOr<std::string> text = format(field);
    if (!text.ok()) return text.status();
    if (absl::Status placed = Place(*value, *text, code); !placed.ok()) return placed;
  }
  return absl::OkStatus();
}

absl::StatusOr<EventCatalog> EventCatalog::Read(const std::string& root,
                                                const std::vector<int>& cpus) {
  EventCatalog catalog(root + "/sys/bus/event_source/devices");
  catalog.units_ = ListSysfs(catalog.devices_);
  const auto has_all = [&](const std::string& unit) {
    const auto text = ReadSysfs(fmt::format("{}/{}/cpus", catalog.devices_, unit));
    const auto of_unit =
        text.ok() ? ParseCpuList(*text) : absl::StatusOr<std::vector<uint32_t>>(text.status());
    return of_unit.ok() && std::ranges::all_of(cpus, [&](int cpu) {
             return std::ranges::find(*of_unit, static_cast<uint32_t>(cpu)) != of_unit->end();
           });
  };
  std::vector<std::string> cores;
  for (const std::string& unit : catalog.units_) {
    const bool has_cpus = ReadSysfs(fmt::format("{}/{}/cpus", catalog.devices_, unit)).ok();
    if (has_cpus || unit == kOfX86) cores.push_back(unit);
    if (catalog.core_unit_.empty() && (unit == kOfX86 || has_all(unit))) catalog.core_unit_ = unit;
  }
  if (cores.size() > 1 && catalog.core_unit_.empty()) {
    return absl::FailedPreconditionError(fmt::format(
        "the job's CPUs {} are of several kinds with counters of their own ({}): give it CPUs of "
        "one kind with --cpus, and as many threads at most",
        fmt::join(cpus, ","), fmt::join(cores, ", ")));
  }
  if (catalog.core_unit_.empty() && !cores.empty()) catalog.core_unit_ = cores.front();
  catalog.core_type_ = PERF_TYPE_RAW;
  if (!catalog.core_unit_.empty()) {
    std::ranges::stable_partition(catalog.units_,
                                  [&](const auto& unit) { return unit == catalog.core_unit_; });
    const auto type =
        ReadSysfsInteger(fmt::format("{}/{}/type", catalog.devices_, catalog.core_unit_));
    if (type.ok()) catalog.core_type_ = static_cast<uint32_t>(*type);
    const std::string format = fmt::format("{}/{}/format", catalog.devices_, catalog.core_unit_);
    catalog.user_access_ =
        ReadSysfs(format + "/rdpmc").value_or("") == "config1:1" &&
        ReadSysfs(root + "/proc/sys/kernel/perf_user_access").value_or("") == "1";
  }
  const std::string cpuinfo = ReadFile(root + "/proc/cpuinfo", kMaxCpuinfoBytes).value_or("");
  catalog.cpu_ = ParseCpuKind(cpuinfo, cpus.empty() ? 0 : cpus.front());
  return catalog;
}

bool EventCatalog::HasCommon(const EventCode& code) const {
  if (!IsArm(cpu_) || code.type != core_type_ || code.config >= kArmCommonEvents) return true;
  const std::vector<std::string> names =
      ListSysfs(fmt::format("{}/{}/events", devices_, core_unit_));
  return names.empty() || std::ranges::any_of(names, [&](const std::string& name) {
           const absl::StatusOr<EventCode> named = OfSysfs(core_unit_, name);
           return named.ok() && named->config == code.config;
         });
}

EventCode EventCatalog::OfCore(EventCode code) const {
  if (user_access_ && code.type == core_type_) code.config1 |= kArmUserAccess;
  return code;
}

absl::StatusOr<EventCode> EventCatalog::OfSysfs(const std::string& unit,
                                                const std::string& event) const {
  const std::string folder = fmt::format("{}/{}", devices_, unit);
  const absl::StatusOr<std::string> terms = ReadSysfs(fmt::format("{}/events/{}", folder, event));
  if (!terms.ok()) return terms.status();
  const absl::StatusOr<int64_t> type = ReadSysfsInteger(folder + "/type");
  if (!type.ok()) return type.status();
  EventCode code{.type = static_cast<uint32_t>(*type)};
  const absl::Status added = AddEventTerms(
      *terms,
      [&](const std::string& field) {
        return ReadSysfs(fmt::format("{}/format/{}", folder, field));
      },
      &code);
  if (added.ok()) return code;
  return absl::InvalidArgumentError(fmt::format("the event {} of {} ({}) cannot be read: {}", event,
                                                unit, *terms, std::string(added.message())));
}

absl::StatusOr<NamedEvent> EventCatalog::Find(std::string_view name) const {
  NamedEvent event{.name = std::string(name), .unit = core_unit_, .code = {}};
  if (const auto generic = GenericEvent(name, cpu_, core_type_)) {
    if (!HasCommon(*generic)) {
      return absl::FailedPreconditionError(fmt::format(
          "{} cannot be counted: this processor has no such counter (the kernel names those that "
          "it has in {}/{}/events)",
          name, devices_, core_unit_));
    }
    event.code = OfCore(*generic);
    if (generic->type == PERF_TYPE_SOFTWARE) event.unit = "software";
    return event;
  }
  const size_t slash = name.find('/');
  const std::string of_unit(slash == name.npos ? "" : name.substr(0, slash));
  std::string short_name(slash == name.npos ? name : name.substr(slash + 1));
  if (slash != name.npos && short_name.ends_with('/')) short_name.pop_back();
  for (const std::string& unit : units_) {
    if (!of_unit.empty() && unit != of_unit) continue;
    const absl::StatusOr<EventCode> code = OfSysfs(unit, short_name);
    if (absl::IsNotFound(code.status())) continue;
    if (!code.ok()) return code.status();
    event.unit = unit;
    event.code = OfCore(*code);
    return event;
  }
  if (const auto raw = RawEvent(name, core_type_)) {
    event.code = OfCore(*raw);
    return event;
  }
  return Unknown(name);
}

absl::Status EventCatalog::Unknown(std::string_view name) const {
  std::vector<std::string> names = GenericEventNames(cpu_);
  for (const std::string& unit : units_) {
    for (const std::string& event : ListSysfs(fmt::format("{}/{}/events", devices_, unit))) {
      const bool plain = event.find('.') == event.npos;  // others are an event's unit and scale
      if (plain) names.push_back(unit == core_unit_ ? event : fmt::format("{}/{}/", unit, event));
    }
  }
  const std::string nearest = NearestName(std::string(name), names);
  const size_t more = names.size() - std::min(names.size(), kMaxNamesShown);
  names.resize(names.size() - more);
  return absl::NotFoundError(fmt::format(
      "no event {} can be counted here{}; there are {}{}, and raw codes of the processor (r74)",
      name, nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest),
      fmt::join(names, ", "), more == 0 ? "" : fmt::format(" and {} more", more)));
}

}  // namespace synergy

#include "common/spec_validation.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "common/clock_request.h"
#include "common/iteration_pause.h"
#include "common/load_chirp.h"
#include "common/marker_ring.h"
#include "common/nearest_name.h"
#include "common/precision_request.h"
#include "common/printable.h"
#include "common/protocol.h"
#include "common/sha256.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

constexpr size_t kMaxNameBytes = 200;
constexpr std::string_view kAnew = "install it anew";  // some reasons say it
constexpr size_t kMaxTokenBytes = 64;
constexpr uint32_t kMaxWarmup = 1'000'000;
constexpr size_t kMaxEventBytes = 64;
constexpr std::string_view kEventLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./";
constexpr double kMaxIdleS = 600;
constexpr double kMaxCoolBelowC = 150;  // no silicon works beyond
constexpr double kMaxCoolTimeoutS = 86400;
constexpr uint64_t kMaxObjectBytes = uint64_t{1} << 40;

template <typename... T>
absl::Status Invalid(fmt::format_string<T...> format, T&&... args) {
  return absl::InvalidArgumentError(fmt::format(format, std::forward<T>(args)...));
}

// Names travel into logs, tables and terminals: no control characters.
bool IsPrintable(const std::string& text) { return Printable(text, text.size()) == text; }

absl::Status CheckNames(const v1::JobSpec& spec) {
  if (spec.net_name().empty() || spec.net_name().size() > kMaxNameBytes ||
      !IsPrintable(spec.net_name())) {
    return Invalid("net_name: give a name of 1 to {} printable characters", kMaxNameBytes);
  }
  if (spec.net_type().size() > kMaxNameBytes || !IsPrintable(spec.net_type())) {
    return Invalid("net_type: give a type of at most {} printable characters", kMaxNameBytes);
  }
  return absl::OkStatus();
}

const InstalledEngine* FindEngine(const v1::JobSpec& spec, const SpecLimits& limits) {
  const auto found = std::find_if(limits.engines.begin(), limits.engines.end(),
                                  [&](const auto& engine) { return engine.name == spec.engine(); });
  return found == limits.engines.end() ? nullptr : &*found;
}

absl::Status CheckEngine(const v1::JobSpec& spec, const SpecLimits& limits) {
  if (const InstalledEngine* engine = FindEngine(spec, limits); engine != nullptr) {
    if (engine->unusable.empty()) return absl::OkStatus();
    const bool said = engine->unusable.find(kAnew) != std::string::npos;
    return absl::FailedPreconditionError(
        fmt::format("engine: {} cannot be used here: {}; {}or name another with --engine",
                    engine->name, engine->unusable, said ? "" : fmt::format("{}, ", kAnew)));
  }
  if (limits.engines.empty()) {
    return Invalid(
        "engine: this daemon has none: {} holds no executable synergy-worker-<engine>; "
        "start synergyd with --libexec DIR",
        limits.libexec_dir);
  }
  std::vector<std::string> names;
  for (const InstalledEngine& engine : limits.engines) names.push_back(engine.name);
  const std::string nearest = NearestName(spec.engine(), names);
  const std::string shown = Printable(spec.engine(), 64);
  return Invalid("engine: there is no '{}' here{}; engines of this daemon: {}", shown,
                 nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest),
                 fmt::join(names, ", "));
}

// Whether operators run one after the other. Where they do not, the threads are workers that run
// one operator each, so what limits the threads within one does not limit them: the engine says
// at Load what it cannot do.
bool RunsOneByOne(const v1::JobSpec& spec) {
  return spec.net_type().empty() || spec.net_type() == "simple";
}

// The engine is there.
absl::Status CheckThreads(const v1::JobSpec& spec, const SpecLimits& limits) {
  const uint32_t threads = spec.threads();
  if (threads < 1 || threads > limits.cpus) {
    return Invalid("threads: {} asked for; this board has CPUs for 1 to {}", threads, limits.cpus);
  }
  const bool limited = RunsOneByOne(spec);
  const auto can = [&](const InstalledEngine& engine) {
    return engine.unusable.empty() &&
           (!limited || engine.max_threads == 0 || threads <= engine.max_threads);
  };
  const InstalledEngine& engine = *FindEngine(spec, limits);
  if (can(engine)) return absl::OkStatus();
  std::string others;
  for (const InstalledEngine& other : limits.engines) {
    if (can(other)) others += fmt::format("--engine {} or ", other.name);
  }
  return Invalid("threads: engine {} runs {}; asked for {}: use {}--threads {}", engine.name,
                 engine.max_threads == 1 ? "one thread"
                                         : fmt::format("at most {} threads", engine.max_threads),
                 threads, others, engine.max_threads);
}

absl::Status CheckNumbers(const v1::JobSpec& spec, const SpecLimits& limits) {
  if (spec.iterations() < 1 || spec.iterations() > kMaxIterations) {
    return Invalid("iterations: {} asked for; 1 to {} can be measured", spec.iterations(),
                   kMaxIterations);
  }
  if (spec.warmup() < 1) {
    return Invalid(
        "warmup: at least 1 is needed: the first iteration allocates memory and finds the shapes, "
        "so it is never measured");
  }
  if (spec.warmup() > kMaxWarmup) {
    return Invalid("warmup: {} asked for; at most {} are run", spec.warmup(), kMaxWarmup);
  }
  if (absl::Status status = CheckThreads(spec, limits); !status.ok()) return status;
  if (spec.batch() < 1 || spec.batch() > kMaxBatch) {
    return Invalid("batch: {} given; 1 to {} are possible", spec.batch(), kMaxBatch);
  }
  const double limit = spec.time_limit_s();
  if (!std::isfinite(limit) || limit < 0 || limit > kMaxTimeLimitS) {
    return Invalid(
        "time_limit_s: {} given; up to {:.0f} s (7 days), or 0 for the default of {:.0f} s", limit,
        kMaxTimeLimitS, kDefaultTimeLimitS);
  }
  const double idle = spec.idle_s();
  if (!(idle >= 0 && idle <= kMaxIdleS)) {
    return Invalid("idle_s: {} given; 0 to {:.0f} s are recorded before and after a job", idle,
                   kMaxIdleS);
  }
  const double pause = spec.longest_pause_s();
  if (!(pause >= 0 && pause <= kLongestPause.seconds())) {
    return Invalid("longest_pause_s: {} given; 0 (none) to {:g} s", pause, kLongestPause.seconds());
  }
  if (absl::Status status = ValidatePrecisionUntrusted(spec); !status.ok()) return status;
  if (spec.priority() < -kMaxPriority || spec.priority() > kMaxPriority) {
    return Invalid("priority: {} given; -{} to {}", spec.priority(), kMaxPriority, kMaxPriority);
  }
  const double rate = spec.rate_hz();
  if (rate != 0 && !(rate >= kMinRateHz && rate <= kMaxRateHz)) {
    return Invalid("rate_hz: {} asked for; {:.0f} to {:.0f} Hz, or 0 for the board's default", rate,
                   kMinRateHz, kMaxRateHz);
  }
  return absl::OkStatus();
}

absl::Status CheckInput(const v1::InputShape& input) {
  if (input.blob().empty() || input.blob().size() > kMaxNameBytes || !IsPrintable(input.blob())) {
    return Invalid("inputs: a blob's name has 1 to {} printable characters", kMaxNameBytes);
  }
  if (input.dims_size() > kMaxInputDims) {
    return Invalid("inputs: blob '{}' has {} dimensions; at most {} are possible", input.blob(),
                   input.dims_size(), kMaxInputDims);
  }
  if (!v1::DataType_IsValid(input.type())) {
    return Invalid("inputs: blob '{}' has the unknown type {}", input.blob(),
                   static_cast<int>(input.type()));
  }
  int64_t elements = 1;
  for (const int64_t dim : input.dims()) {
    if (dim < 1 || dim > kMaxInputElements / elements) {
      return Invalid(
          "inputs: blob '{}' of dimensions {}: each is at least 1, and together at most {}",
          input.blob(), fmt::join(input.dims(), " x "), kMaxInputElements);
    }
    elements *= dim;
  }
  return absl::OkStatus();
}

absl::Status CheckInputs(const v1::JobSpec& spec) {
  if (spec.inputs_size() > kMaxInputs) {
    return Invalid("inputs: {} given; at most {}", spec.inputs_size(), kMaxInputs);
  }
  std::set<std::string_view> blobs;
  for (const v1::InputShape& input : spec.inputs()) {
    if (absl::Status status = CheckInput(input); !status.ok()) return status;
    if (!blobs.insert(input.blob()).second) {
      return Invalid("inputs: blob '{}' is given twice", input.blob());
    }
  }
  return absl::OkStatus();
}

// Whether the device has them is seen when the job gets them.
absl::Status CheckObjects(const v1::JobSpec& spec) {
  absl::Status status;
  if (spec.has_weights()) status = ValidateObjectUntrusted(spec.weights());
  if (!status.ok()) return Invalid("weights: {}", std::string(status.message()));
  if (spec.has_input_values()) status = ValidateObjectUntrusted(spec.input_values());
  if (!status.ok()) return Invalid("input_values: {}", std::string(status.message()));
  return absl::OkStatus();
}

// Whether they can be counted is seen on the device.
absl::Status CheckEvents(const v1::JobSpec& spec, const SpecLimits& limits) {
  if (spec.events().empty()) return absl::OkStatus();
  if (!limits.knows_events) {
    return absl::FailedPreconditionError(
        "events: this board's daemon is older than counting: leave them out, or install a newer "
        "one");
  }
  if (spec.events_size() > static_cast<int>(kMaxCountedEvents)) {
    return Invalid("events: {} given; at most {}", spec.events_size(), kMaxCountedEvents);
  }
  std::set<std::string_view> names;
  for (const std::string& event : spec.events()) {
    if (event.empty() || event.size() > kMaxEventBytes ||
        event.find_first_not_of(kEventLetters) != event.npos || event.front() == '/' ||
        event.find("..") != event.npos) {
      return Invalid("events: '{}' is no event's name: 1 to {} letters, digits and _-./",
                     Printable(event, kMaxEventBytes), kMaxEventBytes);
    }
    if (!names.insert(event).second) return Invalid("events: {} is given twice", event);
  }
  return absl::OkStatus();
}

// Whether there are such clocks is seen on the device.
absl::Status CheckClocks(const v1::JobSpec& spec, const SpecLimits& limits) {
  if (!spec.has_clocks()) return absl::OkStatus();
  absl::Status status = ValidateClockRequestUntrusted(spec.clocks());
  if (!status.ok()) return status;
  if (!limits.can_set_clocks) {
    return absl::FailedPreconditionError(
        "clocks: this board's daemon cannot set clocks (synergyctl clocks says why): leave them "
        "out");
  }
  const auto on = static_cast<uint32_t>(spec.clocks().cpus_size());
  if (on == 0 || spec.threads() <= on) return status;
  return Invalid("threads: {} asked for, with {} CPU{} on: give more --cpus or fewer threads",
                 spec.threads(), on, on == 1 ? "" : "s");
}

absl::Status CheckCooling(const v1::JobSpec& spec, const SpecLimits& limits) {
  const double below = spec.cool_below_c(), timeout = spec.cool_timeout_s();
  if (!(below >= 0 && below <= kMaxCoolBelowC)) {
    return Invalid("cool_below_c: {} given; above 0 and up to {:g} C", below, kMaxCoolBelowC);
  }
  if (!(timeout >= 0 && timeout <= kMaxCoolTimeoutS)) {
    return Invalid("cool_timeout_s: {} given; up to {:.0f} s, or 0 for {:.0f} s", timeout,
                   kMaxCoolTimeoutS, kDefaultCoolTimeoutS);
  }
  if (below == 0 || limits.has_thermal_zones) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "cool_below_c: this board shows no thermal zone, so nobody knows when it is cool: leave it "
      "out");
}

}  // namespace

absl::Status ValidateTokenUntrusted(std::string_view token) {
  const bool plain = std::all_of(token.begin(), token.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
  });
  if (plain && token.size() <= kMaxTokenBytes) return absl::OkStatus();
  return Invalid("token: leave it out, or give at most {} letters, digits and '-'", kMaxTokenBytes);
}

absl::Status ValidateObjectUntrusted(const v1::ObjectRef& object) {
  if (object.sha256().size() != kSha256Bytes) {
    return absl::InvalidArgumentError(
        fmt::format("An object is named by a SHA-256 of {} bytes; this one has {}", kSha256Bytes,
                    object.sha256().size()));
  }
  if (object.bytes() < 1 || object.bytes() > kMaxObjectBytes) {
    return absl::InvalidArgumentError(fmt::format("An object of {} bytes: 1 to {} are possible",
                                                  object.bytes(), kMaxObjectBytes));
  }
  return absl::OkStatus();
}

absl::Status ValidateSpecUntrusted(const v1::JobSpec& spec, const SpecLimits& limits) {
  if (spec.ByteSizeLong() > kMaxSpecBytes) {
    return Invalid("spec: it has {} bytes; at most {} are taken", spec.ByteSizeLong(),
                   kMaxSpecBytes);
  }
  if (absl::Status status = CheckNames(spec); !status.ok()) return status;
  if (absl::Status status = CheckEngine(spec, limits); !status.ok()) return status;
  if (absl::Status status = ValidateTokenUntrusted(spec.token()); !status.ok()) return status;
  if (absl::Status status = CheckNumbers(spec, limits); !status.ok()) return status;
  if (absl::Status status = CheckInputs(spec); !status.ok()) return status;
  if (absl::Status status = CheckObjects(spec); !status.ok()) return status;
  if (absl::Status status = CheckClocks(spec, limits); !status.ok()) return status;
  if (absl::Status status = CheckCooling(spec, limits); !status.ok()) return status;
  if (absl::Status status = CheckEvents(spec, limits); !status.ok()) return status;
  if (spec.has_load_chirp()) {
    if (absl::Status status = ValidateChirpUntrusted(spec.load_chirp()); !status.ok())
      return status;
  }
  if (!limits.can_measure) return absl::FailedPreconditionError(limits.cannot_measure);
  return absl::OkStatus();
}

}  // namespace synergy

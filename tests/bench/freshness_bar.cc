// Bar: what is said of readings' freshness and windows, against the truth of a simulated INA3221,
// in virtual time. Filters of 0.84 ms, 6.6 ms and 430 ms; oscillators off by -10 to +10 %; rails
// that vary, that are constant but for noise, and that are constant; read from the registers with
// the conversion-ready flag, and as the kernel's hwmon driver shows them, without it.
//
// Fails where a reading is called fresh or a repeat and is not; where a channel's fresh rate is off
// by more than 1 % and not said to be a bound, or is a bound and above the truth; where fewer than
// 95 % of the stated windows contain the true one; and where a cycle that shows, that of a rail
// that varies under a filter of 6.6 ms, is not found.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <numbers>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/counter_noise.h"
#include "common/records/reading_span.h"
#include "common/unique_fd.h"
#include "daemon/power/hwmon_ina3221_source.h"
#include "daemon/power/ina3221_chip.h"
#include "daemon/power/ina3221_source.h"
#include "daemon/power/sim_i2c_bus.h"
#include "daemon/sampling/channel_books.h"
#include "tests/daemon/power/fake_ina3221_hwmon.h"
#include "tests/support/fake_clock.h"
#include "tests/support/read_faults.h"

namespace synergy {
namespace {

constexpr Nanoseconds kTick = Milliseconds(1);
constexpr double kRateError = 0.01;
constexpr double kContained = 0.95;
constexpr double kLeastExact = 0.9;  // of channels whose cycle shows
constexpr double kShuntOhm = 0.010;

struct Filter {
  const char* name;
  int conversion_us;
  int averages;
};
constexpr std::array kFilters{Filter{"0.84 ms", 140, 1}, Filter{"6.6 ms", 1100, 1},
                              Filter{"430 ms", 1100, 64}};

struct Rail {
  const char* name;
  double swing_a;
  double noise_steps;
};
constexpr std::array kRails{Rail{"varying", 0.8, 0.3}, Rail{"noisy", 0, 0.3},
                            Rail{"constant", 0, 0}};

// A current that swings at 7 and 43 Hz, integrated exactly.
class SwingingRail final : public PowerTrace {
 public:
  explicit SwingingRail(double swing_a) : swing_a_(swing_a) {}
  double MeanCurrent(size_t rail, MonotonicTime begin, MonotonicTime end) override {
    const double shift = static_cast<double>(rail);
    return 1.2 + swing_a_ * (Mean(7, shift, begin, end) + Mean(43, shift, begin, end)) / 2;
  }
  double MeanVoltage(size_t, MonotonicTime, MonotonicTime) override { return 19.0; }
  void ForgetBefore(MonotonicTime) override {}

 private:
  static double Mean(double hz, double shift, MonotonicTime begin, MonotonicTime end) {
    const double w = 2 * std::numbers::pi * hz;
    const double a = static_cast<double>(begin.ns) * 1e-9, b = static_cast<double>(end.ns) * 1e-9;
    return (std::cos(w * a + shift) - std::cos(w * b + shift)) / (w * (b - a));
  }
  const double swing_a_;
};

// A chip, a source that reads it, and when the chip was asked for each reading.
struct Bench {
  virtual ~Bench() = default;
  virtual uint8_t Register(size_t channel) const = 0;
  // When the chip took over the value of the reading.
  virtual MonotonicTime Latch(const Reading& reading) const = 0;

  FakeClock clock;
  std::unique_ptr<SwingingRail> trace;
  Ina3221Chip* chip = nullptr;
  std::unique_ptr<PowerSource> source;
};

Ina3221ChipOptions ChipOptions(uint64_t seed, double oscillator, const Rail& rail) {
  return {.seed = seed, .noise_steps = rail.noise_steps, .oscillator_factor = oscillator};
}

std::array<Ina3221Input, 3> Inputs() {
  return {Ina3221Input{0, kShuntOhm}, Ina3221Input{1, kShuntOhm}, Ina3221Input{2, kShuntOhm}};
}

uint8_t RegisterOf(size_t channel) {
  return channel < 3 ? ina3221::ShuntRegister(channel) : ina3221::BusRegister(channel - 3);
}

struct RegisterBench final : Bench {
  RegisterBench(const Filter& filter, const Rail& rail, uint64_t seed, double oscillator) {
    trace = std::make_unique<SwingingRail>(rail.swing_a);
    auto bus = std::make_shared<SimI2cBus>("i2c-1", 400'000, clock);
    auto owned = std::make_unique<Ina3221Chip>(ChipOptions(seed, oscillator, rail), Inputs(),
                                               *trace, clock.Now());
    chip = owned.get();
    bus->Attach(0x40, std::move(owned));
    latch = bus->read_latch();
    Ina3221Wiring wiring{.address = 0x40,
                         .channels = {},
                         .averages = static_cast<uint32_t>(filter.averages),
                         .conversion_us = static_cast<uint32_t>(filter.conversion_us)};
    for (size_t i = 0; i < 3; ++i) {
      wiring.channels[i] = Ina3221Channel{.rail = fmt::format("R{}", i), .shunt_ohm = kShuntOhm};
    }
    auto opened = Ina3221Source::Open(bus, wiring);
    if (!opened.ok()) fmt::print("FAILED: {}\n", opened.status().ToString()), std::exit(1);
    source = *std::move(opened);
  }
  uint8_t Register(size_t channel) const override { return RegisterOf(channel); }
  MonotonicTime Latch(const Reading& r) const override {
    return MonotonicTime{r.begin_ns} + latch.after_begin;
  }
  ReadLatch latch;
};

// The driver's attributes, made when they are read: a register read over a bus of 400 kHz.
struct HwmonBench final : Bench {
  static constexpr Nanoseconds kBeforeLatch = Microseconds(90), kAfterLatch = Microseconds(60);

  HwmonBench(const Filter& filter, const Rail& rail, uint64_t seed, double oscillator) {
    trace = std::make_unique<SwingingRail>(rail.swing_a);
    owned = std::make_unique<Ina3221Chip>(ChipOptions(seed, oscillator, rail), Inputs(), *trace,
                                          clock.Now());
    chip = owned.get();
    for (int n = 1; n <= 3; ++n) hwmon.WriteFile(fmt::format("shunt{}_resistor", n), "10000");
    hwmon.conversion_us = filter.conversion_us;
    hwmon.WriteFile("samples", std::to_string(filter.averages));
    hwmon.WriteFile("update_interval", std::to_string((hwmon.cycle_us() + 500) / 1000));
    Configure();
    hwmon.settings.SetDriver([this](const std::string& path, const std::string& value) {
      std::string stored = hwmon.Store(std::filesystem::path(path).filename().string(), value);
      Configure();
      return stored;
    });
    // As on a board whose settings this process may not write.
    if (filter.conversion_us != 140) {
      hwmon.settings.Refuse(absl::PermissionDeniedError("not permitted"));
    }
    faults.Set([this](const std::string& path) {
      if (path.ends_with("_input")) Show(path);
      return 0;
    });
    const std::vector<HwmonDevice> devices = ListHwmon(hwmon.tree.root());
    auto opened =
        HwmonIna3221Source::Open(hwmon.tree.root(), devices[0], {}, names, hwmon.settings, clock);
    if (!opened.ok()) fmt::print("FAILED: {}\n", opened.status().ToString()), std::exit(1);
    source = *std::move(opened);
  }
  void Configure() {
    ina3221::Configuration config;
    const auto place = [](const auto& table, int value) {
      return static_cast<uint8_t>(std::ranges::find(table, value) - table.begin());
    };
    config.average = place(ina3221::kAverages, hwmon.samples());
    config.bus_time = config.shunt_time = place(ina3221::kConversionUs, hwmon.conversion_us);
    chip->Write(ina3221::kConfiguration, ina3221::Encode(config), clock.Now());
  }
  void Show(const std::string& path) {
    const std::string file = std::filesystem::path(path).filename().string();
    const bool current = file.starts_with("curr");
    const auto input = static_cast<size_t>(file[current ? 4 : 2] - '1');
    clock.Advance(kBeforeLatch);
    const uint8_t reg = current ? ina3221::ShuntRegister(input) : ina3221::BusRegister(input);
    const int steps = ina3221::Steps(chip->Read(reg, clock.Now()));
    // mA and mV, rounded as the driver does.
    const double value = current ? steps * ina3221::kShuntStepV / kShuntOhm * 1e3 : steps * 8.0;
    // In place and of one length: a file that is made anew each time would take most of the time.
    UniqueFd& fd = attributes[file];
    if (!fd.ok()) fd.reset(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    const std::string text = fmt::format("{:<8}\n", std::llround(value));
    if (pwrite(fd.get(), text.data(), text.size(), 0) < 0) std::exit(1);
    clock.Advance(kAfterLatch);
  }
  uint8_t Register(size_t channel) const override { return RegisterOf(channel); }
  MonotonicTime Latch(const Reading& r) const override {
    return MonotonicTime{r.begin_ns} + kBeforeLatch;
  }

  FakeIna3221Hwmon hwmon;
  ReadFaults faults;
  RailNames names;
  std::map<std::string, UniqueFd> attributes;
  std::unique_ptr<Ina3221Chip> owned;
};

struct Figures {
  uint64_t readings = 0, decided = 0, wrong = 0, contained = 0;
  uint64_t channels = 0, exact = 0, wrong_rates = 0, wrong_bounds = 0;
  double worst_error = 0;   // of rates that are no bounds
  double lowest_bound = 1;  // of bounds, as a share of the truth
};

// What is true of a channel.
struct Truth {
  std::optional<Reading> before;
  int64_t conversion = 0;  // of `before`
  uint64_t fresh = 0;
};

void CheckReading(const Bench& bench, const ChannelReading& r, Truth* truth, Figures* figures) {
  const v1::Window& window = bench.source->channels()[r.channel].window();
  const uint8_t reg = bench.Register(r.channel);
  const int64_t conversion = bench.chip->Conversions(reg, bench.Latch(r.reading));
  ++figures->readings;
  const bool is_fresh = !truth->before || conversion > truth->conversion;
  truth->fresh += is_fresh ? 1 : 0;
  if (r.reading.freshness != Freshness::kUnknown) {
    ++figures->decided;
    const bool said = r.reading.freshness == Freshness::kFresh;
    if (truth->before && said != is_fresh) ++figures->wrong;
  }
  const auto span =
      SpanOf(r.reading, window, truth->before.has_value() ? &*truth->before : nullptr);
  const int64_t first = std::max<int64_t>(1, conversion - ConversionsInSpan(window.average()) + 1);
  const MonotonicTime begin = bench.chip->ConversionNumber(reg, first).begin;
  const MonotonicTime end = bench.chip->ConversionNumber(reg, conversion).end;
  // A filter that has just begun has seen less.
  const bool whole = conversion >= ConversionsInSpan(window.average());
  const bool inside = span && span->begin.earliest <= begin &&
                      (!whole || begin <= span->begin.latest) && span->end.earliest <= end &&
                      end <= span->end.latest;
  figures->contained += inside ? 1 : 0;
  truth->before = r.reading;
  truth->conversion = conversion;
}

void CheckRate(const v1::ChannelStats& stats, const Truth& truth, double span_s, Figures* figures) {
  const double true_hz = static_cast<double>(truth.fresh) / span_s;
  ++figures->channels;
  if (stats.fresh_is_bound()) {
    if (stats.fresh_hz() > true_hz * (1 + 1e-9)) ++figures->wrong_bounds;
    figures->lowest_bound = std::min(figures->lowest_bound, stats.fresh_hz() / true_hz);
    return;
  }
  ++figures->exact;
  const double error = std::abs(stats.fresh_hz() / true_hz - 1);
  figures->worst_error = std::max(figures->worst_error, error);
  if (error > kRateError) ++figures->wrong_rates;
}

// The sampler's thread comes late: 50 us on average, and by some milliseconds now and then.
Nanoseconds Lateness(uint64_t seed, int tick) {
  const double draw = UniformDraw(MixHash(seed, 77), static_cast<uint64_t>(tick));
  const double us = UniformDraw(MixHash(seed, 78), static_cast<uint64_t>(tick)) < 0.002
                        ? 4000 * draw
                        : -50 * std::log(draw);
  return {static_cast<int64_t>(us * 1e3)};
}

void Measure(Bench& bench, double seconds, uint64_t seed, Figures* figures) {
  // Filters begin with what the registers held; and the rate is of readings from here on.
  const auto ticks = static_cast<int>(seconds / kTick.seconds());
  const size_t channels = bench.source->channels().size();
  std::vector<ChannelBooks> books;
  for (const v1::ChannelInfo& info : bench.source->channels()) books.emplace_back(info);
  std::vector<Truth> truths(channels);
  std::vector<ChannelReading> readings;
  const MonotonicTime begin = bench.clock.Now();
  int warm_up = 600;  // until the cycle is known and the filters have settled
  MonotonicTime counted = begin;
  for (int tick = 1; tick <= ticks + warm_up; ++tick) {
    readings.clear();
    if (const absl::Status status = bench.source->Read(&readings); !status.ok()) {
      fmt::print("FAILED: {}\n", status.ToString());
      std::exit(1);
    }
    for (const ChannelReading& r : readings) {
      CheckReading(bench, r, &truths[r.channel], figures);
      books[r.channel].OnReading(r);
    }
    if (tick == warm_up) {
      counted = bench.clock.Now();
      for (ChannelBooks& b : books) b.Take(1);
      for (Truth& truth : truths) truth.fresh = 0;
    }
    bench.clock.SleepUntil(begin + kTick * tick + Lateness(seed, tick));
  }
  const double span_s = (bench.clock.Now() - counted).seconds();
  for (size_t i = 0; i < channels; ++i) {
    CheckRate(books[i].Take(span_s), truths[i], span_s, figures);
  }
}

bool Judge(const char* source, const Filter& filter, const Rail& rail, const Figures& f) {
  const auto readings = static_cast<double>(f.readings);
  const double contained = static_cast<double>(f.contained) / readings;
  const double exact = static_cast<double>(f.exact) / static_cast<double>(f.channels);
  fmt::print("{:<10} {:<8} {:<9} {:>9} {:>8.2f}% {:>6} {:>7.1f}% {:>10.3f}% {:>8.1f}% {:>9.3f}%\n",
             source, filter.name, rail.name, f.readings,
             100 * static_cast<double>(f.decided) / readings, f.wrong, 100 * exact,
             100 * f.worst_error, 100 * f.lowest_bound, 100 * contained);
  const bool shows = rail.swing_a > 0 && filter.conversion_us == 1100 && filter.averages == 1;
  bool ok = f.wrong == 0 && f.wrong_rates == 0 && f.wrong_bounds == 0 && contained >= kContained;
  if (shows) ok &= exact >= kLeastExact;
  if (!ok) {
    fmt::print("FAILED: {} wrong claims, {} wrong rates, {} bounds above the truth\n", f.wrong,
               f.wrong_rates, f.wrong_bounds);
  }
  return ok;
}

int Run(int oscillators, int seeds, double seconds) {
  fmt::print(
      "SIMULATED INA3221, 1 kHz, {} oscillators from -10 to +10 %, {} seeds, {:.0f} s each\n",
      oscillators, seeds, seconds);
  fmt::print("{:<10} {:<8} {:<9} {:>9} {:>9} {:>6} {:>8} {:>11} {:>9} {:>10}\n", "source", "filter",
             "rail", "readings", "decided", "wrong", "exact", "rate error", "bound from",
             "in window");
  bool ok = true;
  for (const bool hwmon : {false, true}) {
    for (const Filter& filter : kFilters) {
      for (const Rail& rail : kRails) {
        Figures figures;
        for (int o = 0; o < oscillators; ++o) {
          const double factor = 0.9 + 0.2 * o / (oscillators - 1);
          for (int s = 0; s < seeds; ++s) {
            const auto seed = static_cast<uint64_t>(1000 * o + s + 1);
            std::unique_ptr<Bench> bench;
            if (hwmon) {
              bench = std::make_unique<HwmonBench>(filter, rail, seed, factor);
            } else {
              bench = std::make_unique<RegisterBench>(filter, rail, seed, factor);
            }
            Measure(*bench, seconds, seed, &figures);
          }
        }
        ok &= Judge(hwmon ? "hwmon" : "registers", filter, rail, figures);
      }
    }
  }
  return ok ? 0 : 1;
}

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: freshness_bar OSCILLATORS SEEDS SECONDS\n");
    return 2;
  }
  return synergy::Run(std::max(2, std::atoi(argv[1])), std::atoi(argv[2]), std::atof(argv[3]));
}

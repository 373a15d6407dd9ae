// A meter that is none: prints the power of a board's first rail, as the board tells it live, on a
// clock that drifts and jumps.
//
//   fake_meter --host HOST [--drift-ppm P] [--offset-s S] [--jump-ms J] [--flat] [--die]
//
// The clock jumps, and the program dies, when the board's job has been measured for 0.3 s.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

#include "client/net/device_client.h"
#include "fmt/format.h"

namespace {

struct Options {
  std::string host;
  double drift_ppm = 0;
  double offset_s = 0;
  double jump_ms = 0;
  bool flat = false;
  bool die = false;
};

class FakeMeter {
 public:
  explicit FakeMeter(const Options& options) : options_(options) {}

  absl::Status Print(const synergy::v1::TelemetryPoint& point) {
    if (point.phase() == synergy::v1::PHASE_MEASURE && !point.run_id().empty()) {
      measured_since_ = measured_since_.value_or(point.begin_ns());
    }
    const bool later = measured_since_ && point.begin_ns() - *measured_since_ > 300'000'000;
    if (later && options_.die) return absl::AbortedError("it dies");
    if (point.rails().empty() || point.rails(0).readings() == 0) return absl::OkStatus();
    const int64_t at_ns = point.begin_ns() + (point.end_ns() - point.begin_ns()) / 2;
    if (!first_ns_) first_ns_ = at_ns;
    const double since = static_cast<double>(at_ns - *first_ns_);
    const double ahead = options_.offset_s * 1e9 + since * options_.drift_ppm * 1e-6 +
                         (later ? options_.jump_ms * 1e6 : 0);
    const std::string line = fmt::format("{},USB,{:.6f}\n", at_ns + std::llround(ahead),
                                         options_.flat ? 5.0 : point.rails(0).mean_w());
    const bool written =
        write(STDOUT_FILENO, line.data(), line.size()) == static_cast<ssize_t>(line.size());
    return written ? absl::OkStatus() : absl::AbortedError("nobody reads");
  }

 private:
  const Options options_;
  std::optional<int64_t> first_ns_, measured_since_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("A meter that is none");
  app.add_option("--host", options.host)->required();
  app.add_option("--drift-ppm", options.drift_ppm);
  app.add_option("--offset-s", options.offset_s);
  app.add_option("--jump-ms", options.jump_ms);
  app.add_flag("--flat", options.flat);
  app.add_flag("--die", options.die);
  CLI11_PARSE(app, argc, argv);
  const auto client = synergy::DeviceClient::Connect(options.host);
  if (!client.ok()) {
    fmt::print(stderr, "fake meter: {}\n", client.status().ToString());
    return 1;
  }
  FakeMeter meter(options);
  (*client)
      ->Watch(100, [&](const synergy::v1::TelemetryPoint& point) { return meter.Print(point); })
      .IgnoreError();
  return 3;
}

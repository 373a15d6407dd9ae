// A meter that exists only as numbers: what it would print of a board that plays load patterns.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "common/attribution/run_data.h"
#include "common/clock_comparison/load_pattern.h"
#include "common/load_chirp.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

inline v1::LoadChirp UsualChirp(uint64_t seed, double chip_s = 0.03, uint32_t chips = 60) {
  v1::LoadChirp chirp;
  chirp.set_seed(seed);
  chirp.set_chips(chips);
  chirp.set_seconds_per_chip(chip_s);
  return chirp;
}

inline v1::ChirpPlayed PlayedAt(int64_t begin_ns, const v1::LoadChirp& chirp, bool after = false) {
  v1::ChirpPlayed played;
  *played.mutable_chirp() = chirp;
  played.set_after(after);
  played.set_threads(1);
  for (const Nanoseconds edge : ChirpEdges(chirp)) played.add_edge_ns(begin_ns + edge.count);
  return played;
}

struct SyntheticMeter {
  double rate_hz = 1000;
  double drift_ppm = 0;    // of its clock against the device's
  int64_t offset_ns = 0;   // its clock minus the device's, at device time 0
  int64_t jump_at_ns = 0;  // device's clock; 0: none
  int64_t jump_ns = 0;
  double noise_w = 0;
  double missing = 0;     // share of the readings
  bool averages = false;  // over its period, stamped in the middle of it
  double base_w = 3, step_w = 2;

  int64_t StampAt(double device_ns) const {
    const double jump = jump_at_ns != 0 && device_ns >= static_cast<double>(jump_at_ns)
                            ? static_cast<double>(jump_ns)
                            : 0;
    return offset_ns + std::llround(device_ns * (1 + drift_ppm * 1e-6) + jump);
  }

  // What it prints from one instant of the device to another. Its sampling instants lie anywhere.
  std::vector<PowerSample> Readings(const std::vector<v1::ChirpPlayed>& played, int64_t from_ns,
                                    int64_t to_ns, std::mt19937_64& random) const {
    std::vector<LoadPattern> patterns;
    std::vector<int64_t> origins;
    for (const v1::ChirpPlayed& one : played) {
      patterns.emplace_back(std::vector<int64_t>(one.edge_ns().begin(), one.edge_ns().end()));
      origins.push_back(patterns.back().origin_ns());
    }
    std::normal_distribution<double> noise(0, 1);
    std::uniform_real_distribution<double> share(0, 1);
    const double period_ns = 1e9 / rate_hz;
    std::vector<PowerSample> readings;
    for (double at = static_cast<double>(from_ns) + share(random) * period_ns;
         at < static_cast<double>(to_ns); at += period_ns) {
      double watts = base_w + noise_w * noise(random);
      for (size_t i = 0; i < patterns.size(); ++i) {
        const double window = averages ? period_ns : 1;
        watts += step_w * patterns[i].Mean(at - static_cast<double>(origins[i]), window);
      }
      if (missing > 0 && share(random) < missing) continue;
      readings.push_back({StampAt(at), watts});
    }
    return readings;
  }
};

}  // namespace synergy

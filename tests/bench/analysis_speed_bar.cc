// How fast and in how much memory a long run is analysed as its chunks come: generated, 3 rails at
// 1 kHz (current and voltage each, a free-running chip) and 20 million operators an hour.
//
//   analysis_speed_bar SECONDS SECONDS SECONDS    lengths of the runs, rising
//
// Only EnergyEstimator's own CPU time counts, not that of making the chunks; the memory is all of
// this program's. Time against length, memory and errors are held to their bounds for any lengths,
// the time itself where the longest is an hour.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "common/attribution/energy_estimator.h"
#include "common/attribution/occupancy.h"
#include "common/records/chunk.h"
#include "common/records/markers.h"
#include "common/records/readings.h"

namespace synergy {
namespace {

constexpr double kMostSecondsAnHour = 10;
constexpr double kMostMegabytes = 500;
// A second of the longest run may cost so much more than one of the middle one, for the machine's
// sake.
constexpr double kMostBend = 1.3;
constexpr double kMostShortBend = 2;  // where the parts that are compared take half a second
constexpr double kMostError = 0.003;  // weighted by energy: fast and wrong is no analysis
constexpr int kRails = 3;
constexpr int kOperators = 66;
constexpr double kMeanOperatorNs = 3600e9 / 2e7;
constexpr double kAmperes = 0.002;  // a step
constexpr int64_t kVoltSteps = 625;
constexpr double kVoltScale = 0.008, kVolts = kVoltSteps * kVoltScale;
constexpr double kPeriodNs = 860e3, kSlotShare = 1.0 / 6;
constexpr int64_t kPieceNs = 1'000'000'000;
constexpr int64_t kIdleNs = 3'000'000'000;

double CpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Makes a run's chunks, a second at a time.
class Generator {
 public:
  Generator() : truth_(kRails, std::vector<double>(kOperators + 1)) {
    double sum = 0;
    for (int i = 0; i < kOperators; ++i) {
      durations_.push_back(std::exp(Normal()));
      sum += durations_.back();
    }
    for (double& d : durations_) d *= kOperators * kMeanOperatorNs / sum;
    for (auto& rail : truth_) {
      for (double& power : rail) power = 12 + 10 * (0.5 + Even());
      rail.back() = 12.3;  // idle
    }
  }

  std::vector<v1::Chunk> Begin() {
    v1::RunHeader header;
    for (int rail = 0; rail < kRails; ++rail) {
      header.mutable_board()->add_rails()->set_name(fmt::format("VDD_{}", rail));
      for (const auto quantity :
           {v1::ChannelInfo::QUANTITY_CURRENT, v1::ChannelInfo::QUANTITY_VOLTAGE}) {
        v1::ChannelInfo* channel = header.add_channels();
        channel->set_channel(ChannelOf(rail, quantity == v1::ChannelInfo::QUANTITY_VOLTAGE));
        channel->set_rail(fmt::format("VDD_{}", rail));
        channel->set_quantity(quantity);
        channel->set_scale(quantity == v1::ChannelInfo::QUANTITY_CURRENT ? kAmperes : kVoltScale);
        v1::Window* window = channel->mutable_window();
        window->set_slot_s(1e-9 * 840e3 * kSlotShare);
        window->set_period_s(840e-6);
        window->set_period_tolerance(0.1);
        window->set_average(1);
        window->set_cycle("chip");
        window->set_offset(OffsetOf(rail));
      }
    }
    std::vector<v1::Chunk> chunks;
    v1::RunRecord record;
    *record.mutable_header() = header;
    chunks.push_back(Records({record}));
    chunks.push_back(Phase(v1::PHASE_IDLE, 0));
    return chunks;
  }

  // What came until `until_ns`; `running` false: the board idles.
  std::vector<v1::Chunk> Until(int64_t until_ns, bool running) {
    std::vector<v1::Chunk> chunks;
    if (running != running_) {
      running_ = running;
      chunks.push_back(Phase(running ? v1::PHASE_MEASURE : v1::PHASE_IDLE, now_ns_));
    }
    std::vector<Marker> markers;
    if (running) {
      while (now_ns_ < until_ns) Iterate(&markers);
    } else {
      Run(until_ns, kOperators);
    }
    const auto count = static_cast<uint32_t>(markers.size());
    if (count > 0) {
      chunks.push_back(Make(kMarkersChannel, count, v1::ENCODING_MARKERS, EncodeMarkers(markers)));
    }
    Read(&chunks);
    return chunks;
  }

  v1::Chunk End() {
    v1::RunRecord record;
    record.mutable_end()->set_state(v1::JOB_STATE_DONE);
    return Records({record});
  }
  uint64_t markers() const { return markers_; }
  uint64_t readings() const { return readings_; }
  // Of one execution, J; the durations' jitter is none on average.
  double EnergyOf(int rail, int op) const {
    return kAmperes * truth_[static_cast<size_t>(rail)][static_cast<size_t>(op)] * kVolts *
           durations_[static_cast<size_t>(op)] * 1e-9;
  }

 private:
  struct Ran {
    int64_t end_ns;
    uint32_t category;
  };

  double Even() { return std::uniform_real_distribution<double>()(random_); }
  double Normal() { return std::normal_distribution<double>()(random_); }
  static uint32_t ChannelOf(int rail, bool voltage) {
    return kFirstSensorChannel + 2 * static_cast<uint32_t>(rail) + (voltage ? 1 : 0);
  }
  static double OffsetOf(int rail) { return (2 * rail + 1) * kSlotShare; }

  v1::Chunk Make(uint32_t channel, uint32_t count, v1::Encoding encoding, std::string data) {
    if (sequences_.size() <= channel) sequences_.resize(channel + 1);
    uint64_t& next = sequences_[channel];
    v1::Chunk chunk = MakeChunk(seq_++, channel, next, count, encoding, std::move(data));
    next += count;
    return chunk;
  }
  v1::Chunk Records(const std::vector<v1::RunRecord>& records) {
    return Make(kRunRecordsChannel, static_cast<uint32_t>(records.size()), v1::ENCODING_RUN_RECORDS,
                EncodeRunRecords(records));
  }
  v1::Chunk Phase(v1::Phase phase, int64_t at_ns) {
    v1::RunRecord record;
    record.mutable_phase()->set_phase(phase);
    record.mutable_phase()->set_at_ns(at_ns);
    return Records({record});
  }

  void Run(int64_t end_ns, uint32_t category) {
    ran_.push_back({end_ns, category});
    now_ns_ = end_ns;
  }
  void Iterate(std::vector<Marker>* markers) {
    const auto marker = [&](uint32_t op, int64_t begin_ns) {
      markers->push_back({.begin_ns = begin_ns,
                          .end_ns = now_ns_,
                          .op = op,
                          .iteration = iteration_,
                          .thread = 0,
                          .device = 0,
                          .phase = v1::PHASE_MEASURE,
                          .event = 0});
    };
    Run(now_ns_ + static_cast<int64_t>(1e6 * Even()), kOperators);
    const int64_t begin_ns = now_ns_;
    for (uint32_t op = 0; op < kOperators; ++op) {
      Run(now_ns_ + 1'000, kOperators);
      const int64_t op_begin_ns = now_ns_;
      Run(now_ns_ + static_cast<int64_t>(durations_[op] * (1 + 0.03 * Normal())), op);
      marker(op, op_begin_ns);
      ++markers_;
    }
    marker(kOpNet, begin_ns);
    ++iteration_;
  }

  // Readings until now, from what ran.
  void Read(std::vector<v1::Chunk>* chunks) {
    Occupancy occupancy(static_cast<double>(ran_begin_ns_));
    for (const Ran& ran : ran_) occupancy.Append(static_cast<double>(ran.end_ns), ran.category);
    std::vector<PowerCourse> courses;
    for (const auto& rail : truth_) {
      courses.emplace_back(occupancy, Eigen::Map<const Eigen::VectorXd>(
                                          rail.data(), static_cast<Eigen::Index>(rail.size())));
    }
    std::array<std::vector<Reading>, 2 * kRails> readings;
    for (; next_read_ns_ < now_ns_; next_read_ns_ += 1'000'000) {
      int64_t at_ns = next_read_ns_ + static_cast<int64_t>(-30e3 * std::log(1 - Even()));
      for (int rail = 0; rail < kRails; ++rail) {
        const auto r = static_cast<size_t>(rail);
        const double offset = OffsetOf(rail) * kPeriodNs;
        const double cycle = std::floor((static_cast<double>(at_ns) + 30e3 - offset) / kPeriodNs);
        const double end = cycle * kPeriodNs + offset;
        double& value = values_[r];
        if (cycle != cycles_[r]) {
          cycles_[r] = cycle;
          value = std::round(courses[r].Mean(end - kSlotShare * kPeriodNs, end) + 0.3 * Normal());
        }
        readings[2 * r].push_back(
            {at_ns, at_ns + 60'000, static_cast<int64_t>(value), Freshness::kUnknown});
        readings[2 * r + 1].push_back(
            {at_ns + 70'000, at_ns + 130'000, kVoltSteps, Freshness::kUnknown});
        at_ns += 140'000;
      }
    }
    for (uint32_t i = 0; i < readings.size(); ++i) {
      const auto count = static_cast<uint32_t>(readings[i].size());
      readings_ += count;
      if (count == 0) continue;
      chunks->push_back(
          Make(kFirstSensorChannel + i, count, v1::ENCODING_READINGS, EncodeReadings(readings[i])));
    }
    while (ran_.size() > 1 && ran_.front().end_ns < next_read_ns_ - 10'000'000) {
      ran_begin_ns_ = ran_.front().end_ns;
      ran_.pop_front();
    }
  }

  std::mt19937_64 random_{1};
  std::vector<double> durations_;
  std::vector<std::vector<double>> truth_;  // steps, by rail
  std::deque<Ran> ran_;
  int64_t ran_begin_ns_ = 0, now_ns_ = 0, next_read_ns_ = 5'000'000;
  std::array<double, kRails> cycles_{}, values_{};
  bool running_ = false;
  uint32_t iteration_ = 0;
  uint64_t seq_ = 0, markers_ = 0, readings_ = 0;
  std::vector<uint64_t> sequences_;
};

struct Outcome {
  double seconds = 0;  // of the run
  double cpu_s = 0, megabytes = 0;
};

// Mean over the operators of all rails, weighted by their energy.
double ErrorOf(const Generator& generator, const LeastSquares& result) {
  double error = 0, all = 0;
  for (int rail = 0; rail < kRails; ++rail) {
    const RailEnergy& out = result.rails[static_cast<size_t>(rail)];
    if (!out.why_not.empty() || out.windows != WindowKind::kFitted) {
      fmt::print(stderr, "rail {}: {}\n", rail, out.why_not.empty() ? "no lock" : out.why_not);
      std::exit(1);
    }
    for (int op = 0; op < kOperators; ++op) {
      const double truth_j = generator.EnergyOf(rail, op);
      const auto& energy = out.ops[static_cast<size_t>(op)].energy_j;
      error += energy ? std::abs(energy->mean - truth_j) : truth_j;
      all += truth_j;
    }
  }
  return error / all;
}

Outcome Analyse(int64_t seconds) {
  Generator generator;
  EnergyEstimator estimator;
  Outcome outcome{.seconds = static_cast<double>(seconds)};
  const auto timed = [&](const auto& work) {
    const double begin = CpuSeconds();
    work();
    outcome.cpu_s += CpuSeconds() - begin;
  };
  const auto add = [&](const std::vector<v1::Chunk>& chunks) {
    timed([&] {
      for (const v1::Chunk& chunk : chunks) {
        if (absl::Status status = estimator.Add(chunk); !status.ok()) {
          fmt::print(stderr, "{}\n", std::string(status.message()));
          std::exit(1);
        }
      }
    });
  };
  add(generator.Begin());
  const int64_t end_ns = seconds * 1'000'000'000;
  for (int64_t until = kPieceNs; until <= end_ns; until += kPieceNs) {
    add(generator.Until(until, until > kIdleNs && until <= end_ns - kIdleNs));
  }
  add({generator.End()});
  LeastSquares result;
  timed([&] { result = estimator.Solve(); });
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  outcome.megabytes = static_cast<double>(usage.ru_maxrss) / 1024;
  const double error = ErrorOf(generator, result);
  fmt::print(
      "{:5} s: {:5.2f} M operators, {:5.2f} M readings: {:6.2f} s of CPU, {:.0f} MB, weighted "
      "error {:.3f} %\n",
      seconds, 1e-6 * static_cast<double>(generator.markers()),
      1e-6 * static_cast<double>(generator.readings()), outcome.cpu_s, outcome.megabytes,
      100 * error);
  if (error > kMostError) {
    fmt::print("FAILED: the error is above {} %\n", 100 * kMostError);
    std::exit(1);
  }
  return outcome;
}

int Main(int argc, char** argv) {
  std::vector<Outcome> runs;
  for (int i = 1; i < argc; ++i) runs.push_back(Analyse(std::atoll(argv[i])));
  if (runs.size() != 3) {
    fmt::print(stderr, "usage: analysis_speed_bar SECONDS SECONDS SECONDS, each longer\n");
    return 2;
  }
  const auto slope = [&](size_t i) {
    return (runs[i].cpu_s - runs[i - 1].cpu_s) / (runs[i].seconds - runs[i - 1].seconds);
  };
  const double bend = slope(2) / slope(1);
  const double an_hour_s = runs[2].cpu_s + (3600 - runs[2].seconds) * slope(2);
  fmt::print(
      "a second of the run costs {:.2f} and {:.2f} ms: {:.2f} times (at most {}); an hour {:.1f} s "
      "(at most {}), {:.0f} MB (at most {})\n",
      1e3 * slope(1), 1e3 * slope(2), bend, kMostBend, an_hour_s, kMostSecondsAnHour,
      runs[2].megabytes, kMostMegabytes);
  const bool is_full = runs[2].seconds >= 3600;
  const bool met = bend <= (is_full ? kMostBend : kMostShortBend) &&
                   (an_hour_s <= kMostSecondsAnHour || !is_full) &&
                   runs[2].megabytes <= kMostMegabytes;
  fmt::print("{}{}\n", met ? "met" : "NOT MET",
             is_full ? "" : " (runs of less than an hour are not held to its time)");
  return met ? 0 : 1;
}

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) { return synergy::Main(argc, argv); }

#include "daemon/sim/virtual_run.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <vector>

#include "client/models/zoo.h"
#include "common/files.h"
#include "common/records/chunk.h"
#include "common/records/markers.h"
#include "common/records/readings.h"
#include "daemon/sampling/spool.h"
#include "tests/support/temp_folder.h"

namespace synergy::sim {
namespace {

using ::testing::HasSubstr;

const Model& SqueezeNet() {
  static const Model* const model = new Model(*(*FindModel("squeezenet"))->build(1, 1));
  return *model;
}

// What a spool holds.
struct Records {
  v1::RunHeader header;
  v1::RunEnd end;
  std::vector<v1::RunRecord> all;
  std::vector<Marker> markers;
  std::map<uint32_t, std::vector<Reading>> readings;  // by channel

  std::vector<std::string> Notices() const {
    std::vector<std::string> texts;
    for (const v1::RunRecord& r : all) {
      if (r.has_notice()) texts.push_back(r.notice().text());
    }
    return texts;
  }
  MonotonicTime Begin(v1::Phase phase) const {
    for (const v1::RunRecord& r : all) {
      if (r.has_phase() && r.phase().phase() == phase) return {r.phase().at_ns()};
    }
    ADD_FAILURE() << "no phase " << phase;
    return {};
  }
};

Records ReadRecords(const std::string& path) {
  Records records;
  SpoolReader reader(UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC)));
  v1::Chunk chunk;
  while (*reader.Next(&chunk)) {
    EXPECT_TRUE(VerifyChunkUntrusted(chunk).ok());
    if (chunk.channel() == kRunRecordsChannel) {
      auto decoded = DecodeRunRecordsUntrusted(chunk.data(), chunk.count());
      for (v1::RunRecord& r : *decoded) {
        if (r.has_header()) records.header = r.header();
        if (r.has_end()) records.end = r.end();
        records.all.push_back(std::move(r));
      }
    } else if (chunk.channel() == kMarkersChannel) {
      const auto decoded = DecodeMarkersUntrusted(chunk.data(), chunk.count());
      records.markers.insert(records.markers.end(), decoded->begin(), decoded->end());
    } else {
      const auto decoded = DecodeReadingsUntrusted(chunk.data(), chunk.count());
      std::vector<Reading>& all = records.readings[chunk.channel()];
      all.insert(all.end(), decoded->begin(), decoded->end());
    }
  }
  return records;
}

class VirtualRunTest : public testing::Test {
 protected:
  VirtualRunTest() {
    options_.board = "sim:jetson-tx1";
    options_.iterations = 4;
    options_.idle_s = 0.2;
  }
  absl::StatusOr<VirtualRun> TryPlay(const std::string& name) {
    return PlayVirtualRun(options_, SqueezeNet(), 1, folder_.File(name));
  }
  VirtualRun Play(const std::string& name) {
    absl::StatusOr<VirtualRun> run = TryPlay(name);
    EXPECT_TRUE(run.ok()) << run.status();
    return run.value_or(VirtualRun());
  }
  std::string Bytes(const std::string& name) {
    return ReadFile(folder_.File(name), 1 << 26).value_or("");
  }
  Records Read(const std::string& name) { return ReadRecords(folder_.File(name)); }
  void ExpectRefused(const std::string& words) {
    const absl::Status status = TryPlay("refused").status();
    EXPECT_THAT(std::string(status.message()), HasSubstr(words));
    EXPECT_FALSE(std::filesystem::exists(folder_.File("refused")));
    EXPECT_FALSE(std::filesystem::exists(folder_.File("refused.truth")));
    EXPECT_FALSE(std::filesystem::exists(folder_.File("refused.partial")));
  }

  TempFolder folder_;
  VirtualRunOptions options_;
};

// By rail.
double Joules(const v1::RunTruth& truth, int rail, uint32_t op) {
  double joules = 0;
  for (const v1::OperatorTruth& o : truth.operators()) {
    if (o.op() == op) joules += o.energy_j(rail);
  }
  return joules;
}

TEST_F(VirtualRunTest, TheSameSeedGivesTheSameBytesAndAnotherDoesNot) {
  Play("one");
  Play("again");
  options_.seed = 2;
  Play("other");
  EXPECT_FALSE(Bytes("one").empty());
  EXPECT_TRUE(Bytes("one") == Bytes("again"));
  EXPECT_TRUE(Bytes("one.truth") == Bytes("again.truth"));
  EXPECT_FALSE(Bytes("one") == Bytes("other"));
  EXPECT_FALSE(Bytes("one.truth") == Bytes("other.truth"));
}

TEST_F(VirtualRunTest, CountsEventsOfEachMeasuredExecution) {
  Play("uncounted");
  options_.events = {"simd", "bus"};
  Play("counted");
  Play("again");
  EXPECT_TRUE(Bytes("counted") == Bytes("again"));
  const Records without = Read("uncounted"), with = Read("counted");
  EXPECT_NE(without.header.run_id(), with.header.run_id());
  EXPECT_EQ(without.markers.size(), with.markers.size());
  EXPECT_EQ(without.end.end_ns(), with.end.end_ns()) << "counting costs nothing";
  EXPECT_THAT(with.header.job().events(), testing::ElementsAre("simd", "bus"));
  bool are_counted = false;
  size_t rows = 0;
  for (const v1::RunRecord& record : with.all) {
    EXPECT_FALSE(record.has_counts() && !are_counted) << "what is counted is said before";
    are_counted = are_counted || record.has_counted();
    rows += static_cast<size_t>(record.counts().count_size());
  }
  EXPECT_EQ(rows, 2 * 4 * SqueezeNet().layers.size());
  for (const v1::RunRecord& record : without.all) EXPECT_FALSE(record.has_counted());
  options_.events = {"branches"};
  ExpectRefused("--events branches");
}

TEST_F(VirtualRunTest, IsARunLikeAnyOther) {
  const VirtualRun run = Play("run");
  const Records records = Read("run");
  EXPECT_EQ(run.end.verdict(), v1::VERDICT_VALID) << run.end.DebugString();
  EXPECT_EQ(records.end.SerializeAsString(), run.end.SerializeAsString());
  EXPECT_EQ(records.header.job().net_name(), "squeezenet");
  EXPECT_EQ(records.header.job().iterations(), 4u);
  EXPECT_DOUBLE_EQ(records.header.job().longest_pause_s(), options_.longest_pause_s);
  EXPECT_TRUE(records.header.board().simulated());
  EXPECT_EQ(records.header.channels_size(), 6);
  EXPECT_EQ(records.header.channels(0).window().cycle(), "ina3221 0x40");
  EXPECT_EQ(records.markers.size(), records.end.markers());
  // Setup; and a marker for each operator and for the net in the warm-up and four iterations.
  EXPECT_EQ(records.markers.size(), 2 + 5 * (SqueezeNet().layers.size() + 1));
  EXPECT_EQ(records.Begin(v1::PHASE_SETUP), records.Begin(v1::PHASE_IDLE) + Milliseconds(200));
  EXPECT_LT(records.Begin(v1::PHASE_WARMUP), records.Begin(v1::PHASE_MEASURE));
  EXPECT_THAT(records.Notices(), testing::Contains(HasSubstr("virtual time: no engine ran")));
  EXPECT_THAT(records.Notices(), testing::Not(testing::Contains(HasSubstr("this machine's own"))));
}

TEST_F(VirtualRunTest, TruthHasEachMeasuredExecutionAndItsBooksClose) {
  const VirtualRun run = Play("run");
  v1::RunTruth truth;
  ASSERT_TRUE(truth.ParseFromString(Bytes("run.truth")));
  EXPECT_EQ(truth.SerializeAsString(), run.truth.SerializeAsString());
  EXPECT_EQ(truth.run_id(), Read("run").header.run_id());
  ASSERT_EQ(truth.operators_size(), static_cast<int>(4 * SqueezeNet().layers.size()));
  ASSERT_EQ(truth.rails_size(), 3);
  for (int rail = 0; rail < 3; ++rail) {
    double sum = truth.idle_j(rail);
    for (const v1::OperatorTruth& op : truth.operators()) sum += op.energy_j(rail);
    EXPECT_NEAR(sum, truth.energy_j(rail), 1e-9 * sum);
    EXPECT_GT(truth.idle_j(rail), 0) << "the pauses";
  }
}

// A counter of energy gets at the rail's integral by a path of its own: it shows the truth's joules
// but for what it has not counted yet.
TEST_F(VirtualRunTest, OperatorsAndIdleAreWhatAnEnergyCounterCounted) {
  options_.board = "sim:generic-x86-rapl";
  options_.iterations = 20;
  const VirtualRun run = Play("run");
  const Records records = Read("run");
  const std::vector<Reading>& package = records.readings.at(kFirstSensorChannel);
  const auto value = [&](int64_t at_ns) {
    int64_t raw = 0;
    for (const Reading& r : package) {
      if (r.begin_ns <= at_ns) raw = r.raw;
    }
    return 1e-6 * static_cast<double>(raw);
  };
  const double counted_j = value(run.truth.end_ns()) - value(run.truth.begin_ns());
  const double seconds = Nanoseconds{run.truth.end_ns() - run.truth.begin_ns()}.seconds();
  const double mean_w = run.truth.energy_j(0) / seconds;
  // Late by two updates of at most 1.05 ms and a tick at either end.
  EXPECT_NEAR(counted_j, run.truth.energy_j(0), 3 * mean_w * 3.2e-3);
  EXPECT_GT(run.truth.energy_j(0), 100 * 3 * mean_w * 3.2e-3) << "long enough to tell";
}

TEST_F(VirtualRunTest, ASlowerClockTakesLongerAndDrawsLess) {
  const VirtualRun fast = Play("fast");
  options_.cpu_khz = 825'600;
  const VirtualRun slow = Play("slow");
  const auto seconds = [](const v1::RunTruth& truth) {
    return Nanoseconds{truth.end_ns() - truth.begin_ns()}.seconds();
  };
  EXPECT_GT(seconds(slow.truth), 1.5 * seconds(fast.truth));
  EXPECT_LT(slow.truth.energy_j(0) / seconds(slow.truth),
            fast.truth.energy_j(0) / seconds(fast.truth));
  const Records records = Read("slow");
  EXPECT_EQ(records.header.job().clocks().cpu().khz(), 825'600);
  bool seen = false;
  for (const v1::RunRecord& r : records.all) {
    for (const auto& frequency : r.conditions().frequencies()) {
      EXPECT_EQ(frequency.hz(), 825'600'000) << frequency.clock();
      seen = true;
    }
  }
  EXPECT_TRUE(seen);
}

TEST_F(VirtualRunTest, TheEnergyScaleRaisesDynamicPowerAlone) {
  const VirtualRun plain = Play("plain");
  options_.energy_scale = 1.1;
  const VirtualRun scaled = Play("scaled");
  EXPECT_EQ(plain.truth.begin_ns(), scaled.truth.begin_ns()) << "the same durations";
  EXPECT_EQ(plain.truth.end_ns(), scaled.truth.end_ns());
  const double ratio = Joules(scaled.truth, 2, 0) / Joules(plain.truth, 2, 0);  // VDD_CPU
  EXPECT_GT(ratio, 1.05);
  EXPECT_LT(ratio, 1.15);
  // What is warmer leaks a little more.
  EXPECT_NEAR(scaled.truth.idle_j(2), plain.truth.idle_j(2), 1e-3 * plain.truth.idle_j(2));
}

TEST_F(VirtualRunTest, RunsOfDifferentOptionsAreDifferentRuns) {
  Play("one");
  options_.iterations = 5;
  Play("more");
  options_.seed = 2;
  Play("another board");
  const v1::RunHeader one = Read("one").header, more = Read("more").header,
                      other = Read("another board").header;
  EXPECT_EQ(one.board().board_id(), more.board().board_id());
  EXPECT_NE(one.run_id(), more.run_id());
  EXPECT_NE(one.board().board_id(), other.board().board_id());
}

TEST_F(VirtualRunTest, PlaysOnEachSimulatedBoard) {
  for (const char* board :
       {"sim:jetson-nano", "sim:jetson-agx-orin", "sim:generic-x86-rapl", "sim:snapdragon-820"}) {
    options_.board = board;
    const VirtualRun run = Play(board);
    EXPECT_NE(run.end.verdict(), v1::VERDICT_INVALID) << board << run.end.DebugString();
    EXPECT_EQ(run.truth.operators_size(), static_cast<int>(4 * SqueezeNet().layers.size()));
  }
}

TEST_F(VirtualRunTest, RefusesWhatItCannotPlayAndLeavesNothing) {
  options_.board = "jetson-tx1";
  ExpectRefused("virtual time needs a simulated board");
  options_.board = "sim:jetson-tx2";
  ExpectRefused("no board is named \"sim:jetson-tx2\"");
  options_.board = "sim:jetson-tx1";
  options_.cpu_khz = 1'000'000;
  ExpectRefused("--cpu-freq 1000MHz: sim:jetson-tx1 has cores that can have: 102MHz, ");
  options_.cpu_khz = 0;
  for (const double hz : {1e9, -5.0}) {
    options_.rate_hz = hz;
    ExpectRefused("choose one from");
  }
  options_.rate_hz = 0;
  options_.faults = {*ParseSimulatedFault("stuck:VDD_SOC")};
  ExpectRefused("this board has no rail \"VDD_SOC\"");
}

// Nobody can tell a stuck register from a rail that stays within a step of a quiet sensor.
TEST_F(VirtualRunTest, ARailWithinOneStepIsNotSaidToBeStuck) {
  options_.idle_s = 1;
  options_.iterations = 20;
  options_.energy_scale = 0.2;
  options_.faults = {*ParseSimulatedFault("noise:0.01")};
  EXPECT_THAT(Play("quiet").end.reasons(),
              testing::ElementsAre(testing::AllOf(HasSubstr("never_changed: VDD_GPU"),
                                                  HasSubstr("stays within one step"))));
  options_.faults = {*ParseSimulatedFault("noise:0.3"), *ParseSimulatedFault("stuck:VDD_CPU")};
  EXPECT_THAT(Play("stuck").end.reasons(),
              testing::ElementsAre(testing::AllOf(HasSubstr("never_changed: VDD_CPU"),
                                                  HasSubstr("its register is stuck, or nothing"))));
}

// What the estimator is proven with: each leaves a whole run, with its own bytes.
TEST_F(VirtualRunTest, PlaysWithWhatGoesWrong) {
  const VirtualRun plain = Play("plain");
  for (const char* fault : {"read-errors:0.01", "read-errors:1@0.5-0.7", "delay:5", "drift:0.1@0-1",
                            "oscillator-drift:0.02@0-1", "varying-power:0.1", "noise:0.1",
                            "averages:64", "conversion:1100", "known-windows"}) {
    options_.faults = {*ParseSimulatedFault(fault)};
    const VirtualRun run = Play(fault);
    EXPECT_EQ(run.end.state(), v1::JOB_STATE_DONE);
    EXPECT_FALSE(Bytes(fault) == Bytes("plain")) << fault;
    EXPECT_THAT(Read(fault).Notices(), testing::Contains(HasSubstr(fault)));
    for (int rail = 0; rail < 3; ++rail) {
      double sum = run.truth.idle_j(rail);
      for (const v1::OperatorTruth& op : run.truth.operators()) sum += op.energy_j(rail);
      EXPECT_NEAR(sum, run.truth.energy_j(rail), 1e-9 * sum) << fault;
    }
    const bool sensor_alone = std::string_view(fault) != "drift:0.1@0-1" &&
                              std::string_view(fault) != "varying-power:0.1";
    // The board does not care how it is measured.
    EXPECT_EQ(
        std::abs(run.truth.energy_j(0) - plain.truth.energy_j(0)) < 1e-3 * plain.truth.energy_j(0),
        sensor_alone)
        << fault;
  }
}

TEST_F(VirtualRunTest, AClockThatIsHeldBackIsInItsConditionsAndItsVerdict) {
  options_.faults.push_back(*ParseSimulatedFault("throttle@0.3"));
  const VirtualRun run = Play("throttled.spool");
  EXPECT_EQ(run.end.verdict(), v1::VERDICT_SUSPECT);
  EXPECT_THAT(run.end.reasons(), testing::IsSupersetOf({testing::StartsWith("clock_moved: "),
                                                        testing::StartsWith("throttled: ")}));
  int64_t lowest_hz = INT64_MAX, highest_hz = 0;
  size_t changes = 0;
  for (const v1::RunRecord& r : Read("throttled.spool").all) {
    changes += r.has_clock_change() ? 1 : 0;
    for (const v1::Conditions::Frequency& clock : r.conditions().frequencies()) {
      lowest_hz = std::min(lowest_hz, clock.hz());
      highest_hz = std::max(highest_hz, clock.hz());
    }
  }
  EXPECT_EQ(changes, 1u);
  EXPECT_LE(2 * lowest_hz, highest_hz);
}

TEST_F(VirtualRunTest, WithoutIdlePhasesItsLastMarkersAreThere) {
  options_.idle_s = 0;
  const VirtualRun run = Play("no_idle.spool");
  EXPECT_EQ(run.end.markers(), Read("no_idle.spool").markers.size());
  EXPECT_THAT(run.end.reasons(), testing::Not(testing::Contains(HasSubstr("markers"))));
  const uint64_t inferences = options_.iterations + options_.warmup;
  EXPECT_GE(run.end.markers(), inferences * SqueezeNet().layers.size());
}

TEST_F(VirtualRunTest, TheSlowestClockIsThatOfItsTable) {
  options_.slowest = true;
  ASSERT_EQ(Play("slow.spool").end.state(), v1::JOB_STATE_DONE);
  for (const v1::RunRecord& r : Read("slow.spool").all) {
    for (const v1::Conditions::Frequency& clock : r.conditions().frequencies()) {
      EXPECT_EQ(clock.hz(), 102'000'000) << clock.clock();
    }
  }
}

TEST_F(VirtualRunTest, ShortOperatorsAreInItsRecordsAndItsTruth) {
  options_.faults = {*ParseSimulatedFault("short-operators:0.5")};
  options_.jitter = 0.2;
  const VirtualRun run = Play("short");
  std::map<uint32_t, double> longest_ns;
  for (const Marker& m : Read("short").markers) {
    if (m.op >= kOpClock || m.phase != v1::PHASE_MEASURE) continue;
    longest_ns[m.op] = std::max(longest_ns[m.op], static_cast<double>(m.end_ns - m.begin_ns));
  }
  double made_short = 0;
  for (const auto& [op, ns] : longest_ns) {
    if (ns > 12e3) continue;
    ++made_short;
    EXPECT_GT(Joules(run.truth, 0, op), 0);
  }
  EXPECT_NEAR(made_short / static_cast<double>(longest_ns.size()), 0.5, 0.2);
}

TEST_F(VirtualRunTest, ReadingsRepeatWhereTheyComeFasterThanConversions) {
  options_.rate_hz = 1700;
  Play("run");
  const std::vector<Reading> readings = Read("run").readings.at(kFirstSensorChannel);
  double repeats = 0;
  for (const Reading& r : readings) repeats += r.freshness == Freshness::kRepeat;
  // 1190 conversions a second, of an oscillator that is off by up to 10 %.
  EXPECT_NEAR(repeats / static_cast<double>(readings.size()), 0.3, 0.12);
}

TEST_F(VirtualRunTest, JitterIsOfTheDurations) {
  const auto spread = [this](const char* name) {
    double squares = 0, count = 0;
    std::map<uint32_t, double> first;
    const VirtualRun run = Play(name);
    for (const v1::OperatorTruth& op : run.truth.operators()) {
      const auto ns = static_cast<double>(op.end_ns() - op.begin_ns());
      const auto [known, added] = first.try_emplace(op.op(), ns);
      if (added || ns < 200e3) continue;
      const double ratio = std::log(ns / known->second);
      squares += ratio * ratio / 2;
      ++count;
    }
    return std::sqrt(squares / count);
  };
  options_.iterations = 8;
  const double usual = spread("usual");
  options_.jitter = 0.2;
  EXPECT_NEAR(spread("jittery"), 0.2, 0.05);
  EXPECT_LT(usual, 0.1);
}

TEST_F(VirtualRunTest, RefusesAFileThatIsThere) {
  Play("run");
  const std::string before = Bytes("run");
  EXPECT_EQ(TryPlay("run").status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Bytes("run"), before);
}

}  // namespace
}  // namespace synergy::sim

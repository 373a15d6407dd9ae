#include "client/watch/board_state.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "client/watch/watch_json.h"
#include "common/records/chunk.h"

namespace synergy {
namespace {

BoardState Watched() {
  BoardState state;
  state.host = "unix:/d.sock";
  state.board.set_name("sim:jetson-tx1");
  state.board.set_simulated(true);
  v1::TelemetryPoint point;
  point.set_begin_ns(1'000'000'000);
  point.set_end_ns(2'000'000'000);
  v1::RailPower* rail = point.add_rails();
  rail->set_rail("VDD_IN");
  rail->set_readings(1000);
  rail->set_min_w(5);
  rail->set_mean_w(6);
  rail->set_max_w(7);
  point.add_rails()->set_rail("VDD_GPU");
  state.history.Add(point);
  state.point = point;
  return state;
}

TEST(BoardState, LineHasWattsJoulesAndNullsForWhatWasNotRead) {
  const nlohmann::ordered_json json = WatchJson(Watched(), true);
  EXPECT_EQ(json["rails"][0]["mean_w"], 6.0);
  EXPECT_EQ(json["rails"][0]["energy_j"], 6.0);
  EXPECT_TRUE(json["rails"][1]["mean_w"].is_null());
  EXPECT_TRUE(json["job"].is_null());
  EXPECT_EQ(json["simulated"], true);
}

TEST(BoardState, LineSaysTheJobThatRuns) {
  BoardState state = Watched();
  v1::JobStatus& job = state.jobs.emplace_back();
  job.set_state(v1::JOB_STATE_RUNNING);
  job.mutable_spec()->set_net_name("squeezenet");
  state.jobs.emplace_back().set_state(v1::JOB_STATE_QUEUED);
  state.point->set_run_id("r1");
  state.point->set_phase(v1::PHASE_MEASURE);
  state.point->set_iteration(12);
  const nlohmann::ordered_json json = WatchJson(state, true);
  EXPECT_EQ(json["job"]["net"], "squeezenet");
  EXPECT_EQ(json["job"]["phase"], "measure");
  EXPECT_EQ(json["job"]["iteration"], 12);
  EXPECT_TRUE(json["job"]["op"].is_null());
  EXPECT_EQ(json["queued"], 1);
}

TEST(BoardState, LineHasTheSamplersHealthAndEnergiesOfTheRunThatIsFollowed) {
  BoardState state = Watched();
  nlohmann::ordered_json json = WatchJson(state, true);
  for (const char* key : {"sampler", "energies", "records_why_not"}) {
    EXPECT_TRUE(json.at(key).is_null()) << key;
  }
  state.run.readings = 10;
  state.run.fresh = 4;
  state.run.missed = 2;
  state.run.operators.emplace_back().set_name("conv1");
  LeastSquares& energies = state.run.energies.emplace();
  energies.ops = {0, 1, 2};
  state.run.iterations = 12;
  energies.rails.resize(2);
  RailEnergy& rail = energies.rails.front();
  rail.rail = "VDD_IN";
  rail.inference_j = {1, 0.9, 1.1};
  rail.ops.resize(3);
  rail.ops[0].energy_j = Estimate{0.5, 0.4, 0.6};
  rail.ops[1].group = rail.ops[2].group = 0;
  rail.groups = {{.ops = {1, 2}, .energy_j = {0.5, 0.4, 0.6}, .more_iterations = {}}};
  energies.rails[1].rail = "VDD_CPU";
  energies.rails[1].why_not = "no readings";
  json = WatchJson(state, true);
  EXPECT_EQ(json["sampler"]["fresh"], 4);
  EXPECT_EQ(json["sampler"]["missed"], 2);
  EXPECT_EQ(json["energies"]["iterations"], 12);
  const auto& in = json["energies"]["rails"][0];
  EXPECT_EQ(in["inference_j"]["ci95"], (std::vector<double>{0.9, 1.1}));
  ASSERT_EQ(in["ops"].size(), 1u);
  EXPECT_EQ(in["ops"][0]["name"], "conv1");
  EXPECT_EQ(in["ops"][0]["energy_j"]["mean"], 0.5);
  EXPECT_EQ(in["groups"][0]["ops"], (std::vector<int>{1, 2}));
  EXPECT_EQ(json["energies"]["rails"][1]["why_not"], "no readings");
  EXPECT_TRUE(WatchJson(state, false)["energies"].is_null());
  state.run.why_not = "needs the role run";
  EXPECT_EQ(WatchJson(state, true)["records_why_not"], "needs the role run");
}

TEST(BoardState, OperatorsNameIsThatOfTheRunThatIsFollowed) {
  BoardState state = Watched();
  state.point->set_run_id("r1");
  state.point->set_in_operator(true);
  state.run.run_id = "r1";
  state.run.operators.emplace_back().set_name("conv1");
  EXPECT_EQ(OperatorNow(state), "conv1");
  state.point->set_op_index(1);
  EXPECT_EQ(OperatorNow(state), "");
  state.point->set_op_index(0);
  state.run.run_id = "r0";
  EXPECT_EQ(OperatorNow(state), "");
}

TEST(BoardState, RecordsGiveTemperaturesThrottlesAndGaps) {
  std::vector<v1::RunRecord> records(4);
  records[0].mutable_header()->set_requested_hz(1000);
  for (int i = 1; i <= 2; ++i) {
    v1::Conditions* seen = records[static_cast<size_t>(i)].mutable_conditions();
    auto* zone = seen->add_temperatures();
    zone->set_zone("CPU-therm");
    zone->set_millidegrees(40'000 + 1000 * i);
    auto* throttle = seen->add_throttles();
    throttle->set_what("cpu0 core_throttle_count");
    throttle->set_value(static_cast<uint64_t>(i));
  }
  records[3].mutable_gap()->set_count(3);
  records[3].mutable_gap()->set_cause(v1::Gap::CAUSE_MISSED_TICK);
  RunData data;
  ASSERT_TRUE(data.Add(MakeChunk(0, kRunRecordsChannel, 0, 4, v1::ENCODING_RUN_RECORDS,
                                 EncodeRunRecords(records)))
                  .ok());
  BoardState state;
  TakenRecords taken;
  TakeRecords(&data, &taken, &state);
  TakeRecords(&data, &taken, &state);  // nothing new: nothing counts twice
  EXPECT_EQ(state.run.requested_hz, 1000);
  EXPECT_DOUBLE_EQ(state.temperature_c["CPU-therm"], 42);
  EXPECT_EQ(state.run.missed, 3u);
  EXPECT_EQ(Throttled(state), std::vector<std::string>{"cpu0 core_throttle_count +1"});
}

TEST(BoardState, TemperaturesAndThrottlesAreThoseOfTheClocksWithoutAJobToo) {
  v1::ClockState clocks;
  v1::ThermalZoneState* zone = clocks.add_temperatures();
  zone->set_zone("CPU-therm");
  zone->set_millidegrees(45'500);
  v1::ThrottleState* cooling = clocks.add_throttles();
  cooling->set_what("cooling cpufreq-cpu0 0");
  cooling->set_value(2);
  v1::ThrottleState* counter = clocks.add_throttles();
  counter->set_what("cpu0 core_throttle_count");
  counter->set_value(7);
  BoardState state = Watched();
  TakeClocks(clocks, &state);
  EXPECT_EQ(Throttled(state), std::vector<std::string>{"cooling cpufreq-cpu0 0"});
  cooling->set_value(0);
  counter->set_value(8);
  TakeClocks(clocks, &state);
  EXPECT_EQ(Throttled(state), std::vector<std::string>{"cpu0 core_throttle_count +1"});
  const nlohmann::ordered_json json = WatchJson(state, true);
  counter->set_value(0);  // the board has begun anew
  TakeClocks(clocks, &state);
  EXPECT_TRUE(Throttled(state).empty());
  counter->set_value(2);
  TakeClocks(clocks, &state);
  EXPECT_EQ(Throttled(state), std::vector<std::string>{"cpu0 core_throttle_count +2"});
  EXPECT_EQ(json["temperatures"][0]["temperature_c"], 45.5);
  EXPECT_EQ(json["throttled"][0], "cpu0 core_throttle_count +1");
  clocks.clear_temperatures();
  TakeClocks(clocks, &state);
  EXPECT_TRUE(state.temperature_c.empty());
}

TEST(BoardState, LineSaysWhatTheDaemonUsesOfACore) {
  BoardState state = Watched();
  EXPECT_TRUE(WatchJson(state, true)["daemon_cores"].is_null());
  v1::TelemetryPoint point = *state.point;
  point.set_daemon_cpu_ns(1'000);
  point.set_front_cpu_ns(1'000);
  TakePoint(point, &state);
  point.set_end_ns(point.end_ns() + 2'000'000'000);
  point.set_daemon_cpu_ns(200'001'000);
  point.set_front_cpu_ns(20'001'000);
  TakePoint(point, &state);
  EXPECT_DOUBLE_EQ(WatchJson(state, true)["daemon_cores"].get<double>(), 0.1);
  EXPECT_DOUBLE_EQ(WatchJson(state, true)["front_cores"].get<double>(), 0.01);
}

}  // namespace
}  // namespace synergy

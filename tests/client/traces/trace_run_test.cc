#include "client/traces/trace_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>

#include "common/attribution/integrate.h"
#include "tests/client/traces/trace_texts.h"

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kSampleHeader = "rail,window_begin_ns,window_end_ns,power_w\n";
constexpr const char* kMarkerHeader = "op,type,iteration,begin_ns,end_ns\n";

// Windows of 1 ms from 0 to 30 ms; two iterations of conv1 (6 ms) and relu1 (3 ms) from 5 ms on.
Traces Simple() {
  Traces traces{kSampleHeader, kMarkerHeader};
  for (int64_t at = 0; at < 30'000'000; at += 1'000'000) {
    traces.samples += fmt::format("supply,{},{},5\n", at, at + 1'000'000);
  }
  for (int i = 0; i < 2; ++i) {
    const int64_t at = 5'000'000 + i * 10'000'000;
    traces.markers += fmt::format("conv1,Conv,{},{},{}\n", i, at, at + 6'000'000);
    traces.markers += fmt::format("relu1,Relu,{},{},{}\n", i, at + 6'000'000, at + 9'000'000);
  }
  return traces;
}

std::string Shuffled(const std::string& table, uint32_t seed) {
  std::vector<std::string> lines = BlocksOf(table, 1);
  std::shuffle(lines.begin() + 1, lines.end(), std::mt19937(seed));
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

TEST(TraceRun, FiveWattsForSixMillisecondsAreThirtyMillijoules) {
  const RunData data = DataOf(Simple());
  const Attribution solved = Solve(data);
  ASSERT_THAT(solved.rails, ElementsAre("supply"));
  ASSERT_EQ(solved.ops.size(), 2u);
  EXPECT_NEAR(*solved.ops[0].mean_energy_j[0], 0.030, 1e-12);
  EXPECT_NEAR(*solved.ops[1].mean_energy_j[0], 0.015, 1e-12);
  EXPECT_EQ(solved.iterations, 2u);
  EXPECT_NEAR(solved.iteration_time_s->mean, 0.009, 1e-12);
  EXPECT_FALSE(data.partial());
}

TEST(TraceRun, WindowsAreExactWhereNothingElseIsSaid) {
  const RunData data = DataOf(Simple());
  const v1::ChannelInfo& channel = data.header()->channels(0);
  EXPECT_TRUE(channel.window().stamps_are_window());
  EXPECT_EQ(channel.quantity(), v1::ChannelInfo::QUANTITY_POWER);
  const Reading& first = data.readings().at(channel.channel()).front();
  EXPECT_EQ(first.begin_ns, 0);
  EXPECT_EQ(first.end_ns, 1'000'000);
  EXPECT_EQ(first.freshness, Freshness::kFresh);
}

TEST(TraceRun, WhatLiesOutsideTheMarkersIsIdle) {
  const RunData data = DataOf(Simple());
  ASSERT_EQ(data.phases().size(), 3u);
  EXPECT_EQ(data.phases()[0].phase(), v1::PHASE_IDLE);
  EXPECT_EQ(data.phases()[0].at_ns(), 0);
  EXPECT_EQ(data.phases()[1].phase(), v1::PHASE_MEASURE);
  EXPECT_EQ(data.phases()[1].at_ns(), 5'000'000);
  EXPECT_EQ(data.phases()[2].phase(), v1::PHASE_IDLE);
  EXPECT_EQ(data.phases()[2].at_ns(), 24'000'000);
  EXPECT_EQ(data.end()->end_ns(), 30'000'000);
  EXPECT_GT(data.header()->job().idle_s(), 0);
}

TEST(TraceRun, RowsMayStandInAnyOrderAndBlocksBeOfAnySize) {
  const Traces simple = Simple();
  const RunData expected = DataOf(simple);
  for (const size_t lines : {1, 2, 7, 1000}) {
    for (uint32_t seed = 0; seed < 5; ++seed) {
      const RunData data = DataOf({.samples = Shuffled(simple.samples, seed),
                                   .markers = Shuffled(simple.markers, seed),
                                   .sensors = {},
                                   .block_lines = lines});
      EXPECT_EQ(data.readings(), expected.readings());
      ASSERT_EQ(data.markers().size(), expected.markers().size());
      for (size_t i = 0; i < data.markers().size(); ++i) {
        EXPECT_EQ(std::memcmp(&data.markers()[i], &expected.markers()[i], sizeof(Marker)), 0);
      }
      EXPECT_EQ(data.operators()[0].name(), "conv1");
    }
  }
}

TEST(TraceRun, OperatorsAreNumberedByTheirFirstBegin) {
  Traces traces = Simple();
  traces.markers = std::string(kMarkerHeader) +
                   "c,C,0,9000000,9500000\nb,B,0,7000000,8000000\na,A,0,8000000,9000000\n"
                   "d,D,1,10000000,11000000\na,A,1,11000000,11500000\n";
  const RunData data = DataOf(traces);
  std::vector<std::string> names;
  for (const v1::OperatorInfo& op : data.operators()) names.push_back(op.name());
  EXPECT_THAT(names, ElementsAre("b", "a", "c", "d"));
}

TEST(TraceRun, AnIterationWithoutARowOfItsOwnSpansItsOperators) {
  const RunData data = DataOf(Simple());
  std::vector<Marker> nets;
  std::ranges::copy_if(data.markers(), std::back_inserter(nets),
                       [](const Marker& m) { return m.op == kOpNet; });
  ASSERT_EQ(nets.size(), 2u);
  EXPECT_EQ(nets[1].begin_ns, 15'000'000);
  EXPECT_EQ(nets[1].end_ns, 24'000'000);
  EXPECT_EQ(nets[1].phase, v1::PHASE_MEASURE);
  EXPECT_EQ(data.end()->markers(), 6u);
}

TEST(TraceRun, AnIterationThatWasCutOffIsNotCompletedWhereTheOthersHaveRows) {
  Traces traces = Simple();
  traces.markers += "net,@net,0,5000000,14000000\n";
  EXPECT_EQ(Solve(DataOf(traces)).iterations, 1u);
}

TEST(TraceRun, SetupAndWarmUpAreToldByTheirColumn) {
  Traces traces = Simple();
  traces.markers = std::string("phase,op,type,iteration,begin_ns,end_ns,thread\n") +
                   ",load,@load,0,1000000,2000000,\n"
                   "warmup,conv1,Conv,0,3000000,4000000,2\n"
                   ",conv1,Conv,0,5000000,6000000,\n";
  const RunData data = DataOf(traces);
  std::vector<v1::Phase> phases;
  for (const v1::PhaseChange& phase : data.phases()) phases.push_back(phase.phase());
  EXPECT_THAT(phases, ElementsAre(v1::PHASE_IDLE, v1::PHASE_SETUP, v1::PHASE_WARMUP,
                                  v1::PHASE_MEASURE, v1::PHASE_IDLE));
  EXPECT_EQ(data.header()->job().warmup(), 1u);
  EXPECT_EQ(data.header()->job().threads(), 3u);
  const Attribution solved = Solve(data);
  EXPECT_NEAR(solved.setup.time_s, 1e-3, 1e-12);
  EXPECT_NEAR(solved.warmup.time_s, 1e-3, 1e-12);
}

TEST(TraceRun, WattsAreKeptToABillionth) {
  Traces traces = Simple();
  traces.samples = kSampleHeader;
  const std::vector<double> watts = {1.0 / 3, 12.3456789012, 0.001, 431.25, 1e-3 / 7, -0.25};
  for (size_t i = 0; i < watts.size(); ++i) {
    traces.samples +=
        fmt::format("supply,{},{},{}\n", i * 5'000'000, (i + 1) * 5'000'000, watts[i]);
  }
  const std::vector<RailPower> power = DataOf(traces).Power();
  ASSERT_EQ(power.at(0).samples.size(), watts.size());
  for (size_t i = 0; i < watts.size(); ++i) {
    EXPECT_NEAR(power[0].samples[i].power_w / watts[i], 1, 4e-9);
  }
}

TEST(TraceRun, ReadingsOfOneStepAreWholeNumbersOfIt) {
  Traces traces = Simple();
  traces.samples = std::string("step_w,") + kSampleHeader +
                   "0.038,supply,0,20000000,0.19\n0.038,supply,20000000,30000000,0.228001\n";
  const RunData data = DataOf(traces);
  EXPECT_EQ(data.header()->channels(0).scale(), 0.038);
  const auto& readings = data.readings().at(2);
  EXPECT_EQ(readings[0].raw, 5);
  EXPECT_EQ(readings[1].raw, 6);
}

// Five windows with these powers.
Traces WithPowers(const std::vector<const char*>& powers) {
  Traces traces = Simple();
  traces.samples = kSampleHeader;
  int64_t at = 0;
  for (const char* power : powers) {
    traces.samples += fmt::format("supply,{},{},{}\n", at, at + 6'000'000, power);
    at += 6'000'000;
  }
  return traces;
}

double ScaleOf(const Traces& traces) { return DataOf(traces).header()->channels(0).scale(); }

TEST(TraceRun, PowersThatWereAllRoundedToOneDecimalStepHaveThatStep) {
  Traces traces = WithPowers({"5.1", "4.2", "5", "-0.3", "7.77"});
  EXPECT_EQ(ScaleOf(traces), 0.01);
  EXPECT_EQ(DataOf(traces).readings().at(2)[4].raw, 777);
  EXPECT_EQ(ScaleOf(WithPowers({"5", "4", "3", "2", "7"})), 1);
  EXPECT_EQ(ScaleOf(WithPowers({"0.000005", "0.25", "3e-1", "0.1", "0.2"})), 1e-6);
  traces.sensors.defaults.step_w = 0.0001;
  EXPECT_EQ(ScaleOf(traces), 0.0001) << "what is said counts";
}

TEST(TraceRun, PowersWithAllTheirDigitsHaveNoStep) {
  EXPECT_EQ(ScaleOf(WithPowers({"5.1", "4.2", "5", "3.3", "7.123456789"})), kWattsPerRaw);
  EXPECT_EQ(ScaleOf(WithPowers({"5.1", "4.2", "5", "3.3", "7.123456"})), kWattsPerRaw)
      << "finer than a millionth";
  EXPECT_EQ(ScaleOf(WithPowers({"5.1", "4.2", "5.1", "3.3", "2"})), kWattsPerRaw)
      << "round numbers, not rounded ones";
}

TEST(TraceRun, StepsThatDifferAreACurrentAndAVoltage) {
  Traces traces = Simple();
  traces.samples = std::string("step_w,") + kSampleHeader +
                   "0.038,supply,0,20000000,0.19\n0.0381,supply,20000000,30000000,0.2286\n";
  const RunData data = DataOf(traces);
  ASSERT_EQ(data.header()->channels_size(), 2);
  EXPECT_EQ(data.header()->channels(0).quantity(), v1::ChannelInfo::QUANTITY_CURRENT);
  EXPECT_EQ(data.header()->channels(1).quantity(), v1::ChannelInfo::QUANTITY_VOLTAGE);
  EXPECT_EQ(data.readings().at(2)[1].raw, 6);
  const std::vector<RailPower> power = data.Power();
  EXPECT_NEAR(power[0].samples[0].power_w, 0.19, 1e-12);
  EXPECT_NEAR(power[0].samples[1].power_w, 0.2286, 1e-12);
}

TEST(TraceRun, RawRowsAreWhatTheSensorSaid) {
  constexpr const char* kHeader =
      "rail,window_begin_ns,window_end_ns,power_w,step_w,freshness,quantity,raw\n";
  Traces traces = Simple();
  const auto with = [&](const std::string& rows, const std::string& tables) {
    traces.samples = kHeader + rows;
    const auto sensors =
        ParseSensorFile("schema = 1\n[[rail]]\nname = \"supply\"\n" + tables, "sensor.toml");
    EXPECT_TRUE(sensors.ok()) << sensors.status();
    traces.sensors = sensors.value_or(SensorFile());
    return traces;
  };
  const std::string currents =
      "supply,0,100,99,,fresh,current,7\nsupply,20000000,20000100,,,,current,-8\n";
  const std::string voltage = "supply,30000000,30000200,,,,voltage,600\n";
  const std::string tables =
      "[rail.current]\nstep_a = 0.002\nslot_s = 1e-4\nperiod_s = 1e-3\n"
      "[rail.voltage]\nstep_v = 0.008\ngain_tolerance = 0.01\n";
  const RunData data = DataOf(with(currents + voltage, tables));
  ASSERT_EQ(data.header()->channels_size(), 2);
  EXPECT_EQ(data.header()->channels(0).scale(), 0.002);
  EXPECT_EQ(data.header()->channels(0).window().period_s(), 1e-3);
  EXPECT_EQ(data.header()->channels(1).scale(), 0.008);
  EXPECT_EQ(data.header()->channels(1).gain_tolerance(), 0.01);
  EXPECT_EQ(data.readings().at(2)[1].raw, -8);
  EXPECT_EQ(data.readings().at(2)[1].freshness, Freshness::kUnknown);
  EXPECT_EQ(data.readings().at(3)[0].raw, 600);
  EXPECT_EQ(data.readings().at(3)[0].begin_ns, 30'000'000) << "its own stamps";

  EXPECT_THAT(ErrorOf(with(voltage, tables)), HasSubstr("has voltages and no current"));
  EXPECT_THAT(ErrorOf(with(currents, "")), HasSubstr(":2: what a step of the rail 'supply' is"));
  EXPECT_THAT(ErrorOf(with(currents + "supply,1,2,5,,,,\n", tables)),
              HasSubstr(":4: the rail 'supply' has rows with a quantity and rows without"));
  EXPECT_THAT(ErrorOf(with("supply,0,1,,,,curent,7\n", tables)),
              HasSubstr(":2: 'curent' is no quantity"));
  EXPECT_THAT(ErrorOf(with("supply,0,1,,,,current,\n", tables)), HasSubstr(":2: raw is ''"));
  EXPECT_THAT(ErrorOf(with("supply,0,1,5,,,,7\n", tables)), HasSubstr("raw needs a quantity"));
  EXPECT_THAT(ErrorOf(with("supply,0,1,5,0.1,,current,7\n", tables)),
              HasSubstr("step_w is of a power"));
}

TEST(TraceRun, TheSensorFileDescribesTheChannels) {
  Traces traces = Simple();
  TraceSensor& sensor = traces.sensors.rails.emplace_back();
  sensor.rail.set_name("supply");
  sensor.rail.set_scope(v1::RAIL_SCOPE_WALL);
  sensor.window.set_slot_s(1e-3);
  sensor.window.set_period_s(2e-3);
  sensor.window.set_average(4);
  sensor.step_w = 0.5;
  sensor.noise_steps = 0.3;
  sensor.gain_tolerance = 0.01;
  const RunData data = DataOf(traces);
  const v1::ChannelInfo& channel = data.header()->channels(0);
  EXPECT_EQ(channel.window().SerializeAsString(), sensor.window.SerializeAsString());
  EXPECT_EQ(channel.noise_steps(), 0.3);
  EXPECT_EQ(channel.gain_tolerance(), 0.01);
  EXPECT_EQ(channel.scale(), 0.5);
  EXPECT_EQ(data.header()->board().rails(0).scope(), v1::RAIL_SCOPE_WALL);
  EXPECT_EQ(data.readings().at(2)[0].freshness, Freshness::kUnknown);
}

TEST(TraceRun, SimulatedTracesStaySimulatedAndInvalidOnesInvalid) {
  Traces traces = Simple();
  traces.sensors.origin.simulated = true;
  traces.sensors.origin.title = "Jetson TX1 (simulated)";
  traces.sensors.origin.verdict = v1::VERDICT_INVALID;
  traces.sensors.origin.reasons = {"job_failed: it died"};
  const RunData data = DataOf(traces);
  EXPECT_TRUE(data.header()->board().simulated());
  EXPECT_TRUE(data.header()->board().name().starts_with("sim:"));
  EXPECT_EQ(data.header()->board().title(), "Jetson TX1 (simulated), imported");
  EXPECT_EQ(data.end()->verdict(), v1::VERDICT_INVALID);
  EXPECT_THAT(data.end()->reasons(), ElementsAre("job_failed: it died"));
}

TEST(TraceRun, BadSamplesAreToldWithTheirLine) {
  const auto error = [](const std::string& samples) {
    Traces traces = Simple();
    traces.samples = samples;
    return ErrorOf(traces);
  };
  const std::string header = kSampleHeader;
  EXPECT_THAT(error("rail,power_w\n"), HasSubstr("samples.csv:1: the column 'window_begin_ns'"));
  EXPECT_THAT(error(header), HasSubstr("samples.csv:1: there is no row"));
  EXPECT_THAT(error("\n"), HasSubstr("empty"));
  EXPECT_THAT(error(header + "s,0,9,5\ns,9,8,5\n"),
              HasSubstr("samples.csv:3: window_end_ns (8) is before window_begin_ns (9)"));
  EXPECT_THAT(error(header + "\n\ns,0,9,5 W\n"), HasSubstr("samples.csv:4: power_w is '5 W'"));
  EXPECT_THAT(error(header + "s,0.5,9,5\n"), HasSubstr("no whole number"));
  EXPECT_THAT(error(header + "s,-5,9,5\n"), HasSubstr("allowed is 0"));
  EXPECT_THAT(error(header + ",0,9,5\n"), HasSubstr("rail is empty"));
  EXPECT_THAT(error(header + "s,9,9,5\n"), HasSubstr("the window has no length"));
  EXPECT_THAT(error(header + "s\x01,0,9,5\n"), HasSubstr("no printable UTF-8"));
  EXPECT_THAT(error(header + "s,0,20000000,5\ns,30000000,31000000,4\ns,0,20000000,6\n"),
              HasSubstr("samples.csv:4: the rail 's' has the window"));
  EXPECT_THAT(error("step_w," + header + "0.038,s,0,20000000,0.2\n"),
              HasSubstr("power_w is 5.263 steps"));
  EXPECT_THAT(error("step_w," + header + "1,s,0,20000000,2\n,s,20000000,21000000,2\n"),
              HasSubstr("a step_w in 1 of its 2 rows"));
  EXPECT_THAT(error("step_w," + header + "0,s,0,20000000,2\n"), HasSubstr("step_w is 0"));
}

TEST(TraceRun, BadMarkersAreToldWithTheirLine) {
  const auto error = [](const std::string& markers) {
    Traces traces = Simple();
    traces.markers = markers;
    return ErrorOf(traces);
  };
  const std::string header = kMarkerHeader;
  EXPECT_THAT(error(header), HasSubstr("markers.csv:1: there is no row"));
  EXPECT_THAT(error(header + "a,A,0,9,8\n"), HasSubstr("end_ns (8) is before begin_ns (9)"));
  EXPECT_THAT(error(header + "a,A,0,1,2\na,B,0,2,3\n"),
              HasSubstr("markers.csv:3: the operator 'a' is of type 'B', but in line 2"));
  EXPECT_THAT(error(header + "a,A,x,1,2\n"), HasSubstr("iteration is 'x'"));
  EXPECT_THAT(error(header + "a,A,0,1,5\nb,B,1,4,8\n"),
              HasSubstr("markers.csv:3: iteration 1 begins at 4 ns, before iteration 0 (line 2) "
                        "has ended at 5 ns"));
  EXPECT_THAT(error(header + "n,@net,0,1,5\n"), HasSubstr("no row of an operator"));
  EXPECT_THAT(error(header + "n,@nets,0,1,5\n"), HasSubstr("'@nets' is no type"));
  EXPECT_THAT(error("index," + header + "3,a,A,0,1,5\n3,b,B,0,5,6\n"),
              HasSubstr("both have the index 3"));
  EXPECT_THAT(error("index," + header + "3,a,A,0,1,5\n,b,B,0,5,6\n"),
              HasSubstr("give it to all, or to none"));
  EXPECT_THAT(error("phase," + header + "run,a,A,0,1,5\n"), HasSubstr("'run' is no phase"));
}

// Threads of the operators' markers, by name.
std::map<std::string, uint16_t> ThreadsOf(const RunData& data) {
  std::map<std::string, uint16_t> threads;
  for (const Marker& marker : data.markers()) {
    if (marker.op < data.operators().size()) {
      threads[data.operators()[marker.op].name()] = marker.thread;
    }
  }
  return threads;
}

TEST(TraceRun, OperatorsAtTheSameTimeShareItWhereNoThreadsAreSaid) {
  Traces traces = Simple();
  traces.markers =
      std::string(kMarkerHeader) + "a,A,0,10000000,13000000\nb,B,0,12000000,15000000\n";
  const RunData data = DataOf(traces);
  const Attribution solved = Solve(data);
  EXPECT_NEAR(*solved.ops[0].mean_energy_j[0], 5 * 0.0025, 1e-12) << "2 ms alone, 1 ms shared";
  EXPECT_NEAR(*solved.ops[1].mean_energy_j[0], 5 * 0.0025, 1e-12);
  EXPECT_NEAR(solved.overlapped_share().value_or(0), 0.2, 1e-9);

  traces.markers = std::string("thread,") + kMarkerHeader +
                   "0,a,A,0,10000000,13000000\n0,b,B,0,12000000,15000000\n";
  const Attribution nested = Solve(DataOf(traces));
  EXPECT_NEAR(*nested.ops[0].mean_energy_j[0], 5 * 0.002, 1e-12) << "what began last counts";
  EXPECT_EQ(nested.overlapped_share().value_or(0), 0);
}

TEST(TraceRun, AsManyThreadsAreTakenAsOperatorsRunAtTheSameTime) {
  Traces traces = Simple();
  traces.markers = std::string(kMarkerHeader) +
                   "long,A,0,10000000,20000000\nb,B,0,10000000,12000000\nc,B,0,12000000,14000000\n"
                   "d,B,0,11000000,19000000\ne,B,0,14000000,15000000\nnone,B,0,14500000,14500000\n"
                   "later,A,1,20000000,21000000\n";
  for (uint32_t seed = 0; seed < 10; ++seed) {
    Traces shuffled = traces;
    shuffled.markers = Shuffled(traces.markers, seed);
    shuffled.block_lines = 2;
    const std::map<std::string, uint16_t> threads = ThreadsOf(DataOf(shuffled));
    EXPECT_EQ(threads.at("b"), threads.at("c"));
    EXPECT_EQ(threads.at("c"), threads.at("e"));
    EXPECT_EQ((std::set{threads.at("b"), threads.at("d"), threads.at("long")}),
              (std::set<uint16_t>{0, 1, 2}));
    EXPECT_LE(threads.at("later"), 2);
    EXPECT_EQ(threads.at("none"), 0);
  }
}

TEST(TraceRun, AnExecutionThatIsThereTwiceIsRefused) {
  const auto error = [](const std::string& markers) {
    Traces traces = Simple();
    traces.markers = markers;
    return ErrorOf(traces);
  };
  const std::string header = kMarkerHeader;
  EXPECT_THAT(
      error(header + "a,A,0,1000000,2000000\nb,B,0,2000000,3000000\na,A,0,1000000,2000000\n"),
      HasSubstr("markers.csv:4: the operator 'a' has the span from 1000000 to 2000000 ns in "
                "iteration 0 a second time"));
  EXPECT_THAT(error("thread," + header + "1,a,A,0,1000000,2000000\n1,a,A,0,1000000,2000000\n"),
              HasSubstr("markers.csv:3: the operator 'a'"));
  EXPECT_EQ(error("thread," + header + "1,a,A,0,1000000,2000000\n2,a,A,0,1000000,2000000\n"), "");
  EXPECT_EQ(error(header + "a,A,0,1000000,2000000\nb,B,0,1000000,2000000\n"), "");
}

TEST(TraceRun, MoreOperatorsThanLeastSquaresTakeAreRefused) {
  Traces traces = Simple();
  traces.markers = kMarkerHeader;
  const auto add = [&](size_t from, size_t until) {
    for (size_t i = from; i < until; ++i) {
      traces.markers += fmt::format("op{},A,0,{},{}\n", i, 1000 * i, 1000 * (i + 1));
    }
  };
  add(0, kMostExecutedOperators);
  EXPECT_EQ(ErrorOf(traces), "");
  add(kMostExecutedOperators, 3000);
  EXPECT_THAT(ErrorOf(traces),
              HasSubstr("markers.csv:2002: there are 3000 operators in all, and at most 2000"));
}

TEST(TraceRun, CommentsMayStandAboveTheHeader) {
  const Traces plain = Simple();
  for (const size_t lines : {1, 3, 1000}) {
    const Traces commented{.samples = "# power analyser\n#\n\n" + plain.samples,
                           .markers = "# a,b,c\n" + plain.markers,
                           .sensors = {},
                           .block_lines = lines};
    const RunData data = DataOf(commented), expected = DataOf(plain);
    EXPECT_EQ(data.readings(), expected.readings());
    EXPECT_EQ(data.markers().size(), expected.markers().size());
    EXPECT_FALSE(data.header()->board().simulated());
  }
  Traces below = plain;
  below.samples += "# the end\n";
  EXPECT_THAT(ErrorOf(below), HasSubstr("samples.csv:32: the row has 1 fields"));
  EXPECT_THAT(ErrorOf({.samples = "# nothing\n", .markers = plain.markers}),
              HasSubstr("there is no header"));
}

TEST(TraceRun, ACommentThatSaysSimulatedCountsWithoutASensorFile) {
  for (const bool samples : {false, true}) {
    Traces traces = Simple();
    (samples ? traces.samples : traces.markers).insert(0, "# SIMULATED: by a model.\n");
    const RunData data = DataOf(traces);
    EXPECT_TRUE(data.header()->board().simulated());
    EXPECT_TRUE(data.header()->board().name().starts_with("sim:"));
  }
}

TEST(TraceRun, TwoClocksAreRefused) {
  Traces traces = Simple();
  traces.markers = std::string(kMarkerHeader) + "a,A,0,5000,6000\n";
  traces.samples = std::string(kSampleHeader) + "s,1700000000,1800000000,5\n";
  EXPECT_THAT(ErrorOf(traces), HasSubstr("one clock, in nanoseconds"));
}

TEST(TraceRun, OperatorsThatTakeNoTimeAreRefused) {
  Traces traces = Simple();
  traces.markers = std::string(kMarkerHeader) + "a,Conv,0,6000000,6000000\n";
  EXPECT_THAT(ErrorOf(traces), HasSubstr("ends at the instant at which it begins"));
  traces.markers += "b,Relu,0,6000000,7000000\n";
  EXPECT_TRUE(ChunksOf(traces).ok());
}

TEST(TraceRun, ARailOfTheSensorFileThatNoSampleHasIsAnError) {
  Traces traces = Simple();
  traces.sensors.rails.emplace_back().rail.set_name("suply");
  EXPECT_THAT(ErrorOf(traces), HasSubstr("did you mean 'supply'?"));
}

}  // namespace
}  // namespace synergy

#include "client/traces/sensor_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace synergy {
namespace {

using testing::HasSubstr;

std::string Error(const std::string& text) {
  return std::string(ParseSensorFile(text, "sensor.toml").status().message());
}

TEST(SensorFile, WithoutOneWindowsAreExact) {
  const TraceSensor sensor = SensorFile().Of("supply");
  EXPECT_EQ(sensor.rail.name(), "supply");
  EXPECT_TRUE(sensor.window.stamps_are_window());
  EXPECT_FALSE(sensor.step_w.has_value());
}

TEST(SensorFile, ARailSaysWhatDiffersFromTheDefaults) {
  const auto file = ParseSensorFile(R"(
schema = 1
edge_sd_s = 2e-6
gain_tolerance = 0.01
[[rail]]
name = "VDD_IN"
scope = "module"
gain_tolerance = 0.005
[[rail]]
name = "VDD_CPU"
contained_in = "VDD_IN"
stamps_are_window = false
slot_s = 140e-6
period_s = 840e-6
period_tolerance = 0.1
average = 4
step_w = 0.038
noise_steps = 0.3
)",
                                    "sensor.toml");
  ASSERT_TRUE(file.ok()) << file.status();
  const TraceSensor in = file->Of("VDD_IN");
  EXPECT_TRUE(in.window.stamps_are_window());
  EXPECT_EQ(in.window.edge_sd_s(), 2e-6);
  EXPECT_EQ(in.gain_tolerance, 0.005);
  const TraceSensor cpu = file->Of("VDD_CPU");
  EXPECT_FALSE(cpu.window.stamps_are_window());
  EXPECT_EQ(cpu.window.average(), 4u);
  EXPECT_EQ(cpu.window.slot_s(), 140e-6);
  EXPECT_EQ(cpu.window.edge_sd_s(), 0);  // of windows of another kind
  EXPECT_EQ(cpu.gain_tolerance, 0.01);
  EXPECT_EQ(*cpu.step_w, 0.038);
  EXPECT_EQ(file->Of("other").gain_tolerance, 0.01);
}

TEST(SensorFile, ErrorsNameTheLineAndTheKey) {
  EXPECT_THAT(Error("schema = 1\n\nnoise_step = 1\n"),
              HasSubstr("sensor.toml: line 3: \"noise_step\" is no key that is known here; did you "
                        "mean \"noise_steps\"?"));
  EXPECT_THAT(Error("schema = 2\n"), HasSubstr("line 1"));
  EXPECT_THAT(Error("noise_steps = 1\n"), HasSubstr("schema"));
  EXPECT_THAT(Error("schema = 1\ngain_tolerance = 2\n"), HasSubstr("allowed is 0 to 1"));
  EXPECT_THAT(Error("schema = 1\nslot_s = 1e-3\n"), HasSubstr("stamps_are_window = false"));
  EXPECT_THAT(Error("schema = 1\nstamps_are_window = false\nslot_s = 1e-3\n"),
              HasSubstr("needs the other one"));
  EXPECT_THAT(Error("schema = 1\n[[rail]]\nname = \"a\"\n[[rail]]\nname = \"a\"\n"),
              HasSubstr("line 5: rail[1]: \"name\" is that of a rail above"));
  EXPECT_THAT(Error("schema = 1\n[[rail]]\nname = \"a\"\ncontained_in = \"b\"\n"),
              HasSubstr("no other rail"));
  EXPECT_THAT(Error("schema = 1\n[[rail]]\nname = \"a\"\nscope = \"chip\"\n"),
              HasSubstr("carrier, component, module, wall"));
  EXPECT_THAT(Error("schema = 1\n[run]\nverdict = \"GOOD\"\n"), HasSubstr("VALID"));
  EXPECT_THAT(Error("schema = = 1\n"), HasSubstr("sensor.toml: line 1"));
}

TEST(SensorFile, WhatIsWrittenIsReadAsTheSame) {
  SensorFile file;
  file.origin.board = "sim:jetson-tx1";
  file.origin.simulated = true;
  file.origin.net = "a \"net\"\\";
  file.origin.seed = UINT64_MAX;
  file.origin.started_unix_ns = 1'714'564'800'250'000'000;
  file.origin.verdict = v1::VERDICT_SUSPECT;
  file.origin.reasons = {"ticks_missed: 3 of 100", "second"};
  file.rails.reserve(2);
  TraceSensor& in = file.rails.emplace_back();
  in.rail.set_name("VDD_IN");
  in.rail.set_scope(v1::RAIL_SCOPE_MODULE);
  in.window.set_slot_s(140e-6);
  in.window.set_period_s(840e-6);
  in.window.set_average(16);
  in.window.set_cycle("ina3221 1-0040");
  in.window.set_offset(1.0 / 3);
  in.noise_steps = 0.1;
  TraceSensor& cpu = file.rails.emplace_back();
  cpu.rail.set_name("VDD_CPU");
  cpu.rail.set_contained_in("VDD_IN");
  cpu.window.set_stamps_are_window(true);
  cpu.window.set_edge_sd_s(1e-7);
  cpu.gain_tolerance = 0.0123;

  const auto read = ParseSensorFile(SensorFileText(file), "sensor.toml");
  ASSERT_TRUE(read.ok()) << read.status() << "\n" << SensorFileText(file);
  EXPECT_EQ(SensorFileText(*read), SensorFileText(file));
  EXPECT_EQ(read->Of("VDD_IN").window.SerializeAsString(), in.window.SerializeAsString());
  EXPECT_EQ(read->Of("VDD_CPU").window.SerializeAsString(), cpu.window.SerializeAsString());
  EXPECT_EQ(read->origin.seed, file.origin.seed);
  EXPECT_EQ(read->origin.net, file.origin.net);
  EXPECT_EQ(read->origin.reasons, file.origin.reasons);
}

TEST(SensorFile, TablesOfWhatTheSensorSaidComeInPairs) {
  const std::string rail = "schema = 1\n[[rail]]\nname = \"a\"\n";
  EXPECT_THAT(Error(rail + "[rail.current]\nstep_a = 0.1\n"),
              HasSubstr("needs the other one of current and voltage"));
  EXPECT_THAT(Error(rail + "[rail.energy]\n"), HasSubstr("must say how much one of the steps is"));
  EXPECT_THAT(Error(rail + "[rail.energy]\nstep_v = 1\n"), HasSubstr("\"step_j\" must say"));
  EXPECT_THAT(Error(rail + "[rail.energy]\nstep_j = 1\n[rail.current]\nstep_a = 1\n"
                           "[rail.voltage]\nstep_v = 1\n"),
              HasSubstr("one way to measure a rail"));
}

}  // namespace
}  // namespace synergy

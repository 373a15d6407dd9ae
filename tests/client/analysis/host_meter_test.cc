#include "client/analysis/host_meter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/analysis/report_json.h"
#include "client/analysis/run_report.h"
#include "client/analysis/whole_rails.h"
#include "tests/client/sample_run.h"

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

// 7 W all the time, read every millisecond.
HostMeter Meter(double bound_ns) {
  HostMeter meter;
  meter.record.set_command("my_meter");
  meter.record.set_period_s(0.001);
  meter.record.set_bound_ns(bound_ns);
  meter.record.add_segments()->set_drift(-20e-6);
  meter.record.add_rails()->set_name("USB");
  for (const bool after : {false, true}) {
    v1::MeterRecord::Chirp* chirp = meter.record.add_chirps();
    chirp->set_after(after);
    chirp->set_found(true);
  }
  RailPower rail{MeterRailName("USB"), {}};
  for (int64_t at = kSampleBeginNs - 5 * kMsNs; at < kSampleEndNs + 5 * kMsNs; at += kMsNs) {
    rail.samples.push_back({at, 7});
  }
  meter.rails = {rail};
  return meter;
}

class HostMeterTest : public testing::Test {
 protected:
  HostMeterTest() {
    for (const v1::Chunk& chunk : SampleChunks()) EXPECT_TRUE(data_.Add(chunk).ok());
  }
  RunReport Report(const HostMeter& meter) {
    auto report = BuildReport(data_, SolveWithMeter(data_, meter), kMethodIntegrate, &meter);
    EXPECT_TRUE(report.ok()) << report.status();
    return *std::move(report);
  }
  RunData data_;
};

TEST_F(HostMeterTest, IsARailOfTheRunBehindTheBoardsOwn) {
  const RunReport report = Report(Meter(10'000));
  EXPECT_THAT(report.rails(), ElementsAre("VDD_IN", "VDD_CPU", "meter:USB"));
  EXPECT_EQ(report.top_rail(), 0u);
  EXPECT_THAT(RootRails(report), ElementsAre(0));
  EXPECT_NEAR(*report.ops[0].result.mean_energy_j[2], 7 * 0.010, 1e-9);
  EXPECT_NEAR(*report.attribution.all.energy_j[2], 7 * report.attribution.all.time_s, 1e-9);
  const v1::RailInfo& info = report.header.board().rails(2);
  EXPECT_EQ(info.scope(), v1::RAIL_SCOPE_WALL);
  EXPECT_EQ(info.description(), "meter exec:my_meter");
  EXPECT_THAT(MeterReasons(Meter(10'000), report.attribution), IsEmpty());
}

TEST_F(HostMeterTest, OperatorsShorterThanTwiceItsUncertaintyHaveNoEnergy) {
  const RunReport report = Report(Meter(3e6));
  EXPECT_TRUE(report.ops[0].result.mean_energy_j[2].has_value());   // 10 ms
  EXPECT_FALSE(report.ops[1].result.mean_energy_j[2].has_value());  // 5 ms
  EXPECT_TRUE(report.ops[1].result.mean_energy_j[0].has_value());
  EXPECT_TRUE(report.attribution.inference.energy_j[2].has_value());
}

TEST_F(HostMeterTest, WithoutAFitItHasNoEnergiesAndTheRunIsSuspect) {
  HostMeter meter = Meter(0);
  meter.record.clear_segments();
  meter.record.add_problems("nowhere found");
  meter.rails[0].samples.clear();
  const RunReport report = Report(meter);
  EXPECT_FALSE(report.attribution.all.energy_j[2].has_value());
  EXPECT_FALSE(report.ops[0].result.mean_energy_j[2].has_value());
  EXPECT_EQ(report.verdict, v1::VERDICT_SUSPECT);
  EXPECT_THAT(report.reasons, testing::Contains(StartsWith("meter_clock: nowhere found")));
}

TEST_F(HostMeterTest, AStretchOfTheJobWithoutReadingsMakesItSuspect) {
  HostMeter meter = Meter(10'000);
  meter.record.set_period_s(0.0001);
  std::erase_if(meter.rails[0].samples, [](const PowerSample& sample) {
    return sample.at_ns > kSampleBeginNs && sample.at_ns < kSampleEndNs;
  });
  // 90 ms: less than what is always forgiven.
  EXPECT_THAT(MeterReasons(meter, SolveWithMeter(data_, meter)), IsEmpty());
  meter.record.set_ended("exited with code 1");
  EXPECT_THAT(MeterReasons(meter, SolveWithMeter(data_, meter)),
              ElementsAre(StartsWith("meter_gap: the meter's program exited with code 1")));
}

TEST_F(HostMeterTest, StandsInTheDocument) {
  const nlohmann::ordered_json json = ReportJson(Report(Meter(10'000)));
  EXPECT_EQ(json["meter"]["command"], "my_meter");
  EXPECT_EQ(json["meter"]["rails"][0]["name"], "meter:USB");
  EXPECT_NEAR(json["meter"]["clock"]["drift_ppm"].get<double>(), 20, 1e-9);
  EXPECT_NEAR(json["meter"]["clock"]["uncertainty_s"].get<double>(), 1e-5, 1e-12);
  EXPECT_EQ(json["rails"][2]["scope"], "wall");
  EXPECT_TRUE(json["idle"].contains("before"));
}

}  // namespace
}  // namespace synergy

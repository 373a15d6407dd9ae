#include "common/clock_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(ClockRequest, SpeedsAreFrequenciesMaxOrMin) {
  EXPECT_EQ(ParseClockSpeed("614.4MHz")->khz(), 614400);
  EXPECT_EQ(ParseClockSpeed("max")->extreme(), v1::ClockSpeed::EXTREME_MAX);
  EXPECT_EQ(ParseClockSpeed("min")->extreme(), v1::ClockSpeed::EXTREME_MIN);
  for (const char* bad : {"", "1224", "fast", "-1MHz", "MAX"}) {
    EXPECT_EQ(ParseClockSpeed(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(ClockRequest, CpuListsAreReadAsTheKernelWritesThem) {
  EXPECT_THAT(*ParseCpuList("0-3"), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(*ParseCpuList("5,0-1,1"), ElementsAre(0, 1, 5));
  for (const char* bad : {"", "a", "3-1", "0-", "0,,1", "-1", "4096", "0-99999999999"}) {
    EXPECT_FALSE(ParseCpuList(bad).ok()) << bad;
  }
  EXPECT_EQ(FormatCpuList({0, 1, 2, 5, 7, 8}), "0-2,5,7-8");
}

TEST(ClockRequest, WhatNoBoardCanHaveIsRefused) {
  v1::ClockRequest request;
  EXPECT_FALSE(ValidateClockRequestUntrusted(request).ok());
  request.mutable_cpu()->set_khz(0);
  EXPECT_FALSE(ValidateClockRequestUntrusted(request).ok());
  request.mutable_cpu();
  request.mutable_cpu()->set_extreme(v1::ClockSpeed::EXTREME_UNSPECIFIED);
  EXPECT_FALSE(ValidateClockRequestUntrusted(request).ok());
  request.mutable_cpu()->set_khz(102000);
  EXPECT_TRUE(ValidateClockRequestUntrusted(request).ok());
  request.set_governor("a\x1b[2J");
  EXPECT_FALSE(ValidateClockRequestUntrusted(request).ok());
  request.set_governor("performance");
  request.add_cpus(5000);
  EXPECT_FALSE(ValidateClockRequestUntrusted(request).ok());
}

TEST(ClockRequest, MemoryBoostOrAFanAloneIsARequest) {
  v1::ClockRequest memory, boost, fan;
  memory.mutable_memory()->set_khz(408000);
  boost.set_boost(false);
  fan.set_fan_percent(0);
  for (const v1::ClockRequest& request : {memory, boost, fan}) {
    EXPECT_FALSE(AsksForNothing(request)) << request.DebugString();
    EXPECT_TRUE(ValidateClockRequestUntrusted(request).ok()) << request.DebugString();
  }
  memory.mutable_memory()->set_khz(-1);
  fan.set_fan_percent(101);
  for (const v1::ClockRequest& request : {memory, fan}) {
    EXPECT_FALSE(ValidateClockRequestUntrusted(request).ok()) << request.DebugString();
  }
  memory.mutable_memory()->set_extreme(v1::ClockSpeed::EXTREME_MIN);
  memory.set_boost(true);
  memory.set_fan_percent(80);
  EXPECT_EQ(DescribeClockRequest(memory), "memory min, boost on, fan 80 %");
}

TEST(ClockRequest, IsDescribedInWordsWithWhatDiffers) {
  v1::ClockLease lease;
  lease.mutable_asked()->mutable_cpu()->set_khz(600000);
  lease.mutable_asked()->mutable_gpu()->set_extreme(v1::ClockSpeed::EXTREME_MAX);
  for (const uint32_t cpu : {0u, 1u}) lease.mutable_asked()->add_cpus(cpu);
  EXPECT_EQ(DescribeClockRequest(lease.asked()), "CPU 600MHz, GPU max, CPUs 0-1");
  v1::ClockSetting& setting = *lease.add_settings();
  setting.set_control("policy0/scaling_setspeed");
  setting.set_asked("600000");
  setting.set_obtained("600000");
  EXPECT_THAT(DescribeDifferences(lease), IsEmpty());
  setting.set_obtained("825600");
  EXPECT_THAT(DescribeDifferences(lease),
              ElementsAre("policy0/scaling_setspeed is 825600 instead of 600000"));
}

}  // namespace
}  // namespace synergy

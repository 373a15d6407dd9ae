#include "daemon/clocks/fixed_clocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fmt/format.h"

namespace synergy {
namespace {

using testing::IsEmpty;

constexpr char kPolicy[] = "devices/system/cpu/cpufreq/policy0";
constexpr char kGpu[] = "class/devfreq/57000000.gpu";
constexpr char kRate[] = "kernel/debug/clk/override.emc/clk_update_rate";

v1::ClockLease Lease(const std::string& folder, const std::string& prefix, const char* low,
                     const char* high) {
  v1::ClockLease lease;
  for (const auto& [name, value] : {std::pair("min_freq", low), std::pair("max_freq", high)}) {
    v1::ClockSetting& setting = *lease.add_settings();
    setting.set_control(fmt::format("{}/{}{}", folder, prefix, name));
    setting.set_obtained(value);
  }
  return lease;
}

v1::ClockLease With(const std::string& control, const std::string& obtained) {
  v1::ClockLease lease;
  lease.add_settings()->set_control(control);
  lease.mutable_settings(0)->set_obtained(obtained);
  return lease;
}

// `hz` 0: it cannot be read.
v1::Conditions Frequency(const std::string& clock, int64_t hz, int64_t at_ns = 5) {
  v1::Conditions now;
  now.set_at_ns(at_ns);
  now.add_frequencies()->set_clock(clock);
  now.mutable_frequencies(0)->set_hz(hz);
  return now;
}

v1::Conditions Core(const std::string& core, bool on, int64_t at_ns = 5) {
  v1::Conditions now;
  now.set_at_ns(at_ns);
  now.add_throttles()->set_what(CoreOffName(core));
  now.mutable_throttles(0)->set_value(on ? 0 : 1);
  return now;
}

FixedClocks Pinned() { return {Lease(kPolicy, "scaling_", "1224000", "1224000"), {}}; }

TEST(FixedClocks, OneThatLeavesAndComesBackIsTold) {
  FixedClocks fixed = Pinned();
  EXPECT_THAT(fixed.Check(Frequency("policy0", 1224000000)), IsEmpty());
  EXPECT_THAT(fixed.Check(Frequency("policy0", 1230000000)), IsEmpty()) << "within 1 %";
  EXPECT_THAT(fixed.Check(Frequency("policy2", 102000000)), IsEmpty()) << "not fixed";
  const auto left = fixed.Check(Frequency("policy0", 102000000));
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].of_clock->at_ns(), 5);
  EXPECT_EQ(left[0].of_clock->fixed_hz(), 1224000000);
  EXPECT_EQ(left[0].of_clock->seen_hz(), 102000000);
  EXPECT_EQ(left[0].text,
            "policy0 was fixed at 1224MHz and ran at 102MHz: throttled, or set by somebody else");
  const auto back = fixed.Check(Frequency("policy0", 1224000000));
  ASSERT_EQ(back.size(), 1u);
  EXPECT_EQ(back[0].of_clock->seen_hz(), 1224000000);
  EXPECT_EQ(back[0].text, "");
  EXPECT_THAT(fixed.Check(Frequency("policy0", 1224000000)), IsEmpty());
}

TEST(FixedClocks, OneBetweenTwoLimitsIsNotFixed) {
  FixedClocks between(Lease(kPolicy, "scaling_", "102000", "1224000"), {});
  EXPECT_THAT(between.Check(Frequency("policy0", 825600000)), IsEmpty());
  FixedClocks gpu(Lease(kGpu, "", "614400000", "614400000"), {});
  EXPECT_EQ(gpu.Check(Frequency("57000000.gpu", 76800000)).size(), 1u);
}

TEST(FixedClocks, OfKernelsWithoutPolicyFoldersBearTheirCoresNames) {
  FixedClocks fixed(Lease("devices/system/cpu/cpu0/cpufreq", "scaling_", "1224000", "1224000"), {});
  EXPECT_EQ(fixed.Check(Frequency("cpu0", 102000000)).size(), 1u);
}

TEST(FixedClocks, AMemorysThatIsOverriddenIsFixedAtWhatTheOverrideObtained) {
  FixedClocks fixed(With(kRate, "1600000000"), {{.name = "memory", .path = "", .control = kRate}});
  EXPECT_THAT(fixed.Check(Frequency("memory", 1600000000)), IsEmpty());
  EXPECT_EQ(fixed.Check(Frequency("memory", 408000000))[0].of_clock->fixed_hz(), 1600000000);
}

TEST(FixedClocks, OneThatCannotBeReadHasLeftItsPlace) {
  FixedClocks fixed = Pinned();
  const auto left = fixed.Check(Frequency("policy0", 0));
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].text, "policy0 was fixed at 1224MHz and cannot be read any more");
  fixed.BeginSpan({.ns = 100});
  EXPECT_EQ(fixed.EndSpan({.ns = 200}, 0.01)[0].text,
            "policy0 was fixed at 1224MHz and could not be read for up to 100 % of the measured "
            "phase");
}

TEST(FixedClocks, ACoreThatIsSwitchedDuringTheJobIsTold) {
  FixedClocks fixed(With("devices/system/cpu/cpu1/online", "1"), {});
  fixed.BeginSpan({.ns = 0});
  EXPECT_THAT(fixed.Check(Core("cpu1", true)), IsEmpty());
  EXPECT_THAT(fixed.Check(Core("cpu2", false)), IsEmpty()) << "not fixed";
  const auto off = fixed.Check(Core("cpu1", false, 30));
  ASSERT_EQ(off.size(), 1u);
  EXPECT_FALSE(off[0].of_clock.has_value());
  EXPECT_EQ(off[0].code, NoticeCode::kCoreSwitched);
  EXPECT_EQ(off[0].text, "cpu1 was to be on for the job and went off, by the kernel or somebody");
  const auto astray = fixed.EndSpan({.ns = 100}, 0.01);
  ASSERT_EQ(astray.size(), 1u);
  EXPECT_EQ(astray[0].code, ReasonCode::kCoreSwitched);
  EXPECT_EQ(astray[0].text, "cpu1 was to be on and was off for up to 70 % of the measured phase");
}

TEST(FixedClocks, ACoreThatWasOnAlreadyIsFixedWhereTheJobNamesIt) {
  v1::ClockLease lease = With("devices/system/cpu/cpu3/online", "0");
  lease.mutable_asked()->add_cpus(0);
  lease.mutable_asked()->add_cpus(1);
  FixedClocks fixed(lease, {});
  EXPECT_THAT(fixed.Check(Core("cpu3", false)), IsEmpty());
  EXPECT_THAT(fixed.Check(Core("cpu2", false)), IsEmpty()) << "not named";
  EXPECT_EQ(fixed.Check(Core("cpu1", false)).size(), 1u);
  EXPECT_EQ(fixed.Check(Core("cpu3", true))[0].text,
            "cpu3 was to be off for the job and went on, by the kernel or somebody");
}

TEST(FixedClocks, ASpanTellsHowMuchOfItAClockWasElsewhereFromTheLookBeforeOn) {
  FixedClocks fixed = Pinned();
  fixed.BeginSpan({.ns = 1000});
  fixed.Looked({.ns = 1100});
  fixed.Check(Frequency("policy0", 1020000000, 1200));
  fixed.Looked({.ns = 1200});
  fixed.Check(Frequency("policy0", 825600000, 1300));
  fixed.Looked({.ns = 1300});
  fixed.Check(Frequency("policy0", 1224000000, 1400));
  const auto astray = fixed.EndSpan({.ns = 2000}, 0.01);
  ASSERT_EQ(astray.size(), 1u);
  EXPECT_EQ(astray[0].code, ReasonCode::kClockMoved);
  EXPECT_EQ(astray[0].text,
            "policy0 was fixed at 1224MHz and ran at 825.6MHz to 1020MHz for up to 30 % of the "
            "measured phase");
}

TEST(FixedClocks, OneThatWasElsewhereAlreadyCountsFromTheSpansBeginOn) {
  FixedClocks fixed = Pinned();
  fixed.Check(Frequency("policy0", 102000000, 10));
  fixed.BeginSpan({.ns = 1000});
  fixed.Check(Frequency("policy0", 1224000000, 1500));
  EXPECT_EQ(fixed.EndSpan({.ns = 2000}, 0.01)[0].text,
            "policy0 was fixed at 1224MHz and ran at 102MHz for up to 50 % of the measured phase");
}

TEST(FixedClocks, OneOutsideTheSpanOrForAHundredthOfItIsNoReason) {
  FixedClocks fixed = Pinned();
  fixed.Check(Frequency("policy0", 102000000, 10));
  fixed.Check(Frequency("policy0", 1224000000, 20));
  fixed.BeginSpan({.ns = 1000});
  fixed.Looked({.ns = 1500});
  fixed.Check(Frequency("policy0", 102000000, 1505));
  fixed.Looked({.ns = 1505});
  fixed.Check(Frequency("policy0", 1224000000, 1510));
  EXPECT_THAT(fixed.EndSpan({.ns = 2000}, 0.01), IsEmpty());
}

}  // namespace
}  // namespace synergy

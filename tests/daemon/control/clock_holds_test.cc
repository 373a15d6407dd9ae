#include "daemon/control/clock_holds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/support/fake_kernel.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::HasSubstr;

class ClockHoldsTest : public testing::Test {
 protected:
  ClockHoldsTest() {
    kernel_.AddPolicy({});
    before_ = kernel_.Snapshot();
    holds_.emplace(&control_);
  }
  static v1::ControlRequest HoldRequest(uint64_t number, int64_t khz = 1224000) {
    v1::ControlRequest request;
    request.mutable_hold_clocks()->set_hold(number);
    request.mutable_hold_clocks()->set_holder("ann@lab");
    request.mutable_hold_clocks()->mutable_clocks()->mutable_cpu()->set_khz(khz);
    return request;
  }
  static v1::ControlRequest ReleaseRequest(uint64_t number) {
    v1::ControlRequest request;
    request.mutable_release_clocks()->set_hold(number);
    return request;
  }

  TempFolder folder_;
  FakeKernel kernel_;
  std::map<std::string, std::string> before_;
  ClockControl control_{{.lease_folder = folder_.File("leases"), .boot_id = "boot"}, kernel_};
  std::optional<ClockHolds> holds_;
};

TEST_F(ClockHoldsTest, HoldsUntilItIsReleased) {
  const auto answer = holds_->Handle(HoldRequest(7));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->lease().holder(), "ann@lab");
  EXPECT_GT(answer->lease().settings_size(), 0);
  v1::ControlRequest get;
  get.mutable_get_clocks();
  EXPECT_EQ(holds_->Handle(get)->clocks().policies(0).min_khz(), 1224000);
  EXPECT_TRUE(holds_->Handle(ReleaseRequest(8)).ok()) << "there is no such hold, which is fine";
  EXPECT_NE(kernel_.Snapshot(), before_);
  EXPECT_TRUE(holds_->Handle(ReleaseRequest(7)).ok());
  EXPECT_EQ(kernel_.Snapshot(), before_);
}

TEST_F(ClockHoldsTest, ClocksThatAJobWouldBeRefusedAreSaidWithoutBeingSet) {
  v1::ControlRequest get;
  v1::ClockRequest& wanted = *get.mutable_get_clocks()->mutable_wanted();
  wanted.mutable_cpu()->set_khz(1224000);
  EXPECT_TRUE(holds_->Handle(get).ok());
  wanted.mutable_cpu()->set_khz(1000000);
  const absl::Status refused = holds_->Handle(get).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument) << refused;
  EXPECT_THAT(refused.ToString(), HasSubstr("1224"));
  EXPECT_EQ(kernel_.Snapshot(), before_);
}

TEST_F(ClockHoldsTest, TheAnswerToAReleaseSaysWhatIsLeft) {
  ASSERT_TRUE(holds_->Handle(HoldRequest(1)).ok());
  EXPECT_EQ(holds_->Handle(ReleaseRequest(1))->released().left_size(), 0);
  ASSERT_TRUE(holds_->Handle(HoldRequest(2)).ok());
  const std::string governor = FakeKernel::PolicyFolder(0) + "/scaling_governor";
  ASSERT_TRUE(kernel_.Write(governor, "powersave").ok());
  const auto answer = holds_->Handle(ReleaseRequest(2));
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->released().left_size(), 1) << "and not what was put back";
  EXPECT_THAT(answer->released().left(0), HasSubstr("somebody else has changed it"));
}

TEST_F(ClockHoldsTest, ItsEndIsTheEndOfTheHolds) {
  ASSERT_TRUE(holds_->Handle(HoldRequest(1)).ok());
  EXPECT_NE(kernel_.Snapshot(), before_);
  holds_.reset();
  EXPECT_EQ(kernel_.Snapshot(), before_);
  EXPECT_FALSE(control_.Describe().has_lease());
}

TEST_F(ClockHoldsTest, AHoldThatTheFrontDoesNotHearOfEnds) {
  ASSERT_TRUE(holds_->Handle(HoldRequest(1)).ok());
  holds_->Unanswered(HoldRequest(1));
  EXPECT_EQ(kernel_.Snapshot(), before_);
}

TEST_F(ClockHoldsTest, ANumberIsTakenOnceAndTheFirstHoldStays) {
  ASSERT_TRUE(holds_->Handle(HoldRequest(1)).ok());
  const auto again = holds_->Handle(HoldRequest(1, 102000));
  EXPECT_TRUE(absl::IsInvalidArgument(again.status())) << again.status();
  const auto second = holds_->Handle(HoldRequest(2));
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status()));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("held by ann@lab"));
  EXPECT_EQ(control_.Describe().policies(0).min_khz(), 1224000);
}

TEST_F(ClockHoldsTest, WhatCannotBeIsRefusedAndChangesNothing) {
  v1::ControlRequest nothing;
  nothing.mutable_hold_clocks()->set_hold(1);
  EXPECT_TRUE(absl::IsInvalidArgument(holds_->Handle(nothing).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(holds_->Handle(HoldRequest(1, 1225000)).status()));
  EXPECT_EQ(kernel_.Snapshot(), before_);
}

TEST_F(ClockHoldsTest, NamesOfHoldersComeFromTheNetwork) {
  v1::ControlRequest request = HoldRequest(1);
  request.mutable_hold_clocks()->set_holder("a\x1b[31m" + std::string(500, 'x'));
  const auto answer = holds_->Handle(request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->lease().holder().find('\x1b'), std::string::npos);
  EXPECT_LE(answer->lease().holder().size(), 210u);
}

TEST(ClockHoldsWithoutClocks, SaySo) {
  ClockHolds holds(nullptr);
  v1::ControlRequest get;
  get.mutable_get_clocks();
  EXPECT_TRUE(absl::IsFailedPrecondition(holds.Handle(get).status()));
}

}  // namespace
}  // namespace synergy

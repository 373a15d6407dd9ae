// Clocks through the front: shown, and held for as long as a client wants and is there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <stop_token>
#include <string>

#include "tests/daemon/front/front_fixture.h"

namespace synergy {
namespace {

using testing::HasSubstr;

class FrontClocksTest : public FrontTest {
 protected:
  static v1::HoldClocksRequest Request(double limit_s = 0) {
    v1::HoldClocksRequest request;
    request.mutable_clocks()->mutable_cpu()->set_khz(1224000);
    request.set_holder("ann@lab");
    request.set_limit_s(limit_s);
    return request;
  }
  absl::Status Hold(const v1::HoldClocksRequest& request) {
    return client_->HoldClocks(
        request,
        {.on_lease =
             [this](const v1::ClockLease& lease) {
               leases_.push_back(lease);
               on_lease_();
             },
         .on_release = [this](const v1::ClockRelease& release) { releases_.push_back(release); }},
        stop_.get_token());
  }

  std::function<void()> on_lease_ = [] {};
  std::vector<v1::ClockLease> leases_;
  std::vector<v1::ClockRelease> releases_;
  std::stop_source stop_;
};

INSTANTIATE_TEST_SUITE_P(Over, FrontClocksTest, testing::Values(Transport::kUnix, Transport::kTcp),
                         TransportName);

TEST_P(FrontClocksTest, ShowsWhatTheRootSideSays) {
  const auto clocks = client_->Clocks();
  ASSERT_TRUE(clocks.ok()) << clocks.status();
  EXPECT_TRUE(clocks->simulated());
}

TEST_P(FrontClocksTest, ClocksThatTheRootSideWouldRefuseAreSaid) {
  root_.RefuseClocks(absl::InvalidArgumentError("policy0 has no 1.224GHz"));
  EXPECT_TRUE(client_->Clocks().ok()) << "nothing is asked of them";
  const absl::Status refused = client_->CheckClocks(Request().clocks());
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument) << refused;
  EXPECT_THAT(refused.ToString(), HasSubstr("policy0"));
}

TEST_P(FrontClocksTest, ADiagnosisIsWhatTheRootSideFinds) {
  for (const bool tried : {false, true}) {
    const auto diagnosis = client_->Diagnose(tried);
    ASSERT_TRUE(diagnosis.ok()) << diagnosis.status();
    ASSERT_EQ(diagnosis->checks_size(), 1);
    EXPECT_EQ(diagnosis->checks(0).found(), tried ? "tried" : "not tried");
  }
}

TEST_P(FrontClocksTest, HoldsUntilTheClientStopsAndReleasesThen) {
  on_lease_ = [this] {
    EXPECT_EQ(leases_.back().holder(), "ann@lab");
    const auto holds = root_.WaitForHolds(1);
    EXPECT_EQ(holds.begin()->second.clocks().cpu().khz(), 1224000);
    stop_.request_stop();
  };
  const absl::Status ended = Hold(Request());
  EXPECT_TRUE(ended.ok()) << ended;
  root_.WaitForHolds(0);
  ASSERT_EQ(releases_.size(), 1u);
  EXPECT_EQ(releases_[0].left_size(), 0);
}

TEST_P(FrontClocksTest, WhatTheEndOfAHoldHasLeftIsSaid) {
  root_.LeaveChanged({"left scaling_governor at powersave"});
  on_lease_ = [this] { stop_.request_stop(); };
  EXPECT_TRUE(Hold(Request()).ok());
  ASSERT_EQ(releases_.size(), 1u);
  ASSERT_EQ(releases_[0].left_size(), 1);
  EXPECT_EQ(releases_[0].left(0), "left scaling_governor at powersave");

  stop_ = {};
  on_lease_ = [] {};
  const absl::Status over = Hold(Request(0.01));
  EXPECT_THAT(std::string(over.message()), HasSubstr("not everything was put back"));
  EXPECT_EQ(releases_.size(), 2u);
}

TEST_P(FrontClocksTest, OneHoldIsEndedByItsIdAndAnotherOfTheSameHolderStays) {
  const auto stub = RawStub();
  grpc::ClientContext context;
  const auto other = stub->HoldClocks(&context, Request());
  v1::HoldClocksResponse response;
  ASSERT_TRUE(other->Read(&response));
  on_lease_ = [this] { stop_.request_stop(); };
  EXPECT_TRUE(Hold(Request()).ok());
  EXPECT_EQ(root_.WaitForHolds(1).size(), 1u);

  v1::ReleaseClocksRequest release;
  v1::ReleaseClocksResponse released;
  for (const std::string& id : {std::string(), leases_[0].id()}) {
    release.set_lease_id(id);
    grpc::ClientContext asking;
    const grpc::Status refused = stub->ReleaseClocks(&asking, release, &released);
    EXPECT_EQ(refused.error_code(), grpc::StatusCode::NOT_FOUND) << id;
  }
  release.set_lease_id(response.lease().id());
  grpc::ClientContext asking;
  EXPECT_TRUE(stub->ReleaseClocks(&asking, release, &released).ok());
  while (other->Read(&response)) {
  }
  EXPECT_TRUE(response.has_released());
  EXPECT_TRUE(other->Finish().ok());
  root_.WaitForHolds(0);
}

TEST_P(FrontClocksTest, TheLimitEndsIt) {
  const absl::Status ended = Hold(Request(0.01));
  EXPECT_TRUE(absl::IsAborted(ended)) << ended;
  EXPECT_THAT(std::string(ended.message()), HasSubstr("limit"));
  EXPECT_EQ(leases_.size(), 1u);
  root_.WaitForHolds(0);
}

TEST_P(FrontClocksTest, LimitsThatAreNoneAreRefusedBeforeTheRootSideIsAsked) {
  for (const double limit_s : {-1.0, 1e9, std::nan("")}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Hold(Request(limit_s)))) << limit_s;
  }
  root_.WaitForHolds(0);
  EXPECT_EQ(leases_.size(), 0u);
}

TEST_P(FrontClocksTest, ARefusalKeepsItsCodeAndWords) {
  root_.RefuseClocks(absl::FailedPreconditionError("The clocks are held by run 7"));
  const absl::Status refused = Hold(Request());
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("held by run 7"));
  EXPECT_EQ(leases_.size(), 0u);
}

TEST_P(FrontClocksTest, AFrontThatEndsReleasesWhatItHolds) {
  on_lease_ = [this] { front_.reset(); };
  const absl::Status ended = Hold(Request());
  EXPECT_TRUE(absl::IsUnavailable(ended)) << ended;
  root_.WaitForHolds(0);
}

TEST_P(FrontClocksTest, AnswersEachComparisonWithItsClockBetweenQuestionAndAnswer) {
  const auto trips = client_->CompareClocks(20, RealClock());
  ASSERT_TRUE(trips.ok()) << trips.status();
  ASSERT_EQ(trips->size(), 21u);
  for (const RoundTrip& trip : *trips) {  // one machine, one clock
    EXPECT_LE(trip.sent_ns, trip.received_ns);
    EXPECT_LE(trip.received_ns, trip.answered_ns);
    EXPECT_LE(trip.answered_ns, trip.back_ns);
  }
}

TEST_P(FrontClocksTest, AComparisonThatSaysNothingEndsWithTheFront) {
  const auto stub = RawStub();
  grpc::ClientContext context;
  const auto stream = stub->CompareClocks(&context);
  v1::ClockProbe probe;
  v1::ClockAnswer answer;
  ASSERT_TRUE(stream->Write(probe));
  ASSERT_TRUE(stream->Read(&answer));
  front_.reset();
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_FALSE(stream->Finish().ok());
}

}  // namespace
}  // namespace synergy

#include "common/precision_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace synergy {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::string Refusal(const v1::JobSpec& spec) {
  const absl::Status status = ValidatePrecisionUntrusted(spec);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  return std::string(status.message());
}

v1::JobSpec Precise(double precision, double max_s = 0) {
  v1::JobSpec spec;
  spec.set_precision(precision);
  spec.set_max_time_s(max_s);
  return spec;
}

void AddSensor(const std::string& rail, v1::ChannelInfo::Quantity quantity, bool known,
               v1::BoardInfo* board) {
  v1::ChannelInfo& channel = *board->add_sources()->add_channels();
  channel.set_rail(rail);
  channel.set_quantity(quantity);
  if (!known) return;
  channel.mutable_window()->set_slot_s(140e-6);
  channel.mutable_window()->set_period_s(840e-6);
}

// VDD_IN contains VDD_CPU; a gauge and two counters beside them, one with unknown updates.
v1::BoardInfo Board() {
  v1::BoardInfo board;
  board.set_name("board");
  for (const char* name : {"VDD_CPU", "VDD_IN", "battery", "package", "dram"}) {
    board.add_rails()->set_name(name);
  }
  board.mutable_rails(0)->set_contained_in("VDD_IN");
  for (const char* name : {"VDD_CPU", "VDD_IN"}) {
    AddSensor(name, v1::ChannelInfo::QUANTITY_CURRENT, true, &board);
    AddSensor(name, v1::ChannelInfo::QUANTITY_VOLTAGE, true, &board);
  }
  AddSensor("battery", v1::ChannelInfo::QUANTITY_POWER, false, &board);
  AddSensor("package", v1::ChannelInfo::QUANTITY_ENERGY_COUNTER, true, &board);
  AddSensor("dram", v1::ChannelInfo::QUANTITY_ENERGY_COUNTER, false, &board);
  return board;
}

TEST(PrecisionRequest, TakesAShareAndATime) {
  EXPECT_TRUE(ValidatePrecisionUntrusted(v1::JobSpec()).ok());
  EXPECT_TRUE(ValidatePrecisionUntrusted(Precise(0.02)).ok());
  EXPECT_TRUE(ValidatePrecisionUntrusted(Precise(0.25, 3599)).ok());
}

TEST(PrecisionRequest, RefusesSharesThatCannotBe) {
  for (const double precision : {-0.01, 1e-5, 0.26, 2.0, kNan}) {
    EXPECT_THAT(Refusal(Precise(precision)), HasSubstr("precision: "));
  }
}

TEST(PrecisionRequest, TheTimeIsShorterThanThatAfterWhichTheJobFails) {
  for (const double max_s : {-1.0, 3600.0, kNan}) {
    EXPECT_THAT(Refusal(Precise(0.02, max_s)), HasSubstr("max_time_s: "));
  }
  v1::JobSpec spec = Precise(0.02, 5000);
  spec.set_time_limit_s(6000);
  EXPECT_TRUE(ValidatePrecisionUntrusted(spec).ok());
}

TEST(PrecisionRequest, ATimeOrARailWithoutAPrecisionMeansNothing) {
  EXPECT_THAT(Refusal(Precise(0, 60)), HasSubstr("max_time_s: it goes with a precision"));
  v1::JobSpec spec;
  spec.add_precision_rails("VDD_IN");
  EXPECT_THAT(Refusal(spec), HasSubstr("precision_rails: it goes with a precision"));
}

TEST(PrecisionRequest, RefusesLoopsWithoutAnEnd) {
  for (const double seconds : {0.0, -1.0, 3601.0, kNan}) {
    v1::JobSpec spec;
    spec.mutable_loop()->set_seconds(seconds);
    EXPECT_THAT(Refusal(spec), HasSubstr("loop.seconds: "));
  }
  v1::JobSpec spec;
  spec.mutable_loop()->set_seconds(2);
  EXPECT_TRUE(ValidatePrecisionUntrusted(spec).ok());
}

TEST(PrecisionRails, AreTheFirstThatNoOtherContainsWhereNoneIsNamed) {
  EXPECT_THAT(*PrecisionRails(Precise(0.02), Board()), ElementsAre("VDD_IN"));
}

TEST(PrecisionRails, AreThoseThatAreNamed) {
  v1::JobSpec spec = Precise(0.02);
  spec.add_precision_rails("VDD_CPU");
  spec.add_precision_rails("VDD_IN");
  EXPECT_THAT(*PrecisionRails(spec, Board()), ElementsAre("VDD_CPU", "VDD_IN"));
}

TEST(PrecisionRails, AnUnknownOneIsRefusedWithTheNearestName) {
  v1::JobSpec spec = Precise(0.02);
  spec.add_precision_rails("VDD_CPUU");
  const absl::Status status = PrecisionRails(spec, Board()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("did you mean 'VDD_CPU'?"), HasSubstr("battery")));
}

TEST(PrecisionRails, ASensorThatNeverTellsOperatorsApartIsRefusedAtOnce) {
  for (const char* rail : {"battery", "dram"}) {
    v1::JobSpec spec = Precise(0.02);
    spec.add_precision_rails(rail);
    const absl::Status status = PrecisionRails(spec, Board()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(rail), HasSubstr("they may be on VDD_CPU, VDD_IN, package")));
  }
}

TEST(PrecisionRails, ABoardThatDoesNotTellItsSensorsIsBelieved) {
  v1::BoardInfo board = Board();
  board.clear_sources();
  EXPECT_TRUE(PrecisionRails(Precise(0.02), board).ok());
}

}  // namespace
}  // namespace synergy

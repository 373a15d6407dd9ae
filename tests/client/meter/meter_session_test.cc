// Programs that are meters or are not, as real processes.
#include "client/meter/meter_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/load_chirp.h"
#include "common/records/chunk.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::HasSubstr;

// A hundred readings, `step_ns` apart, at once, and then as long as anybody listens.
std::string Readings(int64_t step_ns) {
  return "i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo $((i*" + std::to_string(step_ns) +
         ")),A,1.5; done; exec sleep 1000";
}

absl::StatusOr<std::unique_ptr<MeterSession>> Start(const std::string& command) {
  return MeterSession::Start(
      command, [](const std::string&) {}, RealClock());
}

TEST(MeterSession, IsRefusedWhereThereIsNoSuchProgram) {
  const auto session = Start("exec synergy-no-such-program 2>/dev/null");
  EXPECT_TRUE(absl::IsFailedPrecondition(session.status())) << session.status();
  EXPECT_THAT(std::string(session.status().message()), HasSubstr("exited with code 127"));
}

TEST(MeterSession, IsRefusedWhereTheProgramSaysSomethingElse) {
  const auto session = Start("echo usage: meter PORT; exit 2");
  EXPECT_TRUE(absl::IsFailedPrecondition(session.status())) << session.status();
  EXPECT_THAT(std::string(session.status().message()), HasSubstr("usage: meter PORT"));
}

TEST(MeterSession, ChoosesChipsThatTheMeterCanSee) {
  for (const auto& [step_ns, chip_s] : {std::pair(int64_t{1'000'000}, 0.03),
                                        {int64_t{10'000'000}, 0.04},
                                        {int64_t{100'000'000}, 0.4}}) {
    const auto session = Start(Readings(step_ns));
    ASSERT_TRUE(session.ok()) << session.status();
    for (uint64_t seed = 1; seed < 20; ++seed) {
      const auto chirp = (*session)->Chirp(seed);
      ASSERT_TRUE(chirp.ok()) << chirp.status();
      EXPECT_DOUBLE_EQ(chirp->seconds_per_chip(), chip_s);
      EXPECT_TRUE(ValidateChirpUntrusted(*chirp).ok());
      EXPECT_GE(ChirpEdges(*chirp).size(), 10u);
    }
  }
}

TEST(MeterSession, RefusesAMeterThatIsTooSlowForAnyPattern) {
  const auto session = Start(Readings(500'000'000));
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_TRUE(absl::IsFailedPrecondition((*session)->Chirp(1).status()));
}

TEST(MeterSession, StoresWhatCameBeforeTheRunWasKnownAndSinceThen) {
  const TempFolder folder;
  const std::string path = folder.path() + "/store.db";
  auto store = Store::Open(path, StoreAccess::kWrite);
  ASSERT_TRUE(store.ok()) << store.status();
  v1::BoardInfo board;
  board.set_board_id("board-1");
  v1::JobStatus job;
  job.set_run_id("run-1");
  const auto number = (*store)->PutRun(board, job);
  ASSERT_TRUE(number.ok()) << number.status();
  v1::RunRecord record;
  record.mutable_header()->set_run_id("run-1");
  record.mutable_header()->set_wall_time_unix_ns(1);
  const std::string data = EncodeRunRecords({record});
  const v1::Chunk chunk = MakeChunk(0, kRunRecordsChannel, 0, 1, v1::ENCODING_RUN_RECORDS, data);
  ASSERT_TRUE((*store)->AppendChunks(*number, {&chunk, 1}).ok());

  auto session = Start(Readings(1'000'000));
  ASSERT_TRUE(session.ok()) << session.status();
  (*session)->Record(path, *number);
  ASSERT_TRUE((*session)->Finish(**store).ok());
  const auto meter = (*store)->Meter(*number);
  ASSERT_TRUE(meter.ok() && meter->has_value()) << meter.status();
  ASSERT_EQ((*meter)->rails_size(), 1);
  EXPECT_EQ((*meter)->rails(0).readings(), 100u);
  EXPECT_EQ((*meter)->segments_size(), 0);
  ASSERT_GE((*meter)->problems_size(), 1);
  EXPECT_THAT((*meter)->problems(0), HasSubstr("no load pattern"));
  EXPECT_EQ((*meter)->ended(), "");
  EXPECT_GT((*store)->Run(*number)->bytes, data.size());

  // Everything goes with the run.
  const int64_t gone = *number;
  ASSERT_TRUE((*store)->Delete({&gone, 1}).ok());
  EXPECT_FALSE((*store)->Meter(gone)->has_value());
  int chunks = 0;
  ASSERT_TRUE((*store)
                  ->ForEachMeterChunk(gone,
                                      [&](const v1::Chunk&) {
                                        ++chunks;
                                        return absl::OkStatus();
                                      })
                  .ok());
  EXPECT_EQ(chunks, 0);
}

}  // namespace
}  // namespace synergy

#include "daemon/sampling/spool.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "common/records/chunk.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using ::testing::HasSubstr;

class Spool : public testing::Test {
 protected:
  Spool() : path_(folder_.File("run.spool")) {}

  std::unique_ptr<RunSpool> Create() {
    auto spool = RunSpool::Create(path_);
    EXPECT_TRUE(spool.ok()) << spool.status();
    return std::move(*spool);
  }
  SpoolReader Reader() { return SpoolReader(UniqueFd(open(path_.c_str(), O_RDONLY | O_CLOEXEC))); }
  static absl::Status AppendText(RunSpool& spool, const std::string& text) {
    return spool.Append(kFirstSensorChannel, 10 * spool.chunks(), 10, v1::ENCODING_READINGS, text);
  }
  std::string Bytes() {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void SetBytes(const std::string& bytes) { std::ofstream(path_, std::ios::binary) << bytes; }

  TempFolder folder_;
  const std::string path_;
};

TEST_F(Spool, GivesBackWhatWasAppendedNumberedFromZero) {
  auto spool = Create();
  ASSERT_TRUE(AppendText(*spool, "first").ok());
  ASSERT_TRUE(AppendText(*spool, "second").ok());
  EXPECT_EQ(spool->chunks(), 2u);
  ASSERT_TRUE(spool->Finish().ok());

  SpoolReader reader = Reader();
  v1::Chunk chunk;
  ASSERT_TRUE(reader.Next(&chunk).value());
  EXPECT_EQ(chunk.seq(), 0u);
  EXPECT_EQ(chunk.data(), "first");
  ASSERT_TRUE(reader.Next(&chunk).value());
  EXPECT_EQ(chunk.seq(), 1u);
  EXPECT_EQ(chunk.first_sequence(), 10u);
  EXPECT_TRUE(VerifyChunkUntrusted(chunk).ok());
  EXPECT_FALSE(reader.Next(&chunk).value());
}

TEST_F(Spool, AReaderSeesWhatIsAppendedWhileItReads) {
  auto spool = Create();
  SpoolReader reader = Reader();
  v1::Chunk chunk;
  EXPECT_FALSE(reader.Next(&chunk).value());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(AppendText(*spool, std::to_string(i)).ok());
    ASSERT_TRUE(reader.Next(&chunk).value());
    EXPECT_EQ(chunk.data(), std::to_string(i));
    EXPECT_FALSE(reader.Next(&chunk).value());
  }
}

TEST_F(Spool, AFrameCutOffAnywhereIsNotThere) {
  auto spool = Create();
  ASSERT_TRUE(AppendText(*spool, "whole").ok());
  const std::string one = Bytes();
  ASSERT_TRUE(AppendText(*spool, "torn").ok());
  const std::string two = Bytes();
  for (size_t size = one.size(); size < two.size(); ++size) {
    SetBytes(two.substr(0, size));
    SpoolReader reader = Reader();
    v1::Chunk chunk;
    ASSERT_TRUE(reader.Next(&chunk).value());
    ASSERT_FALSE(reader.Next(&chunk).value()) << size;
    SetBytes(two);
    ASSERT_TRUE(reader.Next(&chunk).value()) << size;
    ASSERT_EQ(chunk.data(), "torn");
  }
}

TEST_F(Spool, SeeksForwardsBackwardsAndToTheChunkThatIsNotThereYet) {
  auto spool = Create();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(AppendText(*spool, std::to_string(i)).ok());
  SpoolReader reader = Reader();
  v1::Chunk chunk;
  for (const uint64_t seq : {3u, 0u, 4u, 4u}) {
    ASSERT_TRUE(reader.SeekToSeq(seq).ok());
    ASSERT_TRUE(reader.Next(&chunk).value());
    EXPECT_EQ(chunk.seq(), seq);
  }
  ASSERT_TRUE(reader.SeekToSeq(5).ok());
  EXPECT_FALSE(reader.Next(&chunk).value());
  ASSERT_TRUE(AppendText(*spool, "5").ok());
  EXPECT_TRUE(reader.Next(&chunk).value());
  const absl::Status beyond = reader.SeekToSeq(7);
  EXPECT_EQ(beyond.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(beyond.ToString(), HasSubstr("chunk 7 was asked for, but the run has 6"));
}

TEST_F(Spool, GarbageIsDataLossWithItsPlace) {
  auto spool = Create();
  ASSERT_TRUE(AppendText(*spool, "good").ok());
  const std::string good = Bytes();
  for (const std::string& garbage :
       {std::string(8, '\xff'), std::string(8, '\0'), std::string("\x02\0\0\0\xff\xff", 6), good}) {
    SetBytes(good + garbage);
    SpoolReader reader = Reader();
    v1::Chunk chunk;
    ASSERT_TRUE(reader.Next(&chunk).value());
    const auto next = reader.Next(&chunk);
    EXPECT_EQ(next.status().code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(next.status().ToString(), HasSubstr("at byte " + std::to_string(good.size())));
  }
}

TEST_F(Spool, AFullDiskIsResourceExhaustedAndLeavesWholeFramesOnly) {
  auto spool = Create();
  ASSERT_TRUE(AppendText(*spool, "small").ok());
  const std::string before = Bytes();
  {
    const FileSizeLimit disk_full(before.size() + 100);
    const absl::Status status = AppendText(*spool, std::string(5000, 'x'));
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(status.ToString(), HasSubstr(path_));
    EXPECT_EQ(Bytes(), before);
    EXPECT_EQ(spool->chunks(), 1u);
  }
  ASSERT_TRUE(AppendText(*spool, "again").ok());  // space was freed
  SpoolReader reader = Reader();
  v1::Chunk chunk;
  ASSERT_TRUE(reader.Next(&chunk).value());
  ASSERT_TRUE(reader.Next(&chunk).value());
  EXPECT_EQ(chunk.seq(), 1u);
  EXPECT_EQ(chunk.data(), "again");
}

TEST_F(Spool, TakesNoMoreThanItsLimitAndStaysWhole) {
  auto spool = RunSpool::Create(path_, {.max_bytes = 200, .min_free_bytes = 0}).value();
  ASSERT_TRUE(AppendText(*spool, "kept").ok());
  const std::string before = Bytes();
  const absl::Status full = AppendText(*spool, std::string(200, 'x'));
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(full.ToString(), HasSubstr("fewer iterations"));
  EXPECT_EQ(Bytes(), before);
  EXPECT_EQ(spool->chunks(), 1u);
}

TEST_F(Spool, LooksForFreeSpaceWhileItIsWritten) {
  auto spool = RunSpool::Create(path_, {.max_bytes = UINT64_MAX, .min_free_bytes = UINT64_MAX});
  const absl::Status full = AppendText(**spool, "text");
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(full.ToString(), HasSubstr("must stay so"));
  EXPECT_EQ(Bytes(), "");
}

TEST_F(Spool, ReopenGoesOnBehindTheLastWholeChunkWhateverFollowsIt) {
  auto spool = Create();
  ASSERT_TRUE(AppendText(*spool, "kept").ok());
  const std::string one = Bytes();
  ASSERT_TRUE(AppendText(*spool, "damaged").ok());
  const std::string two = Bytes();
  std::string flipped = two;
  flipped[two.size() - 3] ^= 1;  // within the data: the checksum tells
  spool.reset();
  for (const std::string& bytes :
       {one, one + "	", two.substr(0, two.size() - 1), one + std::string(4096, '\0'), flipped}) {
    SetBytes(bytes);
    auto again = RunSpool::Reopen(path_);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ((*again)->chunks(), 1u);
    EXPECT_EQ(Bytes(), one);
    ASSERT_TRUE(AppendText(**again, "damaged").ok());
    EXPECT_EQ(Bytes(), two);
  }
}

TEST_F(Spool, ReopenCreatesWhatIsMissing) {
  auto spool = RunSpool::Reopen(path_);
  ASSERT_TRUE(spool.ok()) << spool.status();
  EXPECT_EQ((*spool)->chunks(), 0u);
  ASSERT_TRUE(AppendText(**spool, "first").ok());
  EXPECT_EQ(Reader().next_seq(), 0u);
}

TEST_F(Spool, IsNeverWrittenOverAndNeverAfterItsEnd) {
  auto spool = Create();
  EXPECT_EQ(RunSpool::Create(path_).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(RunSpool::Create(folder_.File("no/such/folder")).status().code(),
            absl::StatusCode::kNotFound);
  ASSERT_TRUE(spool->Finish().ok());
  EXPECT_EQ(AppendText(*spool, "late").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(spool->Finish().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace synergy

#include "daemon/front/net_upload.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "common/protocol.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::HasSubstr;

std::string ContentOf(const UniqueFd& fd) {
  struct stat info {};
  EXPECT_EQ(fstat(fd.get(), &info), 0);
  std::string bytes(static_cast<size_t>(info.st_size), '\0');
  EXPECT_EQ(read(fd.get(), bytes.data(), bytes.size()), info.st_size);  // from the present offset
  return bytes;
}

TEST(NetUpload, KeepsThePartsInOrderAndStartsAtTheBegin) {
  UploadBudget budget(100);
  auto upload = NetUpload::Create("predict net", 6, &budget, "me");
  ASSERT_TRUE(upload.ok());
  for (const char* part : {"ab", "", "cdef"}) EXPECT_TRUE(upload->Append(part).ok());
  auto file = upload->Finish();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(ContentOf(**file), "abcdef");
}

TEST(UploadBudget, IsAQuarterOfTheMemoryAtMost) {
  const auto memory =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  EXPECT_GT(UploadBudgetBytes(), 0u);
  EXPECT_LE(UploadBudgetBytes(), memory / 4);
  EXPECT_LE(UploadBudgetBytes(), 2 * kMaxNetBytes);
}

TEST(NetUpload, AFinishedFileCannotBeChanged) {
  UploadBudget budget(100);
  auto upload = NetUpload::Create("predict net", 3, &budget, "me");
  ASSERT_TRUE(upload->Append("abc").ok());
  const UniqueFd& file = **upload->Finish();
  EXPECT_EQ(pwrite(file.get(), "x", 1, 0), -1);
  EXPECT_EQ(ftruncate(file.get(), 0), -1);
}

TEST(NetUpload, AnEmptyNetIsAnEmptyFile) {
  UploadBudget budget(100);
  auto upload = NetUpload::Create("init net", 0, &budget, "me");
  EXPECT_EQ(ContentOf(**upload->Finish()), "");
}

TEST(NetUpload, RefusesMoreAndLessThanWasAnnounced) {
  UploadBudget budget(100);
  auto upload = NetUpload::Create("predict net", 3, &budget, "me");
  ASSERT_TRUE(upload->Append("ab").ok());
  EXPECT_EQ(upload->Append("cd").code(), absl::StatusCode::kInvalidArgument);
  const absl::Status cut = upload->Finish().status();
  EXPECT_EQ(cut.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(cut.ToString(), HasSubstr("cut off: 2 of 3"));
}

TEST(NetUpload, RefusesANetBeyondTheLimitAndTakesOneAtTheLimit) {
  UploadBudget budget(UINT64_MAX);
  EXPECT_TRUE(NetUpload::Create("net", kMaxNetBytes, &budget, "me").ok());
  EXPECT_EQ(NetUpload::Create("net", kMaxNetBytes + 1, &budget, "me").status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(NetUpload::Create("net", UINT64_MAX, &budget, "me").status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(NetUpload, WhatHasComeCountsAndNotWhatIsAnnounced) {
  UploadBudget budget(100);
  auto silent = NetUpload::Create("net", 66, &budget, "silent");
  auto as_silent = NetUpload::Create("net", 66, &budget, "silent");
  ASSERT_TRUE(silent.ok() && as_silent.ok());
  auto other = NetUpload::Create("net", 66, &budget, "other");
  ASSERT_TRUE(other->Append(std::string(66, 'x')).ok());
  EXPECT_EQ(silent->Append(std::string(23, 'x')).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(silent->Append(std::string(22, 'x')).ok());
}

TEST(NetUpload, ClientsLeaveAPartOfTheBudgetToOthersAndAllIsGivenBack) {
  UploadBudget budget(100);
  for (int i = 0; i < 2; ++i) {
    auto first = NetUpload::Create("net", 50, &budget, "greedy");
    auto second = NetUpload::Create("net", 50, &budget, "greedy");
    auto other = NetUpload::Create("net", 50, &budget, "as greedy");
    auto third = NetUpload::Create("net", 7, &budget, "modest");
    ASSERT_TRUE(first->Append(std::string(50, 'x')).ok());
    EXPECT_EQ(second->Append(std::string(17, 'x')).code(), absl::StatusCode::kResourceExhausted);
    EXPECT_TRUE(second->Append(std::string(16, 'x')).ok());
    EXPECT_EQ(other->Append(std::string(23, 'x')).code(), absl::StatusCode::kResourceExhausted);
    EXPECT_TRUE(other->Append(std::string(22, 'x')).ok());
    EXPECT_TRUE(third->Append(std::string(7, 'x')).ok());
  }
  EXPECT_THAT(NetUpload::Create("net", 67, &budget, "one").status().ToString(),
              HasSubstr("66 are possible"));
}

TEST(AnonymousFile, WithoutMemfdIsAFileWithoutAName) {
  const TempFolder folder;
  auto file = CreateUnlinkedFile(folder.path());
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  EXPECT_EQ(pwrite(file->get(), "abc", 3, 0), 3);
  EXPECT_EQ(ContentOf(*file), "abc");
  EXPECT_EQ(CreateUnlinkedFile(folder.path() + "/nowhere").status().code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace synergy

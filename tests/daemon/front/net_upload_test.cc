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
  auto upload = NetUpload::Create("predict net", 6, &budget);
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
  auto upload = NetUpload::Create("predict net", 3, &budget);
  ASSERT_TRUE(upload->Append("abc").ok());
  const UniqueFd& file = **upload->Finish();
  EXPECT_EQ(pwrite(file.get(), "x", 1, 0), -1);
  EXPECT_EQ(ftruncate(file.get(), 0), -1);
}

TEST(NetUpload, AnEmptyNetIsAnEmptyFile) {
  UploadBudget budget(100);
  auto upload = NetUpload::Create("init net", 0, &budget);
  EXPECT_EQ(ContentOf(**upload->Finish()), "");
}

TEST(NetUpload, RefusesMoreAndLessThanWasAnnounced) {
  UploadBudget budget(100);
  auto upload = NetUpload::Create("predict net", 3, &budget);
  ASSERT_TRUE(upload->Append("ab").ok());
  EXPECT_EQ(upload->Append("cd").code(), absl::StatusCode::kInvalidArgument);
  const absl::Status cut = upload->Finish().status();
  EXPECT_EQ(cut.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(cut.ToString(), HasSubstr("cut off: 2 of 3"));
}

TEST(NetUpload, RefusesANetBeyondTheLimitAndTakesOneAtTheLimit) {
  UploadBudget budget(UINT64_MAX);
  EXPECT_TRUE(NetUpload::Create("net", kMaxNetBytes, &budget).ok());
  EXPECT_EQ(NetUpload::Create("net", kMaxNetBytes + 1, &budget).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(NetUpload::Create("net", UINT64_MAX, &budget).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(NetUpload, UploadsShareABudgetAndGiveItBack) {
  UploadBudget budget(10);
  {
    auto first = NetUpload::Create("net", 6, &budget);
    ASSERT_TRUE(first.ok());
    EXPECT_EQ(NetUpload::Create("net", 5, &budget).status().code(),
              absl::StatusCode::kResourceExhausted);
    EXPECT_TRUE(NetUpload::Create("net", 4, &budget).ok());
  }
  EXPECT_TRUE(NetUpload::Create("net", 10, &budget).ok());
  EXPECT_TRUE(budget.Take(10));
  EXPECT_FALSE(budget.Take(1));
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

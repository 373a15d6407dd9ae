#include "common/file_lock.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

TEST(FileLock, OneAtATimeHoldsIt) {
  const TempFolder folder;
  std::optional<FileLock> first = FileLock::TryTake(folder.File("lock")).value();
  ASSERT_TRUE(first.has_value());
  EXPECT_FALSE(FileLock::TryTake(folder.File("lock")).value().has_value());
  const FileLock moved = *std::move(first);
  first.reset();
  EXPECT_FALSE(FileLock::TryTake(folder.File("lock")).value().has_value());
  struct stat info {};
  ASSERT_EQ(stat(folder.File("lock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

// A child that is being spawned has one until it executes its program: jobs failed, since "somebody
// else" held the clocks' journal, when the front was started again just as another job ended.
TEST(FileLock, EndsWhileACopyOfItsDescriptorLives) {
  const TempFolder folder;
  std::optional<FileLock> lock = FileLock::TryTake(folder.File("lock")).value();
  ASSERT_TRUE(lock.has_value());
  const UniqueFd copy(dup(lock->fd()));
  ASSERT_TRUE(copy.ok());
  lock.reset();
  EXPECT_TRUE(FileLock::TryTake(folder.File("lock")).value().has_value());
}

TEST(FileLock, AFileThatCannotBeOpenedIsAnError) {
  const TempFolder folder;
  EXPECT_FALSE(FileLock::TryTake(folder.File("no/folder")).ok());
}

}  // namespace
}  // namespace synergy

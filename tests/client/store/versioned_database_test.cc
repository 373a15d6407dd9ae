#include "client/store/versioned_database.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::HasSubstr;

constexpr const char* kFirst[] = {"CREATE TABLE a (x INTEGER)"};
constexpr const char* kBoth[] = {"CREATE TABLE a (x INTEGER)",
                                 "ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 7"};
constexpr const char* kBroken[] = {"CREATE TABLE a (x INTEGER)",
                                   "CREATE TABLE b (x INTEGER); CREATE TABLE a (x INTEGER)"};
constexpr const char* kKeyed[] = {
    "CREATE TABLE a (x INTEGER)",
    "ALTER TABLE a ADD COLUMN y INTEGER; CREATE TABLE b (u, v, UNIQUE (u, v))"};
constexpr int32_t kId = 4711;

// Somebody who may not write: files of `nobody`, and this process as another one while it lives.
class Unprivileged {
 public:
  Unprivileged() {
    if (geteuid() == 0)
      changed_ = setresgid(65534, 65534, 0) == 0 && setresuid(65534, 65534, 0) == 0;
  }
  ~Unprivileged() {
    if (changed_ && (setresuid(0, 0, 0) != 0 || setresgid(0, 0, 0) != 0)) std::abort();
  }

 private:
  bool changed_ = false;
};

class VersionedDatabaseTest : public testing::Test {
 protected:
  absl::StatusOr<Database> Open(std::span<const char* const> migrations,
                                StoreAccess access = StoreAccess::kWrite) {
    return OpenVersioned(path_, access, {kId, "store", migrations}, 1000);
  }
  std::string FileBytes() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TempFolder folder_;
  const std::string path_ = folder_.File("a.db");
};

TEST_F(VersionedDatabaseTest, AnOlderFileMigratesAndKeepsItsRows) {
  {
    auto old = Open(kFirst);
    ASSERT_TRUE(old.ok()) << old.status();
    ASSERT_TRUE(old->Execute("INSERT INTO a VALUES (3)").ok());
  }
  auto migrated = Open(kBoth, StoreAccess::kRead);
  ASSERT_TRUE(migrated.ok()) << migrated.status();
  EXPECT_EQ(*migrated->QueryInt("PRAGMA user_version"), 2);
  EXPECT_EQ(*migrated->QueryInt("SELECT x * 10 + y FROM a"), 37);
}

TEST_F(VersionedDatabaseTest, ANewerFileIsRefusedAndLeftAlone) {
  ASSERT_TRUE(Open(kBoth).ok());
  const std::string before = FileBytes();
  for (const StoreAccess access : {StoreAccess::kRead, StoreAccess::kWrite}) {
    const auto opened = Open(kFirst, access);
    EXPECT_TRUE(absl::IsFailedPrecondition(opened.status()));
    EXPECT_THAT(opened.status().ToString(), HasSubstr("newer"));
    EXPECT_THAT(opened.status().ToString(), HasSubstr("--store FILE"));
  }
  EXPECT_EQ(FileBytes(), before);
}

// Its version was taken for an index.
TEST_F(VersionedDatabaseTest, ANegativeVersionIsDamage) {
  {
    auto database = Open(kBoth);
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE(database->Execute("PRAGMA user_version = -5").ok());
  }
  for (const StoreAccess access : {StoreAccess::kRead, StoreAccess::kWrite}) {
    const auto opened = Open(kBoth, access);
    EXPECT_TRUE(absl::IsDataLoss(opened.status()));
    EXPECT_THAT(opened.status().ToString(), HasSubstr("version -5"));
  }
}

// Was noticed when a statement met it, and called a defect of the program.
TEST_F(VersionedDatabaseTest, AFileWithoutWhatItsVersionSaysIsDamage) {
  const std::pair<const char*, const char*> harms[] = {
      {"DROP TABLE b", "without the table b."},
      {"DROP TABLE a; DROP TABLE b", "without the table a, the table b."},
      {"ALTER TABLE a DROP COLUMN y", "without the column y of the table a."},
      {"DROP TABLE b; CREATE TABLE b (u, v)", "without the unique key (u, v) of the table b."},
      {"PRAGMA user_version = 1", "of version 1, but already with the column y of the table a"}};
  for (const auto& [harm, text] : harms) {
    {
      auto database = Open(kKeyed);
      ASSERT_TRUE(database.ok()) << database.status();
      ASSERT_TRUE(database->Execute(harm).ok()) << harm;
    }
    for (const StoreAccess access : {StoreAccess::kRead, StoreAccess::kWrite}) {
      const auto opened = Open(kKeyed, access);
      EXPECT_TRUE(absl::IsDataLoss(opened.status())) << harm << ": " << opened.status();
      EXPECT_THAT(opened.status().ToString(), HasSubstr(path_));
      EXPECT_THAT(opened.status().ToString(), HasSubstr(text));
      EXPECT_THAT(opened.status().ToString(), HasSubstr("restore it from a copy"));
    }
    std::filesystem::remove(path_);
  }
}

TEST_F(VersionedDatabaseTest, WhatElseIsInAFileDoesNotMatter) {
  {
    auto database = Open(kKeyed);
    ASSERT_TRUE(database->Execute("CREATE TABLE c (x); CREATE VIEW d AS SELECT x FROM c").ok());
  }
  EXPECT_TRUE(Open(kKeyed).ok());
}

TEST_F(VersionedDatabaseTest, AFailingMigrationLeavesTheOldVersion) {
  ASSERT_TRUE(Open(kFirst).ok());
  EXPECT_FALSE(Open(kBroken).ok());
  auto old = Open(kFirst);
  ASSERT_TRUE(old.ok()) << old.status();
  EXPECT_EQ(*old->QueryInt("SELECT count(*) FROM sqlite_master WHERE name = 'b'"), 0);
}

TEST_F(VersionedDatabaseTest, AnotherProgramsDatabaseIsRefusedAndLeftAlone) {
  {
    auto other = Database::Open(path_, Database::Mode::kCreate);
    ASSERT_TRUE(other->Execute("CREATE TABLE photos (x)").ok());
  }
  const std::string before = FileBytes();
  const auto opened = Open(kFirst);
  EXPECT_TRUE(absl::IsFailedPrecondition(opened.status()));
  EXPECT_THAT(opened.status().ToString(), HasSubstr("another program"));
  EXPECT_EQ(FileBytes(), before);
}

TEST_F(VersionedDatabaseTest, AFileThatIsNoDatabaseIsDataLoss) {
  std::ofstream(path_) << std::string(4096, 'x');
  const auto opened = Open(kFirst);
  EXPECT_TRUE(absl::IsDataLoss(opened.status())) << opened.status();
  EXPECT_THAT(opened.status().ToString(), HasSubstr("no SQLite database"));
}

TEST_F(VersionedDatabaseTest, ReadingWhatIsNotThereIsNotFoundAndCreatesNothing) {
  EXPECT_TRUE(absl::IsNotFound(Open(kFirst, StoreAccess::kRead).status()));
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(VersionedDatabaseTest, AMissingFolderIsNamedWithARemedy) {
  const auto opened =
      OpenVersioned(folder_.File("none/a.db"), StoreAccess::kWrite, {kId, "store", kFirst});
  EXPECT_TRUE(absl::IsFailedPrecondition(opened.status()));
  EXPECT_THAT(opened.status().ToString(), HasSubstr("folder exists"));
}

TEST_F(VersionedDatabaseTest, AReadOnlyFolderCanBeReadButNotWritten) {
  {
    auto database = Open(kFirst);
    ASSERT_TRUE(database->Execute("INSERT INTO a VALUES (3)").ok());
  }
  ASSERT_EQ(chmod(path_.c_str(), 0444), 0);
  ASSERT_EQ(chmod(folder_.path().c_str(), 0555), 0);
  {
    const Unprivileged somebody;
    auto reader = Open(kFirst, StoreAccess::kRead);
    ASSERT_TRUE(reader.ok()) << reader.status();
    EXPECT_EQ(*reader->QueryInt("SELECT x FROM a"), 3);
    const auto writer = Open(kFirst, StoreAccess::kWrite);
    EXPECT_TRUE(absl::IsFailedPrecondition(writer.status())) << writer.status();
    EXPECT_THAT(writer.status().ToString(), HasSubstr("writable"));
  }
  ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
}

TEST_F(VersionedDatabaseTest, AnOlderFileThatCannotBeWrittenIsReadFromACopy) {
  {
    auto database = Open(kFirst);
    ASSERT_TRUE(database->Execute("INSERT INTO a VALUES (3)").ok());
  }
  const std::string before = FileBytes();
  ASSERT_EQ(chmod(path_.c_str(), 0444), 0);
  ASSERT_EQ(chmod(folder_.path().c_str(), 0555), 0);
  {
    const Unprivileged somebody;
    auto reader = Open(kBoth, StoreAccess::kRead);
    ASSERT_TRUE(reader.ok()) << reader.status();
    EXPECT_EQ(reader->path(), path_);
    EXPECT_EQ(*reader->QueryInt("SELECT x * 10 + y FROM a"), 37);
    EXPECT_TRUE(absl::IsFailedPrecondition(reader->Execute("DELETE FROM a")))
        << "written to what is soon gone";
  }
  EXPECT_TRUE(FileBytes() == before);
  ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
}

// It cannot be copied without the log, and that takes somebody who may write.
TEST_F(VersionedDatabaseTest, AnOlderFileWithALogThatCannotBeWrittenSaysWhatToCopy) {
  auto writer = Open(kFirst);
  ASSERT_TRUE(writer->Execute("INSERT INTO a VALUES (3)").ok());
  ASSERT_GT(std::filesystem::file_size(path_ + "-wal"), 0u);
  const std::string copy = folder_.File("copy.db");
  std::filesystem::copy_file(path_, copy);
  std::filesystem::copy_file(path_ + "-wal", copy + "-wal");
  for (const std::string& file : {copy, copy + "-wal"}) ASSERT_EQ(chmod(file.c_str(), 0444), 0);
  ASSERT_EQ(chmod(folder_.path().c_str(), 0555), 0);
  {
    const Unprivileged somebody;
    const auto reader = OpenVersioned(copy, StoreAccess::kRead, {kId, "store", kBoth}, 1000);
    EXPECT_TRUE(absl::IsFailedPrecondition(reader.status())) << reader.status();
    EXPECT_THAT(reader.status().ToString(), HasSubstr("--store FILE"));
    EXPECT_THAT(reader.status().ToString(), HasSubstr("copy.db-wal beside it is a part of it"));
  }
  ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
}

TEST_F(VersionedDatabaseTest, AFullDatabaseIsResourceExhausted) {
  auto database = Open(kFirst);
  ASSERT_TRUE(database->Execute("PRAGMA max_page_count = 3").ok());
  auto transaction = Transaction::Begin(*database);
  const absl::Status full = database->Execute("INSERT INTO a VALUES (zeroblob(100000))");
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_THAT(full.ToString(), HasSubstr("Free some space"));
}

TEST_F(VersionedDatabaseTest, AWriterThatHoldsOnTooLongIsUnavailable) {
  auto first = Open(kFirst);
  auto second = OpenVersioned(path_, StoreAccess::kWrite, {kId, "store", kFirst}, 20);
  auto transaction = Transaction::Begin(*first);
  ASSERT_TRUE(transaction.ok());
  EXPECT_TRUE(absl::IsUnavailable(Transaction::Begin(*second).status()));
}

}  // namespace
}  // namespace synergy

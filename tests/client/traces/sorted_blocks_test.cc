#include "client/traces/sorted_blocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace synergy {
namespace {

struct Row {
  int64_t at = 0;
  int id = 0;
  int64_t At() const { return at; }
};

// Rows are numbered as they stand in the file.
class Blocks {
 public:
  explicit Blocks(std::vector<std::vector<int64_t>> times) : times_(std::move(times)) {}

  std::vector<Row> Read() {
    std::vector<int64_t> earliest;
    int id = 0;
    std::vector<std::vector<Row>> all;
    for (const auto& block : times_) {
      int64_t first = INT64_MAX;
      std::vector<Row>& rows = all.emplace_back();
      for (const int64_t at : block) {
        rows.push_back({at, id++});
        first = std::min(first, at);
      }
      earliest.push_back(first);
    }
    std::vector<Row> read;
    SortedBlocks<Row> sorted(earliest, [&](size_t block) -> absl::StatusOr<std::vector<Row>> {
      loaded_.push_back(block);
      loaded_after_.push_back(read.size());
      return all[block];
    });
    while (true) {
      const absl::StatusOr<const Row*> row = sorted.Next();
      if (!row.ok() || *row == nullptr) return read;
      read.push_back(**row);
    }
  }
  const std::vector<size_t>& loaded() const { return loaded_; }
  const std::vector<size_t>& loaded_after() const { return loaded_after_; }

 private:
  std::vector<std::vector<int64_t>> times_;
  std::vector<size_t> loaded_;
  std::vector<size_t> loaded_after_;  // rows
};

std::vector<int64_t> TimesOf(const std::vector<Row>& rows) {
  std::vector<int64_t> times;
  for (const Row& row : rows) times.push_back(row.at);
  return times;
}

TEST(SortedBlocks, AFileInOrderIsReadBlockByBlock) {
  Blocks blocks({{1, 2, 3}, {4, 5}, {6}});
  EXPECT_THAT(TimesOf(blocks.Read()), testing::ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(blocks.loaded_after(), testing::ElementsAre(0, 3, 5));
}

TEST(SortedBlocks, AnyOrderComesOutInOrder) {
  Blocks blocks({{9, 1}, {}, {8, 2}, {3, 7}, {0}});
  EXPECT_THAT(TimesOf(blocks.Read()), testing::ElementsAre(0, 1, 2, 3, 7, 8, 9));
}

TEST(SortedBlocks, AFileInReverseNeedsOneBlockAtATime) {
  Blocks blocks({{6, 5}, {4, 3}, {2, 1}});
  EXPECT_THAT(TimesOf(blocks.Read()), testing::ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(blocks.loaded(), testing::ElementsAre(2, 1, 0));
  EXPECT_THAT(blocks.loaded_after(), testing::ElementsAre(0, 2, 4));
}

TEST(SortedBlocks, RowsOfOneTimeComeAsTheyStandInTheFile) {
  Blocks blocks({{5, 1, 5}, {5, 1}, {1}});
  std::vector<int> ids;
  for (const Row& row : blocks.Read()) ids.push_back(row.id);
  EXPECT_THAT(ids, testing::ElementsAre(1, 4, 5, 0, 2, 3));
}

TEST(SortedBlocks, TheLoadersErrorIsHandedOn) {
  SortedBlocks<Row> sorted(
      {0}, [](size_t) -> absl::StatusOr<std::vector<Row>> { return absl::DataLossError("gone"); });
  EXPECT_TRUE(absl::IsDataLoss(sorted.Next().status()));
}

}  // namespace
}  // namespace synergy

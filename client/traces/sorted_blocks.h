// Rows of a file that may stand in any order, in order of time, with as little of the file in
// memory as its order allows: the file is cut into blocks, each is read when its earliest row is
// due and forgotten with its last one. Of a file in order that is one block, of a shuffled one
// all.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <queue>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace synergy {

// Row::At() is its time in ns. Rows of the same time come as they stand in the file.
// Thread-compatible.
template <typename Row>
class SortedBlocks {
 public:
  using Loader = std::function<absl::StatusOr<std::vector<Row>>(size_t block)>;

  // `earliest`: of each block's rows. `load` reads the rows of a block, in the file's order.
  SortedBlocks(std::vector<int64_t> earliest, Loader load)
      : earliest_(std::move(earliest)), order_(earliest_.size()), load_(std::move(load)) {
    std::iota(order_.begin(), order_.end(), size_t{0});
    std::ranges::stable_sort(order_, {}, [this](size_t block) { return earliest_[block]; });
  }

  // Null: there are no more. Valid until the next call. Errors are the loader's.
  absl::StatusOr<const Row*> Next() {
    if (current_ != nullptr) GoOn();
    while (due_ < order_.size() && (heap_.empty() || earliest_[order_[due_]] <= heap_.top().at)) {
      if (absl::Status status = Load(order_[due_++]); !status.ok()) return status;
    }
    if (heap_.empty()) return nullptr;
    Loaded* const block = heap_.top().block;
    heap_.pop();
    current_ = block;
    return &block->rows[block->next++];
  }

 private:
  struct Loaded {
    size_t number;
    std::vector<Row> rows;
    size_t next = 0;
  };
  struct Head {
    int64_t at;
    size_t number;  // of the block, for rows of the same time
    Loaded* block;
    bool operator<(const Head& other) const {  // the earliest is on top
      return std::tie(at, number) > std::tie(other.at, other.number);
    }
  };

  // The block whose row was given last is next in line with the row behind it, or done.
  void GoOn() {
    Loaded* const block = std::exchange(current_, nullptr);
    if (block->next < block->rows.size()) {
      heap_.push({block->rows[block->next].At(), block->number, block});
    } else {
      std::erase_if(loaded_, [&](const auto& one) { return one.get() == block; });
    }
  }

  absl::Status Load(size_t block) {
    absl::StatusOr<std::vector<Row>> rows = load_(block);
    if (!rows.ok()) return rows.status();
    if (rows->empty()) return absl::OkStatus();
    std::ranges::stable_sort(*rows, {}, [](const Row& row) { return row.At(); });
    loaded_.push_back(std::make_unique<Loaded>(Loaded{block, *std::move(rows)}));
    heap_.push({loaded_.back()->rows.front().At(), block, loaded_.back().get()});
    return absl::OkStatus();
  }

  const std::vector<int64_t> earliest_;
  std::vector<size_t> order_;  // blocks by their earliest rows
  const Loader load_;
  size_t due_ = 0;  // in order_: the next to be loaded
  std::vector<std::unique_ptr<Loaded>> loaded_;
  std::priority_queue<Head> heap_;
  Loaded* current_ = nullptr;
};

}  // namespace synergy

// Where a job's outputs go: a file that has its name only once it is whole.
#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/unique_fd.h"

namespace synergy {

class OutputsFile {
 public:
  // Writes `path`.new (mode 0600).
  static absl::StatusOr<OutputsFile> Create(std::string path);
  OutputsFile(OutputsFile&&) = default;
  OutputsFile& operator=(OutputsFile&&) = delete;
  ~OutputsFile();  // removes it unless it was kept

  int fd() const { return fd_.get(); }
  // It is whole: gives it its name. Not synced.
  absl::Status Keep();

 private:
  OutputsFile(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  UniqueFd fd_;  // closed: kept, or moved from
};

}  // namespace synergy

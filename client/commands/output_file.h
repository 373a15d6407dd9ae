// A file that is written in parts and takes its name when it is whole.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/unique_fd.h"

namespace synergy {

// A plain file, or the one that a link points at, is replaced as a whole by Commit, or stays as it
// was. A device, a pipe, or a link to a file that is not there yet is written to. Errors end in
// kFailedCheck. Thread-compatible.
class OutputFile {
 public:
  explicit OutputFile(std::string path) : path_(std::move(path)) {}
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  absl::Status Open();
  absl::Status Write(std::string_view part);
  absl::Status Commit();

 private:
  absl::Status OpenBeside();
  absl::Status Failed(int error) const;

  const std::string path_;
  std::string target_;     // what is replaced
  std::string temporary_;  // beside it; "": it is written to
  UniqueFd fd_;
};

}  // namespace synergy

// The two files of a virtual run: its records, and beside them the truth.
#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "synergy/v1/device.pb.h"

namespace synergy::sim {

// FILE and FILE.truth appear whole, once the run is over, or not at all. Until then the records are
// in FILE.partial, which goes with this object; one that a killed program left is replaced.
class OutputFiles {
 public:
  // AlreadyExists where one of the two is there, so that no run is lost to another.
  static absl::StatusOr<OutputFiles> Plan(const std::string& path);
  OutputFiles(OutputFiles&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  OutputFiles& operator=(OutputFiles&&) = delete;
  ~OutputFiles();

  // Where the records are to be written; nothing is there now.
  std::string partial() const { return path_ + ".partial"; }
  absl::Status Publish(const v1::RunTruth& truth);

 private:
  explicit OutputFiles(std::string path) : path_(std::move(path)) {}
  std::string truth() const { return path_ + ".truth"; }

  std::string path_;  // "": moved from
};

}  // namespace synergy::sim

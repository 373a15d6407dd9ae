// A text file of the user that is read twice, in blocks of whole lines: files of gigabytes are
// never in memory as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/unique_fd.h"

namespace synergy {

class TraceFile {
 public:
  static constexpr size_t kBlockBytes = size_t{4} << 20;  // no line is longer

  // kUsage where it is no regular file that can be read, or an empty one.
  static absl::StatusOr<TraceFile> Open(const std::string& path);

  // Its last part, for texts: "samples.csv".
  const std::string& name() const { return name_; }
  uint64_t size() const { return size_; }
  int64_t modified_unix_ns() const { return modified_unix_ns_; }

  // The first time: gives the blocks in order, with how many bytes were read so far. Errors end in
  // kUsage, those of `visit` too.
  absl::Status Scan(const std::function<absl::Status(std::string_view text, uint64_t done)>& visit);
  // The hash of what Scan has read.
  const std::string& sha256() const { return sha256_; }
  // One of them again. kUsage where the file is not what it was.
  absl::StatusOr<std::string> Block(size_t block) const;

 private:
  TraceFile() = default;
  absl::StatusOr<std::string> ReadAt(uint64_t offset) const;
  absl::Status CheckUnchanged() const;

  std::string path_;
  std::string name_;
  UniqueFd fd_;
  uint64_t size_ = 0;
  int64_t modified_unix_ns_ = 0;
  std::string sha256_;
  std::vector<uint64_t> offsets_;  // of the blocks, and the end of the last
};

}  // namespace synergy

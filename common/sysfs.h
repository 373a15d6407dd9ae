// Attributes of sysfs and procfs: small texts that the kernel makes up when they are read, whose
// errors say what the hardware did (Documentation/filesystems/sysfs.rst).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/unique_fd.h"

namespace synergy {

// "<what> <path>: <what the errno means there>". The codes are PowerSource's: Unavailable is worth
// another try (EAGAIN, EBUSY, EINTR, EIO, ENODATA, EREMOTEIO, ETIMEDOUT), NotFound means that the
// attribute or its device is gone (ENOENT, ENODEV, ENXIO). Besides: PermissionDenied (EACCES,
// EPERM, EROFS), InvalidArgument (EINVAL, ERANGE), Unimplemented (ENOSYS, ENOTSUP), Internal.
absl::Status SysfsError(std::string_view what, std::string_view path, int error);

// The largest text that an attribute can have: a page (PAGE_SIZE of the kernels with 4 KiB pages).
inline constexpr size_t kSysfsTextBytes = 4096;

// Without the newline and the spaces at its end. One open, one read.
absl::StatusOr<std::string> ReadSysfs(const std::string& path);
// DataLoss where the text is no integer, decimal or 0x-hexadecimal.
absl::StatusOr<int64_t> ReadSysfsInteger(const std::string& path);
absl::StatusOr<int64_t> ParseSysfsInteger(std::string_view text, std::string_view path);
// With one write(2), as attributes want it.
absl::Status WriteSysfs(const std::string& path, std::string_view value);

// Names in a folder, sorted by their text and then by the number at their end (hwmon2 before
// hwmon10). Empty where the folder cannot be read.
std::vector<std::string> ListSysfs(const std::string& folder);

// An attribute that is read again and again: opened once, no allocation. Thread-compatible.
class SysfsAttribute {
 public:
  static absl::StatusOr<SysfsAttribute> Open(std::string path);

  // ReadSysfsInteger's errors.
  absl::StatusOr<int64_t> ReadInteger() const;
  // The text lies in `buffer`, until the next call with it.
  absl::StatusOr<std::string_view> ReadText(char* buffer, size_t size) const;
  const std::string& path() const { return path_; }

 private:
  SysfsAttribute(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  UniqueFd fd_;
};

}  // namespace synergy

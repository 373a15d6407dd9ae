#include "common/sysfs.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <tuple>
#include <utility>

#include "fmt/format.h"

namespace synergy {
namespace {

struct ErrorMeaning {
  int error;
  absl::StatusCode code;
  std::string_view words;
};

// absl::ErrnoToStatus maps to what POSIX means. Drivers mean this.
constexpr ErrorMeaning kMeanings[] = {
    {EAGAIN, absl::StatusCode::kUnavailable, "the device has nothing new yet (EAGAIN)"},
    {EBUSY, absl::StatusCode::kUnavailable, "somebody else is using the device (EBUSY)"},
    {EINTR, absl::StatusCode::kUnavailable, "interrupted (EINTR)"},
    {EIO, absl::StatusCode::kUnavailable, "the device did not answer properly (EIO)"},
    {ENODATA, absl::StatusCode::kUnavailable, "the channel gives no data now (ENODATA)"},
    {EREMOTEIO, absl::StatusCode::kUnavailable, "the device did not acknowledge (EREMOTEIO)"},
    {ETIMEDOUT, absl::StatusCode::kUnavailable, "the device did not answer in time (ETIMEDOUT)"},
    {ENOENT, absl::StatusCode::kNotFound, "it is not there (ENOENT)"},
    {ENODEV, absl::StatusCode::kNotFound, "its device or driver is gone (ENODEV)"},
    {ENXIO, absl::StatusCode::kNotFound, "its device is gone (ENXIO)"},
    {EACCES, absl::StatusCode::kPermissionDenied, "not permitted (EACCES); run synergyd as root"},
    {EPERM, absl::StatusCode::kPermissionDenied, "not permitted (EPERM); run synergyd as root"},
    {EROFS, absl::StatusCode::kPermissionDenied,
     "sysfs is mounted read-only (EROFS); mount it writable or leave the container"},
    {EINVAL, absl::StatusCode::kInvalidArgument, "the driver refuses that value (EINVAL)"},
    {ERANGE, absl::StatusCode::kInvalidArgument, "the value is out of range (ERANGE)"},
    {ENOSYS, absl::StatusCode::kUnimplemented, "the driver cannot do that (ENOSYS)"},
    {ENOTSUP, absl::StatusCode::kUnimplemented, "the driver cannot do that (ENOTSUP)"},
};

absl::StatusOr<UniqueFd> OpenAttribute(const std::string& path, int flags) {
  UniqueFd fd(open(path.c_str(), flags | O_CLOEXEC));
  if (!fd.ok()) return SysfsError("Opening", path, errno);
  return fd;
}

std::string_view WithoutEnd(std::string_view text) {
  const size_t end = text.find_last_not_of(std::string_view(" \t\r\n\0", 5));
  return text.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

// "hwmon10" is after "hwmon2".
std::tuple<std::string, size_t, std::string> SortKey(const std::string& name) {
  const size_t digits = name.find_last_not_of("0123456789") + 1;
  return {name.substr(0, digits), name.size() - digits, name.substr(digits)};
}

}  // namespace

absl::Status SysfsError(std::string_view what, std::string_view path, int error) {
  for (const ErrorMeaning& meaning : kMeanings) {
    if (meaning.error == error) {
      return absl::Status(meaning.code, fmt::format("{} {}: {}", what, path, meaning.words));
    }
  }
  return absl::InternalError(fmt::format("{} {}: {}", what, path, strerror(error)));
}

absl::StatusOr<SysfsAttribute> SysfsAttribute::Open(std::string path) {
  absl::StatusOr<UniqueFd> fd = OpenAttribute(path, O_RDONLY);
  if (!fd.ok()) return fd.status();
  return SysfsAttribute(std::move(path), *std::move(fd));
}

absl::StatusOr<std::string_view> SysfsAttribute::ReadText(char* buffer, size_t size) const {
  const ssize_t n = pread(fd_.get(), buffer, size, 0);
  if (n < 0) return SysfsError("Reading", path_, errno);
  return WithoutEnd(std::string_view(buffer, static_cast<size_t>(n)));
}

absl::StatusOr<int64_t> SysfsAttribute::ReadInteger() const {
  char buffer[64];
  const absl::StatusOr<std::string_view> text = ReadText(buffer, sizeof(buffer));
  if (!text.ok()) return text.status();
  return ParseSysfsInteger(*text, path_);
}

absl::StatusOr<int64_t> ParseSysfsInteger(std::string_view text, std::string_view path) {
  const bool hexadecimal = text.starts_with("0x");
  const std::string_view digits = hexadecimal ? text.substr(2) : text;
  int64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, hexadecimal ? 16 : 10);
  if (error == std::errc() && end == digits.data() + digits.size()) return value;
  return absl::DataLossError(
      fmt::format("{} says \"{}\", which is no integer", path, text.substr(0, 40)));
}

absl::StatusOr<std::string> ReadSysfs(const std::string& path) {
  const absl::StatusOr<SysfsAttribute> attribute = SysfsAttribute::Open(path);
  if (!attribute.ok()) return attribute.status();
  char buffer[kSysfsTextBytes];
  const absl::StatusOr<std::string_view> text = attribute->ReadText(buffer, sizeof(buffer));
  if (!text.ok()) return text.status();
  return std::string(*text);
}

absl::StatusOr<int64_t> ReadSysfsInteger(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadSysfs(path);
  if (!text.ok()) return text.status();
  return ParseSysfsInteger(*text, path);
}

absl::Status WriteSysfs(const std::string& path, std::string_view value) {
  // O_TRUNC is what a shell's redirection does: nothing to an attribute, and right for the plain
  // files of a captured tree.
  const absl::StatusOr<UniqueFd> fd = OpenAttribute(path, O_WRONLY | O_TRUNC);
  if (!fd.ok()) return fd.status();
  const std::string what = fmt::format("Writing \"{}\" to", value);
  const ssize_t n = write(fd->get(), value.data(), value.size());
  if (n < 0) return SysfsError(what, path, errno);
  if (static_cast<size_t>(n) != value.size()) {
    return absl::InternalError(
        fmt::format("{} {}: only {} of {} bytes were taken", what, path, n, value.size()));
  }
  return absl::OkStatus();
}

std::vector<std::string> ListSysfs(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  std::ranges::sort(names, {}, SortKey);
  return names;
}

}  // namespace synergy

// Where a source finds its attributes: the kernel's, a captured tree's, or a simulated board's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace synergy {

// An attribute that is read again and again. Thread-compatible.
class OpenAttribute {
 public:
  virtual ~OpenAttribute() = default;
  // Errors of common/sysfs.h, DataLoss for what is no integer.
  virtual absl::StatusOr<int64_t> ReadInteger() = 0;
  // The text lies in `buffer`, without the newline at its end.
  virtual absl::StatusOr<std::string_view> ReadText(char* buffer, size_t size) = 0;
};

// Paths begin with the sysfs root. Thread-safe; errors are those of common/sysfs.h.
class SysfsTree {
 public:
  virtual ~SysfsTree() = default;
  // Names in a folder, as ListSysfs sorts them; empty where there is none.
  virtual std::vector<std::string> List(const std::string& folder) = 0;
  virtual bool Has(const std::string& path) = 0;
  virtual absl::StatusOr<std::unique_ptr<OpenAttribute>> Open(const std::string& path) = 0;
  // Once, without the newline.
  absl::StatusOr<std::string> Read(const std::string& path);
  absl::StatusOr<int64_t> ReadInteger(const std::string& path);
};

// Files as they are.
std::shared_ptr<SysfsTree> FileTree();

}  // namespace synergy

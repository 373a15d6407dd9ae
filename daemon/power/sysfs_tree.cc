#include "daemon/power/sysfs_tree.h"

#include <unistd.h>

#include <utility>

#include "common/sysfs.h"

namespace synergy {
namespace {

class FileAttribute final : public OpenAttribute {
 public:
  explicit FileAttribute(SysfsAttribute attribute) : attribute_(std::move(attribute)) {}
  absl::StatusOr<int64_t> ReadInteger() override { return attribute_.ReadInteger(); }
  absl::StatusOr<std::string_view> ReadText(char* buffer, size_t size) override {
    return attribute_.ReadText(buffer, size);
  }

 private:
  const SysfsAttribute attribute_;
};

class Files final : public SysfsTree {
 public:
  std::vector<std::string> List(const std::string& folder) override { return ListSysfs(folder); }
  bool Has(const std::string& path) override { return access(path.c_str(), F_OK) == 0; }
  absl::StatusOr<std::unique_ptr<OpenAttribute>> Open(const std::string& path) override {
    absl::StatusOr<SysfsAttribute> attribute = SysfsAttribute::Open(path);
    if (!attribute.ok()) return attribute.status();
    return std::make_unique<FileAttribute>(*std::move(attribute));
  }
};

}  // namespace

absl::StatusOr<std::string> SysfsTree::Read(const std::string& path) {
  const absl::StatusOr<std::unique_ptr<OpenAttribute>> attribute = Open(path);
  if (!attribute.ok()) return attribute.status();
  char buffer[kSysfsTextBytes];
  const absl::StatusOr<std::string_view> text = (*attribute)->ReadText(buffer, sizeof(buffer));
  if (!text.ok()) return text.status();
  return std::string(*text);
}

absl::StatusOr<int64_t> SysfsTree::ReadInteger(const std::string& path) {
  const absl::StatusOr<std::string> text = Read(path);
  if (!text.ok()) return text.status();
  return ParseSysfsInteger(*text, path);
}

std::shared_ptr<SysfsTree> FileTree() { return std::make_shared<Files>(); }

}  // namespace synergy

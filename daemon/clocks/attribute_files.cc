#include "daemon/clocks/attribute_files.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "absl/time/clock.h"
#include "common/sysfs.h"

namespace synergy {
namespace {

class SysfsFiles final : public AttributeFiles {
 public:
  absl::StatusOr<std::string> Read(const std::string& path) override { return ReadSysfs(path); }
  absl::Status Write(const std::string& path, const std::string& value) override {
    return WriteSysfs(path, value);
  }
  std::vector<std::string> List(const std::string& folder) override { return ListSysfs(folder); }
  absl::StatusOr<std::string> Resolve(const std::string& path) override {
    const std::unique_ptr<char, void (*)(void*)> resolved(realpath(path.c_str(), nullptr), free);
    if (resolved == nullptr) return SysfsError("Resolving", path, errno);
    return std::string(resolved.get());
  }
  void Wait(Nanoseconds time) override { absl::SleepFor(absl::Nanoseconds(time.count)); }
};

}  // namespace

bool AwaitKernel(AttributeFiles& files, Nanoseconds most, absl::FunctionRef<bool()> done) {
  Nanoseconds waited;
  for (Nanoseconds next = Milliseconds(1); !done(); next = next * 2) {
    if (waited >= most) return false;
    files.Wait(next);
    waited = waited + next;
  }
  return true;
}

std::vector<std::string> ReadWords(AttributeFiles& files, const std::string& path) {
  const std::string text = files.Read(path).value_or("");
  std::vector<std::string> words;
  for (size_t at = 0; (at = text.find_first_not_of(' ', at)) != std::string::npos;) {
    const size_t end = std::min(text.find(' ', at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

std::string ExpandStar(AttributeFiles& files, const std::string& path) {
  const size_t star = path.find('*');
  if (star == std::string::npos) return path;
  const size_t begin = path.rfind('/', star) + 1;
  const size_t end = std::min(path.find('/', star), path.size());
  const std::string_view before = std::string_view(path).substr(begin, star - begin);
  const std::string_view after = std::string_view(path).substr(star + 1, end - star - 1);
  for (const std::string& name : files.List(path.substr(0, begin - 1))) {
    if (name.size() >= before.size() + after.size() && name.starts_with(before) &&
        name.ends_with(after)) {
      return path.substr(0, begin) + name + path.substr(end);
    }
  }
  return path;
}

AttributeFiles& KernelFiles() {
  static SysfsFiles files;
  return files;
}

}  // namespace synergy

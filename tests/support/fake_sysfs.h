// A tree of plain files that is laid out as the kernel's sysfs, for sources that take a root.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "common/settings.h"
#include "common/sysfs.h"
#include "tests/support/temp_folder.h"

namespace synergy {

class FakeSysfs {
 public:
  const std::string& root() const { return folder_.path(); }
  std::string Path(const std::string& file) const { return root() + "/" + file; }

  // In place, as a driver changes an attribute: who has it open reads the new text.
  void Write(const std::string& file, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(Path(file)).parent_path());
    std::ofstream(Path(file), std::ios::trunc) << text << "\n";
  }
  std::string Read(const std::string& file) const { return ReadSysfs(Path(file)).value_or(""); }
  void Remove(const std::string& file) { std::filesystem::remove_all(Path(file)); }
  void Link(const std::string& link, const std::string& target) {
    std::filesystem::create_directories(std::filesystem::path(Path(link)).parent_path());
    std::filesystem::create_directory_symlink(Path(target), Path(link));
  }

  using Files = std::map<std::string, std::string>;

  // As a driver registers itself: <device>/hwmon/hwmonN with its `name`, found in class/hwmon.
  // Returns the folder, under the root.
  std::string AddHwmon(int number, const std::string& device, const std::string& chip,
                       const Files& attributes) {
    const std::string name = "hwmon" + std::to_string(number);
    const std::string folder = device + "/hwmon/" + name;
    Write(folder + "/name", chip);
    for (const auto& [file, text] : attributes) Write(folder + "/" + file, text);
    Link(folder + "/device", device);
    Link("class/hwmon/" + name, folder);
    return folder;
  }
  // Its driver is unbound.
  void RemoveHwmon(int number, const std::string& device) {
    const std::string name = "hwmon" + std::to_string(number);
    Remove("class/hwmon/" + name);
    Remove(device + "/hwmon/" + name);
  }

  // Every file and its text.
  Files Contents() const {
    Files contents;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root())) {
      if (!entry.is_regular_file() || entry.is_symlink()) continue;
      std::ostringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      contents[entry.path().string()] = text.str();
    }
    return contents;
  }

 private:
  TempFolder folder_;
};

// Writes attributes and keeps what was there, without a journal. `driver` stands for the kernel: it
// makes the value that a file has after a write of `value`.
class FakeSettings final : public SettingWriter {
 public:
  using Driver = std::function<std::string(const std::string& path, const std::string& value)>;

  void SetDriver(Driver driver) { driver_ = std::move(driver); }
  void Refuse(absl::Status status) { refusal_ = std::move(status); }

  absl::StatusOr<std::string> Set(const std::string& path, const std::string& value) override {
    if (!refusal_.ok()) return refusal_;
    absl::StatusOr<std::string> before = ReadSysfs(path);
    if (!before.ok()) return before.status();
    // The path that is written may be a link's.
    originals_.emplace(std::filesystem::canonical(path).string(), *before);
    asked_.push_back(path);
    log_.emplace_back(std::filesystem::path(path).filename().string(), value);
    const std::string made = driver_ ? driver_(path, value) : value;
    if (absl::Status status = WriteSysfs(path, made + "\n"); !status.ok()) return status;
    return ReadSysfs(path);
  }
  absl::Status Unbind(const std::string&) override {
    return absl::UnimplementedError("nothing is bound here");
  }

  // By resolved path, as they were first.
  const FakeSysfs::Files& originals() const { return originals_; }
  const std::vector<std::string>& asked() const { return asked_; }  // paths, as given
  const std::vector<std::pair<std::string, std::string>>& log() const { return log_; }

 private:
  Driver driver_;
  absl::Status refusal_;
  FakeSysfs::Files originals_;
  std::vector<std::string> asked_;
  std::vector<std::pair<std::string, std::string>> log_;
};

}  // namespace synergy

#include "daemon/clocks/restore_order.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <tuple>

namespace synergy {
namespace {

std::string_view BaseName(std::string_view path) { return path.substr(path.rfind('/') + 1); }
std::string_view Folder(std::string_view path) { return path.substr(0, path.rfind('/')); }

bool IsCore(std::string_view folder) {
  const std::string_view name = BaseName(folder);
  return name.size() > 3 && name.starts_with("cpu") && name[3] >= '0' && name[3] <= '9';
}

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool IsLimit(std::string_view name) {
  return name == "scaling_min_freq" || name == "scaling_max_freq" || name == "min_freq" ||
         name == "max_freq";
}

}  // namespace

Control ControlOf(const JournalItem& item) {
  if (item.kind == JournalItem::Kind::kDriver) return Control::kDriver;
  const std::string_view name = BaseName(item.path);
  if (name == "online" && IsCore(Folder(item.path))) {
    return item.original == "0" ? Control::kCoreOff : Control::kCoreOn;
  }
  if (name == "cpuset.cpus") return Control::kCpuset;
  if (name == "boost" || name == "no_turbo") return Control::kBoost;
  const bool devfreq = Contains(item.path, "/devfreq/");
  if (name == "scaling_governor" || (devfreq && name == "governor")) return Control::kGovernor;
  if (IsLimit(name)) return Control::kLimit;
  if (devfreq || Contains(item.path, "/cpufreq/")) return Control::kUnderGovernor;
  return Control::kOther;
}

// ".../cpufreq/policy0/scaling_setspeed", ".../cpufreq/policy0/schedutil/rate_limit_us" and
// ".../devfreq/57000000.gpu/userspace/set_freq" belong to the folder after cpufreq or devfreq. Old
// kernels have ".../cpu0/cpufreq/scaling_setspeed": there it is "cpufreq" itself.
std::string_view OwnerOf(std::string_view path) {
  for (const std::string_view part : {"/cpufreq/policy", "/devfreq/"}) {
    const size_t at = path.find(part);
    if (at == std::string_view::npos) continue;
    return path.substr(0, path.find('/', at + part.size()));
  }
  const size_t at = path.find("/cpufreq/");
  return at == std::string_view::npos ? Folder(path) : path.substr(0, at + 8);
}

bool IsUpperLimit(std::string_view path) { return Contains(BaseName(path), "max"); }

std::vector<size_t> RestoreOrder(const std::vector<JournalItem>& items) {
  std::vector<size_t> order(items.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto key = [&items](size_t i) {
    const Control control = ControlOf(items[i]);
    const bool limit = control == Control::kLimit;
    return std::tuple(control, limit ? OwnerOf(items[i].path) : std::string_view(),
                      limit && IsUpperLimit(items[i].path),
                      control == Control::kOther ? items.size() - i : i);
  };
  std::ranges::sort(order, {}, key);
  return order;
}

}  // namespace synergy

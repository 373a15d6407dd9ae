// Names of rails that are unique on a board, whatever its drivers call them.
#pragma once

#include <set>
#include <string>

#include "fmt/format.h"

namespace synergy {

class RailNames {
 public:
  // `wanted`, or the first of "wanted#2", "wanted#3", ... that nobody has.
  std::string Take(const std::string& wanted) {
    std::string name = wanted;
    for (int i = 2; !taken_.insert(name).second; ++i) name = fmt::format("{}#{}", wanted, i);
    return name;
  }

 private:
  std::set<std::string> taken_;
};

}  // namespace synergy

// The files of deploy/boards, made into code by the build.
#pragma once

#include <span>
#include <string_view>

namespace synergy {

struct BuiltInProfile {
  std::string_view id;  // the file's name without .toml
  std::string_view text;
};

std::span<const BuiltInProfile> BuiltInProfiles();

}  // namespace synergy

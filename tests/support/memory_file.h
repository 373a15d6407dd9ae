// A file with given content that has no name, as the front hands over nets.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "common/unique_fd.h"

namespace synergy {

inline UniqueFd MemoryFile(std::string_view content) {
  UniqueFd fd(memfd_create("test", MFD_CLOEXEC));
  if (!fd.ok() ||
      write(fd.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
    std::abort();
  }
  return fd;
}

}  // namespace synergy

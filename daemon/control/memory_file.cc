#include "daemon/control/memory_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#include <cerrno>

#include "common/unique_fd.h"

namespace synergy {
namespace {

// Kernels before 3.17 have neither memfd nor seals.
bool KernelHasSeals() {
  static const bool has = [] {
    const UniqueFd fd(memfd_create("probe", MFD_CLOEXEC));
    return fd.ok() || errno != ENOSYS;
  }();
  return has;
}

}  // namespace

bool IsMemoryFile(int fd) {
  // Answered by the kernel alone, whatever file system the file pretends to be on.
  if (KernelHasSeals()) return fcntl(fd, F_GET_SEALS) >= 0;
  struct statfs info = {};
  return fstatfs(fd, &info) == 0 && info.f_type == TMPFS_MAGIC;
}

}  // namespace synergy

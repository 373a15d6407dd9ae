// A disk of a given size for tests: a tmpfs, which only root can mount.
#pragma once

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <string>

#include "common/unique_fd.h"
#include "fmt/format.h"
#include "tests/support/temp_folder.h"

namespace synergy {

class SmallDisk {
 public:
  explicit SmallDisk(size_t bytes)
      : mounted_(mount("tmpfs", folder_.path().c_str(), "tmpfs", 0,
                       fmt::format("size={}", bytes).c_str()) == 0) {}
  ~SmallDisk() {
    if (mounted_) umount2(path().c_str(), MNT_DETACH);
  }
  // False: we may not mount; skip the test.
  bool mounted() const { return mounted_; }
  const std::string& path() const { return folder_.path(); }

  // Leaves about `bytes` free.
  void FillUpTo(size_t bytes) {
    const UniqueFd fd(open((path() + "/filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    const std::string page(4096, 'x');
    while (write(fd.get(), page.data(), page.size()) > 0) {
    }
    if (ftruncate(fd.get(), lseek(fd.get(), 0, SEEK_CUR) - static_cast<off_t>(bytes)) != 0) abort();
  }
  void Free() { unlink((path() + "/filler").c_str()); }

 private:
  TempFolder folder_;
  const bool mounted_;
};

}  // namespace synergy

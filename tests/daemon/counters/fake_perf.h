// A kernel with as many counters as a test wants.
#pragma once

#include <fcntl.h>

#include <cerrno>
#include <map>
#include <set>
#include <vector>

#include "daemon/counters/perf_kernel.h"

namespace synergy {

class FakePerf final : public PerfKernel {
 public:
  size_t counters = 4;
  size_t taken = 0;                 // by others: the kernel takes groups that then never run
  std::map<uint64_t, int> refused;  // errno by config
  std::set<pid_t> ended;            // threads
  struct Opened {
    EventCode event;
    pid_t thread;
    int leader;
  };
  std::vector<Opened> opened;

  UniqueFd Open(const EventCode& event, pid_t thread, int leader) override {
    const auto error = refused.find(event.config);
    if (error != refused.end()) return Refuse(error->second);
    if (ended.contains(thread)) return Refuse(ESRCH);
    if (leader >= 0 && sizes_[leader] == counters) return Refuse(EINVAL);
    UniqueFd fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
    const int of_group = leader < 0 ? fd.get() : leader;
    if (leader < 0) sizes_[of_group] = 0;
    ++sizes_[of_group];
    opened.push_back({event, thread, leader});
    return fd;
  }
  bool Runs(int leader) override { return sizes_[leader] + taken <= counters; }

 private:
  static UniqueFd Refuse(int error) {
    errno = error;
    return UniqueFd();
  }
  std::map<int, size_t> sizes_;  // of groups, by their leader's descriptor
};

}  // namespace synergy

// How fast a sum grows now: the CPU time of a process, the bytes that a board sends. Pure.
#pragma once

#include <cstdint>
#include <optional>

namespace synergy {

// Thread-compatible.
class RecentRate {
 public:
  // At `at_ns` the sum was `total`; 0: it is not known. Where that falls it is another sum.
  void Add(int64_t at_ns, uint64_t total);
  // Over the last 2 s, or a little more, that are whole; of nanoseconds of CPU time: cores. Nothing
  // before.
  std::optional<double> per_ns() const { return per_ns_; }

 private:
  struct Sum {
    int64_t at_ns = 0;
    uint64_t total = 0;
  };
  std::optional<Sum> begin_;
  std::optional<double> per_ns_;
};

}  // namespace synergy

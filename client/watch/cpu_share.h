// How much of a core a process uses, from the CPU time that it says it has used. Pure.
#pragma once

#include <cstdint>
#include <optional>

namespace synergy {

// Thread-compatible.
class CpuShare {
 public:
  // At `at_ns` it had used `cpu_ns`; 0: it does not say. Where that falls it is another process.
  void Add(int64_t at_ns, uint64_t cpu_ns);
  // Over the last 2 s, or a little more, that are whole; 1 is one core. Nothing before.
  std::optional<double> cores() const { return cores_; }

 private:
  struct Use {
    int64_t at_ns = 0;
    uint64_t cpu_ns = 0;
  };
  std::optional<Use> begin_;
  std::optional<double> cores_;
};

}  // namespace synergy

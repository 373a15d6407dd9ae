// What one operator asks of a Jetson TX1's CPU and memory while it runs: from its features alone
// (type, MACs, bytes), never from how long it takes, since that is another machine's matter.
//
// The formulas and where their constants come from: docs/simulated-boards.md.
#pragma once

#include <cstdint>
#include <string_view>

#include "synergy/v1/records.pb.h"

namespace synergy {

// Bandwidth of the memory, all cores together.
inline constexpr double kDramBytesPerS = 15e9;
// SIMD instructions of an operation, and bytes of an access of the bus.
inline constexpr double kSimdPerOperation = 0.2454;
inline constexpr double kBusBytes = 16;

struct OperatorLoad {
  double cores = 1;       // cores kept busy, on average
  double pipe_share = 0;  // share of the time in which a core's pipes are the limit, 0 to 1
  double switching = 1;   // capacitance that the type's instructions switch; dense arithmetic: 1
  double dram_bytes_per_s = 0;  // traffic to memory beyond the caches
  double deviation = 1;         // factor on its dynamic power that nothing explains
  friend bool operator==(const OperatorLoad&, const OperatorLoad&) = default;
};

// How the CPU is used.
struct CpuUse {
  uint32_t threads = 1;
  uint32_t cores = 4;
  double frequency_hz = 0;
};

// How many cores that is worth.
double CoresAtWork(const CpuUse& use);

// One execution, at any clock.
struct OperatorWork {
  double operations = 0;    // MACs, or half the FLOPs where there are no MACs
  double memory_bytes = 0;  // traffic to memory beyond the caches
};
OperatorWork WorkOf(const v1::OperatorInfo& op);

OperatorLoad LoadOf(const v1::OperatorInfo& op, const CpuUse& use);
// How long one execution takes by the same roofline: arithmetic and memory traffic, which overlap
// in part. For runs in virtual time, where no machine executes it; 0 for what does nothing.
double SecondsOf(const v1::OperatorInfo& op, const CpuUse& use);
// Before the operators are known.
OperatorLoad LoadOfUnknown(const CpuUse& use);
// Reading and creating the nets; running the init net's fillers.
OperatorLoad LoadOfLoading();
OperatorLoad LoadOfFilling();

// The seeded deviation of an operator: normal around 1 with a standard deviation of 0.1, cut at 2.5
// of them. A function of the net's name and the operator's name and index and of nothing else, so
// that the same operator deviates in the same way in every run and on every simulated board.
double DeviationOf(std::string_view net_name, const v1::OperatorInfo& op);

}  // namespace synergy

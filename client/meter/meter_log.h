// The lines of a meter's program as readings: numbered, cut into chunks for the store, and with
// what their arrival says of the meter's clock. No I/O.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock_comparison/arrivals.h"
#include "common/records/readings.h"
#include "synergy/v1/meter.pb.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

inline constexpr size_t kMostMeterRails = 16;

// Thread-compatible. Memory is bounded as long as chunks are taken.
class MeterLog {
 public:
  // A line without its end, and when it came (host's CLOCK_MONOTONIC). What is no reading is
  // counted, and the first one's fault kept: garbage, a rail beyond kMostMeterRails, a stamp that
  // its rail has had just before. Stamps may go back: the clock may have jumped.
  void Add(std::string_view line, int64_t arrival_ns);

  // What is there to be stored: rails with at least `least` readings, all of them with 1.
  std::vector<v1::Chunk> TakeChunks(size_t least);

  // A rail was printed a second time: now its period is known a little, and what the rails are.
  bool HasBegun() const { return arrivals_.lines() >= 2; }
  uint64_t readings() const;
  uint64_t bad_lines() const { return facts_.bad_lines(); }
  const std::string& first_bad_line() const { return facts_.first_bad_line(); }
  const Arrivals& arrivals() const { return arrivals_; }  // of the first rail

  // Rails, jumps, arrivals, silences, bad lines: everything that the lines say.
  v1::MeterRecord Facts() const;

 private:
  struct Rail {
    std::string name;
    std::vector<Reading> waiting;
    uint64_t stored = 0;
    int64_t last_stamp_ns = -1;
    uint64_t readings() const { return stored + waiting.size(); }
  };
  Rail* FindRail(const std::string& name);  // null: there are too many
  void Bad(std::string why);
  void NoteSilence(int64_t arrival_ns);

  std::vector<Rail> rails_;
  Arrivals arrivals_;
  // By line of the first rail that leapt: how many readings of each rail were before it.
  std::map<uint64_t, std::vector<uint64_t>> leaps_;
  int64_t last_arrival_ns_ = -1;
  v1::MeterRecord facts_;  // what is counted
};

}  // namespace synergy

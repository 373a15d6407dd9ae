// What the arrival of a meter's lines on the host says of the meter's clock. A line arrives after
// the instant that it is stamped with, by a delay that varies; what does not vary is the least
// delay of many lines. Where that changes for good, and the stamps leap by as much, the meter's
// clock was stepped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace synergy {

// A line that came sooner than the others of its span of time.
struct ArrivalFloor {
  int64_t arrival_ns = 0;  // host's clock
  int64_t stamp_ns = 0;    // meter's clock
  uint64_t line = 0;       // number of the line, from 0
  int64_t lag_ns() const { return arrival_ns - stamp_ns; }
};

// A step of the meter's clock between two lines.
struct ClockJump {
  uint64_t line = 0;           // the first one after it
  int64_t stamp_ns = 0;        // its stamp
  int64_t step_ns = 0;         // by how much the clock went ahead, negative: back
  int64_t bound_ns = 0;        // of step_ns: 95 %
  int64_t place_bound_ns = 0;  // the jump is at most this long before the line; meter's clock
  friend bool operator==(const ClockJump&, const ClockJump&) = default;
};

// Lines of one rail, in the order in which they arrive. Constant memory. Thread-compatible.
class Arrivals {
 public:
  // True: the stamps leap here, which may turn out to be a jump.
  bool Add(int64_t stamp_ns, int64_t arrival_ns);

  uint64_t lines() const { return lines_; }
  // The usual time between two stamps; absent before the third line.
  std::optional<int64_t> period_ns() const;
  // One for each span of 100 ms, or of longer ones once they were 8192.
  std::vector<ArrivalFloor> floors() const;
  // How the lags of floors usually change: the drift of the host's clock against the meter's.
  double slope() const;
  // How far floors that follow each other usually are apart in their lags, besides that.
  double jitter_ns() const;
  // The lag of the line that came soonest of those that arrived from `begin_ns` to `end_ns`, up to
  // a floor's span; absent where none did.
  std::optional<int64_t> LeastLag(int64_t begin_ns, int64_t end_ns) const;

  // Steps that the stamps show and the arrivals confirm, in order.
  std::vector<ClockJump> Jumps() const;
  // Whether lines leapt in more places than are kept: then Jumps() may lack some.
  bool restless() const { return leaps_dropped_ > 0; }

 private:
  // Two stamps that follow each other otherwise than the others do.
  struct Leap {
    uint64_t line = 0;  // of the second
    int64_t before_ns = 0, after_ns = 0;
    int64_t arrival_before_ns = 0, arrival_ns = 0;
    int64_t excess_ns = 0;  // of their distance over the usual one
  };
  struct Floor {
    ArrivalFloor least;
    int64_t begin_ns = 0;     // of the span of arrivals
    bool after_leap = false;  // never merged with the one before
  };
  // Whether the line follows the one before as lines usually do.
  bool AddInterval(int64_t stamp_ns, int64_t arrival_ns);
  void AddFloor(int64_t stamp_ns, int64_t arrival_ns, bool after_leap);
  void MergeFloors();
  double Spread() const;  // of the distances of stamps
  // How lags change, and how unsure they are.
  struct Usual {
    double slope = 0;
    double unsure_ns = 0;
  };
  // One floor for each span of time, wherever stamps leapt.
  std::vector<ArrivalFloor> Spans() const;
  // The least lag of what arrived from `begin_ns` to `end_ns`, were all of it to arrive at `at_ns`.
  std::optional<double> LagAt(int64_t at_ns, int64_t begin_ns, int64_t end_ns, double slope) const;
  std::optional<ClockJump> Confirm(const Leap& leap, int64_t since_ns, int64_t until_ns,
                                   const Usual& usual) const;

  uint64_t lines_ = 0;
  int64_t last_stamp_ns_ = 0, last_arrival_ns_ = 0;
  std::vector<Floor> floors_;
  int64_t span_ns_ = 100'000'000;
  std::vector<int64_t> intervals_;  // the last ones that go ahead, in no order
  size_t next_interval_ = 0;
  int64_t period_ns_ = 0;  // their median, brought up to date now and then
  std::vector<Leap> leaps_;
  uint64_t leaps_dropped_ = 0;
};

}  // namespace synergy

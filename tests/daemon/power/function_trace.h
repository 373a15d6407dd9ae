// A power trace for tests: currents and voltages as functions of time, integrated by small steps of
// 1 us.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "daemon/power/power_trace.h"

namespace synergy {

// The same current and voltage on all rails. Fails the test where something is asked for that was
// given up by ForgetBefore, and counts what is asked.
class FunctionTrace final : public PowerTrace {
 public:
  using Function = std::function<double(size_t rail, MonotonicTime)>;

  explicit FunctionTrace(
      Function current, Function voltage = [](size_t, MonotonicTime) { return 19.0; })
      : current_(std::move(current)), voltage_(std::move(voltage)) {}
  static FunctionTrace Constant(double current_a, double voltage_v) {
    return FunctionTrace([current_a](size_t, MonotonicTime) { return current_a; },
                         [voltage_v](size_t, MonotonicTime) { return voltage_v; });
  }

  double MeanCurrent(size_t rail, MonotonicTime begin, MonotonicTime end) override {
    return Mean(current_, rail, begin, end);
  }
  double MeanVoltage(size_t rail, MonotonicTime begin, MonotonicTime end) override {
    return Mean(voltage_, rail, begin, end);
  }
  void ForgetBefore(MonotonicTime time) override { forgotten_ = time; }

  int asked() const { return asked_; }

 private:
  double Mean(const Function& function, size_t rail, MonotonicTime begin, MonotonicTime end) {
    EXPECT_LT(begin, end);
    EXPECT_GE(begin, forgotten_);
    ++asked_;
    const int64_t steps = (end - begin).count / 1000;
    double sum = 0;
    for (int64_t i = 0; i < steps; ++i) {
      sum += function(rail, begin + Nanoseconds{(end - begin).count * (2 * i + 1) / (2 * steps)});
    }
    return sum / static_cast<double>(steps);
  }

  Function current_;
  Function voltage_;
  MonotonicTime forgotten_;
  int asked_ = 0;
};

}  // namespace synergy

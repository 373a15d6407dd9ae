// What goes on, on stderr while it does.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "synergy/v1/job.pb.h"

namespace synergy {

// "squeezenet: measuring 12 of 50, 6.1 W, 8 s left". Pure.
// `begun`: a phase was seen to begin, so that what is between phases now is the end.
std::string ProgressText(const v1::JobStatus& status, std::optional<double> left_s,
                         bool begun = false);
// The same, then shorter forms of it, which leave out what matters least: the network's name, the
// power, words, the time left. The last is "12 of 50".
std::vector<std::string> ProgressForms(const v1::JobStatus& status, std::optional<double> left_s,
                                       bool begun = false);

// How long a job will still take, from the pace of its iterations so far. The host's clock is good
// enough for that: nothing is computed from it.
class TimeLeft {
 public:
  // Absent until an iteration was seen to pass.
  std::optional<double> Update(const v1::JobStatus& status, MonotonicTime now);

 private:
  v1::Phase phase_ = v1::PHASE_UNSPECIFIED;
  uint32_t first_iteration_ = 0;
  MonotonicTime first_seen_;
};

// On a terminal one line that is written over, elsewhere a line for each new phase and every 10 s.
class ProgressLine {
 public:
  // `write` gets raw text for stderr, whose lines have `columns()` columns (0: nobody knows): a
  // line that wraps cannot be written over.
  ProgressLine(bool terminal, Clock& clock, std::function<void(std::string_view)> write,
               std::function<size_t()> columns);
  ~ProgressLine() { Clear(); }

  void Update(const v1::JobStatus& status);
  // Any text, in forms from the longest to the shortest, at least one: on a terminal the first that
  // fits its line, or what fits of the last. `news`: also where lines are rare.
  void Show(const std::vector<std::string>& forms, bool news);
  // Takes the line away, so that other text can follow.
  void Clear();

 private:
  const bool terminal_;
  Clock& clock_;
  const std::function<void(std::string_view)> write_;
  const std::function<size_t()> columns_;
  TimeLeft time_left_;
  bool shown_ = false;
  bool begun_ = false;
  v1::JobState state_ = v1::JOB_STATE_UNSPECIFIED;
  v1::Phase phase_ = v1::PHASE_UNSPECIFIED;
  MonotonicTime last_line_;
};

}  // namespace synergy

// Any program on this machine as a power source: a child process that prints a line for each
// reading (common/exec_lines.h), at its own pace.
//
// The child leads a process group, which is killed with the source. It ends when this process does:
// by setpriv's --pdeathsig where util-linux is installed, else at its next line, which finds no
// reader. A child that ends is gone (NotFound) and started again, once a second at most.
//
// Its stamps are checked against the arrival of its lines (line_clock.h): while they cannot be of
// this machine's clock, there are no readings.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/exec_lines.h"
#include "common/shell_program.h"
#include "daemon/power/attribute_source.h"
#include "daemon/power/line_clock.h"
#include "daemon/power/power_source.h"
#include "daemon/power/rail_names.h"

namespace synergy {

class ExecSource final : public PowerSource {
 public:
  using Start = std::function<absl::StatusOr<RunningProgram>()>;
  // How long a program may take until it has named its rails.
  static constexpr Nanoseconds kPatience = Milliseconds(5000);

  // Starts the program and waits until it prints a rail for the second time: then it has named all
  // of its rails, which are those that it may print from then on. DeadlineExceeded where it does
  // not; FailedPrecondition where it ends, prints something else or times of another clock first.
  // `clock` outlives the
  // source and is the machine's, since the program's stamps are.
  static absl::StatusOr<FoundSource> Open(const std::string& name, Start start, RailNames& names,
                                          Clock& clock);

  const std::string& name() const override { return name_; }
  // The power of each rail, in microwatts. Windows are not known.
  const std::vector<v1::ChannelInfo>& channels() const override { return channels_; }
  // What was printed since the last call, stamped as printed. Lines that cannot be right are lost,
  // with their number and the first one's fault in an Unavailable: no reading, a rail that was not
  // named at first, a time that is not after the rail's last, one of the future or one that is long
  // ago. After one of the latter two, and while the program's clock runs wrongly, each Read is
  // Unavailable until there is a reading again.
  absl::Status Read(std::vector<ChannelReading>* out) override;
  std::vector<std::string> Remarks() const override;
  std::string Doubt() const override;

 private:
  struct Rail {
    uint32_t channel = 0;
    int64_t last_ns = -1;
    std::optional<int64_t> last_raw;
  };

  struct Line {
    std::string text;
    MonotonicTime absent;   // it had not come yet
    MonotonicTime arrival;  // it had
  };

  ExecSource(std::string name, Start start, Clock& clock);
  absl::Status NameRails(RailNames& names);
  // Lines that have come; NotFound where the program has ended.
  absl::StatusOr<std::vector<Line>> TakeLines();
  absl::Status Restart();
  absl::Status AddReading(const Line& line, std::vector<ChannelReading>* out);

  const std::string name_;
  const Start start_;
  Clock& clock_;
  std::vector<v1::ChannelInfo> channels_;
  std::map<std::string, Rail> rails_;  // as the program names them
  std::optional<RunningProgram> program_;
  LineSplitter splitter_;
  std::vector<Line> early_;  // from before the rails were known
  MonotonicTime drained_;    // everything that was printed up to then was taken
  LineClock line_clock_;
  std::string astray_;  // why the last stamp was of no reading; "": it was of one
  MonotonicTime restart_due_;
};

}  // namespace synergy

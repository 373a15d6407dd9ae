// Everything that the chunks of one run say, decoded as they come.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/attribution/event_totals.h"
#include "common/marker_ring.h"
#include "common/records/readings.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// Power of a rail at an instant, the middle of the read, or the mean over the window around it.
struct PowerSample {
  int64_t at_ns = 0;
  double power_w = 0;
  int64_t half_ns = 0;  // of the window, where the read's own stamps are that; else 0

  int64_t begin_ns() const { return at_ns - half_ns; }
  int64_t end_ns() const { return at_ns + half_ns; }
};

// A rail with its samples in order of time; none where it was not measured, or lacks a channel.
struct RailPower {
  std::string rail;
  std::vector<PowerSample> samples;
};

// Records that a channel's numbering has and the chunks have not: the device dropped them.
struct LostRecords {
  uint32_t channel = 0;
  uint64_t first_sequence = 0;
  uint64_t count = 0;
};

// Incremental and without I/O. Thread-compatible.
class RunData {
 public:
  // Chunks come in order of seq from 0 on. One that came before is ignored where it is the same and
  // DataLoss where it is not; a hole is OutOfRange and names the seq that is missing. DataLoss also
  // for bytes that cannot be decoded, records in channels that the header does not have, a run that
  // does not begin with its header, stamps that go back in time. After an error nothing of the
  // chunk was taken.
  absl::Status Add(const v1::Chunk& chunk);

  uint64_t next_seq() const { return seen_.size(); }

  // Null until the header came; then everything else is meaningful.
  const v1::RunHeader* header() const { return header_ ? &*header_ : nullptr; }
  // Empty before the first iteration was over.
  const std::vector<v1::OperatorInfo>& operators() const { return operators_; }
  const std::vector<v1::PhaseChange>& phases() const { return phases_; }
  const std::vector<v1::Gap>& gaps() const { return gaps_; }
  const std::vector<v1::Notice>& notices() const { return notices_; }
  // Null where the job asked for no clocks, or the record never came.
  const v1::ClockLease* clocks() const { return clocks_ ? &*clocks_ : nullptr; }
  // What has changed since the one before; the first has everything.
  const std::vector<v1::Conditions>& conditions() const { return conditions_; }
  const std::vector<v1::ClockChange>& clock_changes() const { return clock_changes_; }
  const std::vector<v1::ChirpPlayed>& chirps() const { return chirps_; }
  // Null where no events are counted.
  const v1::CountedEvents* counted() const { return counted_ ? &*counted_ : nullptr; }
  const OperatorEvents& counts() const { return counts_; }
  const std::vector<LostRecords>& lost() const { return lost_; }
  // Null while the run goes on, and for ever where the daemon was killed.
  const v1::RunEnd* end() const { return end_ ? &*end_ : nullptr; }
  // No end, or the end of a run that was not completed: what is there counts, but it is not all.
  bool partial() const;

  const std::vector<Marker>& markers() const { return markers_; }
  // Raw readings by channel number, as they came.
  const std::map<uint32_t, std::vector<Reading>>& readings() const { return readings_; }

  // Power of every rail, in the board's order: from the rail's power channel or else
  // from each current times the voltage at that time (linear between its readings, the nearest one
  // outside them). A rail without these, or with only an energy counter, has no samples.
  std::vector<RailPower> Power() const;
  // The same from the last reading before `from_ns` to the first one after `until_ns`.
  std::vector<RailPower> Power(int64_t from_ns, int64_t until_ns) const;

  // Drops the first of the markers and, by channel, of the readings: a long run's that were used.
  void Forget(size_t markers, const std::map<uint32_t, size_t>& readings);

 private:
  // Where a chunk that was already taken is compared with one that comes again.
  struct Seen {
    uint32_t crc32c;
    uint32_t channel;
    uint32_t count;
    uint64_t first_sequence;
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  struct Decoded;

  absl::Status Decode(const v1::Chunk& chunk, Decoded* decoded) const;
  absl::Status CheckRecords(const std::vector<v1::RunRecord>& records) const;
  void Take(const v1::Chunk& chunk, Decoded decoded);
  void TakeRecord(v1::RunRecord record);
  const v1::ChannelInfo* FindChannel(const std::string& rail,
                                     v1::ChannelInfo::Quantity quantity) const;
  std::vector<PowerSample> PowerOf(const std::string& rail, int64_t from_ns,
                                   int64_t until_ns) const;

  std::vector<Seen> seen_;
  std::map<uint32_t, uint64_t> next_sequence_;  // by channel
  std::optional<v1::RunHeader> header_;
  std::vector<v1::OperatorInfo> operators_;
  std::vector<v1::PhaseChange> phases_;
  std::vector<v1::Gap> gaps_;
  std::vector<v1::Notice> notices_;
  std::vector<LostRecords> lost_;
  std::optional<v1::ClockLease> clocks_;
  std::vector<v1::Conditions> conditions_;
  std::vector<v1::ClockChange> clock_changes_;
  std::vector<v1::ChirpPlayed> chirps_;
  std::optional<v1::CountedEvents> counted_;
  OperatorEvents counts_;
  std::optional<v1::RunEnd> end_;
  std::vector<Marker> markers_;
  std::map<uint32_t, std::vector<Reading>> readings_;  // every channel of the header
};

}  // namespace synergy

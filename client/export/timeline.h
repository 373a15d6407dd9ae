// A run as a timeline: every rail's power, clocks and temperatures as values over time, operators
// as slices on the worker's threads, phases, iterations and gaps as slices, and they and all else
// that happened as instants. docs/export.md says which track has what. Pure.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/export/record_writer.h"
#include "client/export/track_writer.h"

namespace synergy {

class Timeline : public RecordWriter {
 public:
  Timeline(const ExportedRun& run, std::unique_ptr<TrackWriter> writer);

 protected:
  void Start(std::string* out) override;
  void Sample(const v1::ChannelInfo& channel, const Reading& reading,
              const std::optional<RailPowerPoint>& power, std::string* out) override;
  void MeterSample(const std::string& rail, const PowerSample& sample, std::string* out) override;
  void Executions(const std::vector<Marker>& markers, std::string* out) override;
  void Record(const v1::RunRecord& record, std::string* out) override;
  void Lost(uint32_t channel, uint64_t count, int64_t at_ns, std::string* out) override;
  void Finish(std::string* out) override;

 private:
  // Tracks of one name: a slice that would overlap another without being in it, or around it, gets
  // the next one.
  struct Lane {
    Track track;
    int64_t begin_ns = 0;       // of the slice before
    std::vector<int64_t> ends;  // of those that it is in, the innermost last
    bool Takes(int64_t begin_ns, int64_t end_ns);
  };
  using Lanes = std::vector<Lane>;

  const Track& AddTrack(Track::Kind kind, uint32_t process, std::string name, std::string* out);
  const Track& TrackFor(Track::Kind kind, uint32_t process, const std::string& name,
                        int64_t begin_ns, int64_t end_ns, std::string* out);
  void Value(const std::string& name, int64_t at_ns, double value, std::string* out);
  void Instant(int64_t at_ns, std::string_view name, const TrackArguments& arguments,
               std::string* out);
  void Execution(const Marker& marker, std::string* out);
  void EndPhase(int64_t at_ns, std::string* out);
  void Add(const v1::Gap& gap, std::string* out);
  void Add(const v1::Conditions& conditions, std::string* out);
  void Add(const v1::ClockChange& change, std::string* out);
  void Add(const v1::ChirpPlayed& chirp, std::string* out);
  void Add(const v1::RunEnd& end, std::string* out);
  size_t Kept(uint32_t op);
  TrackArguments Facts() const;

  const std::unique_ptr<TrackWriter> writer_;
  std::deque<Track> tracks_;  // whose addresses stay
  uint32_t board_ = 0, worker_ = 0;
  const Track* events_ = nullptr;
  std::map<std::string, const Track*> values_;
  std::map<std::pair<uint32_t, std::string>, Lanes> lanes_;  // by process and name
  std::map<uint32_t, size_t> kept_;                          // by operator
  std::map<std::string, uint64_t> throttles_;
  std::optional<v1::PhaseChange> phase_;
};

}  // namespace synergy

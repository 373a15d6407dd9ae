// A format in one file that has every record of the run: chunks, decoded. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/export/export_writer.h"
#include "client/traces/rail_watts.h"
#include "common/marker_ring.h"
#include "common/records/readings.h"

namespace synergy {

class RecordWriter : public ExportWriter {
 public:
  explicit RecordWriter(const ExportedRun& run) : run_(run) {}

  std::string left_out() const override;
  absl::Status Scan(const v1::Chunk& chunk) final;
  void Begin(Texts& out) final { Start(&out.front()); }
  absl::Status Write(const v1::Chunk& chunk, Texts& out) final;
  void End(Texts& out) final;

 protected:
  const RunReport& report() const { return run_.report; }
  int64_t number() const { return run_.number; }
  // Of the engine's table, however much of it ran; null: it is not there.
  const v1::OperatorInfo* FindOperator(uint32_t op) const;
  // Of which a power can be computed.
  const std::vector<RailWatts>& rails() const { return rails_; }
  // The latest stamp of all records.
  int64_t end_ns() const { return end_ns_; }

  virtual void Start(std::string* out) = 0;
  // `power`: of readings of a rail's power, current or counter where it is known (RailWatts::At).
  virtual void Sample(const v1::ChannelInfo& channel, const Reading& reading,
                      const std::optional<RailPowerPoint>& power, std::string* out) = 0;
  // Of a meter on the host, within the run's time: its rails' readings in turns, behind the board's
  // of the same time.
  virtual void MeterSample(const std::string& rail, const PowerSample& sample,
                           std::string* out) = 0;
  // Of one chunk, in the order of the store; without records of calibrations.
  virtual void Executions(const std::vector<Marker>& markers, std::string* out) = 0;
  virtual void Record(const v1::RunRecord& record, std::string* out) = 0;
  // Records of a channel that its numbering has and the chunks have not; found at that time.
  virtual void Lost(uint32_t channel, uint64_t count, int64_t at_ns, std::string* out) = 0;
  virtual void Finish(std::string* out) = 0;

 private:
  void Note(const v1::RunRecord& record);
  absl::Status WriteReadings(const v1::Chunk& chunk, uint64_t lost, std::string* out);
  absl::Status WriteMarkers(const v1::Chunk& chunk, uint64_t lost, std::string* out);
  void WriteMeter(int64_t until_ns, std::string* out);

  const ExportedRun run_;
  std::optional<v1::RunHeader> header_;
  std::vector<v1::OperatorInfo> operators_;
  std::vector<RailWatts> rails_;
  int64_t end_ns_ = 0;
  std::map<uint32_t, uint64_t> next_sequence_;  // by channel; while written
  std::vector<size_t> next_sample_;             // of each of the meter's rails, likewise
};

}  // namespace synergy

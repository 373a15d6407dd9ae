// A run as JSON lines: what it was, its operators, then every record in the order of the store.
// docs/export.md lists the lines. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/export/record_writer.h"

namespace synergy {

class JsonlWriter : public RecordWriter {
 public:
  using RecordWriter::RecordWriter;

 protected:
  void Start(std::string* out) override;
  void Sample(const v1::ChannelInfo& channel, const Reading& reading,
              const std::optional<RailPowerPoint>& power, std::string* out) override;
  void MeterSample(const std::string& rail, const PowerSample& sample, std::string* out) override;
  void Executions(const std::vector<Marker>& markers, std::string* out) override;
  void Record(const v1::RunRecord& record, std::string* out) override;
  void Lost(uint32_t channel, uint64_t count, int64_t at_ns, std::string* out) override;
  void Finish(std::string*) override {}
};

}  // namespace synergy

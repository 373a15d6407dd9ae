// A run over time, as the page of a report shows it: the power of every rail, clocks,
// temperatures, what the worker's threads executed, phases, gaps, and what happened. Pure.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "client/export/record_writer.h"
#include "client/report/page/packed_series.h"

namespace synergy {

// Fed like any RecordWriter; it writes nothing. Json() is for after End().
class RunTimeline : public RecordWriter {
 public:
  explicit RunTimeline(const ExportedRun& run);

  // Times in seconds since the run's begin. docs/report.md says what a page leaves out of long
  // runs.
  nlohmann::ordered_json Json() const;

 protected:
  void Start(std::string*) override {}
  void Sample(const v1::ChannelInfo& channel, const Reading& reading,
              const std::optional<RailPowerPoint>& power, std::string* out) override;
  void MeterSample(const std::string& rail, const PowerSample& sample, std::string* out) override;
  void Executions(const std::vector<Marker>& markers, std::string* out) override;
  void Record(const v1::RunRecord& record, std::string* out) override;
  void Lost(uint32_t channel, uint64_t count, int64_t at_ns, std::string* out) override;
  void Finish(std::string*) override;

 private:
  // Bytes: per execution zigzag(begin - end of the one before), end - begin, both in units of
  // 100 ns, and the operator, as LEB128 varints.
  struct Executed {
    std::string bytes = {};
    int64_t end_units = 0;
    uint64_t count = 0;
    uint64_t left_out = 0;
  };
  using Series = std::map<std::string, PackedSeries>;
  using Rails = std::vector<std::pair<std::string, PackedSeries>>;

  double Seconds(int64_t at_ns) const;
  void Power(const std::string& rail, int64_t at_ns, double power_w, Rails* rails);
  void Value(const std::string& name, int64_t at_ns, double value, double step, Series* series);
  static void Execution(int64_t begin_units, int64_t end_units, uint32_t op, Executed* executed);
  void EndPhase(int64_t at_ns);
  void Gap(const v1::Gap& gap);
  void Event(int64_t at_ns, const std::string& what, const std::string& text);
  static nlohmann::ordered_json JsonOf(const Series& series);

  const int64_t begin_ns_;
  Rails rails_, meter_;  // in the order of their first reading
  Series clocks_, temperatures_;
  std::map<uint32_t, Executed> threads_;
  Executed iterations_;
  std::optional<v1::PhaseChange> phase_;
  nlohmann::ordered_json phases_ = nlohmann::ordered_json::array();
  nlohmann::ordered_json gaps_ = nlohmann::ordered_json::array();
  nlohmann::ordered_json events_ = nlohmann::ordered_json::array();
  uint64_t gaps_left_out_ = 0, events_left_out_ = 0;
};

}  // namespace synergy

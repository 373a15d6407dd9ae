// A small run with round numbers, as the chunks that a board would send.
//
// Two operators, conv1 (10 ms, 1 MMAC) and relu1 (5 ms), with 1 ms between them and 4 ms after
// them: 20 ms an iteration, one of warm-up and two measured. Before them 20 ms of loading and 10 ms
// of the init net. VDD_IN draws 5 W and VDD_CPU, a part of it, 2 W, always; both are read every
// millisecond.
#pragma once

#include <string>
#include <vector>

#include "common/marker_ring.h"
#include "common/records/chunk.h"
#include "common/records/markers.h"
#include "common/records/readings.h"

namespace synergy {

inline constexpr int64_t kSampleBeginNs = 1'000'000'000'000;
inline constexpr int64_t kMsNs = 1'000'000;
inline constexpr int64_t kSampleEndNs = kSampleBeginNs + 90 * kMsNs;
inline constexpr const char* kSampleRunId = "run-0123456789abcdef";
// 2024-05-01T12:00:00.25Z
inline constexpr int64_t kSampleWallNs = 1'714'564'800'250'000'000;

inline v1::BoardInfo SampleBoard() {
  v1::BoardInfo board;
  board.set_board_id("board-1");
  board.set_name("sim:jetson-tx1");
  board.set_title("Jetson TX1 (simulated)");
  board.set_simulated(true);
  v1::RailInfo* in = board.add_rails();
  in->set_name("VDD_IN");
  in->set_scope(v1::RAIL_SCOPE_MODULE);
  v1::RailInfo* cpu = board.add_rails();
  cpu->set_name("VDD_CPU");
  cpu->set_scope(v1::RAIL_SCOPE_COMPONENT);
  cpu->set_contained_in("VDD_IN");
  board.add_engines("caffe2-eigen");
  board.add_engines("caffe2-openblas");
  return board;
}

inline v1::JobStatus SampleStatus(v1::JobState state = v1::JOB_STATE_RUNNING) {
  v1::JobStatus status;
  status.set_run_id(kSampleRunId);
  v1::JobSpec* spec = status.mutable_spec();
  spec->set_net_name("tiny");
  spec->set_engine("caffe2-eigen");
  spec->set_iterations(2);
  spec->set_warmup(1);
  spec->set_threads(1);
  spec->set_batch(1);
  spec->set_seed(7);
  status.set_state(state);
  status.set_submitted_unix_ns(kSampleWallNs - 1'000'000'000);
  status.set_has_truth(true);
  return status;
}

inline v1::RunRecord SampleHeader() {
  v1::RunRecord record;
  v1::RunHeader* header = record.mutable_header();
  header->set_run_id(kSampleRunId);
  *header->mutable_job() = SampleStatus().spec();
  *header->mutable_board() = SampleBoard();
  header->set_clock("CLOCK_MONOTONIC");
  header->set_begin_ns(kSampleBeginNs);
  header->set_wall_time_unix_ns(kSampleWallNs);
  header->set_engine_version("Caffe2 of a test");
  header->set_requested_hz(1000);
  for (uint32_t i = 0; i < 2; ++i) {
    v1::ChannelInfo* channel = header->add_channels();
    channel->set_channel(kFirstSensorChannel + i);
    channel->set_rail(i == 0 ? "VDD_IN" : "VDD_CPU");
    channel->set_quantity(v1::ChannelInfo::QUANTITY_POWER);
    channel->set_scale(0.001);
    channel->set_source("meter");
  }
  return record;
}

inline v1::RunRecord SampleOperators() {
  v1::RunRecord record;
  v1::OperatorInfo* conv = record.mutable_operators()->add_operators();
  conv->set_name("conv1");
  conv->set_type("Conv");
  conv->set_has_cost(true);
  conv->set_macs(1'000'000);
  conv->set_flops(2'000'000);
  conv->set_bytes_read(4000);
  conv->set_bytes_written(400);
  conv->set_params(10);
  v1::TensorShape* output = conv->add_outputs();
  output->set_blob("conv1");
  for (const int64_t dim : {1, 64, 8, 8}) output->add_dims(dim);
  v1::OperatorInfo* relu = record.mutable_operators()->add_operators();
  relu->set_index(1);
  relu->set_name("relu1");
  relu->set_type("Relu");
  return record;
}

inline v1::RunRecord SampleEnd(v1::JobState state = v1::JOB_STATE_DONE) {
  v1::RunRecord record;
  v1::RunEnd* end = record.mutable_end();
  end->set_end_ns(kSampleEndNs);
  end->set_state(state);
  if (state != v1::JOB_STATE_DONE) end->set_error("the worker died of SIGSEGV in conv1");
  end->set_verdict(v1::VERDICT_VALID);
  v1::SourceStats* source = end->mutable_sampling()->add_sources();
  source->set_source("meter");
  source->set_requested_hz(1000);
  source->set_achieved_hz(999.5);
  source->set_fresh_hz(998);
  source->set_ticks(90);
  source->set_missed(1);
  end->set_markers(8);
  return record;
}

inline std::vector<Marker> SampleMarkers() {
  std::vector<Marker> markers;
  int64_t now = kSampleBeginNs;
  const auto add = [&](uint32_t op, uint32_t iteration, v1::Phase phase, int64_t ms) {
    Marker marker = {};
    marker.begin_ns = now;
    marker.end_ns = now += ms * kMsNs;
    marker.op = op;
    marker.iteration = iteration;
    marker.phase = static_cast<uint8_t>(phase);
    markers.push_back(marker);
  };
  add(kOpLoad, 0, v1::PHASE_SETUP, 20);
  add(kOpInit, 0, v1::PHASE_SETUP, 10);
  for (uint32_t i = 0; i < 3; ++i) {
    const v1::Phase phase = i == 0 ? v1::PHASE_WARMUP : v1::PHASE_MEASURE;
    const int64_t begin_ns = now;
    add(0, i == 0 ? 0 : i - 1, phase, 10);
    now += 1 * kMsNs;
    add(1, i == 0 ? 0 : i - 1, phase, 5);
    now += 4 * kMsNs;
    Marker net = markers.back();
    net.begin_ns = begin_ns;
    net.op = kOpNet;
    markers.push_back(net);
  }
  return markers;
}

inline std::vector<Reading> SampleReadings(int64_t raw) {
  std::vector<Reading> readings;
  for (int64_t at = kSampleBeginNs; at <= kSampleEndNs; at += kMsNs) {
    readings.push_back({at, at, raw, Freshness::kFresh});
  }
  return readings;
}

inline std::vector<v1::Chunk> SampleChunks(v1::JobState state = v1::JOB_STATE_DONE,
                                           const v1::RunRecord& operators = SampleOperators()) {
  std::vector<v1::Chunk> chunks;
  const auto add = [&](uint32_t channel, uint64_t first, size_t count, v1::Encoding encoding,
                       std::string data) {
    chunks.push_back(MakeChunk(chunks.size(), channel, first, static_cast<uint32_t>(count),
                               encoding, std::move(data)));
  };
  const std::vector<v1::RunRecord> begin = {SampleHeader(), operators};
  add(kRunRecordsChannel, 0, begin.size(), v1::ENCODING_RUN_RECORDS, EncodeRunRecords(begin));
  for (uint32_t rail = 0; rail < 2; ++rail) {
    const std::vector<Reading> readings = SampleReadings(rail == 0 ? 5000 : 2000);
    add(kFirstSensorChannel + rail, 0, readings.size(), v1::ENCODING_READINGS,
        EncodeReadings(readings));
  }
  const std::vector<Marker> markers = SampleMarkers();
  add(kMarkersChannel, 0, markers.size(), v1::ENCODING_MARKERS, EncodeMarkers(markers));
  add(kRunRecordsChannel, begin.size(), 1, v1::ENCODING_RUN_RECORDS,
      EncodeRunRecords({SampleEnd(state)}));
  return chunks;
}

}  // namespace synergy

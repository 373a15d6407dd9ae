#include "client/traces/trace_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "client/traces/operator_rows.h"
#include "common/reading_counts.h"
#include "common/records/chunk.h"
#include "common/records/reading_span.h"

namespace synergy {
namespace {

double RateOf(const RailFacts& rail) {
  return static_cast<double>(rail.readings) * 1e9 /
         static_cast<double>(std::max<int64_t>(rail.end_ns - rail.begin_ns, 1));
}

// What lies between stamps costs, too: a day of nothing takes seconds, and tens of MB.
constexpr int64_t kMostSpanNs = 2 * 24 * 3'600'000'000'000;

absl::Status CheckSpan(const SampleTable& samples, const MarkerTable& markers) {
  const int64_t begin = std::min(samples.begin_ns(), markers.begin_ns());
  const int64_t end = std::max(samples.end_ns(), markers.end_ns());
  if (end - begin <= kMostSpanNs) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "from the first stamp of {} and {}, {} ns, to the last one, {} ns, there are {:.1f} days, "
      "and "
      "a run has at most 2: is one of them wrong, or not in nanoseconds?",
      samples.name(), markers.name(), begin, end, static_cast<double>(end - begin) / 86'400e9));
}

absl::Status CheckDurations(const MarkerTable& markers) {
  if (markers.has_durations()) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "every operator of {} ends at the instant at which it begins: energies of operators need "
      "begin_ns and end_ns of what each execution took, in nanoseconds",
      markers.name()));
}

absl::Status CheckOneClock(const SampleTable& samples, const MarkerTable& markers) {
  if (samples.begin_ns() < markers.end_ns() && markers.begin_ns() < samples.end_ns()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(fmt::format(
      "the windows of {} lie between {} and {} ns, the operators of {} between {} and {} ns: none "
      "of them was measured. Both files need the stamps of one clock, in nanoseconds",
      samples.name(), samples.begin_ns(), samples.end_ns(), markers.name(), markers.begin_ns(),
      markers.end_ns()));
}

// Slot and period say what the windows are like on the whole, for reports; attribution goes by each
// reading's own.
v1::Window WindowOf(const RailFacts& rail) {
  v1::Window window = rail.sensor.window;
  if (!window.stamps_are_window()) return window;
  window.set_slot_s(rail.windows_s / static_cast<double>(rail.readings));
  window.set_period_s(std::max(window.slot_s(), 1 / RateOf(rail)));
  window.set_phase_known(true);
  return window;
}

// The recorded channel of what a rail's readings are; null: there is none.
v1::ChannelInfo* FindChannel(const v1::ChannelInfo& wanted, v1::RunHeader* header) {
  for (v1::ChannelInfo& channel : *header->mutable_channels()) {
    if (channel.rail() == wanted.rail() && channel.quantity() == wanted.quantity()) return &channel;
  }
  return nullptr;
}

// Simulated boards are told by their names.
std::string BoardName(const TraceOrigin& origin) {
  return origin.simulated && origin.board == TraceOrigin().board ? "sim:" + origin.board
                                                                 : origin.board;
}

// What was imported is never taken for what was measured here.
std::string BoardTitle(const std::string& title) {
  return title.find("imported") != std::string::npos ? title : title + ", imported";
}

void AddPhase(v1::Phase phase, int64_t at_ns, std::vector<v1::PhaseChange>* phases) {
  v1::PhaseChange& one = phases->emplace_back();
  one.set_phase(phase);
  one.set_at_ns(at_ns);
}

double IdleSeconds(const std::vector<v1::PhaseChange>& phases, int64_t end_ns) {
  double longest_s = 0;
  for (size_t i = 0; i < phases.size(); ++i) {
    if (phases[i].phase() != v1::PHASE_IDLE) continue;
    const int64_t end = i + 1 < phases.size() ? phases[i + 1].at_ns() : end_ns;
    longest_s = std::max(longest_s, static_cast<double>(end - phases[i].at_ns()) * 1e-9);
  }
  return longest_s;
}

}  // namespace

TraceOrigin OriginOf(const SampleTable& samples, const MarkerTable& markers,
                     const SensorFile& sensors) {
  TraceOrigin origin = sensors.origin;
  origin.simulated = origin.simulated || samples.simulated() || markers.simulated();
  return origin;
}

absl::StatusOr<TraceRun> TraceRun::Make(SampleTable& samples, MarkerTable& markers,
                                        const SensorFile& sensors, const TraceIdentity& identity) {
  if (absl::Status status = CheckOneClock(samples, markers); !status.ok()) return status;
  if (absl::Status status = CheckSpan(samples, markers); !status.ok()) return status;
  if (absl::Status status = CheckDurations(markers); !status.ok()) return status;
  TraceRun run(samples, markers);
  const TraceOrigin origin = OriginOf(samples, markers, sensors);
  v1::RunHeader& header = run.header_;
  header.set_run_id(identity.run_id);
  header.set_clock(std::string(kImportedClock));
  header.set_begin_ns(std::min(samples.begin_ns(), markers.begin_ns()));
  header.set_wall_time_unix_ns(origin.started_unix_ns > 0 ? origin.started_unix_ns
                                                          : identity.wall_time_unix_ns);
  header.set_engine_version(origin.engine_version.empty()
                                ? fmt::format("{} and {}, imported by {}", samples.name(),
                                              markers.name(), identity.importer)
                                : origin.engine_version);
  v1::BoardInfo* board = header.mutable_board();
  board->set_board_id(identity.board_id);
  board->set_name(BoardName(origin));
  board->set_title(BoardTitle(origin.title));
  board->set_simulated(origin.simulated);
  board->set_daemon_version(identity.importer);
  run.AddChannels();
  run.AddPhases();
  run.end_ = run.End(origin);
  v1::JobSpec* job = header.mutable_job();
  const std::string& known = identity.net.empty() ? origin.net : identity.net;
  job->set_net_name(known.empty() ? "imported" : known);
  job->set_engine(origin.engine);
  job->set_iterations(static_cast<uint32_t>(markers.IterationsIn(v1::PHASE_MEASURE)));
  job->set_warmup(static_cast<uint32_t>(markers.IterationsIn(v1::PHASE_WARMUP)));
  job->set_threads(std::max(origin.threads, markers.threads()));
  job->set_batch(origin.batch);
  job->set_seed(origin.seed);
  job->set_idle_s(IdleSeconds(run.phases_, run.end_.end_ns()));
  run.operators_ = markers.operators();
  return run;
}

absl::Status TraceRun::SetOperators(const v1::OperatorTable& operators, const std::string& file) {
  if (!markers_.has_indexes()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: it tells operators by their index, which {} has not: add the column "
                    "'index' there",
                    file, markers_.name()));
  }
  absl::StatusOr<v1::OperatorTable> merged = MergedOperators(operators_, operators, file);
  if (merged.ok()) operators_ = *std::move(merged);
  return merged.status();
}

absl::Status TraceRun::SetRecords(TraceRecords records, const std::string& file) {
  v1::RunHeader& header = records.header;
  for (size_t i = 0; i < channels_.size(); ++i) {
    for (const v1::ChannelInfo& made : header_.channels()) {
      if (made.rail() != samples_.rails()[i].sensor.rail.name()) continue;
      v1::ChannelInfo* const recorded = FindChannel(made, &header);
      if (recorded == nullptr) {
        return absl::InvalidArgumentError(
            fmt::format("{}: the run has no channel of the rail '{}' with what {} says of it", file,
                        made.rail(), samples_.name()));
      }
      const bool is_voltage = made.quantity() == v1::ChannelInfo::QUANTITY_VOLTAGE;
      (is_voltage ? channels_[i].voltage : channels_[i].main) = recorded->channel();
      if (recorded->scale() == made.scale()) continue;
      recorded->set_scale(made.scale());  // of a step that no row can have
      recorded->set_noise_steps(made.noise_steps());
    }
  }
  header.set_run_id(header_.run_id());
  v1::BoardInfo* board = header.mutable_board();
  board->set_board_id(header_.board().board_id());
  board->set_title(BoardTitle(board->title()));
  board->set_simulated(board->simulated() || header_.board().simulated());
  header_ = std::move(header);
  operators_ = std::move(records.operators).value_or(v1::OperatorTable());
  is_whole_ = records.end.has_value();
  if (is_whole_) end_ = *std::move(records.end);
  records_ = std::move(records.others);
  return absl::OkStatus();
}

void TraceRun::AddChannels() {
  uint32_t next = kFirstSensorChannel;
  double slowest_hz = 0;
  for (const RailFacts& rail : samples_.rails()) {
    *header_.mutable_board()->add_rails() = rail.sensor.rail;
    slowest_hz = slowest_hz > 0 ? std::min(slowest_hz, RateOf(rail)) : RateOf(rail);
    channels_.push_back({next, next + 1});
    if (rail.kind == RawKind::kRaw) {
      next = AddRawChannels(rail, next);
      continue;
    }
    const bool current = rail.kind == RawKind::kCurrent;
    const auto add = [&](v1::ChannelInfo::Quantity quantity, double scale) {
      v1::ChannelInfo* channel = header_.add_channels();
      channel->set_channel(next++);
      channel->set_rail(rail.sensor.rail.name());
      channel->set_quantity(quantity);
      channel->set_scale(scale);
      channel->set_source(samples_.name());
      *channel->mutable_window() = WindowOf(rail);
      channel->set_independent_hz(IndependentHz(channel->window()));
      // Of the power: both of its factors share it.
      channel->set_gain_tolerance(rail.sensor.gain_tolerance / (current ? 2 : 1));
      if (quantity != v1::ChannelInfo::QUANTITY_VOLTAGE) {
        channel->set_noise_steps(rail.sensor.noise_steps);
      }
    };
    if (current) {
      add(v1::ChannelInfo::QUANTITY_CURRENT, 1);
      add(v1::ChannelInfo::QUANTITY_VOLTAGE, kVoltsPerRaw);
    } else {
      add(v1::ChannelInfo::QUANTITY_POWER,
          rail.kind == RawKind::kSteps ? rail.step_w : kWattsPerRaw);
    }
  }
  header_.set_requested_hz(slowest_hz);
}

// In the order of the sensor file's tables: a voltage follows its current.
uint32_t TraceRun::AddRawChannels(const RailFacts& rail, uint32_t next) {
  for (const TraceChannel& raw : rail.sensor.raw) {
    v1::ChannelInfo* channel = header_.add_channels();
    channel->set_channel(next++);
    channel->set_rail(rail.sensor.rail.name());
    channel->set_quantity(raw.quantity);
    channel->set_scale(raw.step);
    channel->set_source(samples_.name());
    *channel->mutable_window() = raw.window;
    channel->set_independent_hz(IndependentHz(raw.window));
    channel->set_gain_tolerance(raw.gain_tolerance);
    channel->set_noise_steps(raw.noise_steps);
  }
  return next;
}

void TraceRun::AddPhases() {
  phases_ = markers_.phases();
  if (!phases_.empty()) return;
  if (samples_.begin_ns() < markers_.begin_ns()) {
    AddPhase(v1::PHASE_IDLE, samples_.begin_ns(), &phases_);
  }
  for (const v1::Phase phase : {v1::PHASE_SETUP, v1::PHASE_WARMUP, v1::PHASE_MEASURE}) {
    if (const auto begin = markers_.BeginOf(phase)) AddPhase(phase, *begin, &phases_);
  }
  if (markers_.end_ns() < samples_.end_ns()) {
    AddPhase(v1::PHASE_IDLE, markers_.end_ns(), &phases_);
  }
  std::ranges::stable_sort(phases_, {}, &v1::PhaseChange::at_ns);
}

v1::RunEnd TraceRun::End(const TraceOrigin& origin) const {
  v1::RunEnd end;
  end.set_end_ns(std::max(
      {samples_.end_ns(), markers_.end_ns(), markers_.phases_end_ns().value_or(INT64_MIN)}));
  end.set_state(v1::JOB_STATE_DONE);
  end.set_verdict(origin.verdict);
  end.mutable_reasons()->Assign(origin.reasons.begin(), origin.reasons.end());
  end.set_markers(markers_.markers());
  v1::SourceStats* source = end.mutable_sampling()->add_sources();
  source->set_source(samples_.name());
  source->set_requested_hz(header_.requested_hz());
  source->set_achieved_hz(header_.requested_hz());
  source->set_fresh_hz(header_.requested_hz());
  for (const v1::ChannelInfo& channel : header_.channels()) {
    const auto rail = std::ranges::find(samples_.rails(), channel.rail(), [](const RailFacts& one) {
      return one.sensor.rail.name();
    });
    v1::ChannelStats* stats = source->add_channels();
    stats->set_channel(channel.channel());
    stats->set_rail(channel.rail());
    stats->set_quantity(channel.quantity());
    if (rail->kind == RawKind::kRaw && channel.quantity() == v1::ChannelInfo::QUANTITY_VOLTAGE) {
      const double share =
          static_cast<double>(rail->raw_voltages) / static_cast<double>(rail->readings);
      for (const auto set : {&v1::ChannelStats::set_requested_hz,
                             &v1::ChannelStats::set_achieved_hz, &v1::ChannelStats::set_fresh_hz}) {
        (stats->*set)(share * RateOf(*rail));
      }
      stats->set_fresh_is_bound(true);
      continue;  // they are read now and then only, on purpose
    }
    stats->set_requested_hz(RateOf(*rail));
    stats->set_achieved_hz(RateOf(*rail));
    stats->set_fresh_hz(RateOf(*rail) * static_cast<double>(rail->fresh) /
                        static_cast<double>(rail->readings));
    stats->set_fresh_is_bound(!rail->fresh_known);
    stats->set_independent_hz(std::min(channel.independent_hz(), stats->fresh_hz()));
    source->set_fresh_hz(std::min(source->fresh_hz(), stats->fresh_hz()));
    source->set_ticks(std::max(source->ticks(), rail->readings));
  }
  return end;
}

absl::Status TraceRun::Write(const BlockText& samples, const BlockText& markers,
                             const ChunkStream::Sink& sink) {
  ChunkStream stream(sink);
  v1::RunRecord record;
  *record.mutable_header() = header_;
  absl::Status status = stream.Add(record);
  *record.mutable_operators() = operators_;
  const bool has_operators = !records_ || !operators_.operators().empty();
  if (status.ok() && has_operators) status = stream.Add(record);
  std::vector<TimedRecord> phases;
  for (const v1::PhaseChange& phase : phases_) {
    *phases.emplace_back(TimedRecord{.at_ns = phase.at_ns()}).record.mutable_phase() = phase;
  }
  TraceCourse course(samples_, markers_, records_ ? *records_ : phases, channels_,
                     records_.has_value(), stream);
  if (status.ok()) status = course.Write(samples, markers);
  if (status.ok()) status = stream.Flush();
  if (!is_whole_) return status;
  *record.mutable_end() = end_;
  return status.ok() ? stream.Add(record) : status;
}

}  // namespace synergy

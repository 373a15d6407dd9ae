#include "client/export/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "client/analysis/report_json.h"
#include "client/analysis/report_names.h"
#include "client/analysis/simulated_notice.h"
#include "client/export/operator_arguments.h"

namespace synergy {
namespace {

constexpr size_t kNothingKept = SIZE_MAX;

// The outer one of two that begin at once comes first, and what takes no time before both.
auto NestingOrder(const Marker& marker) {
  const bool has_length = marker.end_ns > marker.begin_ns;
  return std::tuple(marker.begin_ns, has_length, -marker.end_ns);
}

std::string_view SetupName(uint32_t op) { return op == kOpLoad ? "load the nets" : "init net"; }

}  // namespace

Timeline::Timeline(const ExportedRun& run, std::unique_ptr<TrackWriter> writer)
    : RecordWriter(run), writer_(std::move(writer)) {}

bool Timeline::Lane::Takes(int64_t from_ns, int64_t until_ns) {
  // What comes too late is around all that was there since.
  if (from_ns < begin_ns) ends.clear();
  while (!ends.empty() && ends.back() <= from_ns) ends.pop_back();
  if (!ends.empty() && ends.back() < until_ns) return false;
  begin_ns = from_ns;
  ends.push_back(until_ns);
  return true;
}

const Track& Timeline::AddTrack(Track::Kind kind, uint32_t process, std::string name,
                                std::string* out) {
  const auto id = static_cast<uint32_t>(tracks_.size() + 1);
  tracks_.push_back({.kind = kind, .id = id, .process = process, .name = std::move(name)});
  writer_->Add(tracks_.back(), out);
  return tracks_.back();
}

const Track& Timeline::TrackFor(Track::Kind kind, uint32_t process, const std::string& name,
                                int64_t begin_ns, int64_t end_ns, std::string* out) {
  Lanes& lanes = lanes_[{process, name}];
  for (Lane& lane : lanes) {
    if (lane.Takes(begin_ns, end_ns)) return lane.track;
  }
  Lane& lane = lanes.emplace_back();
  const std::string more = lanes.size() > 1 ? fmt::format(", overlapping {}", lanes.size()) : "";
  lane.track = AddTrack(kind, process, name + more, out);
  lane.Takes(begin_ns, end_ns);
  return lane.track;
}

void Timeline::Value(const std::string& name, int64_t at_ns, double value, std::string* out) {
  const Track*& track = values_[name];
  if (track == nullptr) track = &AddTrack(Track::Kind::kCounter, board_, name, out);
  writer_->Value(*track, at_ns, value, out);
}

void Timeline::Instant(int64_t at_ns, std::string_view name, const TrackArguments& arguments,
                       std::string* out) {
  writer_->Instant(*events_, at_ns, "event", name, arguments, out);
}

TrackArguments Timeline::Facts() const {
  const v1::RunHeader& header = report().header;
  const v1::JobSpec& job = header.job();
  TrackArguments facts;
  if (header.board().simulated()) facts.push_back({"SIMULATED", SimulatedReason(header.board())});
  facts.push_back({"run", header.run_id()});
  facts.push_back({"number", number()});
  facts.push_back({"board", header.board().name()});
  facts.push_back({"board_title", header.board().title()});
  facts.push_back({"net", job.net_name()});
  facts.push_back({"engine", job.engine()});
  facts.push_back({"engine_version", header.engine_version()});
  facts.push_back({"batch", int64_t{job.batch()}});
  facts.push_back({"threads", int64_t{job.threads()}});
  facts.push_back({"clock", header.clock()});
  facts.push_back({"started_at", UtcText(header.wall_time_unix_ns())});
  facts.push_back({"kernel", header.board().kernel()});
  facts.push_back({"daemon_version", header.board().daemon_version()});
  facts.push_back({"method", report().method});
  facts.push_back({"verdict", std::string(VerdictName(report().verdict))});
  facts.push_back({"reasons", fmt::format("{}", fmt::join(report().reasons, "\n"))});
  if (const std::string left = left_out(); !left.empty()) facts.push_back({"left_out", left});
  return facts;
}

void Timeline::Start(std::string* out) {
  const v1::RunHeader& header = report().header;
  const TrackArguments facts = Facts();
  writer_->Begin(header.begin_ns(), header.wall_time_unix_ns(), facts, out);
  const std::string mark = header.board().simulated() ? "SIMULATED " : "";
  board_ = AddTrack(Track::Kind::kProcess, 0, mark + header.board().title(), out).id;
  worker_ =
      AddTrack(Track::Kind::kProcess, 0,
               fmt::format("{}{} on {}", mark, header.job().net_name(), header.job().engine()), out)
          .id;
  events_ = &AddTrack(Track::Kind::kSlices, board_, "events", out);
  Instant(header.begin_ns(), "run", facts, out);
}

void Timeline::Sample(const v1::ChannelInfo& channel, const Reading&,
                      const std::optional<RailPowerPoint>& power, std::string* out) {
  if (power) Value(channel.rail() + " (W)", power->from_ns, power->power_w, out);
}

void Timeline::MeterSample(const std::string& rail, const PowerSample& sample, std::string* out) {
  Value(rail + " (W)", sample.at_ns, sample.power_w, out);
}

size_t Timeline::Kept(uint32_t op) {
  const auto [place, is_new] = kept_.try_emplace(op, kNothingKept);
  if (!is_new) return place->second;
  const v1::OperatorInfo* const info = FindOperator(op);
  const auto measured =
      std::ranges::find_if(report().ops, [&](const OpReport& one) { return one.result.op == op; });
  const OpReport* const known = measured == report().ops.end() ? nullptr : &*measured;
  v1::OperatorInfo unnamed;
  unnamed.set_index(op);
  return place->second =
             writer_->Keep(OperatorArguments(report(), info == nullptr ? unnamed : *info, known));
}

void Timeline::Execution(const Marker& marker, std::string* out) {
  const std::string phase(PhaseName(static_cast<v1::Phase>(marker.phase)));
  const TrackArguments where = {{"iteration", int64_t{marker.iteration}}, {"phase", phase}};
  if (marker.op == kOpNet) {
    const Track& track =
        TrackFor(Track::Kind::kSlices, worker_, "iterations", marker.begin_ns, marker.end_ns, out);
    writer_->Slice(track, marker.begin_ns, marker.end_ns, phase,
                   fmt::format("{} {}", phase, marker.iteration), where, kNothingKept, out);
    return;
  }
  const Track& track =
      TrackFor(Track::Kind::kThread, worker_, fmt::format("thread {}", marker.thread),
               marker.begin_ns, marker.end_ns, out);
  if (marker.op == kOpLoad || marker.op == kOpInit) {
    writer_->Slice(track, marker.begin_ns, marker.end_ns, "setup", SetupName(marker.op), {},
                   kNothingKept, out);
    return;
  }
  const v1::OperatorInfo* const info = FindOperator(marker.op);
  const std::string name = info == nullptr || info->name().empty()
                               ? fmt::format("operator {}", marker.op)
                               : info->name();
  writer_->Slice(track, marker.begin_ns, marker.end_ns, "operator", name, where, Kept(marker.op),
                 out);
}

void Timeline::Executions(const std::vector<Marker>& markers, std::string* out) {
  std::vector<Marker> sorted = markers;
  std::ranges::stable_sort(sorted, {}, NestingOrder);
  for (const Marker& marker : sorted) Execution(marker, out);
}

void Timeline::Lost(uint32_t channel, uint64_t count, int64_t at_ns, std::string* out) {
  Instant(at_ns, "records lost",
          {{"channel", int64_t{channel}}, {"count", static_cast<int64_t>(count)}}, out);
}

void Timeline::EndPhase(int64_t at_ns, std::string* out) {
  if (!phase_) return;
  const int64_t end_ns = std::max(at_ns, phase_->at_ns());
  const Track& track =
      TrackFor(Track::Kind::kSlices, worker_, "phases", phase_->at_ns(), end_ns, out);
  writer_->Slice(track, phase_->at_ns(), end_ns, "phase", PhaseName(phase_->phase()), {},
                 kNothingKept, out);
  phase_.reset();
}

void Timeline::Add(const v1::Gap& gap, std::string* out) {
  const int64_t end_ns = std::max(gap.begin_ns(), gap.end_ns());
  const Track& track =
      TrackFor(Track::Kind::kSlices, board_, "gaps: " + gap.source(), gap.begin_ns(), end_ns, out);
  writer_->Slice(track, gap.begin_ns(), end_ns, "gap", GapCauseName(gap.cause()),
                 {{"count", static_cast<int64_t>(gap.count())}, {"detail", gap.detail()}},
                 kNothingKept, out);
  Instant(gap.begin_ns(), fmt::format("gap: {}", GapCauseName(gap.cause())),
          {{"source", gap.source()}, {"count", static_cast<int64_t>(gap.count())}}, out);
}

void Timeline::Add(const v1::Conditions& conditions, std::string* out) {
  const int64_t at_ns = conditions.at_ns();
  for (const auto& one : conditions.frequencies()) {
    if (one.hz() > 0) {
      Value(one.clock() + " (Hz)", at_ns, static_cast<double>(one.hz()), out);
    } else {
      Instant(at_ns, "clock unread", {{"clock", one.clock()}}, out);
    }
  }
  for (const auto& one : conditions.temperatures()) {
    Value(one.zone() + " (C)", at_ns, 1e-3 * one.millidegrees(), out);
  }
  for (const auto& one : conditions.throttles()) {
    const auto [place, is_new] = throttles_.try_emplace(one.what(), one.value());
    if (!is_new && place->second != one.value()) {
      Instant(at_ns, "throttle",
              {{"what", one.what()},
               {"before", static_cast<int64_t>(place->second)},
               {"now", static_cast<int64_t>(one.value())}},
              out);
    }
    place->second = one.value();
  }
}

void Timeline::Add(const v1::ClockChange& change, std::string* out) {
  TrackArguments arguments = {{"clock", change.clock()}, {"fixed_hz", change.fixed_hz()}};
  if (change.seen_hz() > 0) arguments.push_back({"seen_hz", change.seen_hz()});
  Instant(change.at_ns(), "clock moved", arguments, out);
}

void Timeline::Add(const v1::ChirpPlayed& chirp, std::string* out) {
  for (int i = 0; i + 1 < chirp.edge_ns_size(); i += 2) {
    const int64_t begin_ns = chirp.edge_ns(i);
    const int64_t end_ns = std::max(begin_ns, chirp.edge_ns(i + 1));
    const Track& track =
        TrackFor(Track::Kind::kSlices, worker_, "load pattern", begin_ns, end_ns, out);
    writer_->Slice(track, begin_ns, end_ns, "load", "load", {{"threads", int64_t{chirp.threads()}}},
                   kNothingKept, out);
  }
}

void Timeline::Add(const v1::RunEnd& end, std::string* out) {
  Instant(end.end_ns(), "end",
          {{"state", std::string(StateName(end.state()))},
           {"error", end.error()},
           {"markers", static_cast<int64_t>(end.markers())},
           {"markers_dropped", static_cast<int64_t>(end.markers_dropped())}},
          out);
}

void Timeline::Record(const v1::RunRecord& record, std::string* out) {
  if (record.has_phase()) {
    EndPhase(record.phase().at_ns(), out);
    phase_ = record.phase();
    Instant(phase_->at_ns(), fmt::format("phase: {}", PhaseName(phase_->phase())), {}, out);
  }
  if (record.has_gap()) Add(record.gap(), out);
  if (record.has_notice()) {
    Instant(record.notice().at_ns(), record.notice().code(), {{"text", record.notice().text()}},
            out);
  }
  if (record.has_conditions()) Add(record.conditions(), out);
  if (record.has_clock_change()) Add(record.clock_change(), out);
  if (record.has_chirp()) Add(record.chirp(), out);
  if (record.has_end()) Add(record.end(), out);
}

void Timeline::Finish(std::string* out) {
  EndPhase(end_ns(), out);
  writer_->End(out);
}

}  // namespace synergy

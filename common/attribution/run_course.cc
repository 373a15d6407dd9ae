#include "common/attribution/run_course.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "common/attribution/span_events.h"

namespace synergy {
namespace {

// Spans of time in which nothing of the job runs.
struct IdleTime {
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
};

// First and last stamp that anything of the run has.
struct Extent {
  int64_t begin_ns = std::numeric_limits<int64_t>::max();
  int64_t end_ns = std::numeric_limits<int64_t>::min();
  void Add(int64_t begin, int64_t end) {
    begin_ns = std::min(begin_ns, begin);
    end_ns = std::max(end_ns, end);
  }
};

Extent ExtentOf(const RunData& data) {
  Extent extent;
  for (const auto& [channel, readings] : data.readings()) {
    if (!readings.empty()) extent.Add(readings.front().begin_ns, readings.back().end_ns);
  }
  for (const Marker& m : data.markers()) extent.Add(m.begin_ns, m.end_ns);
  for (const v1::PhaseChange& phase : data.phases()) extent.Add(phase.at_ns(), phase.at_ns());
  return extent;
}

std::vector<IdleTime> IdleTimes(const RunData& data, int64_t end_ns) {
  std::vector<IdleTime> times;
  const auto& phases = data.phases();
  for (size_t i = 0; i < phases.size(); ++i) {
    if (phases[i].phase() != v1::PHASE_IDLE) continue;
    const int64_t until = i + 1 < phases.size() ? phases[i + 1].at_ns() : end_ns;
    if (until > phases[i].at_ns()) times.push_back({phases[i].at_ns(), until});
  }
  return times;
}

// What the job did besides its measured operators; `thread` keeps it apart from theirs.
std::vector<Span> OtherSpans(const RunData& data) {
  std::vector<Span> spans = DecidingSpans(data);
  for (const v1::ChirpPlayed& chirp : data.chirps()) {
    if (chirp.edge_ns().empty()) continue;
    spans.push_back({.begin_ns = chirp.edge_ns(0),
                     .end_ns = chirp.edge_ns(chirp.edge_ns_size() - 1),
                     .thread = 0,
                     .activity = Activity::kSetup,
                     .op = 0});
  }
  return spans;
}

// Builds the occupancy from one event to the next.
class Builder {
 public:
  Builder(RunCourse* course, const std::vector<Span>& spans, std::vector<IdleTime> idle)
      : course_(*course), spans_(spans), idle_(std::move(idle)) {
    for (uint32_t i = 0; i < course_.ops.size(); ++i) category_[course_.ops[i]] = i;
    course_.seconds.assign(course_.categories(), 0);
  }

  void MoveTo(int64_t at_ns);
  void Apply(const SpanEvent& event) {
    const Span& span = spans_[event.span];
    OpenSpans& open = threads_[span.thread];
    open.Apply(event, span);
    if (open.empty()) threads_.erase(span.thread);
  }

 private:
  double After(int64_t at_ns) const { return static_cast<double>(at_ns - course_.origin_ns); }
  uint32_t CategoryOf(const Span& span) const {
    return span.activity == Activity::kInference ? category_.at(span.op) : course_.other();
  }
  void Append(double end, std::span<const Occupancy::Part> parts);
  void AppendEmpty(int64_t until_ns);

  RunCourse& course_;
  const std::vector<Span>& spans_;
  const std::vector<IdleTime> idle_;
  std::map<uint32_t, uint32_t> category_;
  std::map<uint16_t, OpenSpans> threads_;  // those that are in something
  std::vector<Occupancy::Part> parts_;
  size_t next_idle_ = 0;
};

void Builder::Append(double end, std::span<const Occupancy::Part> parts) {
  const double length = end - course_.occupancy.end_ns();
  if (!(length > 0)) return;
  for (const Occupancy::Part& part : parts) {
    course_.seconds[part.category] += part.share * length * 1e-9;
  }
  course_.occupancy.Append(end, parts);
}

// Time in which no thread is in anything: idle phases, and what lies beside them.
void Builder::AppendEmpty(int64_t until_ns) {
  const double until = After(until_ns);
  const auto fill = [&](double end, uint32_t category) {
    const Occupancy::Part part{.category = category, .share = 1};
    Append(std::min(end, until), std::span(&part, 1));
  };
  while (course_.occupancy.end_ns() < until) {
    const double now = course_.occupancy.end_ns();
    while (next_idle_ < idle_.size() && After(idle_[next_idle_].end_ns) <= now) ++next_idle_;
    const bool is_known = next_idle_ < idle_.size();
    const double idle_begin = is_known ? After(idle_[next_idle_].begin_ns) : until;
    if (idle_begin <= now) {
      fill(After(idle_[next_idle_].end_ns), course_.idle());
    } else if (now >= course_.measure_begin && now < course_.measure_end) {
      fill(std::min(idle_begin, course_.measure_end), course_.between());
    } else {
      fill(now < course_.measure_begin ? std::min(idle_begin, course_.measure_begin) : idle_begin,
           course_.other());
    }
  }
}

void Builder::MoveTo(int64_t at_ns) {
  if (!(After(at_ns) > course_.occupancy.end_ns())) return;
  if (threads_.empty()) {
    AppendEmpty(at_ns);
    return;
  }
  parts_.clear();
  const double share = 1.0 / static_cast<double>(threads_.size());
  for (const auto& [thread, open] : threads_) {
    parts_.push_back({.category = CategoryOf(spans_[open.innermost()]), .share = share});
  }
  Append(After(at_ns), parts_);
}

std::vector<Span> ReadMarkers(const RunData& data, RunCourse* course) {
  std::vector<Span> spans = OtherSpans(data);
  std::map<uint32_t, uint64_t> executions;
  Extent measured;
  for (const Marker& m : data.markers()) {
    if (m.op == kOpNet && m.phase == v1::PHASE_MEASURE) {
      course->iteration_begins.push_back(static_cast<double>(m.begin_ns - course->origin_ns));
    }
    if (m.op == kOpNet || m.op == kOpClock) continue;
    const bool counts = m.phase == v1::PHASE_MEASURE && m.op < kOpClock;
    spans.push_back({.begin_ns = m.begin_ns,
                     .end_ns = m.end_ns,
                     .thread = m.thread,
                     .activity = counts ? Activity::kInference : Activity::kSetup,
                     .op = m.op});
    if (!counts) continue;
    ++executions[m.op];
    measured.Add(m.begin_ns, m.end_ns);
  }
  for (const auto& [op, count] : executions) {
    course->ops.push_back(op);
    course->executions.push_back(count);
  }
  if (executions.empty()) return spans;
  std::ranges::sort(course->iteration_begins);
  course->measure_begin = static_cast<double>(measured.begin_ns - course->origin_ns);
  course->measure_end = static_cast<double>(measured.end_ns - course->origin_ns);
  for (const Span& span : DecidingSpans(data)) {
    if (span.begin_ns < measured.begin_ns || span.end_ns > measured.end_ns) continue;
    course->breaks.push_back({.begin = static_cast<double>(span.begin_ns - course->origin_ns),
                              .end = static_cast<double>(span.end_ns - course->origin_ns)});
  }
  return spans;
}

}  // namespace

RunCourse CourseOf(const RunData& data) {
  RunCourse course;
  const Extent extent = ExtentOf(data);
  if (extent.end_ns <= extent.begin_ns) return course;
  course.origin_ns = extent.begin_ns;
  const std::vector<Span> spans = ReadMarkers(data, &course);
  Builder builder(&course, spans, IdleTimes(data, extent.end_ns));
  for (const SpanEvent& event : EventsOf(spans)) {
    builder.MoveTo(event.at_ns);
    builder.Apply(event);
  }
  builder.MoveTo(extent.end_ns);
  return course;
}

}  // namespace synergy

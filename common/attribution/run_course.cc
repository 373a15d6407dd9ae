#include "common/attribution/run_course.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "common/attribution/span_events.h"
#include "common/clock.h"

namespace synergy {
namespace {

// Spans of time in which nothing of the job runs.
struct IdleTime {
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
};

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
std::vector<Span> OtherSpans(const RunData& data, const RunPart& part) {
  std::vector<Span> spans = DecidingSpans(data);
  for (const v1::ChirpPlayed& chirp : data.chirps()) {
    if (chirp.edge_ns().empty()) continue;
    spans.push_back({.begin_ns = chirp.edge_ns(0),
                     .end_ns = chirp.edge_ns(chirp.edge_ns_size() - 1),
                     .thread = 0,
                     .activity = Activity::kSetup,
                     .op = 0});
  }
  std::erase_if(spans, [&](const Span& span) {
    return span.end_ns < part.context_ns || span.begin_ns >= part.end_ns;
  });
  return spans;
}

// Places of operators among `ops`, which rise; most often one is asked for after the one before it.
class Places {
 public:
  explicit Places(const std::vector<uint32_t>& ops) : ops_(ops) {}
  // Where it is, or would be.
  uint32_t Of(uint32_t op) {
    ++last_;
    if (!IsAt(op)) last_ = static_cast<size_t>(std::ranges::lower_bound(ops_, op) - ops_.begin());
    return static_cast<uint32_t>(last_);
  }
  // Whether it is at the last of these.
  bool IsAt(uint32_t op) const { return last_ < ops_.size() && ops_[last_] == op; }

 private:
  const std::vector<uint32_t>& ops_;
  size_t last_ = 0;
};

// Builds the occupancy from one event to the next.
class Builder {
 public:
  Builder(RunCourse* course, const std::vector<Span>& spans, std::vector<IdleTime> idle)
      : course_(*course),
        spans_(spans),
        places_(course->ops()),
        idle_(std::move(idle)),
        counted_from_(After(course->part.begin_ns)) {}

  void MoveTo(int64_t at_ns);
  void Apply(const SpanEvent& event);
  // One of those that FollowEachOther.
  void Run(const Span& span);

 private:
  struct Thread {
    uint16_t number = 0;
    OpenSpans open;
  };

  double After(int64_t at_ns) const { return static_cast<double>(at_ns - course_.part.origin_ns); }
  uint32_t CategoryOf(const Span& span) {
    return span.activity == Activity::kInference ? places_.Of(span.op) : course_.other();
  }
  void Append(double end, std::span<const Occupancy::Part> parts);
  void AppendEmpty(int64_t until_ns);
  void NoteOther(double begin, double end);

  RunCourse& course_;
  const std::vector<Span>& spans_;
  Places places_;
  const std::vector<IdleTime> idle_;
  const double counted_from_;
  std::vector<Thread> threads_;  // by number
  size_t busy_ = 0;              // those that are in something
  std::vector<Occupancy::Part> parts_;
  size_t next_idle_ = 0;
};

void Builder::NoteOther(double begin, double end) {
  if (!course_.other_ends.empty() && course_.other_ends.back() == begin) {
    course_.other_ends.back() = end;
  } else {
    course_.other_begins.push_back(begin);
    course_.other_ends.push_back(end);
  }
}

void Builder::Append(double end, std::span<const Occupancy::Part> parts) {
  const double begin = course_.occupancy.end_ns();
  if (!(end > begin)) return;
  const double counted = std::max(0.0, end - std::max(begin, counted_from_));
  bool has_other = false;
  for (const Occupancy::Part& part : parts) {
    course_.seconds[part.category] += part.share * counted * 1e-9;
    has_other = has_other || part.category == course_.other();
  }
  if (has_other) NoteOther(begin, end);
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
  if (busy_ == 0) {
    AppendEmpty(at_ns);
    return;
  }
  parts_.clear();
  const double share = 1.0 / static_cast<double>(busy_);
  for (const Thread& thread : threads_) {
    if (thread.open.empty()) continue;
    parts_.push_back({.category = CategoryOf(spans_[thread.open.innermost()]), .share = share});
  }
  Append(After(at_ns), parts_);
}

void Builder::Apply(const SpanEvent& event) {
  const Span& span = spans_[event.span];
  auto thread = std::ranges::lower_bound(threads_, span.thread, {}, &Thread::number);
  if (thread == threads_.end() || thread->number != span.thread) {
    thread = threads_.insert(thread, {.number = span.thread, .open = {}});
  }
  const bool was_empty = thread->open.empty();
  thread->open.Apply(event, span);
  if (was_empty) ++busy_;
  if (thread->open.empty()) --busy_;
}

void Builder::Run(const Span& span) {
  if (span.begin_ns == span.end_ns) return;  // as ForEachEvent has it
  MoveTo(span.begin_ns);
  const Occupancy::Part part{.category = CategoryOf(span), .share = 1};
  Append(After(span.end_ns), std::span(&part, 1));
}

bool FollowEachOther(const std::vector<Span>& spans) {
  const auto overlap = [](const Span& a, const Span& b) { return b.begin_ns < a.end_ns; };
  return std::ranges::adjacent_find(spans, overlap) == spans.end();
}

// By so much may a marker of one thread come behind one of another that began later.
constexpr Nanoseconds kMostDisorder = Seconds(1);

bool Counts(const Marker& m) { return m.phase == v1::PHASE_MEASURE && m.op < kOpClock; }

// Markers that touch the part, its context included. Calls `use` with each; operators of a thread
// are in the order of time, those of several threads nearly.
template <typename Use>
void ForEachMarker(const RunData& data, const RunPart& part, Use use) {
  for (size_t i = part.first_marker; i < data.markers().size(); ++i) {
    const Marker& m = data.markers()[i];
    if (m.op == kOpClock || m.end_ns < part.context_ns) continue;
    if (m.begin_ns > part.end_ns + kMostDisorder.count) break;
    if (m.end_ns <= part.end_ns) use(m);
  }
}

void AddOps(const RunData& data, RunPart* part) {
  Places places(part->ops);
  ForEachMarker(data, *part, [&](const Marker& m) {
    if (!Counts(m)) return;
    part->measured_begin_ns = std::min(part->measured_begin_ns, m.begin_ns);
    part->measured_end_ns = std::max(part->measured_end_ns, m.end_ns);
    const uint32_t place = places.Of(m.op);
    if (!places.IsAt(m.op)) part->ops.insert(part->ops.begin() + place, m.op);
  });
}

std::vector<Span> ReadMarkers(const RunData& data, RunCourse* course) {
  const RunPart& part = course->part;
  std::vector<Span> spans = OtherSpans(data, part);
  Places places(part.ops);
  ForEachMarker(data, part, [&](const Marker& m) {
    const bool is_new = m.end_ns > part.begin_ns;
    if (m.op == kOpNet) {
      if (is_new && m.phase == v1::PHASE_MEASURE) {
        course->iteration_begins.push_back(static_cast<double>(m.begin_ns - part.origin_ns));
      }
      return;
    }
    const bool counts = Counts(m);
    spans.push_back({.begin_ns = m.begin_ns,
                     .end_ns = m.end_ns,
                     .thread = m.thread,
                     .activity = counts ? Activity::kInference : Activity::kSetup,
                     .op = m.op});
    if (counts && is_new) ++course->executions[places.Of(m.op)];
  });
  std::ranges::sort(course->iteration_begins);
  return spans;
}

}  // namespace

RunPart WholeOf(const RunData& data) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  int64_t begin = kMost, end = std::numeric_limits<int64_t>::min();
  const auto add = [&](int64_t from, int64_t to) {
    begin = std::min(begin, from);
    end = std::max(end, to);
  };
  for (const auto& [channel, readings] : data.readings()) {
    if (!readings.empty()) add(readings.front().begin_ns, readings.back().end_ns);
  }
  for (const Marker& m : data.markers()) add(m.begin_ns, m.end_ns);
  for (const v1::PhaseChange& phase : data.phases()) add(phase.at_ns(), phase.at_ns());
  RunPart part;
  if (begin == kMost) return part;
  part.origin_ns = part.context_ns = begin;
  part.begin_ns = begin - 1;
  part.end_ns = end;
  return part;
}

bool RunCourse::IsUsable(double begin, double end) const {
  if (begin < occupancy.begin_ns() || end > occupancy.end_ns()) return false;
  const auto after = std::ranges::upper_bound(other_ends, begin);  // the first that ends later
  return after == other_ends.end() ||
         other_begins[static_cast<size_t>(after - other_ends.begin())] >= end;
}

double RunCourse::UsableTime(double begin, double end) const {
  double time = std::max(end - begin, 0.0);
  const auto first = std::ranges::upper_bound(other_ends, begin);
  for (auto i = static_cast<size_t>(first - other_ends.begin());
       i < other_ends.size() && other_begins[i] < end; ++i) {
    time -= std::min(end, other_ends[i]) - std::max(begin, other_begins[i]);
  }
  return time;
}

RunCourse CourseOf(const RunData& data, RunPart part) {
  RunCourse course;
  AddOps(data, &part);
  course.part = std::move(part);
  const RunPart& p = course.part;
  course.seconds.assign(course.categories(), 0);
  course.executions.assign(p.ops.size(), 0);
  if (p.end_ns <= p.origin_ns) return course;
  course.occupancy = Occupancy(static_cast<double>(p.context_ns - p.origin_ns));
  if (p.measured_begin_ns <= p.measured_end_ns) {
    course.measure_begin = static_cast<double>(p.measured_begin_ns - p.origin_ns);
    course.measure_end = static_cast<double>(p.measured_end_ns - p.origin_ns);
  }
  const std::vector<Span> spans = ReadMarkers(data, &course);
  course.occupancy.Reserve(2 * spans.size() + 1);
  Builder builder(&course, spans, IdleTimes(data, p.end_ns));
  if (FollowEachOther(spans)) {
    for (const Span& span : spans) builder.Run(span);
  } else {
    ForEachEvent(spans, [&](const SpanEvent& event) {
      builder.MoveTo(event.at_ns);
      builder.Apply(event);
    });
  }
  builder.MoveTo(p.end_ns);
  return course;
}

}  // namespace synergy

#include "client/analysis/readings_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/reading_counts.h"
#include "common/records/resolution.h"
#include "common/run_codes.h"

namespace synergy {
namespace {

// A hole is so many times as long as nine of ten times between readings: what is irregular, or
// measured in bursts, has none.
constexpr double kHole = 5;
constexpr double kUsualShare = 0.9;
// As synergyd --limit lost_ticks.
constexpr double kMostMissing = 0.01;

struct Span {
  int64_t begin_ns = INT64_MAX;
  int64_t end_ns = INT64_MIN;
};

// Of the measured operators; its end is before its begin where there are none.
Span MeasuredSpan(const RunData& data) {
  Span span;
  for (const Marker& marker : data.markers()) {
    if (marker.phase != v1::PHASE_MEASURE) continue;
    span.begin_ns = std::min(span.begin_ns, marker.begin_ns);
    span.end_ns = std::max(span.end_ns, marker.end_ns);
  }
  return span;
}

// A channel's distinct instants, in order.
struct Course {
  std::vector<int64_t> at_ns;
  ReadingCount count;  // of those in the span
};

Course CourseOf(const std::vector<Reading>& readings, const Span& span) {
  Course course;
  for (const Reading& reading : readings) {
    const int64_t at_ns = reading.begin_ns + (reading.end_ns - reading.begin_ns) / 2;
    if (!course.at_ns.empty() && course.at_ns.back() == at_ns) continue;  // they are one reading
    course.at_ns.push_back(at_ns);
    if (at_ns < span.begin_ns || at_ns > span.end_ns) continue;
    ++course.count.readings;
    course.count.repeats += reading.freshness == Freshness::kRepeat ? 1 : 0;
  }
  std::ranges::sort(course.at_ns);  // windows of other lengths have their middles elsewhere
  return course;
}

// Of each measured rail, in the order of the channels; of several the one that was read most.
std::vector<Course> CoursesOf(const RunData& data, const Span& span) {
  std::vector<Course> courses;
  for (const v1::ChannelInfo& channel : data.header()->channels()) {
    if (channel.quantity() == v1::ChannelInfo::QUANTITY_VOLTAGE) continue;
    const auto readings = data.readings().find(channel.channel());
    Course course;
    if (readings != data.readings().end()) course = CourseOf(readings->second, span);
    course.count.rail = channel.rail();
    const auto known =
        std::ranges::find(courses, channel.rail(),
                          [](const Course& one) -> const std::string& { return one.count.rail; });
    if (known == courses.end()) {
      courses.push_back(std::move(course));
    } else if (course.count.readings > known->count.readings) {
      *known = std::move(course);
    }
  }
  return courses;
}

int64_t UsualDistance(const std::vector<int64_t>& at_ns) {
  std::vector<int64_t> distances;
  for (size_t i = 1; i < at_ns.size(); ++i) distances.push_back(at_ns[i] - at_ns[i - 1]);
  if (distances.empty()) return 0;
  std::ranges::sort(distances);
  return distances[static_cast<size_t>(kUsualShare * static_cast<double>(distances.size() - 1))];
}

// "" where about nothing is missing in the span.
std::string MissingWords(const Course& course, const Span& span) {
  const auto usual_ns = static_cast<double>(UsualDistance(course.at_ns));
  if (!(usual_ns > 0)) return "";
  double missing = 0;
  Span longest{.begin_ns = 0, .end_ns = 0};
  const auto look = [&](int64_t from_ns, int64_t until_ns) {
    const Span hole{std::max(from_ns, span.begin_ns), std::min(until_ns, span.end_ns)};
    const auto length_ns = static_cast<double>(hole.end_ns - hole.begin_ns);
    if (static_cast<double>(until_ns - from_ns) <= kHole * usual_ns || !(length_ns > usual_ns)) {
      return;
    }
    missing += length_ns / usual_ns - 1;
    if (length_ns > static_cast<double>(longest.end_ns - longest.begin_ns)) longest = hole;
  };
  int64_t before_ns = std::min(span.begin_ns, course.at_ns.front());
  for (const int64_t at_ns : course.at_ns) look(std::exchange(before_ns, at_ns), at_ns);
  look(before_ns, std::max(before_ns, span.end_ns));
  const double share = missing / (missing + static_cast<double>(course.count.readings));
  if (!(share > kMostMissing)) return "";
  return fmt::format(
      "about {:.0f} readings of {} are missing in the measured phase ({:.1f} %; at most {:g} % are "
      "well), most of them in the {} from {:.6f} s after its begin on: what was drawn meanwhile "
      "nobody saw",
      missing, course.count.rail, 100 * share, 100 * kMostMissing,
      TimeText(static_cast<double>(longest.end_ns - longest.begin_ns) * 1e-9),
      static_cast<double>(longest.begin_ns - span.begin_ns) * 1e-9);
}

bool Says(const RunReport& report, std::initializer_list<ReasonCode> codes) {
  return std::ranges::any_of(report.reasons, [&](const std::string& reason) {
    return std::ranges::any_of(codes, [&](ReasonCode code) { return HasCode(reason, code); });
  });
}

void Add(v1::Verdict verdict, ReasonCode code, std::string_view words, RunReport* report) {
  report->reasons.push_back(Reason(code, words));
  report->verdict = std::max(report->verdict, verdict);  // VALID < SUSPECT < INVALID
}

// Least squares put the readings of all iterations together.
void JudgeForIntegration(uint64_t readings, RunReport* report) {
  if (report->method != kMethodIntegrate || readings >= report->attribution.iterations) return;
  Add(v1::VERDICT_SUSPECT, ReasonCode::kFewReadings,
      fmt::format("a rail was read {} times in {} iterations, less than once in each, so the "
                  "joules of single operators mean little when they are integrated; sample "
                  "faster, or take --method least-squares",
                  readings, report->attribution.iterations),
      report);
}

}  // namespace

void JudgeReadings(const RunData& data, RunReport* report) {
  const Span span = MeasuredSpan(data);
  if (span.end_ns < span.begin_ns) return;
  const std::vector<Course> courses = CoursesOf(data, span);
  if (courses.empty()) return;
  std::vector<ReadingCount> counts;
  for (const Course& course : courses) counts.push_back(course.count);
  const bool imported = data.header()->clock() == kImportedClock;
  const bool said_few = Says(*report, {ReasonCode::kFewReadings});
  const bool said_fresh = !imported || Says(*report, {ReasonCode::kFewFresh});
  bool few = said_few;
  for (const CountFault& fault : JudgeCounts(counts, report->attribution.ops.size())) {
    const bool is_few = fault.code == ReasonCode::kFewReadings;
    if (is_few ? said_few : said_fresh) continue;
    Add(fault.verdict, fault.code, fault.words, report);
    few = few || is_few;
  }
  if (!few) {
    JudgeForIntegration(std::ranges::min(counts, {}, &ReadingCount::readings).readings, report);
  }
  if (!imported || Says(*report, {ReasonCode::kTicksMissed, ReasonCode::kReadsFailed,
                                  ReasonCode::kSourceFailed, ReasonCode::kNoReadings})) {
    return;
  }
  for (const Course& course : courses) {
    if (course.count.readings == 0) continue;  // said above
    const std::string words = MissingWords(course, span);
    if (!words.empty()) Add(v1::VERDICT_SUSPECT, ReasonCode::kTicksMissed, words, report);
  }
}

}  // namespace synergy

#include "client/export/chrome_writer.h"

#include <fmt/format.h>

#include <iterator>

#include "client/export/json_text.h"

namespace synergy {
namespace {

// Nanoseconds in microseconds, whole.
std::string Microseconds(int64_t ns) {
  const char* sign = ns < 0 ? "-" : "";
  const uint64_t size = ns < 0 ? 0 - static_cast<uint64_t>(ns) : static_cast<uint64_t>(ns);
  return fmt::format("{}{}.{:03}", sign, size / 1000, size % 1000);
}

std::string ValueText(const TrackArgument& argument) {
  if (const auto* number = std::get_if<int64_t>(&argument.value)) {
    return fmt::format("{}", *number);
  }
  if (const auto* real = std::get_if<double>(&argument.value)) return JsonNumber(*real);
  return JsonString(std::get<std::string>(argument.value));
}

// Members of an object, without its braces.
std::string Members(const TrackArguments& arguments) {
  std::string text;
  for (const TrackArgument& argument : arguments) {
    fmt::format_to(std::back_inserter(text), "{}{}:{}", text.empty() ? "" : ",",
                   JsonString(argument.name), ValueText(argument));
  }
  return text;
}

std::string_view Comma(std::string_view a, std::string_view b) {
  return a.empty() || b.empty() ? "" : ",";
}

}  // namespace

void ChromeWriter::Begin(int64_t, int64_t, const TrackArguments& facts, std::string* out) {
  *out += fmt::format("{{\"displayTimeUnit\":\"ns\",\"otherData\":{{{}}},\"traceEvents\":[",
                      Members(facts));
}

void ChromeWriter::Event(char phase, const Track& track, std::string_view rest, std::string* out) {
  fmt::format_to(std::back_inserter(*out), "{}{{\"ph\":\"{}\",\"pid\":{},\"tid\":{},{}}}",
                 first_ ? "\n" : ",\n", phase, track.process, track.id, rest);
  first_ = false;
}

void ChromeWriter::Add(const Track& track, std::string* out) {
  const auto add = [&](const char* what, uint32_t process, const std::string& args) {
    Track place = track;
    place.process = process;
    Event('M', place, fmt::format("\"name\":\"{}\",\"args\":{{{}}}", what, args), out);
  };
  const std::string name = fmt::format("\"name\":{}", JsonString(track.name));
  const std::string order = fmt::format("\"sort_index\":{}", track.id);
  if (track.kind == Track::Kind::kProcess) {
    add("process_name", track.id, name);
    add("process_sort_index", track.id, order);
  } else if (track.kind != Track::Kind::kCounter) {  // those are known by their events' names
    add("thread_name", track.process, name);
    add("thread_sort_index", track.process, order);
  }
}

size_t ChromeWriter::Keep(const TrackArguments& arguments) {
  kept_.push_back(Members(arguments));
  return kept_.size() - 1;
}

void ChromeWriter::Slice(const Track& track, int64_t begin_ns, int64_t end_ns,
                         std::string_view category, std::string_view name,
                         const TrackArguments& arguments, size_t kept, std::string* out) {
  const std::string own = Members(arguments);
  const std::string_view more = kept < kept_.size() ? std::string_view(kept_[kept]) : "";
  Event('X', track,
        fmt::format("\"ts\":{},\"dur\":{},\"cat\":{},\"name\":{},\"args\":{{{}{}{}}}",
                    Microseconds(begin_ns), Microseconds(end_ns - begin_ns), JsonString(category),
                    JsonString(name), own, Comma(own, more), more),
        out);
}

void ChromeWriter::Instant(const Track& track, int64_t at_ns, std::string_view category,
                           std::string_view name, const TrackArguments& arguments,
                           std::string* out) {
  Event(
      'i', track,
      fmt::format("\"ts\":{},\"s\":\"t\",\"cat\":{},\"name\":{},\"args\":{{{}}}",
                  Microseconds(at_ns), JsonString(category), JsonString(name), Members(arguments)),
      out);
}

void ChromeWriter::Value(const Track& track, int64_t at_ns, double value, std::string* out) {
  Event('C', track,
        fmt::format("\"ts\":{},\"name\":{},\"args\":{{\"value\":{}}}", Microseconds(at_ns),
                    JsonString(track.name), JsonNumber(value)),
        out);
}

void ChromeWriter::End(std::string* out) { *out += "\n]}\n"; }

}  // namespace synergy

// A timeline in the JSON form of Chrome's trace events ("Trace Event Format", the object form), as
// chrome://tracing, ui.perfetto.dev and speedscope open it. Times are microseconds there: they are
// written with three decimals, so that no nanosecond is lost.
#pragma once

#include <string>
#include <vector>

#include "client/export/track_writer.h"

namespace synergy {

class ChromeWriter : public TrackWriter {
 public:
  void Begin(int64_t begin_ns, int64_t wall_unix_ns, const TrackArguments& facts,
             std::string* out) override;
  void Add(const Track& track, std::string* out) override;
  size_t Keep(const TrackArguments& arguments) override;
  void Slice(const Track& track, int64_t begin_ns, int64_t end_ns, std::string_view category,
             std::string_view name, const TrackArguments& arguments, size_t kept,
             std::string* out) override;
  void Instant(const Track& track, int64_t at_ns, std::string_view category, std::string_view name,
               const TrackArguments& arguments, std::string* out) override;
  void Value(const Track& track, int64_t at_ns, double value, std::string* out) override;
  void End(std::string* out) override;

 private:
  // `rest`: what is behind the event's phase, place and time.
  void Event(char phase, const Track& track, std::string_view rest, std::string* out);

  bool first_ = true;
  std::vector<std::string> kept_;
};

}  // namespace synergy

// A timeline as Perfetto's protobuf trace (proto/perfetto/trace.proto; ui.perfetto.dev opens it).
#pragma once

#include <deque>
#include <map>
#include <string>
#include <unordered_map>

#include "client/export/track_writer.h"
#include "perfetto/trace.pb.h"

namespace synergy {

// One sequence of packets, all stamped by CLOCK_MONOTONIC. Names, categories and the texts of
// arguments are written once, before the first packet that needs them.
class PerfettoWriter : public TrackWriter {
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
  void End(std::string*) override {}

 private:
  using Strings = std::unordered_map<std::string, uint64_t>;

  // Finds the text's number; one that is new goes to pending_.
  uint64_t Category(std::string_view text);
  uint64_t Name(std::string_view text);
  uint64_t ArgumentName(std::string_view text);
  uint64_t ArgumentText(std::string_view text);
  void AddArguments(const TrackArguments& arguments, perfetto::TrackEvent* event);
  perfetto::TrackEvent* NewEvent(const Track& track, int64_t at_ns,
                                 perfetto::TrackEvent::Type type);
  void Write(std::string* out);

  Strings categories_, names_, argument_names_, argument_texts_;
  perfetto::InternedData pending_;
  std::deque<perfetto::TrackEvent> kept_;
  perfetto::Trace trace_;  // of the packet that is being made
};

}  // namespace synergy

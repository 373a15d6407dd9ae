#include "client/export/perfetto_writer.h"

#include <utility>

namespace synergy {
namespace {

// Of packets: this file has one sequence, which begins once.
constexpr uint32_t kSequence = 1;
constexpr uint32_t kStateCleared = 1;
constexpr uint32_t kNeedsState = 2;
// builtin_clock.proto.
constexpr uint32_t kRealtime = 1;
constexpr uint32_t kMonotonic = 3;

// The text's number, from 1 on; `add` is called where it is new.
template <typename Strings, typename Add>
uint64_t NumberOf(std::string_view text, Strings* strings, const Add& add) {
  const auto [place, is_new] = strings->try_emplace(std::string(text), strings->size() + 1);
  if (is_new) add(place->second, place->first);
  return place->second;
}

void SetName(perfetto::InternedName* entry, uint64_t number, const std::string& text) {
  entry->set_iid(number);
  entry->set_name(text);
}

}  // namespace

uint64_t PerfettoWriter::Category(std::string_view text) {
  return NumberOf(text, &categories_, [&](uint64_t number, const std::string& name) {
    SetName(pending_.add_event_categories(), number, name);
  });
}

uint64_t PerfettoWriter::Name(std::string_view text) {
  return NumberOf(text, &names_, [&](uint64_t number, const std::string& name) {
    SetName(pending_.add_event_names(), number, name);
  });
}

uint64_t PerfettoWriter::ArgumentName(std::string_view text) {
  return NumberOf(text, &argument_names_, [&](uint64_t number, const std::string& name) {
    SetName(pending_.add_debug_annotation_names(), number, name);
  });
}

uint64_t PerfettoWriter::ArgumentText(std::string_view text) {
  return NumberOf(text, &argument_texts_, [&](uint64_t number, const std::string& value) {
    perfetto::InternedString* entry = pending_.add_debug_annotation_string_values();
    entry->set_iid(number);
    entry->set_str(value);
  });
}

void PerfettoWriter::AddArguments(const TrackArguments& arguments, perfetto::TrackEvent* event) {
  for (const TrackArgument& argument : arguments) {
    perfetto::DebugAnnotation* annotation = event->add_debug_annotations();
    annotation->set_name_iid(ArgumentName(argument.name));
    if (const auto* number = std::get_if<int64_t>(&argument.value)) {
      annotation->set_int_value(*number);
    } else if (const auto* real = std::get_if<double>(&argument.value)) {
      annotation->set_double_value(*real);
    } else {
      annotation->set_string_value_iid(ArgumentText(std::get<std::string>(argument.value)));
    }
  }
}

perfetto::TrackEvent* PerfettoWriter::NewEvent(const Track& track, int64_t at_ns,
                                               perfetto::TrackEvent::Type type) {
  perfetto::TracePacket* packet = trace_.add_packet();
  packet->set_timestamp(static_cast<uint64_t>(at_ns));
  packet->set_trusted_packet_sequence_id(kSequence);
  packet->set_sequence_flags(kNeedsState);
  perfetto::TrackEvent* event = packet->mutable_track_event();
  event->set_type(type);
  event->set_track_uuid(track.id);
  return event;
}

void PerfettoWriter::Write(std::string* out) {
  if (pending_.ByteSizeLong() > 0) {
    trace_.mutable_packet(0)->mutable_interned_data()->Swap(&pending_);
    pending_.Clear();
  }
  trace_.AppendToString(out);
  trace_.Clear();
}

void PerfettoWriter::Begin(int64_t begin_ns, int64_t wall_unix_ns, const TrackArguments&,
                           std::string* out) {
  perfetto::TracePacket* packet = trace_.add_packet();
  packet->set_trusted_packet_sequence_id(kSequence);
  packet->set_sequence_flags(kStateCleared);
  packet->mutable_trace_packet_defaults()->set_timestamp_clock_id(kMonotonic);
  perfetto::ClockSnapshot* snapshot = packet->mutable_clock_snapshot();
  snapshot->set_primary_trace_clock(kMonotonic);
  const auto add = [&](uint32_t id, int64_t at_ns) {
    perfetto::ClockSnapshot::Clock* clock = snapshot->add_clocks();
    clock->set_clock_id(id);
    clock->set_timestamp(static_cast<uint64_t>(at_ns));
  };
  add(kMonotonic, begin_ns);
  if (wall_unix_ns > 0) add(kRealtime, wall_unix_ns);
  Write(out);
}

void PerfettoWriter::Add(const Track& track, std::string* out) {
  perfetto::TracePacket* packet = trace_.add_packet();
  packet->set_trusted_packet_sequence_id(kSequence);
  perfetto::TrackDescriptor* descriptor = packet->mutable_track_descriptor();
  descriptor->set_uuid(track.id);
  if (track.kind == Track::Kind::kProcess) {
    descriptor->mutable_process()->set_pid(static_cast<int32_t>(track.id));
    descriptor->mutable_process()->set_process_name(track.name);
  } else if (track.kind == Track::Kind::kThread) {
    perfetto::ThreadDescriptor* thread = descriptor->mutable_thread();
    thread->set_pid(static_cast<int32_t>(track.process));
    thread->set_tid(static_cast<int32_t>(track.id));
    thread->set_thread_name(track.name);
  } else {
    descriptor->set_parent_uuid(track.process);
    descriptor->set_name(track.name);
    if (track.kind == Track::Kind::kCounter) descriptor->mutable_counter();
  }
  Write(out);
}

size_t PerfettoWriter::Keep(const TrackArguments& arguments) {
  AddArguments(arguments, &kept_.emplace_back());
  return kept_.size() - 1;
}

void PerfettoWriter::Slice(const Track& track, int64_t begin_ns, int64_t end_ns,
                           std::string_view category, std::string_view name,
                           const TrackArguments& arguments, size_t kept, std::string* out) {
  perfetto::TrackEvent* begin = NewEvent(track, begin_ns, perfetto::TrackEvent::TYPE_SLICE_BEGIN);
  begin->add_category_iids(Category(category));
  begin->set_name_iid(Name(name));
  AddArguments(arguments, begin);
  if (kept < kept_.size()) begin->MergeFrom(kept_[kept]);
  NewEvent(track, end_ns, perfetto::TrackEvent::TYPE_SLICE_END);
  Write(out);
}

void PerfettoWriter::Instant(const Track& track, int64_t at_ns, std::string_view category,
                             std::string_view name, const TrackArguments& arguments,
                             std::string* out) {
  perfetto::TrackEvent* event = NewEvent(track, at_ns, perfetto::TrackEvent::TYPE_INSTANT);
  event->add_category_iids(Category(category));
  event->set_name_iid(Name(name));
  AddArguments(arguments, event);
  Write(out);
}

void PerfettoWriter::Value(const Track& track, int64_t at_ns, double value, std::string* out) {
  NewEvent(track, at_ns, perfetto::TrackEvent::TYPE_COUNTER)->set_double_counter_value(value);
  Write(out);
}

}  // namespace synergy

// The tracks of a timeline, in a format of a viewer. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace synergy {

// What a viewer shows beside a slice or an instant; the unit is in the name.
struct TrackArgument {
  std::string name;
  std::variant<int64_t, double, std::string> value;
};
using TrackArguments = std::vector<TrackArgument>;

// Slices and counters belong to a process, and so does a thread.
struct Track {
  enum class Kind { kProcess, kThread, kSlices, kCounter };
  Kind kind = Kind::kSlices;
  uint32_t id = 0;       // from 1 on, of all kinds
  uint32_t process = 0;  // the id of its process' track
  std::string name;
};

// Clocks and strings as in the store: nanoseconds, UTF-8. Slices of a track nest or follow each
// other; where two begin at once, the outer one comes first.
class TrackWriter {
 public:
  virtual ~TrackWriter() = default;

  // `wall_unix_ns`: the time of day at `begin_ns`; 0: not known. `facts` are the run's.
  virtual void Begin(int64_t begin_ns, int64_t wall_unix_ns, const TrackArguments& facts,
                     std::string* out) = 0;
  virtual void Add(const Track& track, std::string* out) = 0;
  // Arguments that many slices have: they are named by this number, from 0 on.
  virtual size_t Keep(const TrackArguments& arguments) = 0;
  virtual void Slice(const Track& track, int64_t begin_ns, int64_t end_ns,
                     std::string_view category, std::string_view name,
                     const TrackArguments& arguments, size_t kept, std::string* out) = 0;
  virtual void Instant(const Track& track, int64_t at_ns, std::string_view category,
                       std::string_view name, const TrackArguments& arguments,
                       std::string* out) = 0;
  virtual void Value(const Track& track, int64_t at_ns, double value, std::string* out) = 0;
  virtual void End(std::string* out) = 0;
};

}  // namespace synergy

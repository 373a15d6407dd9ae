#include "client/meter/meter_session.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <utility>

#include "common/load_chirp.h"

namespace synergy {
namespace {

constexpr Nanoseconds kPatience = Seconds(10);
// Then the distance of readings is known well enough to choose a pattern by.
constexpr uint64_t kEnoughReadings = 12;
constexpr Nanoseconds kLongEnough = Seconds(3);
// Until the store has the job's first records the board may be seconds into it.
constexpr Nanoseconds kRecent = Seconds(10);
constexpr size_t kMostRecent = 400'000;
constexpr Nanoseconds kReadStep = Milliseconds(50);
constexpr Nanoseconds kNap = Milliseconds(20);
constexpr Nanoseconds kStoreEvery = Milliseconds(500);
constexpr size_t kMostWaiting = 8192;  // readings of a rail
constexpr Nanoseconds kCompareEvery = Seconds(1);
constexpr size_t kMostTrips = 4096;
constexpr Nanoseconds kSilence = Seconds(2);
constexpr Nanoseconds kEnding = Milliseconds(500);

// Chips of a pattern: as short as supplies follow, long enough for four readings.
constexpr double kChipS = 0.03;
constexpr double kReadingsPerChip = 4;
constexpr double kUsualChirpS = 2;
constexpr uint32_t kMostUsualChips = 60, kFewestUsualChips = 24;

}  // namespace

MeterSession::MeterSession(std::string command, RunningProgram program, Note note, Clock& clock)
    : command_(std::move(command)),
      note_(std::move(note)),
      clock_(clock),
      program_(std::move(program)) {}

absl::StatusOr<std::unique_ptr<MeterSession>> MeterSession::Start(const std::string& command,
                                                                  Note note, Clock& clock) {
  absl::StatusOr<RunningProgram> program = StartShellProgram(command);
  if (!program.ok()) return program.status();
  std::unique_ptr<MeterSession> session(
      new MeterSession(command, *std::move(program), std::move(note), clock));
  if (absl::Status ready = session->AwaitReadings(); !ready.ok()) return ready;
  session->reader_ =
      std::jthread([s = session.get()](std::stop_token stop) { s->ReadUntilStopped(stop); });
  return session;
}

MeterSession::~MeterSession() {
  comparer_ = {};
  EndProgram();
}

absl::Status MeterSession::AwaitReadings() {
  const MonotonicTime begin = clock_.Now();
  while (true) {
    const bool runs = ReadLines(clock_.Now() + kReadStep);
    absl::MutexLock lock(&mutex_);
    const uint64_t readings = early_.arrivals().lines();
    const Nanoseconds waited = clock_.Now() - begin;
    if (readings >= kEnoughReadings || (early_.HasBegun() && waited >= kLongEnough)) break;
    const std::string said =
        early_.bad_lines() == 0 ? "" : fmt::format("; it said: {}", early_.first_bad_line());
    if (!runs) {
      return absl::FailedPreconditionError(
          fmt::format("the meter's program \"{}\" {} before it had given a dozen readings{}",
                      command_, ended_, said));
    }
    if (waited >= kPatience) {
      return absl::DeadlineExceededError(fmt::format(
          "the meter's program \"{}\" gave {} readings in {:.0f} s; it is to print a line "
          "t_ns,rail,watts for each reading and flush it (docs/meters.md){}",
          command_, readings, kPatience.seconds(), said));
    }
  }
  return absl::OkStatus();
}

void MeterSession::Take(std::string line, int64_t arrival_ns) {
  last_arrival_ns_ = arrival_ns;
  if (recording_) {
    log_.Add(line, arrival_ns);
    if (!store_status_.ok()) log_.TakeChunks(1);  // they are lost
    return;
  }
  early_.Add(line, arrival_ns);
  early_.TakeChunks(kMostWaiting);  // nobody wants these
  recent_.push_back({std::move(line), arrival_ns});
  while (recent_.size() > kMostRecent || arrival_ns - recent_.front().arrival_ns > kRecent.count) {
    recent_.pop_front();
  }
}

bool MeterSession::ReadLines(MonotonicTime until) {
  char buffer[16384];
  for (MonotonicTime now = clock_.Now(); now < until; now = clock_.Now()) {
    pollfd wait{.fd = program_.output.get(), .events = POLLIN, .revents = 0};
    if (poll(&wait, 1, static_cast<int>((until - now).count / 1'000'000) + 1) <= 0) continue;
    const ssize_t n = read(program_.output.get(), buffer, sizeof(buffer));
    const int64_t arrival_ns = clock_.Now().ns;
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) {
      NoteEnd();
      return false;
    }
    absl::MutexLock lock(&mutex_);
    for (std::string& line : splitter_.Add({buffer, static_cast<size_t>(n)})) {
      Take(std::move(line), arrival_ns);
    }
  }
  return true;
}

// A program's output closes a little before it has ended.
void MeterSession::NoteEnd() {
  const MonotonicTime limit = clock_.Now() + kEnding;
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      const std::string end = program_.end();
      if (end != "runs" || clock_.Now() >= limit) {
        ended_ = end == "runs" ? "closed its output" : end;
        return;
      }
    }
    clock_.SleepUntil(clock_.Now() + kNap);
  }
}

void MeterSession::NoteTroubles(MonotonicTime now) {
  absl::MutexLock lock(&mutex_);
  if (log_.bad_lines() > 0 && !bad_told_) {
    note_(fmt::format("the meter prints what is no reading: {}", log_.first_bad_line()));
    bad_told_ = true;
  }
  const Nanoseconds silence{now.ns - last_arrival_ns_};
  const bool silent =
      silence > std::max(kSilence, Nanoseconds{20 * early_.arrivals().period_ns().value_or(0)});
  if (silent && !silent_) {
    note_(fmt::format("the meter has given nothing for {:.0f} s", silence.seconds()));
  }
  if (!silent && silent_) note_("the meter gives readings again");
  silent_ = silent;
}

void MeterSession::ReadUntilStopped(std::stop_token stop) {
  while (ReadLines(clock_.Now() + kReadStep)) {
    if (stop.stop_requested()) return;
    NoteTroubles(clock_.Now());
  }
  if (stop.stop_requested()) return;
  absl::MutexLock lock(&mutex_);
  if (!ending_) note_(fmt::format("the meter's program {}; the job goes on without it", ended_));
}

absl::StatusOr<v1::LoadChirp> MeterSession::Chirp(uint64_t seed) const {
  absl::MutexLock lock(&mutex_);
  const double period_s = 1e-9 * static_cast<double>(early_.arrivals().period_ns().value_or(0));
  const double chip_s = std::max(kChipS, kReadingsPerChip * period_s);
  if (chip_s * kFewestUsualChips > kLongestChirpS) {
    return absl::FailedPreconditionError(fmt::format(
        "the meter gives a reading every {:.2f} s; slower than every {:.2f} s its clock cannot be "
        "brought onto the board's",
        period_s, kLongestChirpS / kFewestUsualChips / kReadingsPerChip));
  }
  v1::LoadChirp chirp;
  chirp.set_seconds_per_chip(chip_s);
  chirp.set_chips(
      std::clamp(static_cast<uint32_t>(kUsualChirpS / chip_s), kFewestUsualChips, kMostUsualChips));
  // Every edge is one observation: of few chips some seeds have too few.
  for (chirp.set_seed(seed); ChirpEdges(chirp).size() * 5 < chirp.chips() * 2;) {
    chirp.set_seed(chirp.seed() + 1);
  }
  return chirp;
}

void MeterSession::BeginComparing(Compare compare) {
  comparer_ = std::jthread([this, compare = std::move(compare)](std::stop_token stop) {
    CompareUntilStopped(stop, compare);
  });
}

void MeterSession::CompareUntilStopped(std::stop_token stop, const Compare& compare) {
  const auto round_trip = [](const RoundTrip& trip) { return trip.back_ns - trip.sent_ns; };
  MonotonicTime next = clock_.Now();
  bool reached = true;
  while (true) {
    const bool last = stop.stop_requested();
    if (last && !reached) return;  // a board that is away is not waited for
    const absl::StatusOr<std::vector<RoundTrip>> trips = compare();
    reached = trips.ok() && !trips->empty();
    if (reached) {
      absl::MutexLock lock(&mutex_);
      trips_.push_back(*std::ranges::min_element(*trips, {}, round_trip));
      if (trips_.size() > kMostTrips) {  // every other one
        size_t kept = 0;
        for (size_t i = 0; i < trips_.size(); i += 2) trips_[kept++] = trips_[i];
        trips_.resize(kept);
      }
    }
    if (last) return;
    next = std::max(next + kCompareEvery, clock_.Now());
    while (clock_.Now() < next && !stop.stop_requested()) {
      clock_.SleepUntil(std::min(next, clock_.Now() + kNap));
    }
  }
}

void MeterSession::Record(const std::string& store_path, int64_t number) {
  store_path_ = store_path;
  number_ = number;
  writer_ = std::jthread([this](std::stop_token stop) { StoreUntilStopped(stop); });
}

absl::StatusOr<bool> MeterSession::BeginRecording(Store& store) {
  const absl::StatusOr<StoredRun> run = store.Run(number_);
  if (!run.ok()) return run.status();
  if (!run->started_unix_ns) return false;
  absl::MutexLock lock(&mutex_);
  if (recording_) return true;
  recording_ = true;
  for (const Line& line : recent_) log_.Add(line.text, line.arrival_ns);
  recent_.clear();
  return true;
}

absl::Status MeterSession::StoreChunks(Store& store, size_t least) {
  std::vector<v1::Chunk> chunks;
  {
    absl::MutexLock lock(&mutex_);
    chunks = log_.TakeChunks(least);
  }
  return chunks.empty() ? absl::OkStatus() : store.AppendMeterChunks(number_, chunks);
}

void MeterSession::StoreUntilStopped(std::stop_token stop) {
  const auto failed = [this](const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    store_status_ = status;
    note_(fmt::format("the meter's readings are not stored any more: {}",
                      std::string(status.message())));
  };
  const absl::StatusOr<std::unique_ptr<Store>> store =
      Store::Open(store_path_, StoreAccess::kWrite);
  if (!store.ok()) return failed(store.status());
  bool recording = false;
  while (!stop.stop_requested()) {
    if (!recording) {
      const absl::StatusOr<bool> begun = BeginRecording(**store);
      if (!begun.ok()) return failed(begun.status());
      recording = *begun;
    }
    const absl::Status stored = StoreChunks(**store, 1);
    if (!stored.ok()) return failed(stored);
    const MonotonicTime next = clock_.Now() + kStoreEvery;
    while (clock_.Now() < next && !stop.stop_requested()) clock_.SleepUntil(clock_.Now() + kNap);
  }
}

}  // namespace synergy

// How a MeterSession ends: the last lines, the program, and the record. The rest is in
// meter_session.cc.
#include <utility>

#include "client/meter/meter_fit.h"
#include "client/meter/meter_session.h"

namespace synergy {
namespace {

constexpr Nanoseconds kOnTheirWay = Milliseconds(300);  // lines after the job
constexpr Nanoseconds kLastLines = Seconds(3);
constexpr Nanoseconds kTermination = Seconds(2);
constexpr Nanoseconds kNap = Milliseconds(20);

}  // namespace

void MeterSession::EndProgram() {
  {
    absl::MutexLock lock(&mutex_);
    ending_ = true;
    if (ended_.empty()) program_.terminate();
  }
  // The reader takes what the program still says, so that it does not wait for somebody to. Where
  // it has never begun nothing is worth waiting for.
  const MonotonicTime limit = clock_.Now() + kTermination;
  while (reader_.joinable() && !HasEnded() && clock_.Now() < limit)
    clock_.SleepUntil(clock_.Now() + kNap);
  reader_ = {};
  program_ = {};
}

bool MeterSession::HasEnded() const {
  absl::MutexLock lock(&mutex_);
  return !ended_.empty();
}

absl::Status MeterSession::Finish(Store& store) {
  const MonotonicTime now = clock_.Now();
  const auto arrived = [&] {
    absl::MutexLock lock(&mutex_);
    return last_arrival_ns_ >= (now + kOnTheirWay).ns || !ended_.empty();
  };
  while (!arrived() && clock_.Now() < now + kLastLines) clock_.SleepUntil(clock_.Now() + kNap);
  std::string ended;
  {
    absl::MutexLock lock(&mutex_);
    ended = ended_;
  }
  comparer_ = {};
  EndProgram();
  writer_ = {};
  {
    absl::MutexLock lock(&mutex_);
    if (!store_status_.ok()) return store_status_;
  }
  const absl::StatusOr<bool> begun = BeginRecording(store);
  if (!begun.ok()) return begun.status();
  if (!*begun) {
    note_("the job never began, so nothing of the meter is stored");
    return absl::OkStatus();
  }
  const absl::Status stored = StoreChunks(store, 1);
  return stored.ok() ? StoreRecord(store, ended) : stored;
}

absl::Status MeterSession::StoreRecord(Store& store, const std::string& ended) {
  absl::MutexLock lock(&mutex_);  // nobody else is there any more
  v1::MeterRecord record = log_.Facts();
  record.set_command(command_);
  record.set_ended(ended);
  RoundTrips trips;
  for (const RoundTrip& trip : trips_) {
    trips.Add(trip);
    v1::MeterRecord::RoundTrip* one = record.add_trips();
    one->set_sent_ns(trip.sent_ns);
    one->set_received_ns(trip.received_ns);
    one->set_answered_ns(trip.answered_ns);
    one->set_back_ns(trip.back_ns);
  }
  if (!trips_.empty()) {
    if (const auto offset = trips.OffsetAt(trips_.back().back_ns)) {
      record.set_trip_bound_ns(offset->half_width_ns());
    }
  }
  const auto played = PlayedChirps(store, number_);
  if (!played.ok()) return played.status();
  const auto rails = ReadMeterRails(store, number_, record);
  if (!rails.ok()) return rails.status();
  FillClock(trips, log_.arrivals(), *played, *rails, &record);
  return store.PutMeter(number_, record);
}

}  // namespace synergy

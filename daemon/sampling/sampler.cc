#include "daemon/sampling/sampler.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/records/chunk.h"

namespace synergy {
namespace {

// How long a thread may sleep before it looks whether it should stop or the rate has changed.
constexpr Nanoseconds kLongestSleep = Milliseconds(50);
// Above everything that is not real-time, below all that is.
constexpr int kPriority = 1;

absl::Status SetThreadAffinity(std::jthread& thread, const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(static_cast<size_t>(cpu), &set);
  if (cpus.empty()) {
    for (size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) CPU_SET(cpu, &set);
  }
  const int error = pthread_setaffinity_np(thread.native_handle(), sizeof(set), &set);
  if (error == 0 || error == ESRCH) return absl::OkStatus();  // ESRCH: its source was given up
  return absl::InvalidArgumentError(
      fmt::format("placing a sampling thread on CPUs {}: {}; name CPUs that are online",
                  fmt::join(cpus, ","), std::strerror(error)));
}

}  // namespace

Sampler::Sampler(std::vector<std::unique_ptr<PowerSource>> sources, Clock& clock)
    : clock_(clock), sinks_(sources.size()) {
  for (auto& source : sources) {
    pollers_.push_back(
        std::make_unique<SourcePoller>(pollers_.size(), std::move(source), clock_, sinks_));
  }
}

Sampler::~Sampler() { Stop(); }

void Sampler::Start() {
  TakeStats();  // they count from here
  absl::MutexLock lock(&mutex_);
  for (auto& poller : pollers_) {
    std::jthread& thread = threads_.emplace_back(
        [this, &poller = *poller](const std::stop_token& stop) { Run(stop, poller); });
    RaisePriority(thread);
    if (cpus_.empty()) continue;
    if (absl::Status status = SetThreadAffinity(thread, cpus_); !status.ok()) {
      notes_.push_back(std::string(status.message()));
    }
  }
}

void Sampler::Stop() {
  std::vector<std::jthread> threads;
  {
    absl::MutexLock lock(&mutex_);
    threads = std::move(threads_);
    threads_.clear();
  }
  for (std::jthread& thread : threads) thread.request_stop();
}  // and joins here

void Sampler::Run(const std::stop_token& stop, SourcePoller& poller) {
  pthread_setname_np(pthread_self(), "sampler");
  prctl(PR_SET_TIMERSLACK, 1UL);  // the default adds 50 us to every sleep of a normal thread
  while (!stop.stop_requested()) {
    const MonotonicTime due = poller.NextDue();
    const MonotonicTime now = clock_.Now();
    if (now < due) {
      clock_.SleepUntil(std::min(due, now + kLongestSleep));
      if (due > now + kLongestSleep) continue;
    }
    if (!poller.Tick()) return;
  }
}

SourcePoller* Sampler::NextPoller() {
  SourcePoller* next = nullptr;
  for (const auto& poller : pollers_) {
    if (std::ranges::find(given_up_, poller.get()) != given_up_.end()) continue;
    if (next == nullptr || poller->NextDue() < next->NextDue()) next = poller.get();
  }
  return next;
}

std::optional<MonotonicTime> Sampler::NextDue() {
  SourcePoller* const next = NextPoller();
  return next == nullptr ? std::nullopt : std::optional(next->NextDue());
}

void Sampler::TickNext() {
  SourcePoller* const next = NextPoller();
  if (next != nullptr && !next->Tick()) given_up_.push_back(next);
}

void Sampler::RaisePriority(std::jthread& thread) {
  const sched_param priority{.sched_priority = kPriority};
  const int error = pthread_setschedparam(thread.native_handle(), SCHED_FIFO, &priority);
  if (error == 0 || !notes_.empty()) return;
  notes_.push_back(fmt::format(
      "sampling threads run without real-time priority ({}), so other programs can delay them; "
      "root or CAP_SYS_NICE gives it",
      std::strerror(error)));
}

absl::Status Sampler::SetRate(double hz) {
  if (!(hz >= kLowestRateHz && hz <= kHighestRateHz)) {
    return absl::InvalidArgumentError(fmt::format(
        "a sampling rate of {} Hz: choose one from {} to {}", hz, kLowestRateHz, kHighestRateHz));
  }
  rate_hz_.store(hz);
  const Nanoseconds period{static_cast<int64_t>(1e9 / hz + 0.5)};
  for (auto& poller : pollers_) poller->SetPeriod(period);
  return absl::OkStatus();
}

double Sampler::rate_hz() const { return rate_hz_.load(); }

absl::Status Sampler::SetAffinity(const std::vector<int>& cpus) {
  for (const int cpu : cpus) {
    if (cpu < 0 || cpu >= CPU_SETSIZE) {
      return absl::InvalidArgumentError(fmt::format("CPU {}: there is no such CPU", cpu));
    }
  }
  absl::MutexLock lock(&mutex_);
  cpus_ = cpus;
  for (std::jthread& thread : threads_) {
    if (absl::Status status = SetThreadAffinity(thread, cpus_); !status.ok()) return status;
  }
  return absl::OkStatus();
}

void Sampler::AddSink(ReadingSink* sink) { sinks_.Add(sink); }
void Sampler::RemoveSink(ReadingSink* sink) { sinks_.Remove(sink); }

std::vector<v1::SourceStats> Sampler::TakeStats() {
  std::vector<v1::SourceStats> stats;
  uint32_t channel = kFirstSensorChannel;  // as runs number them
  for (auto& poller : pollers_) {
    stats.push_back(poller->TakeStats());
    for (v1::ChannelStats& one : *stats.back().mutable_channels()) one.set_channel(channel++);
  }
  return stats;
}

absl::Status Sampler::source_status(size_t i) const { return pollers_[i]->status(); }

std::vector<v1::SourceInfo> Sampler::DescribeSources() const {
  std::vector<v1::SourceInfo> sources;
  for (const auto& poller : pollers_) sources.push_back(poller->Describe());
  return sources;
}

uint64_t Sampler::transfers() const {
  uint64_t transfers = 0;
  for (const auto& poller : pollers_) transfers += poller->transfers();
  return transfers;
}

std::vector<std::string> Sampler::doubts() const {
  std::vector<std::string> doubts;
  for (const auto& poller : pollers_) {
    if (std::string doubt = poller->doubt(); !doubt.empty()) doubts.push_back(std::move(doubt));
  }
  return doubts;
}

std::vector<std::string> Sampler::notes() const {
  absl::MutexLock lock(&mutex_);
  return notes_;
}

const PowerSource& Sampler::source(size_t i) const { return pollers_[i]->source(); }

}  // namespace synergy

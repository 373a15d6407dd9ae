// A device with the simulated Jetson TX1, the fake engine (tests/support/fake_engine.cc) and a
// queue, in this process and in real time.
#pragma once

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "common/attribution/run_data.h"
#include "common/child_process.h"
#include "daemon/jobs/core_plan.h"
#include "daemon/jobs/job_queue.h"
#include "daemon/jobs/job_runner.h"
#include "daemon/power/board.h"
#include "daemon/sampling/sampler.h"
#include "daemon/sampling/spool.h"
#include "daemon/sampling/telemetry.h"
#include "gtest/gtest.h"
#include "tests/daemon/jobs/fake_executor.h"
#include "tests/support/memory_file.h"
#include "tests/support/temp_folder.h"

namespace synergy {

class MeasuringDevice {
 public:
  explicit MeasuringDevice(const std::string& state_dir) {
    AdoptOrphans();
    board_ = OpenBoard("sim:jetson-tx1", 1, RealClock()).value();
    sampler_ = std::make_unique<Sampler>(std::move(board_.sources), RealClock());
    telemetry_ = Telemetry::Create(board_.info, *sampler_).value();
    sampler_->AddSink(telemetry_.get());
    sampler_->Start();
    options.launcher = SYNERGY_TEST_LAUNCHER;
    options.estimator = SYNERGY_TEST_ESTIMATOR;
    options.libexec_dir = SYNERGY_TEST_LIBEXEC;
    if (geteuid() == 0) options.engine_user = FindUser({"nobody"});
    options.baseline = Milliseconds(20);
    options.tail = Milliseconds(20);
    options.spool.min_free_bytes = 0;
    queue_options.state_dir = state_dir;
    queue_options.limits.engines = {{.name = "fake"}, {.name = "missing"}};
    queue_options.limits.can_measure = true;
    queue_options.limits.knows_events = true;
    queue_options.limits.cpus = static_cast<uint32_t>(AvailableCpus().size());
    queue_options.board = board_.info;
    queue_options.space.min_free_bytes = 0;
    queue_options.objects.received_bytes = &received_bytes_;
  }
  ~MeasuringDevice() {
    queue_.reset();
    sampler_->Stop();
    EXPECT_EQ(KillStrays(), 0) << "a process was left behind";
  }

  // After options and queue_options were set.
  void Start() {
    RunnerParts parts;
    parts.board = board_.info;
    parts.simulation = board_.simulation.get();
    parts.sampler = sampler_.get();
    parts.telemetry = telemetry_.get();
    parts.clocks = clocks;
    parts.perf = perf;
    parts.clock = &RealClock();
    parts.received_bytes = &received_bytes_;
    parts.cpus = AvailableCpus();
    parts.pin = [this](const std::vector<int>& cpus) {
      EXPECT_TRUE(PinProcess(getpid(), cpus).ok());
      pinned.push_back(cpus);
    };
    parts.on_chunk = [] {};
    runner_ = std::make_unique<JobRunner>(options, parts);
    queue_ = JobQueue::Open(queue_options, *runner_, RealClock()).value();
    queue_->SetListener(&news);
    queue_->Start();
  }

  static v1::JobSpec Spec(uint32_t iterations = 5) {
    v1::JobSpec spec;
    spec.set_net_name("net");
    spec.set_engine("fake");
    spec.set_iterations(iterations);
    spec.set_warmup(2);
    spec.set_threads(1);
    spec.set_batch(1);
    return spec;
  }
  std::string Submit(const std::string& net, v1::JobSpec spec = Spec()) {
    const auto job = queue_->Submit(spec, MemoryFile(net), MemoryFile(""));
    EXPECT_TRUE(job.ok()) << job.status();
    return job->run_id();
  }
  // Submits a job that ends when it is made to, and waits until it measures.
  std::string SubmitEndless(const std::string& net) {
    const std::string run_id = Submit(net, Spec(1'000'000));
    news.WaitForPhase(run_id, v1::PHASE_MEASURE);
    return run_id;
  }
  // Submits and waits for the job's end.
  v1::JobStatus Run(const std::string& net, v1::JobSpec spec = Spec()) {
    return WaitForEnd(Submit(net, std::move(spec)));
  }
  v1::JobStatus WaitForEnd(const std::string& run_id) { return news.WaitForEnd(run_id); }

  // Everything that the run's spool holds.
  std::vector<v1::Chunk> Chunks(const std::string& run_id) {
    std::vector<v1::Chunk> chunks;
    auto fd = queue_->OpenRun(run_id);
    EXPECT_TRUE(fd.ok()) << fd.status();
    if (!fd.ok()) return chunks;
    SpoolReader reader(*std::move(fd));
    for (v1::Chunk chunk;;) {
      const auto more = reader.Next(&chunk);
      EXPECT_TRUE(more.ok()) << more.status();
      if (!more.ok() || !*more) return chunks;
      chunks.push_back(chunk);
    }
  }
  RunData Records(const std::string& run_id) {
    RunData data;
    for (const v1::Chunk& chunk : Chunks(run_id)) {
      const absl::Status added = data.Add(chunk);
      EXPECT_TRUE(added.ok()) << added;
    }
    return data;
  }

  JobQueue& queue() { return *queue_; }

  RunnerOptions options;
  JobQueueOptions queue_options;
  PerfKernel* perf = &RealPerfKernel();
  ClockControl* clocks = nullptr;  // that jobs may ask for; outlives this
  NewsLog news;
  std::vector<std::vector<int>> pinned;  // what the daemon was bound to, one after the other

 private:
  std::atomic<uint64_t> received_bytes_ = 0;
  Board board_;
  std::unique_ptr<Sampler> sampler_;
  std::unique_ptr<Telemetry> telemetry_;
  std::unique_ptr<JobRunner> runner_;
  std::unique_ptr<JobQueue> queue_;
};

}  // namespace synergy

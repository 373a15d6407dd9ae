#include "daemon/power/exec_source.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <utility>

#include "fmt/format.h"
#include "tests/conformance/power_source_suite.h"
#include "tests/support/fake_clock.h"

namespace synergy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A program on the other end of a pipe, in virtual time: prints a line for each of its rails
// whenever time goes on.
class Program final : public Clock {
 public:
  MonotonicTime Now() override { return clock_.Now(); }
  void SleepUntil(MonotonicTime deadline) override {
    clock_.SleepUntil(deadline);
    if (prints_) PrintAll();
  }

  ExecSource::Start Starter() {
    return [this]() -> absl::StatusOr<RunningProgram> {
      if (!prints_) return absl::NotFoundError("no such program");
      int ends[2];
      if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) std::abort();
      RunningProgram program;
      program.output.reset(ends[0]);
      reader_.reset(dup(ends[0]));
      input_.reset(ends[1]);
      program.end = [] { return "exited with code 3"; };
      PrintAll();
      Advance(Microseconds(1));
      PrintAll();
      return program;
    };
  }
  void Print(const std::string& text) {
    // What nobody reads is lost, as in a program that drops what it cannot print.
    if (input_.ok() && write(input_.get(), text.data(), text.size()) < 0 && errno != EAGAIN) {
      std::abort();
    }
  }
  void PrintAll() {
    const int64_t now = clock_.Now().ns - held_.count;
    Print(fmt::format("{},MAIN,1.25\n{},CPU,0.5\n", now, now));
  }
  void Advance(Nanoseconds span) { clock_.Advance(span); }
  // Whatever it printed was read before.
  void End() {
    input_.reset();
    char buffer[4096];
    while (read(reader_.get(), buffer, sizeof(buffer)) > 0) {
    }
  }
  void SetPrints(bool prints) { prints_ = prints; }
  // How long it holds each line back.
  void SetHeld(Nanoseconds held) { held_ = held; }

  absl::StatusOr<FoundSource> Open() {
    return ExecSource::Open("exec meter", Starter(), names_, *this);
  }

 private:
  FakeClock clock_;
  RailNames names_;
  UniqueFd input_, reader_;
  bool prints_ = true;
  Nanoseconds held_{0};
};

SourceUnderTest MakeProgram() {
  auto program = std::make_shared<Program>();
  SourceUnderTest t;
  t.clock = program.get();
  auto found = program->Open();
  EXPECT_TRUE(found.ok()) << found.status();
  t.source = std::move(found->source);
  t.foreign_stamps = true;
  t.truth = [](const v1::ChannelInfo& channel) { return channel.rail() == "MAIN" ? 1.25 : 0.5; };
  t.fail_next = [p = program.get()](absl::StatusCode code) {
    if (code == absl::StatusCode::kUnavailable) {
      p->Print("hello\n");
    } else {
      p->End();
    }
    return "hello";
  };
  t.vanish = [p = program.get()] {
    p->SetPrints(false);
    p->End();
  };
  t.come_back = [p = program.get()] { p->SetPrints(true); };
  t.bench = std::move(program);
  return t;
}

TEST(ExecLines, AreATimeARailAndAPower) {
  const auto line = ParseExecLineUntrusted("123456789,VDD_CPU,-1.5e-1");
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->t_ns, 123456789);
  EXPECT_EQ(line->rail, "VDD_CPU");
  EXPECT_DOUBLE_EQ(line->watts, -0.15);
}

TEST(ExecLines, AnythingElseIsRefusedWithTheLine) {
  for (const std::string bad :
       {"", "hello", "1,2", ",A,1", "1,,1", "1,A,", "1,A,x", "1,A,nan", "1,A,inf", "1,A,1e7",
        "-1,A,1", "1.5,A,1", "99999999999999999999,A,1", "1,A B,1", "1,A,1 ", "1,A,1,2",
        "1,\x01,1"}) {
    const auto line = ParseExecLineUntrusted(bad);
    EXPECT_EQ(line.status().code(), absl::StatusCode::kDataLoss) << bad;
  }
  EXPECT_EQ(ParseExecLineUntrusted("1," + std::string(65, 'R') + ",1").status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(ParseExecLineUntrusted("1,A,0." + std::string(300, '0')).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST(ExecLines, CanComeInAnyPieces) {
  LineSplitter splitter;
  EXPECT_THAT(splitter.Add("1,A"), ElementsAre());
  EXPECT_THAT(splitter.Add(",2\r\n\n3,"), ElementsAre("1,A,2", ""));
  EXPECT_THAT(splitter.Add("B,4\n"), ElementsAre("3,B,4"));
  const std::vector<std::string> lines = splitter.Add(std::string(5000, 'x') + "\n1,A,2\n");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].size(), kMaxExecLineBytes + 1);
  EXPECT_EQ(lines[1], "1,A,2");
}

INSTANTIATE_TEST_SUITE_P(ExecSource, PowerSourceSuite, testing::Values(&MakeProgram));

TEST(ExecSource, LosesLinesThatCannotBeRightAndSaysHowMany) {
  Program program;
  auto found = program.Open();
  ASSERT_TRUE(found.ok()) << found.status();
  ExecSource& source = dynamic_cast<ExecSource&>(*found->source);
  std::vector<ChannelReading> readings;
  ASSERT_TRUE(source.Read(&readings).ok());
  EXPECT_EQ(readings.size(), 4u) << "what named the rails counts, too";
  const int64_t now = program.Now().ns;
  program.Advance(Microseconds(10));
  program.Print(fmt::format("{},MAIN,2\n{},MAIN,2\n{},OTHER,1\n{},CPU,3\nrubbish\n", now + 1,
                            now + 1, now + 2, now + 1'000'000));
  readings.clear();
  const absl::Status status = source.Read(&readings);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.ToString(), HasSubstr("exec meter: 4 of 5 lines"));
  EXPECT_THAT(status.ToString(), HasSubstr("not after the one before"));
  ASSERT_EQ(readings.size(), 1u);
  EXPECT_EQ(readings[0].reading.begin_ns, now + 1);
  EXPECT_EQ(readings[0].reading.raw, 2'000'000);
}

// A program that prints 50 lines a second, whose clock is `rate` times as fast as the machine's,
// and which prints each line `held` after it was stamped.
class Astray {
 public:
  explicit Astray(Nanoseconds held = Nanoseconds{0}) {
    program_.SetHeld(held);
    found_ = program_.Open();
    EXPECT_TRUE(found_.ok()) << found_.status();
    begin_ = program_.Now();
    program_.SetPrints(false);
    std::vector<ChannelReading> first;
    EXPECT_TRUE(source().Read(&first).ok());
  }
  void Go(double rate, Nanoseconds held, Nanoseconds span) {
    const MonotonicTime end = program_.Now() + span;
    while (program_.Now() < end) {
      program_.Advance(Milliseconds(20));
      const Nanoseconds since = program_.Now() - begin_;
      const auto shown_ns = static_cast<int64_t>(rate * static_cast<double>(since.count));
      program_.Print(fmt::format("{},MAIN,2\n", begin_.ns + shown_ns - held.count));
      last_ = source().Read(&readings_);
      (last_.ok() ? good_ : failed_) += 1;
    }
  }
  ExecSource& source() { return dynamic_cast<ExecSource&>(*found_->source); }

  Program program_;
  absl::StatusOr<FoundSource> found_;
  MonotonicTime begin_;
  std::vector<ChannelReading> readings_;
  absl::Status last_;
  int good_ = 0, failed_ = 0;
};

TEST(ExecSource, AClockOfHalfTheSpeedGivesNoReadingsAfterASecond) {
  Astray t;
  t.Go(0.5, Nanoseconds{0}, Seconds(10));
  EXPECT_EQ(t.last_.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(t.last_.ToString(), HasSubstr("exec meter"));
  EXPECT_THAT(t.last_.ToString(), HasSubstr("MAIN: its lines came"));
  EXPECT_THAT(t.last_.ToString(), HasSubstr("its clock is slow or was set back"));
  EXPECT_THAT(t.last_.ToString(), HasSubstr("CLOCK_MONOTONIC"));
  EXPECT_LE(t.good_, 65) << "a second of 50 lines, and the next look at them";
  EXPECT_EQ(t.readings_.size(), static_cast<size_t>(t.good_));
  EXPECT_THAT(t.source().Remarks(), ElementsAre(HasSubstr("exec meter: no readings: MAIN")));
  t.program_.Advance(Milliseconds(20));
  EXPECT_FALSE(t.source().Read(&t.readings_).ok()) << "nor is it well while nothing is printed";
}

TEST(ExecSource, AClockThatIsSlowByTwoPercentIsFoundBeforeItIsAThirdOfASecondBehind) {
  Astray t;
  t.Go(0.98, Nanoseconds{0}, Seconds(15));
  EXPECT_THAT(t.last_.ToString(), HasSubstr("its clock is slow"));
  EXPECT_GE(t.good_, 5 * 50) << "until then nobody could know";
}

TEST(ExecSource, AFastClockStampsTheFutureAndGivesNoReadings) {
  Astray t;
  t.Go(1.02, Nanoseconds{0}, Seconds(2));
  EXPECT_EQ(t.good_, 0);
  EXPECT_THAT(t.last_.ToString(), HasSubstr("in the future"));
}

TEST(ExecSource, LinesThatComeTwoSecondsLateAreNoReadings) {
  Program late;
  late.SetHeld(Seconds(2));
  EXPECT_THAT(late.Open().status().ToString(), HasSubstr("MAIN: the line of the time"))
      << "a program that begins so is refused";
  Astray t;
  t.Go(1, Seconds(2), Milliseconds(500));
  EXPECT_EQ(t.good_, 0);
  EXPECT_THAT(t.last_.ToString(), HasSubstr("exec meter"));
  EXPECT_THAT(t.last_.ToString(), HasSubstr("MAIN: the line of the time"));
  EXPECT_THAT(t.last_.ToString(), HasSubstr("(at most 1 s is well)"));
  EXPECT_THAT(t.source().Remarks(), ElementsAre(HasSubstr("no readings")));
}

TEST(ExecSource, SaysHowLateAProgramIs) {
  Astray t(Milliseconds(300));
  t.Go(1, Milliseconds(300), Seconds(20));
  EXPECT_EQ(t.failed_, 0);
  EXPECT_THAT(t.source().Remarks(),
              ElementsAre(HasSubstr("exec meter: MAIN: lines come at least 280 ms after")))
      << "it was read 20 ms before";
}

TEST(ExecSource, GoesOnOnceTheClockRanWellOverAWholeWindow) {
  Astray t;
  t.Go(1, Nanoseconds{0}, Seconds(5));
  EXPECT_THAT(t.source().Remarks(), ElementsAre());
  t.Go(1, Milliseconds(500), Seconds(10));
  EXPECT_FALSE(t.last_.ok()) << "its clock was set back, or it prints later from now on";
  t.Go(1, Milliseconds(500), LineClock::kWindow + Seconds(5));
  EXPECT_TRUE(t.last_.ok()) << t.last_;
  EXPECT_THAT(t.source().Remarks(), ElementsAre(HasSubstr("at least 480 ms")));
}

TEST(ExecSource, AReaderThatWasHeldUpBlamesNoProgram) {
  Astray t;
  t.Go(1, Nanoseconds{0}, Seconds(5));
  const int64_t begin_ns = t.program_.Now().ns;
  for (int i = 1; i <= 3000; ++i) {  // three seconds in which nobody reads
    t.program_.Advance(Milliseconds(1));
    t.program_.Print(fmt::format("{},MAIN,2\n", begin_ns + i * 1'000'000L));
  }
  t.readings_.clear();
  EXPECT_TRUE(t.source().Read(&t.readings_).ok());
  while (t.readings_.size() < 3000) ASSERT_TRUE(t.source().Read(&t.readings_).ok());
  t.Go(1, Nanoseconds{0}, Seconds(20));
  EXPECT_EQ(t.failed_, 0);
}

TEST(ExecSource, RefusesAProgramThatStampsByAClockOfItsOwn) {
  RailNames names;
  const auto found = ExecSource::Open(
      "exec", [] { return StartShellProgram("echo 1,USB,2; echo 2,USB,2; exec sleep 1000"); },
      names, RealClock());
  EXPECT_EQ(found.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(found.status().ToString(), HasSubstr("USB: the line of the time 1 came at least"));
  EXPECT_THAT(found.status().ToString(), HasSubstr("time.monotonic_ns()"));
}

TEST(ExecSource, RefusesAProgramThatPrintsSomethingElse) {
  RailNames names;
  const auto found = ExecSource::Open(
      "exec", [] { return StartShellProgram("echo Usage: meter PORT; exec sleep 1000"); }, names,
      RealClock());
  EXPECT_EQ(found.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(found.status().ToString(), HasSubstr("Usage: meter PORT"));
}

TEST(ExecSource, TellsHowAProgramEndedThatNeverNamedItsRails) {
  RailNames names;
  const auto found = ExecSource::Open(
      "exec",
      [] { return StartShellProgram(fmt::format("echo {},A,2; exit 7", RealClock().Now().ns)); },
      names, RealClock());
  EXPECT_EQ(found.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(found.status().ToString(), HasSubstr("closed its output"));
}

TEST(ExecSource, ItsProgramIsKilledWithItsWholeGroup) {
  RailNames names;
  // The child of the shell holds the pipe's end, too.
  int alive[2];
  ASSERT_EQ(pipe(alive), 0);
  const UniqueFd reading(alive[0]);
  UniqueFd writing(alive[1]);
  const int64_t now_ns = RealClock().Now().ns;
  const std::string script =
      fmt::format("sleep 1000 >/proc/{}/fd/{} & echo {},A,1; echo {},A,2; wait", getpid(), alive[1],
                  now_ns, now_ns + 1);
  auto found = ExecSource::Open(
      "exec", [&] { return StartShellProgram(script); }, names, RealClock());
  ASSERT_TRUE(found.ok()) << found.status();
  std::vector<ChannelReading> readings;
  ASSERT_TRUE(found->source->Read(&readings).ok());
  ASSERT_EQ(readings.size(), 2u);
  EXPECT_EQ(readings[1].reading.raw, 2'000'000);
  writing.reset();
  found->source.reset();
  char byte = 0;
  EXPECT_EQ(read(reading.get(), &byte, 1), 0) << "ends only when sleep has let go of it";
}

}  // namespace
}  // namespace synergy

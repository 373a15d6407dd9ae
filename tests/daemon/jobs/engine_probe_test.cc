// Real processes of the fake engine, started by the real launcher.
#include "daemon/jobs/engine_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>

#include "common/child_process.h"
#include "common/unique_fd.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EngineProbeTest : public testing::Test {
 protected:
  EngineProbeTest() {
    AdoptOrphans();
    std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
    options_.launcher = SYNERGY_TEST_LAUNCHER;
    options_.libexec_dir = folder_.path();
    if (geteuid() == 0) options_.user = FindUser({"nobody"});
  }

  // Installs the fake engine as one that behaves as its name says.
  void Install(const std::string& name) {
    std::filesystem::create_symlink(EnginePath(SYNERGY_TEST_LIBEXEC, "fake"),
                                    EnginePath(folder_.path(), name));
  }
  std::vector<InstalledEngine> Ask() {
    auto engines = ProbeEngines(options_, RealClock());
    EXPECT_TRUE(engines.ok()) << engines.status();
    return *std::move(engines);
  }
  // Why the one engine that is installed cannot be used.
  std::string Reason() {
    const std::vector<InstalledEngine> engines = Ask();
    EXPECT_EQ(engines.size(), 1u);
    return engines.at(0).unusable;
  }

  TempFolder folder_;
  ProbeOptions options_;
};

TEST_F(EngineProbeTest, LearnsNamesVersionsAndThreads) {
  Install("fake");
  Install("fake-one_thread");
  const std::vector<InstalledEngine> engines = Ask();
  ASSERT_EQ(engines.size(), 2u);
  EXPECT_EQ(engines[0].name, "fake");
  EXPECT_EQ(engines[0].version, "fake engine 1.0");
  EXPECT_EQ(engines[0].max_threads, 0u) << "it does not say";
  EXPECT_EQ(engines[1].name, "fake-one_thread");
  EXPECT_EQ(engines[1].max_threads, 1u);
  for (const InstalledEngine& engine : engines) EXPECT_EQ(engine.unusable, "");
  EXPECT_EQ(KillStrays(), 0) << "an engine was left behind";
}

TEST_F(EngineProbeTest, AsksOneAlone) {
  Install("fake");
  Install("fake-silent");
  const auto engine = ProbeEngine("fake", options_, RealClock());
  ASSERT_TRUE(engine.ok()) << engine.status();
  EXPECT_EQ(engine->unusable, "");
  EXPECT_EQ(engine->version, "fake engine 1.0");
  EXPECT_TRUE(absl::IsNotFound(ProbeEngine("other", options_, RealClock()).status()));
}

TEST_F(EngineProbeTest, AFolderWithoutEnginesHasNone) { EXPECT_THAT(Ask(), IsEmpty()); }

TEST_F(EngineProbeTest, AHangCostsThePatienceAndNoOtherEngine) {
  options_.patience = Seconds(5);
  Install("fake");
  Install("fake-close_early");
  Install("fake-half_frame");
  Install("fake-silent");
  std::vector<std::string> unusable;
  for (const InstalledEngine& engine : Ask()) unusable.push_back(engine.unusable);
  EXPECT_THAT(unusable, ElementsAre("", "it closed its connection within 5 s of its start",
                                    "it did not greet within 5 s of its start",
                                    "it did not greet within 5 s of its start"));
  EXPECT_EQ(KillStrays(), 0) << "an engine was left behind";
}

TEST_F(EngineProbeTest, ACrashIsToldWithItsSignal) {
  Install("fake-crash_early");
  EXPECT_THAT(Reason(), HasSubstr("it was killed by SIGABRT"));
}

TEST_F(EngineProbeTest, AnEndIsToldWithItsCodeAndLastWords) {
  Install("fake-exit_early");
  EXPECT_EQ(Reason(), "it exited with code 3 when it was started");
  options_.launcher = "/bin/false";
  EXPECT_THAT(Reason(), HasSubstr("exited with code 1"));
  std::filesystem::remove(EnginePath(folder_.path(), "fake-exit_early"));
  std::filesystem::create_symlink("/bin/sh", EnginePath(folder_.path(), "shell"));
  options_.launcher = SYNERGY_TEST_LAUNCHER;
  options_.user = UserIds{0, 0};
  EXPECT_THAT(Reason(), AllOf(HasSubstr("code 126"), HasSubstr("engines do not run as root")));
}

TEST_F(EngineProbeTest, AnEngineOfAnotherVersionNameOrLanguageCannotBeUsed) {
  Install("fake-wrong_version");
  EXPECT_THAT(Reason(), HasSubstr("version 7 of the engine protocol"));
  std::filesystem::remove(EnginePath(folder_.path(), "fake-wrong_version"));
  Install("fake-wrong_name");
  EXPECT_THAT(Reason(), HasSubstr("says that it is other"));
  std::filesystem::remove(EnginePath(folder_.path(), "fake-wrong_name"));
  for (const std::string name : {"fake-bad_frame", "fake-huge_frame"}) {
    Install(name);
    EXPECT_NE(Reason(), "");
    std::filesystem::remove(EnginePath(folder_.path(), name));
  }
}

TEST_F(EngineProbeTest, ALauncherThatIsNotThereMakesEveryEngineUnusable) {
  Install("fake");
  options_.launcher = "/nowhere/launcher";
  EXPECT_THAT(Reason(), HasSubstr("/nowhere/launcher"));
}

TEST_F(EngineProbeTest, WhoAsksItToStopDoesNotWaitForAHang) {
  Install("fake-silent");
  const UniqueFd stop(eventfd(1, EFD_CLOEXEC));
  options_.stop_fd = stop.get();
  EXPECT_TRUE(absl::IsCancelled(ProbeEngines(options_, RealClock()).status()));
}

}  // namespace
}  // namespace synergy

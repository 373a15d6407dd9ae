#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/diagnosis/areas.h"
#include "tests/daemon/diagnosis/checks.h"
#include "tests/support/fake_sysfs.h"

namespace synergy {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

DiagnosisSubject Subject(const FakeSysfs& sysfs, const std::string& name) {
  DiagnosisSubject subject;
  subject.sysfs = sysfs.root();
  subject.board.set_name(name);
  subject.board.set_title("NVIDIA Jetson TX1");
  return subject;
}

std::vector<std::string> BoardLines(const DiagnosisSubject& subject) {
  v1::Diagnosis diagnosis;
  FindBoard(subject, diagnosis);
  return Lines(diagnosis);
}

TEST(FindBoard, SaysByWhatABoardWasRecognised) {
  const FakeSysfs sysfs;
  DiagnosisSubject subject = Subject(sysfs, "jetson-tx1");
  subject.recognised_by = "its device tree (nvidia,p2371-2180)";
  subject.board.add_notes("the fan is not in VDD_IN");
  EXPECT_THAT(BoardLines(subject),
              ElementsAre("good board: NVIDIA Jetson TX1 (jetson-tx1), recognised by its device "
                          "tree (nvidia,p2371-2180) -> ",
                          "good board: note: the fan is not in VDD_IN -> "));
}

TEST(FindBoard, AMachineThatNoProfileKnowsIsToldHowToNameOne) {
  FakeSysfs sysfs;
  sysfs.Write("class/dmi/id/product_name", "Box 3000");
  EXPECT_THAT(BoardLines(Subject(sysfs, "auto")),
              ElementsAre(AllOf(StartsWith("LIMITED"), HasSubstr("Box 3000"),
                                HasSubstr("--board ID"), HasSubstr("jetson-tx1"))));
}

TEST(FindBoard, ABoardTakenByNameThatNothingConfirmsIsLimited) {
  const FakeSysfs sysfs;
  EXPECT_THAT(BoardLines(Subject(sysfs, "jetson-tx1")),
              ElementsAre(AllOf(StartsWith("LIMITED"), HasSubstr("taken by name"),
                                HasSubstr("--board auto"))));
}

TEST(FindBoard, ASimulatedBoardSaysSoFirst) {
  const FakeSysfs sysfs;
  DiagnosisSubject subject = Subject(sysfs, "sim:jetson-tx1");
  subject.board.set_simulated(true);
  EXPECT_THAT(BoardLines(subject), ElementsAre(StartsWith("LIMITED board: SIMULATED: ")));
}

TEST(FindEngines, OneThatCanBeUsedIsEnough) {
  v1::EngineInfo good, bad;
  good.set_name("caffe2-eigen");
  good.set_version("Caffe2 1.0");
  bad.set_name("caffe2-openblas");
  bad.set_unusable("it does not answer");
  v1::Diagnosis diagnosis;
  FindEngines({good, bad}, diagnosis);
  EXPECT_THAT(Lines(diagnosis),
              ElementsAre("good engines: caffe2-eigen: Caffe2 1.0 -> ",
                          AllOf(StartsWith("LIMITED engines: caffe2-openblas cannot be used: it "
                                           "does not answer"),
                                HasSubstr("install it anew"))));
}

TEST(FindEngines, NoneThatCanBeUsedIsMissing) {
  for (const bool any : {false, true}) {
    std::vector<v1::EngineInfo> engines(any ? 1 : 0);
    if (any) engines[0].set_unusable("broken");
    v1::Diagnosis diagnosis;
    FindEngines(engines, diagnosis);
    EXPECT_THAT(Lines(diagnosis),
                Contains(AllOf(StartsWith("MISSING engines"), HasSubstr("synergy-worker-"))));
  }
}

}  // namespace
}  // namespace synergy

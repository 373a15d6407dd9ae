// The program itself, against stores that were made here and hosts where nothing listens.
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "client/store/sqlite.h"
#include "client/store/store.h"
#include "client/store/store_schema.h"
#include "client/store/truth_store.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/sample_run.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

struct Ended {
  int code = -1;
  std::string out;
  std::string err;
};

std::string FileBytes(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class SynergyctlTest : public testing::Test {
 protected:
  // "-" closes the descriptor.
  Ended Run(std::vector<std::string> arguments, const std::string& out_path = "",
            const std::string& err_path = "") {
    const std::string out = out_path.empty() ? folder_.File("out") : out_path;
    const std::string err = err_path.empty() ? folder_.File("err") : err_path;
    arguments.insert(arguments.begin(), SYNERGYCTL);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::string home = "HOME=" + folder_.path();
    std::string host = "SYNERGY_HOST=unix:" + folder_.File("none.sock");
    char* environment[] = {home.data(), host.data(), nullptr};
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    for (const auto& [fd, path] : {std::pair(1, out), std::pair(2, err)}) {
      if (path == "-") {
        posix_spawn_file_actions_addclose(&files, fd);
      } else {
        posix_spawn_file_actions_addopen(&files, fd, path.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                         0600);
      }
    }
    pid_t pid = 0;
    EXPECT_EQ(posix_spawn(&pid, SYNERGYCTL, &files, nullptr, argv.data(), environment), 0);
    posix_spawn_file_actions_destroy(&files);
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    Ended ended;
    ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    if (out_path.empty()) ended.out = FileBytes(out);
    if (err_path.empty()) ended.err = FileBytes(err);
    return ended;
  }
  // With --store.
  Ended RunStored(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--store", store_});
    return Run(std::move(arguments));
  }

  // `text` is in the one line on stderr, and nothing is on stdout.
  void ExpectRefusal(const Ended& ended, int code, const std::string& text) {
    EXPECT_EQ(ended.code, code) << ended.err;
    EXPECT_THAT(ended.err, StartsWith("synergyctl: "));
    EXPECT_THAT(ended.err, HasSubstr(text));
    EXPECT_EQ(ended.err.find('\n'), ended.err.size() - 1) << "one line";
    EXPECT_THAT(ended.out, IsEmpty());
  }

  // Stores a sample run, of which `count` chunks came.
  void Fill(size_t count = 5, const v1::BoardInfo& board = SampleBoard(),
            const std::string& run_id = kSampleRunId) {
    auto store = Store::Open(store_, StoreAccess::kWrite);
    EXPECT_TRUE(store.ok()) << store.status();
    v1::JobStatus status = SampleStatus();
    status.set_run_id(run_id);
    const auto number = (*store)->PutRun(board, status);
    EXPECT_TRUE(number.ok()) << number.status();
    const std::vector<v1::Chunk> chunks = SampleChunks();
    ASSERT_EQ(chunks.size(), 5u);
    EXPECT_TRUE((*store)->AppendChunks(*number, std::span(chunks).first(count)).ok());
  }

  TempFolder folder_;
  const std::string store_ = folder_.File("store.db");
};

TEST_F(SynergyctlTest, UsageErrorsEndWith2AndNameTheFlag) {
  ExpectRefusal(Run({}), 2, "subcommand");
  ExpectRefusal(Run({"fly"}), 2, "'fly'");
  ExpectRefusal(Run({"shwo", "last"}), 2, "did you mean 'show'?");
  ExpectRefusal(Run({"run"}), 2, "--net");
  ExpectRefusal(Run({"run", "--itterations", "3"}), 2, "--itterations");
  ExpectRefusal(Run({"run", "--net", "squeezenet", "--iterations", "0"}), 2, "--iterations");
  ExpectRefusal(Run({"run", "--net", "squeezenet", "--iterations", "many"}), 2, "--iterations");
  ExpectRefusal(Run({"run", "--net", "squeezenet", "--threads", "0"}), 2, "--threads");
  ExpectRefusal(Run({"run", "--net", "squeezenet", "--batch", "-1"}), 2, "--batch");
  ExpectRefusal(Run({"run", "--net", "squeezenet", "--rate", "-1"}), 2, "--rate");
  ExpectRefusal(Run({"run", "--net", "squeezenet", "--method", "guess"}), 2, "integrate");
  ExpectRefusal(Run({"show"}), 2, "run");
  ExpectRefusal(Run({"show", "last", "--sort", "name"}), 2, "--sort");
  ExpectRefusal(Run({"export", "last", "--format", "xml"}), 2, "csv");
  ExpectRefusal(Run({"runs", "prune"}), 2, "--older-than DAYS");
  ExpectRefusal(Run({"runs", "prune", "--keep", "-1"}), 2, "--keep");
  ExpectRefusal(Run({"board", "--host", "unix:"}), 2, "unix:PATH");
}

// The default store was taken.
TEST_F(SynergyctlTest, AnEmptyValueIsAUsageErrorAndNothingIsDone) {
  const std::string empty = "its value is empty: give one, or leave it out";
  for (const char* command : {"runs", "fetch"}) {
    ExpectRefusal(Run({command, "--store", ""}), 2, "--store: " + empty);
  }
  ExpectRefusal(Run({"runs", "--store", "", "prune", "--keep", "0"}), 2, "--store: " + empty);
  ExpectRefusal(Run({"runs", "prune", "--keep", "0", "--store", ""}), 2, "--store: " + empty);
  ExpectRefusal(Run({"board", "--host", ""}), 2, "--host: " + empty);
  ExpectRefusal(Run({"run", "--net", ""}), 2, "--net: " + empty);
  ExpectRefusal(Run({"run", "--net", "squeezenet", "--outputs", ""}), 2, "--outputs: " + empty);
  ExpectRefusal(Run({"export", "1", "--format", "csv", "-o", ""}), 2, "--output: " + empty);
  EXPECT_FALSE(std::filesystem::exists(folder_.File(".local"))) << "the default store was made";
}

TEST_F(SynergyctlTest, AFlagWithoutItsValueSaysHowItIsGiven) {
  ExpectRefusal(Run({"run", "--net"}), 2, "--net has no value: synergyctl run --net NAME|FILE (");
  ExpectRefusal(Run({"run", "--net", "squeezenet", "--store"}), 2,
                "--store has no value: synergyctl run --store FILE (");
  ExpectRefusal(Run({"run", "--net", "squeezenet", "--iterations"}), 2,
                "--iterations has no value: synergyctl run --iterations UINT (");
  ExpectRefusal(Run({"run", "--net", "--json"}), 2,
                "--net: it has no value, the next argument is '--json'");
  ExpectRefusal(Run({"runs", "prune", "--keep"}), 2,
                "--keep has no value: synergyctl runs prune --keep N (");
  ExpectRefusal(Run({"runs", "prune", "--keep", "1e9"}), 2,
                "--keep cannot be '1e9': synergyctl runs prune --keep N (");
  ExpectRefusal(Run({"run", "--net", "nin", "--net", "vgg16"}), 2,
                "--net is given 2 times, and takes one value (");
}

TEST_F(SynergyctlTest, AFlagBeforeItsCommandSaysWhereItBelongs) {
  const std::string after = "put --store after the command: synergyctl run --store FILE (";
  ExpectRefusal(Run({"--store", store_, "run", "--net", "squeezenet"}), 2, after);
  ExpectRefusal(Run({"--store=" + store_, "run", "--net", "squeezenet"}), 2, after);
  ExpectRefusal(Run({"--host", "unix:x", "board"}), 2,
                "put --host after the command: synergyctl board --host HOST (");
  ExpectRefusal(Run({"--json", "runs"}), 2,
                "put --json after the command: synergyctl runs --json (");
  ExpectRefusal(Run({"--net", "squeezenet"}), 2,
                "--net needs a command before it that has it: synergyctl run, synergyctl predict, "
                "synergyctl import (");
  ExpectRefusal(Run({"run", "--itterations", "3"}), 2,
                "there is no flag '--itterations'; did you mean '--iterations'?");
}

TEST_F(SynergyctlTest, NumbersThatAreNoneOrBelowZeroAreUsageErrors) {
  for (const char* flag : {"--rate", "--time-limit"}) {
    for (const char* value : {"nan", "inf", "1e999", "-nan"}) {
      ExpectRefusal(Run({"run", "--net", "squeezenet", flag, value}), 2, flag);
    }
  }
  ExpectRefusal(Run({"run", "--net", "squeezenet", "--seed", "-1"}), 2, "--seed: -1 is below 0");
  ExpectRefusal(Run({"run", "--net", "squeezenet", "--warmup", "0"}), 2, "allocates memory");
}

// `runs prune --older-than nan` deleted every run: nothing is younger than NaN.
TEST_F(SynergyctlTest, PruneByAnAgeThatIsNoNumberDeletesNothing) {
  Fill();
  for (const char* age : {"nan", "NaN", "inf", "-1", "0x"}) {
    ExpectRefusal(RunStored({"runs", "prune", "--older-than", age}), 2, "--older-than");
  }
  EXPECT_EQ(json::parse(RunStored({"runs", "--json"}).out)["runs"].size(), 1u);
}

TEST_F(SynergyctlTest, HelpAndVersionGoToStdout) {
  const Ended help = Run({"run", "--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, HasSubstr("--iterations"));
  EXPECT_EQ(Run({"--version"}).code, 0);
}

TEST_F(SynergyctlTest, AnUnknownNetNamesTheNearest) {
  ExpectRefusal(Run({"run", "--net", "sqeezenet"}), 2, "squeezenet");
  ExpectRefusal(Run({"run", "--net", "squeezenet", "--batch", "65535"}), 2, "smaller batch");
}

TEST_F(SynergyctlTest, WithoutADaemonEndsWith3AndLeavesNoRun) {
  for (const char* command : {"fetch", "board"}) {
    ExpectRefusal(Run({command}), 3, "none.sock");
  }
  ExpectRefusal(RunStored({"run", "--net", "squeezenet1.1"}), 3, "synergyd");
  EXPECT_EQ(json::parse(RunStored({"runs", "--json"}).out)["runs"].size(), 0u);
}

TEST_F(SynergyctlTest, ModelsListsTheZoo) {
  const Ended listed = Run({"models", "--json"});
  ASSERT_EQ(listed.code, 0) << listed.err;
  const json document = json::parse(listed.out);
  EXPECT_EQ(document["schema_version"], 2);
  std::vector<std::string> names;
  for (const json& model : document["models"]) {
    names.push_back(model["name"]);
    EXPECT_EQ(model["input"].size(), 3u);
    EXPECT_GT(model["layers"], 10);
    EXPECT_GT(model["macs"], 4e7);
    EXPECT_GT(model["params"], 4e5);
  }
  EXPECT_GE(names.size(), 27u);
  EXPECT_THAT(names, testing::IsSupersetOf({"squeezenet", "alexnet", "resnet50", "inception_v3"}));
  EXPECT_EQ(Run({"models", "list", "--json"}).out, listed.out);
  EXPECT_EQ(Run({"models", "list"}).out, Run({"models"}).out);
}

TEST_F(SynergyctlTest, ModelsAreListedWithin100Columns) {
  const Ended listed = Run({"models"});
  EXPECT_THAT(listed.out, HasSubstr("\nshufflenet_v2_x1_0 "));
  std::istringstream lines(listed.out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100u) << line;
}

TEST_F(SynergyctlTest, ModelsShowTellsEveryOperator) {
  const Ended shown = Run({"models", "show", "alexnet", "--json"});
  ASSERT_EQ(shown.code, 0) << shown.err;
  const json model = json::parse(shown.out)["model"];
  EXPECT_EQ(model["macs"], 724'406'816);
  EXPECT_EQ(model["macs_by_type"]["FC"], 58'621'952);
  EXPECT_EQ(model["published"]["accuracy"]["top1_percent"], 57.1);
  ASSERT_EQ(model["operators"].size(), 23u);
  const json conv = model["operators"][0];
  EXPECT_EQ(conv["name"], "conv1");
  EXPECT_EQ(conv["input_shapes"][1], json({96, 3, 11, 11}));
  EXPECT_EQ(conv["output_shapes"][0], json({1, 96, 55, 55}));
  EXPECT_EQ(conv["macs"], 105'415'200);
  const double bytes = conv["bytes_read"].get<double>() + conv["bytes_written"].get<double>();
  EXPECT_DOUBLE_EQ(conv["flops_per_byte"], conv["flops"].get<double>() / bytes);
  EXPECT_TRUE(model["operators"][17]["flops_per_byte"].is_null());  // a Dropout in place
  const Ended text = Run({"models", "show", "alexnet"});
  EXPECT_THAT(text.out, HasSubstr("96x3x11x11"));
  ExpectRefusal(Run({"models", "show", "vgg-16"}), 2, "did you mean 'vgg16'?");
}

TEST_F(SynergyctlTest, ModelsExportWritesFourFilesAndReplacesNoneUnasked) {
  const std::string folder = folder_.File("nin");
  ExpectRefusal(Run({"models", "export", "nin", "--dir", folder + "/a/b/"}), 2,
                "there is no folder " + folder + "/a;");
  EXPECT_FALSE(std::filesystem::exists(folder));
  const Ended first = Run({"models", "export", "nin", "--dir", folder});
  ASSERT_EQ(first.code, 0) << first.err;
  for (const char* name : {"init_net", "predict_net"}) {
    EXPECT_FALSE(FileBytes(folder + "/" + name + ".pb").empty()) << name;
    EXPECT_THAT(FileBytes(folder + "/" + name + ".pbtxt"), StartsWith("name: \"nin")) << name;
  }
  const std::string before = FileBytes(folder + "/predict_net.pb");
  ExpectRefusal(Run({"models", "export", "alexnet", "--dir", folder}), 2, "--force");
  ExpectRefusal(Run({"models", "export", "alexnet", "--dir", folder + "/init_net.pb/x"}), 2,
                "init_net.pb");
  EXPECT_EQ(FileBytes(folder + "/predict_net.pb"), before);
  EXPECT_EQ(Run({"models", "export", "alexnet", "--dir", folder, "--force"}).code, 0);
  EXPECT_NE(FileBytes(folder + "/predict_net.pb"), before);
  ExpectRefusal(Run({"models", "export", "alexnet", "--dir", folder_.File("x"), "--batch", "0"}), 2,
                "dimension below 1");
}

TEST_F(SynergyctlTest, WithoutAStoreThereAreNoRuns) {
  const Ended runs = RunStored({"runs", "--json"});
  EXPECT_EQ(runs.code, 0);
  EXPECT_THAT(json::parse(runs.out)["runs"], IsEmpty());
  EXPECT_THAT(runs.err, HasSubstr("no store"));
  ExpectRefusal(RunStored({"show", "last"}), 2, "no run 'last'");
  EXPECT_NE(access(store_.c_str(), F_OK), 0) << "reading created a store";
}

TEST_F(SynergyctlTest, ShowsAndExportsAStoredRun) {
  Fill();
  const Ended shown = RunStored({"show", "last"});
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("conv1"));
  EXPECT_THAT(shown.out, HasSubstr("SIMULATED"));
  EXPECT_THAT(shown.out, Not(HasSubstr("\x1b"))) << "no colours into a file";
  const json document = json::parse(RunStored({"show", "run-0123", "--json"}).out);
  EXPECT_EQ(document["run"]["number"], 1);
  EXPECT_EQ(json::parse(RunStored({"export", "1", "--format", "json"}).out), document);
  const json sorted =
      json::parse(RunStored({"show", "1", "--json", "--sort", "energy"}).out)["ops"];
  EXPECT_EQ(sorted[0]["name"], "conv1");
  const std::string csv = folder_.File("run.csv");
  const Ended exported = RunStored({"export", "1", "--format", "csv", "-o", csv});
  EXPECT_EQ(exported.code, 0) << exported.err;
  EXPECT_THAT(exported.out, IsEmpty());
  EXPECT_THAT(FileBytes(csv), HasSubstr("0,conv1,Conv,true,"));
  EXPECT_THAT(RunStored({"runs"}).out, HasSubstr("SIMULATED"));
  ExpectRefusal(RunStored({"show", "nosuchrun"}), 2, "nosuchrun");
}

// What the command writes to a terminal.
std::string OnATerminal(std::vector<const char*> command, const std::string& store,
                        const char* no_color) {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  EXPECT_EQ(grantpt(terminal) | unlockpt(terminal), 0);
  command.insert(command.begin(), SYNERGYCTL);
  command.insert(command.end(), {"--store", store.c_str(), nullptr});
  const char* environment[] = {"TERM=xterm", no_color, nullptr};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 1, ptsname(terminal), O_WRONLY | O_NOCTTY, 0);
  pid_t pid = 0;
  EXPECT_EQ(posix_spawn(&pid, SYNERGYCTL, &files, nullptr, const_cast<char**>(command.data()),
                        const_cast<char**>(environment)),
            0);
  posix_spawn_file_actions_destroy(&files);
  std::string text;
  char part[4096];
  ssize_t size = 0;
  // The read fails once the last writer has gone.
  while ((size = read(terminal, part, sizeof(part))) > 0)
    text.append(part, static_cast<size_t>(size));
  close(terminal);
  EXPECT_EQ(waitpid(pid, nullptr, 0), pid);
  return text;
}

TEST_F(SynergyctlTest, ColoursATerminalUnlessNoColorIsSet) {
  Fill();
  EXPECT_THAT(OnATerminal({"show", "last"}, store_, "NO_COLOR="), HasSubstr("\x1b[32mVALID"));
  const std::string plain = OnATerminal({"show", "last"}, store_, "NO_COLOR=1");
  EXPECT_THAT(plain, HasSubstr("VALID"));
  EXPECT_THAT(plain, Not(HasSubstr("\x1b")));
}

TEST_F(SynergyctlTest, WhatIsNoTextIsNotWrittenToATerminal) {
  Fill();
  EXPECT_EQ(OnATerminal({"export", "last", "--format", "perfetto"}, store_, "NO_COLOR=1"), "");
  EXPECT_THAT(OnATerminal({"export", "last", "--format", "chrome"}, store_, "NO_COLOR=1"),
              StartsWith("{"));
}

TEST_F(SynergyctlTest, APartialRunIsShownAndEndsWith5) {
  Fill(4);
  const Ended shown = RunStored({"show", "last"});
  EXPECT_EQ(shown.code, 5);
  EXPECT_THAT(shown.out, HasSubstr("PARTIAL"));
  EXPECT_THAT(shown.err, HasSubstr("synergyctl fetch"));
  const Ended exported = RunStored({"export", "last", "--format", "csv"});
  EXPECT_EQ(exported.code, 5);
  EXPECT_THAT(exported.out, HasSubstr("conv1"));
}

TEST_F(SynergyctlTest, ADamagedOrMissingChunkLeavesAPartialRunWithARemedy) {
  for (const char* harm :
       {"UPDATE chunks SET data = zeroblob(length(data)) WHERE seq = 3",
        "DELETE FROM chunks WHERE seq = 3", "DELETE FROM chunks WHERE seq >= 3"}) {
    Fill();
    {
      auto database = Database::Open(store_, Database::Mode::kExisting);
      ASSERT_TRUE(database->Execute(harm).ok());
    }
    const Ended shown = RunStored({"show", "1"});
    EXPECT_EQ(shown.code, 5) << harm;
    EXPECT_THAT(shown.out, HasSubstr("PARTIAL"));
    EXPECT_THAT(shown.err, HasSubstr("run 1 in " + store_ + ": chunk 3 of 5"));
    EXPECT_THAT(shown.err, HasSubstr("Restore the store from a copy, or measure again."));
    EXPECT_THAT(shown.err + shown.out, Not(HasSubstr("fetch")));
    EXPECT_THAT(shown.out, Not(HasSubstr("is not in the store")));
    EXPECT_THAT(shown.out,
                AllOf(HasSubstr("PARTIAL: records of the run are damaged in the store"),
                      HasSubstr("store_damaged: chunk 3 of 5"), Not(HasSubstr("incomplete:"))));
    std::filesystem::remove(store_);
  }
}

TEST_F(SynergyctlTest, ARunOfWhichDamageLeavesNothingIsRefused) {
  Fill();
  {
    auto database = Database::Open(store_, Database::Mode::kExisting);
    ASSERT_TRUE(database->Execute("DELETE FROM chunks WHERE seq = 0").ok());
  }
  ExpectRefusal(RunStored({"show", "1"}), 4, "Restore the store from a copy, or measure again.");
}

TEST_F(SynergyctlTest, ARunOfWhichNothingCameSaysSo) {
  Fill(0);
  ExpectRefusal(RunStored({"show", "last"}), 5, "nothing of it has come");
}

TEST_F(SynergyctlTest, TruthIsShownForSimulatedRunsOnly) {
  Fill();
  ExpectRefusal(RunStored({"show", "1", "--truth"}), 4, "not stored");
  v1::RunTruth truth;
  truth.set_run_id(kSampleRunId);
  truth.add_rails("VDD_IN");
  v1::OperatorTruth* execution = truth.add_operators();
  execution->add_energy_j(0.040);
  {
    auto truths = TruthStore::Open(store_, StoreAccess::kWrite);
    ASSERT_TRUE((*truths)->Put("board-1", truth).ok());
  }
  const json document =
      json::parse(RunStored({"show", "1", "--truth", "--method", "integrate", "--json"}).out);
  EXPECT_NEAR(document["ops"][0]["error"]["VDD_IN"].get<double>(), 0.25, 1e-6);
  EXPECT_THAT(RunStored({"show", "1", "--truth", "--method", "integrate"}).out,
              HasSubstr("worst 25.0 % (conv1, operator 0)"));

  v1::BoardInfo real = SampleBoard();
  real.set_board_id("board-2");
  real.set_simulated(false);
  Fill(5, real);
  ExpectRefusal(RunStored({"show", "2", "--truth"}), 4, "real board");
}

TEST_F(SynergyctlTest, PruneRemovesWhatItShowedBefore) {
  Fill();
  Fill(5, SampleBoard(), "run-b");
  Fill(2, SampleBoard(), "run-c");
  const json dry =
      json::parse(RunStored({"runs", "prune", "--keep", "2", "--dry-run", "--json"}).out);
  EXPECT_EQ(dry["dry_run"], true);
  const json pruned = json::parse(RunStored({"runs", "prune", "--keep", "2", "--json"}).out);
  EXPECT_EQ(pruned["pruned"], dry["pruned"]);
  ASSERT_EQ(pruned["pruned"].size(), 1u);
  EXPECT_EQ(pruned["pruned"][0]["number"], 1);
  EXPECT_EQ(RunStored({"runs", "prune", "--incomplete", "--force"}).code, 0);
  const json left = json::parse(RunStored({"runs", "--json"}).out)["runs"];
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0]["id"], "run-b");
}

// Pruning took the records of jobs that still ran from their runs.
TEST_F(SynergyctlTest, PruneKeepsIncompleteRunsWhoseBoardDoesNotAnswer) {
  Fill(2);
  Fill(2, SampleBoard(), "run-given-up");
  {
    auto store = Store::Open(store_, StoreAccess::kWrite);
    ASSERT_TRUE((*store)->SetAbandoned(2, "the board forgot it").ok());
  }
  for (const bool dry : {true, false}) {
    std::vector<std::string> arguments = {"runs", "prune", "--incomplete", "--json"};
    if (dry) arguments.push_back("--dry-run");
    const Ended ended = RunStored(arguments);
    EXPECT_EQ(ended.code, 3);
    EXPECT_THAT(ended.err, HasSubstr("run 1 stays: its board could not be asked"));
    EXPECT_THAT(ended.err, HasSubstr("none.sock"));
    EXPECT_THAT(ended.err, HasSubstr("--force"));
    const json pruned = json::parse(ended.out)["pruned"];
    ASSERT_EQ(pruned.size(), 1u);
    EXPECT_EQ(pruned[0]["id"], "run-given-up");
  }
  const Ended forced = RunStored({"runs", "prune", "--incomplete", "--force"});
  EXPECT_EQ(forced.code, 0);
  EXPECT_THAT(forced.err, StartsWith("synergyctl: run 1 is removed from this store alone: if its "
                                     "board (sim:jetson-tx1) still has it, synergyctl cancel " +
                                     std::string(kSampleRunId) + " ends its job there"));
  EXPECT_THAT(forced.err, Not(HasSubstr("none.sock"))) << "the board was asked";
  EXPECT_THAT(json::parse(RunStored({"runs", "--json"}).out)["runs"], IsEmpty());
  ExpectRefusal(RunStored({"runs", "prune", "--keep", "0", "--force"}), 2, "--incomplete");
}

TEST_F(SynergyctlTest, PruneTakesTheStoreThatWasGivenToRuns) {
  Fill();
  EXPECT_EQ(Run({"runs", "--store", store_, "prune", "--keep", "0"}).code, 0);
  EXPECT_THAT(json::parse(RunStored({"runs", "--json"}).out)["runs"], IsEmpty());
}

TEST_F(SynergyctlTest, AStoreOfANewerVersionIsRefusedByEveryCommand) {
  Fill();
  {
    auto database = Database::Open(store_, Database::Mode::kExisting);
    ASSERT_TRUE(database->Execute("PRAGMA user_version = 999").ok());
  }
  ExpectRefusal(RunStored({"runs"}), 4, "newer");
  ExpectRefusal(RunStored({"show", "1"}), 4, "newer");
  ExpectRefusal(RunStored({"runs", "prune", "--keep", "0"}), 4, "newer");
  ExpectRefusal(RunStored({"run", "--net", "squeezenet1.1"}), 4, "newer");
}

// `show` said that there is no such run, others that this is a defect of synergyctl.
TEST_F(SynergyctlTest, AStoreThatLostATableIsRefusedByEveryCommand) {
  Fill();
  {
    auto database = Database::Open(store_, Database::Mode::kExisting);
    ASSERT_TRUE(database->Execute("DROP TABLE chunks").ok());
  }
  for (const std::vector<std::string>& command : {std::vector<std::string>{"runs"},
                                                  {"show", "1"},
                                                  {"export", "1", "--format", "csv"},
                                                  {"fetch"},
                                                  {"runs", "prune", "--keep", "0"},
                                                  {"run", "--net", "squeezenet1.1"}}) {
    ExpectRefusal(RunStored(command), 4,
                  store_ + fmt::format(" is damaged: it is of version {}, but without the table "
                                       "chunks. ",
                                       std::size(kStoreMigrations)));
  }
}

TEST_F(SynergyctlTest, AFileThatIsNoStoreIsRefused) {
  std::ofstream(store_) << "not a database, but long enough to be looked at as one: "
                        << std::string(500, 'x');
  ExpectRefusal(RunStored({"runs"}), 4, "no SQLite database");
}

// These ended in SIGABRT.
TEST_F(SynergyctlTest, AStoreThatIsNoRegularFileSaysSo) {
  for (const char* command : {"runs", "fetch"}) {
    ExpectRefusal(Run({command, "--store", "/dev/null"}), 4, "no regular file");
    ExpectRefusal(Run({command, "--store", folder_.path()}), 4, "no regular file");
  }
  ExpectRefusal(Run({"fetch", "--store", folder_.File("none/store.db")}), 4,
                "its folder: No such file");
}

// A full disk left an empty file, with which reading commands then failed.
TEST_F(SynergyctlTest, AnEmptyFileIsAStoreWithoutRuns) {
  std::ofstream(store_).close();
  EXPECT_EQ(RunStored({"runs", "--json"}).code, 0);
  ExpectRefusal(RunStored({"show", "last"}), 2, "no run 'last'");
  EXPECT_EQ(FileBytes(store_), "") << "reading wrote to it";
}

TEST_F(SynergyctlTest, DiagnosticsThatCannotBeWrittenEndNothing) {
  Fill(4);
  for (const char* nowhere : {"/dev/full", "-"}) {
    const Ended shown = Run({"show", "last", "--store", store_}, "", nowhere);
    EXPECT_EQ(shown.code, 5) << nowhere;
    EXPECT_THAT(shown.out, HasSubstr("conv1"));
    EXPECT_EQ(Run({"board"}, "", nowhere).code, 3) << nowhere;
    EXPECT_EQ(Run({"fly"}, "", nowhere).code, 2) << nowhere;
  }
}

TEST_F(SynergyctlTest, OutputIntoAFolderThatIsNotThereIsBadInput) {
  Fill();
  const std::string text = "its folder does not exist; make it first";
  ExpectRefusal(RunStored({"export", "1", "--format", "csv", "-o", folder_.File("none/run.csv")}),
                2, text);
  ExpectRefusal(RunStored({"export", "1", "--format", "json", "-o", folder_.path()}), 2,
                "it is a folder");
  ExpectRefusal(
      RunStored({"run", "--net", "squeezenet", "--outputs", folder_.File("none/prob.npy")}), 2,
      text);
  ExpectRefusal(RunStored({"export", "1", "--format", "csv", "-o", "/dev/full"}), 1, "no space");
}

TEST_F(SynergyctlTest, AClosedStdoutIsNotSuccess) {
  Fill();
  EXPECT_EQ(Run({"show", "1", "--store", store_}, "-").code, 1);
}

TEST_F(SynergyctlTest, AFullDiskBehindStdoutIsNotSuccess) {
  Fill();
  EXPECT_EQ(Run({"--help"}, "/dev/full").code, 1);
  const Ended ended = Run({"show", "1", "--store", store_}, "/dev/full");
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, HasSubstr("no space left"));
}

TEST_F(SynergyctlTest, ATagStandsForItsRun) {
  Fill();
  Fill(5, SampleBoard(), "second");
  Ended ended = RunStored({"tag", "1", "main"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out, "run 1 has the tag main\n");
  EXPECT_EQ(json::parse(RunStored({"show", "main", "--json"}).out)["run"]["number"], 1);
  EXPECT_EQ(json::parse(RunStored({"runs", "--json"}).out)["runs"][0]["tags"], json({"main"}));
  EXPECT_THAT(RunStored({"runs"}).out, HasSubstr("main"));
  ended = RunStored({"tag", "last", "main"});
  EXPECT_EQ(ended.out, "run 2 has the tag main; it was taken from run 1\n");
  ended = RunStored({"tag", "1", "main", "--add"});
  EXPECT_EQ(ended.out, "run 1 has the tag main, and so has run 2\n");
  EXPECT_EQ(json::parse(RunStored({"tag", "--json"}).out)["tags"],
            json({{{"tag", "main"}, {"runs", {1, 2}}}}));
  ExpectRefusal(RunStored({"show", "main"}), 2, "on 2 runs (1, 2)");
  EXPECT_EQ(RunStored({"runs", "prune", "--keep", "0"}).code, 0);
  EXPECT_EQ(json::parse(RunStored({"runs", "--json"}).out)["runs"].size(), 2u) << "tagged";
  EXPECT_EQ(RunStored({"tag", "--remove", "2", "main"}).code, 0);
  EXPECT_EQ(json::parse(RunStored({"show", "main", "--json"}).out)["run"]["number"], 1);
  EXPECT_EQ(RunStored({"tag", "--remove", "main"}).code, 0);
  ExpectRefusal(RunStored({"tag", "--remove", "main"}), 2, "no run has the tag 'main'");
}

TEST_F(SynergyctlTest, WrongTagsAreRefused) {
  ExpectRefusal(RunStored({"tag", "1", "main"}), 2, "store.db");
  EXPECT_EQ(json::parse(RunStored({"tag", "--json"}).out)["tags"], json::array());
  EXPECT_FALSE(std::filesystem::exists(store_)) << "no store is made for a tag";
  Fill();
  ExpectRefusal(RunStored({"tag", "1", "7"}), 2, "'7' is no tag");
  ExpectRefusal(RunStored({"tag", "1", "main.toml"}), 2, "is a job file");
  ExpectRefusal(RunStored({"tag", "7", "main"}), 2, "no run '7'");
  ExpectRefusal(RunStored({"tag", "1"}), 2, "tag RUN NAME");
  ExpectRefusal(RunStored({"tag", "--remove"}), 2, "NAME");
  ExpectRefusal(RunStored({"tag", "1", "main", "--add", "--remove"}), 2, "exclude");
}

}  // namespace
}  // namespace synergy

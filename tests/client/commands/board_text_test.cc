#include "client/commands/board_text.h"

#include <gtest/gtest.h>

namespace synergy {
namespace {

v1::BoardInfo Orin() {
  v1::BoardInfo board;
  board.set_name("jetson-agx-orin");
  board.set_title("NVIDIA Jetson AGX Orin");
  v1::SourceInfo& chip = *board.add_sources();
  chip.set_name("ina3221 1-0040");
  chip.add_rails("VDD_GPU_SOC");
  chip.add_rails("VDD_CPU_CV");
  chip.set_max_rate_hz(1234.5);
  chip.add_remarks("ina3221 1-0040: reads do not wait for conversions");
  v1::SourceInfo& program = *board.add_sources();
  program.set_name("exec:meter");
  program.add_rails("wall");
  board.add_unused_sources("pwmfan hwmon2: shows neither power nor energy");
  board.add_notes("no rail is the whole module");
  return board;
}

TEST(BoardText, SaysWhatMeasuresWhatDoesNotAndWhy) {
  const v1::BoardInfo board = Orin();
  const std::string text = BoardText({.board = board, .jobs = {}, .objects = {}});
  EXPECT_NE(text.find("  source   ina3221 1-0040: VDD_GPU_SOC, VDD_CPU_CV, up to 1234.5 Hz\n"
                      "           ina3221 1-0040: reads do not wait for conversions\n"
                      "  source   exec:meter: wall\n"
                      "  unused   pwmfan hwmon2: shows neither power nor energy\n"
                      "  note     no rail is the whole module\n"),
            std::string::npos)
      << text;
}

TEST(BoardText, IsFitForATerminalWhateverTheBoardSays) {
  v1::BoardInfo board = Orin();
  board.mutable_sources(0)->set_name("chip\x1b[2J");
  board.mutable_sources(0)->add_remarks("a\nb");
  board.add_unused_sources("x\ry");
  board.add_notes("it rings \x07 twice");
  const std::string text = BoardText({.board = board, .jobs = {}, .objects = {}});
  for (const char bad : {'\x1b', '\r', '\x07'}) EXPECT_EQ(text.find(bad), std::string::npos);
  EXPECT_EQ(text.find("a\nb"), std::string::npos);
}

TEST(BoardJson, HasSourcesWithTheirRatesAndRemarks) {
  const v1::BoardInfo board = Orin();
  const auto json = BoardJson({.board = board, .jobs = {}, .objects = {}});
  ASSERT_EQ(json["sources"].size(), 2u);
  EXPECT_EQ(json["sources"][0]["name"], "ina3221 1-0040");
  EXPECT_EQ(json["sources"][0]["rails"][1], "VDD_CPU_CV");
  EXPECT_EQ(json["sources"][0]["max_rate_hz"], 1234.5);
  EXPECT_EQ(json["sources"][0]["remarks"].size(), 1u);
  EXPECT_TRUE(json["sources"][1]["max_rate_hz"].is_null()) << "no limit is known";
  EXPECT_EQ(json["unused_sources"][0], "pwmfan hwmon2: shows neither power nor energy");
  EXPECT_EQ(json["notes"][0], "no rail is the whole module");
}

// Zeros stood there, as of a job that has done nothing.
TEST(BoardJson, WhatTheRoleWatchIsNotShownIsNull) {
  v1::JobStatus job;
  job.set_state(v1::JOB_STATE_RUNNING);
  const v1::BoardInfo board;
  for (const v1::Role role : {v1::ROLE_WATCH, v1::ROLE_RUN, v1::ROLE_UNSPECIFIED}) {
    const Progress progress = ProgressShownTo(role);
    const bool hidden = role == v1::ROLE_WATCH;
    const auto of_board =
        BoardJson({.board = board, .jobs = {job}, .objects = {}, .progress = progress})["jobs"][0];
    const auto of_job = JobJson(job, /*with_spec=*/true, progress);
    const auto of_list = JobListJson({job}, {}, progress)["jobs"][0];
    for (const auto& json : {of_board, of_job, of_list}) {
      for (const char* key : {"iteration", "chunks", "acknowledged"}) {
        EXPECT_EQ(json[key].is_null(), hidden) << key;
      }
    }
    EXPECT_EQ(JobText(job, progress).find("not shown to the role watch") != std::string::npos,
              hidden);
    EXPECT_EQ(JobText(job, progress).find("0 chunks") == std::string::npos, hidden);
  }
}

TEST(BoardText, CountsNoIterationsThatTheRoleWatchIsNotShown) {
  v1::JobStatus job;
  job.set_state(v1::JOB_STATE_RUNNING);
  job.mutable_spec()->set_net_name("tiny");
  job.mutable_spec()->set_iterations(50);
  const v1::BoardInfo board;
  for (const v1::Phase phase : {v1::PHASE_WARMUP, v1::PHASE_MEASURE, v1::PHASE_DECIDING}) {
    job.set_phase(phase);
    const std::string text =
        BoardText({.board = board, .jobs = {job}, .objects = {}, .progress = Progress::kHidden});
    EXPECT_NE(text.find("tiny: running, phase "), std::string::npos) << text;
    EXPECT_NE(text.find("not shown to the role watch"), std::string::npos) << text;
    EXPECT_EQ(text.find(" 0 of 50"), std::string::npos) << text;
  }
  job.set_phase(v1::PHASE_SETUP);
  EXPECT_NE(BoardText({.board = board, .jobs = {job}, .objects = {}, .progress = Progress::kHidden})
                .find("tiny: loading"),
            std::string::npos);
}

TEST(BoardJson, OfADaemonThatDoesNotSayHasEmptyLists) {
  const v1::BoardInfo board;
  const auto json = BoardJson({.board = board, .jobs = {}, .objects = {}});
  for (const char* list : {"sources", "unused_sources", "notes"}) {
    EXPECT_TRUE(json[list].is_array() && json[list].empty()) << list;
  }
}

}  // namespace
}  // namespace synergy

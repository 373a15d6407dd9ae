// Processes that take and restore leases are killed at random; what they changed must come back.
//   restore_bar KILLS [SEED]
// Exit 1 where anything differs afterwards. The kernel is tests/support/fake_kernel.h.
#include <fmt/format.h>
#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>

#include "tests/support/lease_victim.h"

namespace synergy {
namespace {

struct Tally {
  int kills = 0;
  int restores_killed = 0;
  int untouched = 0;  // killed when all was back already, or between two leases
  int failures = 0;
};

// Kills from outside: after so many answers of the kernel, or after some time, which falls
// anywhere.
void DrawKill(std::mt19937_64& random, int most_requests, Victim* victim) {
  victim->kill_after_requests = -1;
  victim->kill_after_us = -1;
  if (random() % 2 == 0) {
    victim->kill_after_requests = static_cast<int>(random() % static_cast<uint64_t>(most_requests));
  } else {
    victim->kill_after_us = static_cast<int64_t>(random() % 10'000);
  }
}

void KillOne(const std::string& journal, uint64_t seed, Tally& tally) {
  std::mt19937_64 random(seed);
  const auto kernel = MakeVictimBoard(random() % 2 == 0);
  const auto before = kernel->Snapshot();
  Victim victim;
  victim.work = [&](AttributeFiles& files) {
    std::mt19937_64 choices(seed + 1);
    while (true) TakeAndRelease(files, journal, &choices);
  };
  DrawKill(random, 800, &victim);
  tally.kills += RunVictim(*kernel, victim).killed ? 1 : 0;
  if (kernel->Snapshot() == before) ++tally.untouched;
  victim.work = [&](AttributeFiles& files) {
    (void)Restore(journal, {.boot_id = kVictimBoot}, files);
  };
  for (int i = 0; i < 2; ++i) {
    DrawKill(random, 100, &victim);
    tally.restores_killed += RunVictim(*kernel, victim).killed ? 1 : 0;
  }
  const std::vector<std::string> differences = Differences(*kernel, journal, before);
  if (differences.empty()) return;
  ++tally.failures;
  fmt::print("seed {}:\n", seed);
  for (const std::string& line : differences) fmt::print("  {}\n", line);
}

int Main(int kills, uint64_t seed) {
  std::string folder = (std::filesystem::temp_directory_path() / "synergy_XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return 1;
  Tally tally;
  for (uint64_t i = 0; tally.kills < kills; ++i) {
    const std::string home = fmt::format("{}/{}", folder, i);
    KillOne(home + "/clocks.journal", seed + 1000 * i, tally);
    std::filesystem::remove_all(home);
  }
  std::filesystem::remove_all(folder);
  fmt::print(
      "{} random kill -9 of a process with a lease (fake kernel, seed {}), {} more of one that "
      "restored: {} not restored; {} of the kills left nothing changed\n",
      tally.kills, seed, tally.restores_killed, tally.failures, tally.untouched);
  return tally.failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: restore_bar KILLS [SEED]\n");
    return 2;
  }
  return synergy::Main(std::atoi(argv[1]), argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
}

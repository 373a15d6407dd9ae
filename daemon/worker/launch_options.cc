#include "daemon/worker/launch_options.h"

#include <getopt.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <iterator>
#include <string>

#include "daemon/worker/launch_error.h"

namespace synergy {
namespace {

using Number = unsigned long long;

constexpr Number kIdLimit = 0xFFFFFFFE;  // the last one means "leave as it is"
constexpr Number kSizeLimit = 1ull << 62;

Number ParseNumber(const std::string& flag, const char* text, Number limit) {
  char* end = nullptr;
  errno = 0;
  const Number value = std::strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value > limit) {
    Fail(kExitNotPrepared, "--%s %s: must be a whole number up to %llu", flag.c_str(), text, limit);
  }
  return value;
}

cpu_set_t ParseCpus(const char* text) {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::string item;
  for (const char* p = text;; ++p) {
    if (*p != ',' && *p != '\0') {
      item += *p;
      continue;
    }
    CPU_SET(ParseNumber("cpus", item.c_str(), CPU_SETSIZE - 1), &set);
    item.clear();
    if (*p == '\0') return set;
  }
}

struct NumberFlag {
  const char* name;
  Number limit;
  void (*set)(LaunchOptions& o, Number value);
};

constexpr NumberFlag kNumberFlags[] = {
    {"parent", 1 << 30, [](auto& o, Number n) { o.parent = static_cast<pid_t>(n); }},
    {"uid", kIdLimit, [](auto& o, Number n) { o.uid = static_cast<uid_t>(n); }},
    {"gid", kIdLimit, [](auto& o, Number n) { o.gid = static_cast<gid_t>(n); }},
    {"memory-limit", kSizeLimit, [](auto& o, Number n) { o.memory_limit = n; }},
    {"cpu-limit", kSizeLimit, [](auto& o, Number n) { o.cpu_limit_s = n; }},
    {"file-limit", 1 << 20, [](auto& o, Number n) { o.file_limit = n; }},
    {"write-limit", kSizeLimit, [](auto& o, Number n) { o.write_limit = n; }},
    {"process-limit", 1 << 20, [](auto& o, Number n) { o.process_limit = n; }},
    {"fds", kMaxInheritedFds, [](auto& o, Number n) { o.fds = static_cast<int>(n); }},
    {"oom-score-adj", 1000, [](auto& o, Number n) { o.oom_score_adj = static_cast<int>(n); }},
};

// What getopt_long gives for a flag: its index above, or one of these.
constexpr int kCpus = 1000;
constexpr int kCgroup = 1001;

// Sets the flags up to the command; optind is where it begins.
void ParseFlags(int argc, char** argv, LaunchOptions* o) {
  option flags[std::size(kNumberFlags) + 3] = {};  // the last one stays empty
  for (size_t i = 0; i < std::size(kNumberFlags); ++i) {
    flags[i] = {kNumberFlags[i].name, required_argument, nullptr, static_cast<int>(i)};
  }
  flags[std::size(kNumberFlags)] = {"cpus", required_argument, nullptr, kCpus};
  flags[std::size(kNumberFlags) + 1] = {"cgroup", required_argument, nullptr, kCgroup};
  for (int found = 0; (found = getopt_long(argc, argv, "+", flags, nullptr)) != -1;) {
    if (found == kCpus) {
      o->cpus = ParseCpus(optarg);
    } else if (found == kCgroup) {
      o->cgroup = optarg;
    } else if (found == '?') {
      Fail(kExitNotPrepared, "usage: synergy-launcher [flags] -- PATH [ARGUMENT...]");
    } else {
      const NumberFlag& flag = kNumberFlags[found];
      flag.set(*o, ParseNumber(flag.name, optarg, flag.limit));
    }
  }
}

}  // namespace

LaunchOptions ParseOptions(int argc, char** argv) {
  LaunchOptions o;
  ParseFlags(argc, argv, &o);
  if (optind >= argc) Fail(kExitNotPrepared, "no program to start was named after --");
  o.command = argv + optind;
  if (o.uid.has_value() != o.gid.has_value()) Fail(kExitNotPrepared, "--uid and --gid go together");
  if (o.uid == uid_t{0} || (geteuid() == 0 && !o.uid.has_value())) {
    Fail(kExitNotPrepared, "engines do not run as root; name another user with --uid and --gid");
  }
  return o;
}

}  // namespace synergy

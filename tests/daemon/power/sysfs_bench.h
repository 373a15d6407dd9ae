// What the tests of sources in a fake tree have in common.
#pragma once

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "daemon/power/attribute_source.h"
#include "daemon/power/rail_names.h"
#include "tests/conformance/power_source_suite.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_sysfs.h"
#include "tests/support/read_faults.h"

namespace synergy {

struct SysfsBench {
  FakeSysfs tree;
  FakeClock clock;
  ReadFaults faults;
  RailNames names;
};

// What the suite needs of a source in `bench`'s tree; `file` is one of its attributes.
inline SourceUnderTest OnTree(std::shared_ptr<SysfsBench> bench, absl::StatusOr<FoundSource> found,
                              FakeSysfs::Files before, std::string file) {
  EXPECT_TRUE(found.ok()) << found.status();
  SourceUnderTest t;
  t.clock = &bench->clock;
  t.source = std::move(found->source);
  t.untouchable_before = std::move(before);
  t.untouchable = [b = bench.get()] { return b->tree.Contents(); };
  t.fail_next = [b = bench.get(), file](absl::StatusCode code) {
    b->faults.FailNext(file, code == absl::StatusCode::kNotFound ? ENODEV : ETIMEDOUT);
    return "ETIMEDOUT";
  };
  t.bench = std::move(bench);
  return t;
}

}  // namespace synergy

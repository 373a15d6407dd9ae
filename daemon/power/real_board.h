// Boards that are there: recognised by what their kernel says of them, with the sensors that it
// shows.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/settings.h"
#include "daemon/power/board.h"
#include "daemon/power/board_profile.h"

namespace synergy {

// The most fitting of `profiles` for the machine whose sysfs this is: by the names that its device
// tree's root is compatible with, the most special one first; by its firmware's product name; else
// the profile of the highest rank of which something is present. Null where none fits.
const BoardProfile* RecogniseBoard(const std::vector<BoardProfile>& profiles,
                                   const std::string& sysfs_root);

// What of that machine says that it is `profile`'s board: "its device tree (nvidia,p2371-2180)"; ""
// where nothing does.
std::string SignsOf(const BoardProfile& profile, const std::string& sysfs_root);

// The rails in the order of their containment, a rail after the one that contains it, as the
// profile describes those that bear one of its labels. A found rail "VDD_IN#2" is the second that
// the kernel calls VDD_IN, and not the profile's.
std::vector<v1::RailInfo> DescribeRails(const BoardProfile& profile,
                                        std::vector<v1::RailInfo> found);

// With every sensor that the kernel shows, and the programs of `access`. InvalidArgument: one of
// these does not do what such a program must. `access.settings` and `clock` outlive the board.
absl::StatusOr<Board> OpenRealBoard(const BoardProfile& profile, const SensorAccess& access,
                                    Clock& clock);

}  // namespace synergy

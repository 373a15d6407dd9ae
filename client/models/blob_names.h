// Names of blobs in texts for people. Internal to client/models.
#pragma once

#include <string>
#include <vector>

namespace synergy {

// Printable and not too long, in quotes.
std::string Quoted(const std::string& blob);
// "'a', 'b', 'c' and 4 more"
std::string Some(const std::vector<std::string>& blobs);

}  // namespace synergy

// A diagnosis for people.
#pragma once

#include <string>

#include "synergy/v1/diagnosis.pb.h"

namespace synergy {

// The board, a line for each thing found, below it what mends it, and what it comes to. Text of the
// board is made printable.
std::string DiagnosisText(const v1::Diagnosis& diagnosis);

}  // namespace synergy

// The codes in which a run says, to programs, why its verdict is what it is (reasons) and what its
// reader must know (notices). docs/json.md says what each means and what to do about it;
// tests/client/analysis/documented_codes_test.cc holds that it names all of them.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace synergy {

enum class ReasonCode {
  kClockAstray,
  kClockMoved,
  kCoreSwitched,
  kDriftBeyondModel,
  kEdgeUnread,
  kEnergyUnknown,
  kFewFresh,
  kFewReadings,
  kIdleShifted,
  kIncomplete,
  kJobCancelled,
  kJobFailed,
  kMarkersDropped,
  kMarkersMissing,
  kMeterClock,
  kMeterGap,
  kNegativePower,
  kNeverChanged,
  kNoReadings,
  kNotComplete,
  kOperatorsRepeat,
  kOtherProcesses,
  kOverlap,
  kPrecisionNotReached,
  kReadsFailed,
  kRecordsDropped,
  kRecordsLost,
  kResidualTooLarge,
  kRingGarbage,
  kSourceFailed,
  kStampsLate,
  kStoreDamaged,
  kThrottled,
  kTicksMissed,
  kTooWarm,
  kWindowLong,
  kWindowsNotFound,
  kWindowsUnsure,
};

enum class NoticeCode {
  kClockAstray,
  kClockMoved,
  kClocksDiffer,
  kClocksHeld,
  kClocksLeft,
  kCoreSwitched,
  kCoresShared,
  kEngineEnd,
  kEngineNote,
  kInputsOverwritten,
  kLimitsMoved,
  kNanOutputs,
  kNanWeights,
  kNoOutputs,
  kNoPauses,
  kNotCounted,
  kRecordsDropped,
  kSimulated,
  kSourceStopped,
  kSpoolFailed,
  kStraysKilled,
  kUploadMeanwhile,
};

std::string_view CodeName(ReasonCode code);  // "clock_astray"
std::string_view CodeName(NoticeCode code);
// All names, in the order of the enumerations.
std::span<const std::string_view> ReasonCodeNames();
std::span<const std::string_view> NoticeCodeNames();

// As it stands in RunEnd.reasons: "clock_astray: words".
std::string Reason(ReasonCode code, std::string_view words);
bool HasCode(std::string_view reason, ReasonCode code);

}  // namespace synergy

// How synergy-launcher says that it cannot start a program, and ends.
#pragma once

namespace synergy {

inline constexpr int kExitNotPrepared = 126;
inline constexpr int kExitNotExecuted = 127;

// The reason as a line on stderr.
[[noreturn, gnu::format(printf, 2, 3)]] void Fail(int status, const char* format, ...);

// Fails with errno's text, unless `ok`.
void Require(bool ok, const char* what);

}  // namespace synergy

// Ends this process by SIGKILL before the n-th thing that it does to a file or to the kernel. A
// program that links synergy_kill_steps has its open, write, fsync, rename and unlink counted.
#pragma once

namespace synergy {

// 0: never. Counting begins anew.
void KillAtStep(long step);
long StepsTaken();
// One more; called by the wrapped functions.
void KillStep();

}  // namespace synergy

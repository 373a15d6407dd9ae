#include "client/commands/pager.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "client/commands/output.h"
#include "client/report/text_table.h"
#include "client/report/wrapped_text.h"
#include "client/watch/terminal_look.h"
#include "common/display_width.h"

namespace synergy {
namespace {

constexpr int kCannotRun = 126;  // of sh(1)

bool HasRoom(const std::string& text) {
  winsize size = {};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return true;
  return std::count(text.begin(), text.end(), '\n') < size.ws_row;
}

// The pager's exit code.
int Page(const std::string& text, const char* pager) {
  FILE* const pipe = ::popen(pager, "we");
  if (pipe == nullptr) return kCannotRun;
  // Ctrl-C is the pager's: what it means there is not the end of this.
  struct sigaction before = {}, ignored = {};
  ignored.sa_handler = SIG_IGN;
  sigaction(SIGINT, &ignored, &before);
  std::fwrite(text.data(), 1, text.size(), pipe);  // it may be quit before it has read all
  const int status = ::pclose(pipe);
  sigaction(SIGINT, &before, nullptr);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

std::string ForReader(const std::string& whole) {
  const std::string visible = Visible(whole);
  if (isatty(STDOUT_FILENO) != 1) return visible;
  const std::string text = Wrapped(visible, StdoutColumns());
  const TerminalLook look = LookFrom([](const char* name) { return std::getenv(name); });
  return look.utf8 ? text : InAscii(text);
}

}  // namespace

absl::Status WriteText(const std::string& text) { return WriteStdout(ForReader(text)); }

absl::Status WritePaged(const std::string& whole) {
  const std::string text = ForReader(whole);
  if (!StdoutIsTerminal() || HasRoom(text)) return WriteStdout(text);
  const char* pager = std::getenv("PAGER");
  if (pager == nullptr) pager = "less";
  if (*pager == '\0') return WriteStdout(text);
  ::setenv("LESS", "FRX", /*overwrite=*/0);  // colours, and no screen of its own
  return Page(text, pager) == 0 ? absl::OkStatus() : WriteStdout(text);
}

}  // namespace synergy

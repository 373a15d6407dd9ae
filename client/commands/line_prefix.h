// Begins each note and line of progress of its thread as long as it lives: which of several boards
// they are of.
#pragma once

#include <string>
#include <utility>

namespace synergy {

class LinePrefix {
 public:
  explicit LinePrefix(std::string text) { current_ = std::move(text); }
  ~LinePrefix() { current_.clear(); }
  LinePrefix(const LinePrefix&) = delete;
  LinePrefix& operator=(const LinePrefix&) = delete;

  static const std::string& current() { return current_; }

 private:
  static inline thread_local std::string current_;
};

}  // namespace synergy

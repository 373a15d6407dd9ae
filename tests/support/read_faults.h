// Reads of open files that fail as attributes of sysfs do, for tests. A test that installs
// ReadFaults gets its pread(2) replaced (link synergy_read_faults). Besides what it asks for, a
// read of a file that was deleted fails with ENODEV, as that of an attribute whose driver was
// unbound.
#pragma once

#include <functional>
#include <string>

namespace synergy {

// One at a time. The function is called before each pread of a regular file with the file's path
// and says the errno with which it fails; 0: it does not.
class ReadFaults {
 public:
  using OnRead = std::function<int(const std::string& path)>;

  ReadFaults();
  ~ReadFaults();
  ReadFaults(const ReadFaults&) = delete;
  ReadFaults& operator=(const ReadFaults&) = delete;

  void Set(OnRead on_read);
  // The next read of a file whose path ends so.
  void FailNext(const std::string& path_end, int error);
  int reads() const;  // so far
};

}  // namespace synergy

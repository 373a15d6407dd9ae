// The files of the object store: STATE/objects/, one per object, named by the hash of its contents
// in hex:
//   <hash>            whole, checked and durable
//   <hash>.<boot id>  whole and checked, but perhaps not yet on the disk: worth nothing after
//                     another boot of the machine
//   <hash>.part       the beginning, as far as an upload came
// Other names are left alone. Deleting any of them by hand is safe at any time; changing one is
// noticed before it is used again (checked_files.h). A file's mtime is its last use. What a job
// needs has a second link in the job's folder and is not evicted: that would free nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "daemon/jobs/checked_files.h"
#include "synergy/v1/tensor.pb.h"

namespace synergy {

// The hash in hex, which is the file's name.
std::string ObjectName(const v1::ObjectRef& object);

struct ObjectFile {
  enum class Kind { kDurable, kFresh, kPart };
  std::string name;  // of the file
  Kind kind = Kind::kPart;
  uint64_t bytes = 0;
  int64_t used_unix_ns = 0;
  bool pinned = false;
};

// Thread-safe. The files may be deleted under it.
class ObjectFolder {
 public:
  // `boot_id` names the machine's present boot. Makes the folder where it is missing; what another
  // boot left unsynced becomes a part.
  static absl::StatusOr<ObjectFolder> Open(std::string path, std::string boot_id);

  std::string Durable(const std::string& object) const { return path_ + "/" + object; }
  std::string Fresh(const std::string& object) const;
  std::string Part(const std::string& object) const { return path_ + "/" + object + ".part"; }
  const std::string& path() const { return path_; }

  std::vector<ObjectFile> List() const;
  // The whole object's path, wherever it stands.
  std::optional<ObjectFile> FindWhole(const std::string& object) const;
  // Notes that it is used now. Later uses have later stamps, whatever becomes of the wall clock.
  void Touch(const ObjectFile& file) ABSL_LOCKS_EXCLUDED(clock_->mutex);
  absl::Status Remove(const ObjectFile& file) const;
  // As link(2), unlink(2) and rename(2), of names of the object's file: 0, or -1 and errno. What is
  // known of its contents stays known.
  int Link(const std::string& object, const std::string& from, const std::string& to);
  int Unlink(const std::string& object, const std::string& path);
  int Rename(const std::string& object, const std::string& from, const std::string& to);
  // Which files are known to hold what they should.
  CheckedFiles& checked() const { return *checked_; }
  std::string PathOf(const ObjectFile& file) const { return path_ + "/" + file.name; }

 private:
  struct UseClock {
    absl::Mutex mutex;
    int64_t last_unix_ns ABSL_GUARDED_BY(mutex) = 0;
  };

  ObjectFolder(std::string path, std::string boot_id);
  std::optional<ObjectFile> Look(const std::string& name, ObjectFile::Kind kind) const;

  std::string path_;
  std::string boot_id_;
  std::unique_ptr<UseClock> clock_;
  std::unique_ptr<CheckedFiles> checked_;
};

// What goes first when room is needed, best first: abandoned parts (not written to for an hour),
// then whole objects from the least recently used on, then parts that are not being written (for a
// minute). Neither pinned files nor `keep`.
std::vector<ObjectFile> Evictable(std::vector<ObjectFile> files, const std::string& keep,
                                  int64_t now_unix_ns);

}  // namespace synergy

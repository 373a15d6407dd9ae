#include "daemon/power/i2c_dev_bus.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <mutex>
#include <utility>

#include "common/sysfs.h"

namespace synergy {
namespace {

// START, address, register, repeated START, address, two bytes, STOP, with acknowledgements: 47 bit
// times, and the chip takes its answer over when it acknowledges its address for reading, after 29
// (I2C specification, NXP UM10204).
constexpr int64_t kReadBits = 47;
constexpr int64_t kBitsUntilLatch = 29;

// SMBus sends the low byte of a word first, the chips of this bus the high one.
constexpr uint16_t Swapped(uint16_t word) {
  return static_cast<uint16_t>((word >> 8) | (word << 8));
}

int Transfer(int fd, char direction, uint8_t reg, uint16_t* word) {
  i2c_smbus_data data = {};
  data.word = Swapped(*word);
  i2c_smbus_ioctl_data request = {};
  request.read_write = static_cast<__u8>(direction);
  request.command = reg;
  request.size = I2C_SMBUS_WORD_DATA;
  request.data = &data;
  if (ioctl(fd, I2C_SMBUS, &request) < 0) return errno;
  *word = Swapped(data.word);
  return 0;
}

}  // namespace

absl::StatusOr<std::shared_ptr<I2cDevBus>> I2cDevBus::Open(const std::string& path,
                                                           uint32_t bit_rate_hz, Clock& clock) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd.ok() && errno == ENOENT) {
    return absl::NotFoundError(
        fmt::format("Opening {}: there is no such bus, or its driver is not loaded: modprobe "
                    "i2c-dev",
                    path));
  }
  if (!fd.ok()) return SysfsError("Opening", path, errno);
  return std::shared_ptr<I2cDevBus>(new I2cDevBus(path, std::move(fd), bit_rate_hz, clock));
}

I2cDevBus::I2cDevBus(std::string path, UniqueFd fd, uint32_t bit_rate_hz, Clock& clock)
    : path_(std::move(path)),
      name_(path_.substr(path_.rfind('/') + 1)),
      fd_(std::move(fd)),
      bit_rate_hz_(bit_rate_hz),
      clock_(clock) {}

ReadLatch I2cDevBus::read_latch() const {
  if (bit_rate_hz_ == 0) return {};
  const auto bits = [this](int64_t count) {
    return Nanoseconds{count * 1'000'000'000 / bit_rate_hz_};
  };
  return {.after_begin = bits(kBitsUntilLatch), .before_end = bits(kReadBits - kBitsUntilLatch)};
}

std::string I2cDevBus::Chip(uint8_t address) const {
  return fmt::format("{} address {:#04x}", path_, address);
}

absl::Status I2cDevBus::Choose(uint8_t address) {
  if (chosen_ == address) return absl::OkStatus();
  // Not I2C_SLAVE_FORCE: two drivers of one chip would each undo what the other has set.
  if (ioctl(fd_.get(), I2C_SLAVE, static_cast<unsigned long>(address)) < 0) {
    if (errno != EBUSY) return SysfsError("Choosing", Chip(address), errno);
    return absl::FailedPreconditionError(fmt::format(
        "{}: a driver of the kernel has the chip; it must be unbound first", Chip(address)));
  }
  chosen_ = address;
  return absl::OkStatus();
}

absl::StatusOr<RegisterRead> I2cDevBus::Read(uint8_t address, uint8_t reg) {
  const std::lock_guard lock(mutex_);
  if (absl::Status status = Choose(address); !status.ok()) return status;
  RegisterRead read;
  read.begin = clock_.Now();
  const int error = Transfer(fd_.get(), I2C_SMBUS_READ, reg, &read.value);
  read.end = clock_.Now();
  if (error != 0) return SysfsError("Reading from", Chip(address), error);
  return read;
}

absl::Status I2cDevBus::Write(uint8_t address, uint8_t reg, uint16_t value) {
  const std::lock_guard lock(mutex_);
  if (absl::Status status = Choose(address); !status.ok()) return status;
  const int error = Transfer(fd_.get(), I2C_SMBUS_WRITE, reg, &value);
  return error == 0 ? absl::OkStatus() : SysfsError("Writing to", Chip(address), error);
}

}  // namespace synergy

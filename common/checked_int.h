#pragma once

#include <cstdint>

namespace synergy {

// An int64 that remembers that it overflowed: a formula is written as a formula and asked once, at
// its end. value() means something only when overflow() is false.
class CheckedInt {
 public:
  CheckedInt(int64_t value) : value_(value) {}  // implicit: formulas mix it with plain integers

  friend CheckedInt operator+(CheckedInt a, CheckedInt b) {
    CheckedInt sum(0);
    sum.overflow_ = __builtin_add_overflow(a.value_, b.value_, &sum.value_);
    sum.overflow_ = sum.overflow_ || a.overflow_ || b.overflow_;
    return sum;
  }
  friend CheckedInt operator-(CheckedInt a, CheckedInt b) {
    CheckedInt difference(0);
    difference.overflow_ = __builtin_sub_overflow(a.value_, b.value_, &difference.value_);
    difference.overflow_ = difference.overflow_ || a.overflow_ || b.overflow_;
    return difference;
  }
  friend CheckedInt operator*(CheckedInt a, CheckedInt b) {
    CheckedInt product(0);
    product.overflow_ = __builtin_mul_overflow(a.value_, b.value_, &product.value_);
    product.overflow_ = product.overflow_ || a.overflow_ || b.overflow_;
    return product;
  }
  CheckedInt& operator+=(CheckedInt other) { return *this = *this + other; }
  CheckedInt& operator*=(CheckedInt other) { return *this = *this * other; }

  bool overflow() const { return overflow_; }
  int64_t value() const { return value_; }

 private:
  int64_t value_;
  bool overflow_ = false;
};

}  // namespace synergy

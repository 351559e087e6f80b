// A file descriptor that is closed with its owner.
#pragma once

#include <unistd.h>

namespace vmq {

/// Owns `fd`, which is negative if opening it failed.
class Descriptor final {
public:
    explicit Descriptor(int fd) noexcept : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const noexcept { return fd_; }

private:
    const int fd_;
};

}  // namespace vmq

// Interruption: Ctrl-C and the end of the input, for commands that go on until then.
#pragma once

#include <csignal>

namespace vmq::admin_tool {

/// From its construction to its end INT, TERM and HUP do not end the process but wait_for(). One at
/// a time, by the main thread.
class Interruption final {
public:
    /// `input`: whose end is one as well, if it is a terminal, a pipe or a socket; what is read
    /// from it before is thrown away. -1: none.
    explicit Interruption(int input = 0);
    ~Interruption();
    Interruption(const Interruption&) = delete;
    Interruption& operator=(const Interruption&) = delete;

    /// Waits until `socket` has something to read, or is at its end. False: interrupted before.
    [[nodiscard]] bool wait_for(int socket);

private:
    /// What the input has; false: it is at its end.
    bool read_input();

    sigset_t before_{};
    int signals_;
    int input_;  // -1: not watched
};

}  // namespace vmq::admin_tool

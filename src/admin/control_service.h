// Serves the control socket of the broker: vernemq's own requests and the commands of vmq-admin.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "admin/commands/writers.h"
#include "admin/limits.h"

namespace vmq::admin {

struct ControlLimits {
    std::size_t connections = kMaxControlConnections;
    Millis request{kControlRequestTimeout};  // for a request to arrive
    Millis answer{kControlAnswerTimeout};    // for an answer to be taken
};

/// One thread reads requests and writes answers, a few others run what is asked for, so that one
/// that takes long holds up no other. An answer that goes on is asked for more while its reader
/// takes what came before, and is dropped when he is gone. Made and destroyed by the main thread.
///
/// A request is a line: `stop`, a request of vmq-admin (see commands/wire.h), or one that
/// `Actions::request` knows, whose answer is a line.
class ControlService final {
public:
    struct Actions {
        /// Any of the threads, several at a time.
        std::function<commands::Printed(const std::vector<std::string>& words, bool terminal)>
            command;
        /// Likewise. Empty: it is not known.
        std::function<std::string(std::string_view line)> request;
        /// On the service's thread: somebody asks for the end, and sees it when `waiter`, which is
        /// the callee's now, is closed. Returns at once.
        std::function<void(int waiter)> stop;
    };

    /// Accepts on a copy of `listening_fd`.
    ControlService(int listening_fd, Actions actions, ControlLimits limits = {});
    ~ControlService();
    ControlService(const ControlService&) = delete;
    ControlService& operator=(const ControlService&) = delete;

    /// Takes no more requests and returns when those under way are done.
    void close();

private:
    class Impl;
    class Connection;
    std::unique_ptr<Impl> impl_;
};

}  // namespace vmq::admin

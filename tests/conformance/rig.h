// Rig: a broker that a script talks to, simulated in this process or a process of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "conformance/script.h"

namespace vmq::conformance {

/// One per case. Used from one thread.
class Rig {
public:
    /// Moves bytes of all clients; true if any moved or a stream ended.
    using Exchange = std::function<bool()>;

    virtual ~Rig() = default;

    /// A connected, non-blocking descriptor: the client's end. The caller owns it.
    [[nodiscard]] virtual Result<int> connect(std::string_view listener) = 0;
    /// Lets the broker work off what it was sent.
    virtual Result<void> settle(const Exchange& exchange) = 0;
    /// Waits until `satisfied`, or until that is not to be expected any more.
    virtual void await(const Exchange& exchange, const std::function<bool()>& satisfied) = 0;
    /// Waits as long as it takes to believe that nothing comes.
    virtual void await_silence(const Exchange& exchange) = 0;
    virtual Result<void> advance(Millis time, const Exchange& exchange) = 0;
    /// The broker says good-bye to everybody.
    virtual Result<void> shut_down(const Exchange& exchange) = 0;
};

}  // namespace vmq::conformance
